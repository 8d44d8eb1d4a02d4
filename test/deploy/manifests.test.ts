// The manifests: every object has what it must have, overlays change directories only, and the flags are ones the
// command knows.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parse, parseAllDocuments } from "yaml";
import { distributionOf } from "../../src/commands/install/node/distribution.ts";
import { nodeFiles } from "../../src/commands/install/node/files.ts";
import { installOptions, uninstallOptions } from "../../src/commands/install/flags.ts";
import { installRequest, uninstallRequest } from "../../src/commands/install/request.ts";
import { version } from "../../src/program/version.ts";
import { readFlags } from "../helpers/pretend-node.ts";

const deploy = join(import.meta.dirname, "..", "..", "deploy");
// Documents of Kubernetes: each test says what it expects of their shape.
type Manifest = any;

interface PatchStep {
  readonly op: string;
  readonly path: string;
  readonly value?: unknown;
}

function objectsIn(file: string): readonly Manifest[] {
  return parseAllDocuments(readFileSync(join(deploy, file), "utf8")).map((document) => {
    assert.equal(document.errors, [], file);
    return document.toJS();
  });
}

/** What `kubectl kustomize` makes of a directory, as far as ours go: resources, and JSON patches. */
function kustomized(directory: string): readonly Manifest[] {
  const { resources, patches = [], ...others } = parse(readFileSync(join(directory, "kustomization.yaml"), "utf8"));
  assert.equal(Object.keys(others).sort(), ["apiVersion", "kind"], directory);
  const objects: Manifest[] = resources.flatMap((name: string) => {
    const path = join(directory, name);
    return statSync(path).isDirectory() ? kustomized(path) : objectsIn(path.slice(deploy.length));
  });
  for (const { target, patch } of patches) {
    const found = objects.filter(({ kind, metadata }) => kind === target.kind && metadata.name === target.name);
    assert.is(found.length, 1, directory);
    patched(found[0], parse(patch));
  }
  return objects;
}

function patched(object: Manifest, steps: readonly PatchStep[]): void {
  for (const { op, path, value } of steps) {
    const keys = path.split("/").slice(1), last = keys.pop() ?? "";
    const owner = keys.reduce((inner, key) => inner[key], object);
    assert.ok(op === "add" || op === "replace", op);
    assert.is(owner[last] !== undefined, op === "replace", `${path} is there to be replaced, or not there to be added`);
    if (last === "-") owner.push(value);
    else owner[last] = value;
  }
}

const find = (objects: readonly Manifest[], kind: string): Manifest => objects.find((one) => one.kind === kind);
const install = (objects: readonly Manifest[]): Manifest => find(objects, "DaemonSet").spec.template.spec.containers[0];

const manifests = suite("the manifests");

manifests("are these objects and no others", () => {
  assert.equal(kustomized(deploy).map(({ apiVersion, kind,
    metadata }) => `${apiVersion} ${kind} ${metadata.namespace ?? "-"}/${metadata.name}`), [
    "apiextensions.k8s.io/v1 CustomResourceDefinition -/network-attachment-definitions.k8s.cni.cncf.io",
    "v1 ServiceAccount kube-system/polynic",
    "rbac.authorization.k8s.io/v1 ClusterRole -/polynic",
    "rbac.authorization.k8s.io/v1 ClusterRoleBinding -/polynic",
    "apps/v1 DaemonSet kube-system/polynic",
  ]);
});

manifests("define networks as the specification has them", () => {
  const { spec } = find(kustomized(deploy), "CustomResourceDefinition");
  assert.equal({ group: spec.group, scope: spec.scope, names: spec.names }, {
    group: "k8s.cni.cncf.io", scope: "Namespaced",
    names: { plural: "network-attachment-definitions", singular: "network-attachment-definition",
      kind: "NetworkAttachmentDefinition", shortNames: ["net-attach-def", "nad"] },
  });
  const [{ name, served, storage, schema, subresources }, ...others] = spec.versions;
  assert.equal({ name, served, storage, subresources, others },
    { name: "v1", served: true, storage: true, subresources: undefined, others: [] });
  const { type, properties, required } = schema.openAPIV3Schema;
  assert.equal({ type, required, keys: Object.keys(properties), config: properties.spec.properties.config.type },
    { type: "object", required: undefined, keys: ["apiVersion", "kind", "metadata", "spec"], config: "string" });
});

manifests("bind the role to the service account the DaemonSet runs with", () => {
  const objects = kustomized(deploy), binding = find(objects, "ClusterRoleBinding");
  assert.is(binding.roleRef.name, find(objects, "ClusterRole").metadata.name);
  assert.equal(binding.subjects, [{ kind: "ServiceAccount", name: "polynic", namespace: "kube-system" }]);
  assert.is(find(objects, "DaemonSet").spec.template.spec.serviceAccountName, "polynic");
});

manifests("run on every node, before pods have networks, with no more than it takes", () => {
  const { spec, metadata } = find(kustomized(deploy), "DaemonSet");
  assert.equal(spec.selector.matchLabels, spec.template.metadata.labels);
  const { hostNetwork, hostPID, hostIPC, priorityClassName, tolerations, nodeSelector, containers,
    initContainers } = spec.template.spec;
  assert.equal({ hostNetwork, hostPID, hostIPC, priorityClassName, tolerations, nodeSelector, initContainers,
    namespace: metadata.namespace }, {
    hostNetwork: true, hostPID: undefined, hostIPC: undefined, priorityClassName: "system-node-critical",
      tolerations: [{ operator: "Exists" }],
    nodeSelector: { "kubernetes.io/os": "linux" }, initContainers: undefined, namespace: "kube-system",
  });
  assert.is(containers.length, 1);
  const { image, securityContext: { privileged, allowPrivilegeEscalation, readOnlyRootFilesystem, capabilities },
    resources } = containers[0];
  assert.equal({ privileged, allowPrivilegeEscalation, readOnlyRootFilesystem, capabilities },
    { privileged: false, allowPrivilegeEscalation: false, readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"], add: ["DAC_OVERRIDE"] } });
  assert.is(image, `polynic:${version}`);
  assert.ok(resources.requests.cpu && resources.requests.memory && resources.limits.memory);
});

manifests.run();

const overlays = suite("an overlay");

for (const name of ["", ...readdirSync(join(deploy, "overlays"))]) {
  const directory = name === "" ? deploy : join(deploy, "overlays", name), title = name === "" ? "none" : name;
  overlays(`mounts the directories polynic looks for by itself: ${title}`, () => {
    const objects = kustomized(directory), container = install(objects);
    const { confDir, binDir } = distributionOf(name === "" ? "kubeadm" : name, "/no/such/root", nodeFiles);
    const volumes: readonly Manifest[] = find(objects, "DaemonSet").spec.template.spec.volumes;
    assert.equal(volumes.map(({ hostPath }) => hostPath.path), [confDir, binDir]);
    assert.equal(container.volumeMounts, volumes.map(({ name, hostPath }) => ({ name,
      mountPath: `/host${hostPath.path}` })));
    // In the container the mounts make the directories above them, which is what "auto" goes by.
    const mounted = { ...nodeFiles, kind: (path: string) => [confDir,
      binDir].some((made) => `/host${made}/`.startsWith(`${path}/`)) ? "directory" as const : undefined };
    const { places } = installRequest(flagsOf(container.args, "install"),
      { tree: () => ({ directory: "", id: "" }), env: {}, files: mounted });
    assert.equal([places.conf, places.bin], [{ host: confDir, seen: `/host${confDir}` },
      { host: binDir, seen: `/host${binDir}` }]);
  });

  overlays(`runs commands that are understood: ${title}`, () => {
    const { command, args, startupProbe } = install(kustomized(directory));
    assert.equal(command, ["/polynic/bin/polynic"]);
    const flags = flagsOf(args, "install");
    assert.equal([flags.isOn("watch"), flags.text("root")], [true, "/host"]);
    const [program, ...probe] = startupProbe.exec.command;
    assert.is(program, command[0]);
    assert.ok(flagsOf(probe, "install").isOn("check"));
    assert.equal(probe.filter((word: string) => word !== "--check"), args.filter((word: string) => word !== "--watch"));
  });

  overlays(`becomes what takes polynic away by uninstall.yaml: ${title}`, () => {
    const objects = kustomized(directory);
    patched(find(objects, "DaemonSet"), parse(readFileSync(join(deploy, "uninstall.yaml"), "utf8")));
    const { args, startupProbe } = install(objects);
    const flags = flagsOf(args, "uninstall");
    assert.ok(flags.isOn("stay"));
    assert.is(uninstallRequest(flags, nodeFiles).root, "/host");
    assert.ok(flagsOf(startupProbe.exec.command.slice(1), "uninstall").isOn("check"));
  });

  overlays(`is the same to kubectl: ${title}`, () => {
    const run = spawnSync("kubectl", ["kustomize", directory], { encoding: "utf8" });
    // Debian 12 has 1.20, whose kustomize does not know directories as resources; `kustomize` itself is in no package.
    if (run.error !== undefined
      || /invalid Kustomization|must be a file|json: unknown field "patches"/.test(run.stderr)) {
      console.warn(`skipped: no kubectl from 1.21 on to hold ${directory} against`);
      return;
    }
    assert.is(run.status, 0, run.stderr);
    const byName = (a: Manifest,
      b: Manifest) => `${a.kind}${a.metadata.name}`.localeCompare(`${b.kind}${b.metadata.name}`);
    assert.equal(parseAllDocuments(run.stdout).map((document) => document.toJS()).sort(byName),
      [...kustomized(directory)].sort(byName));
  });
}

overlays.run();

const reach = suite("the manifests of a cluster with nothing else");

reach("are those of the daemon, with routes, rights to nodes and a network of the node's own subnet", () => {
  const objects = kustomized(join(deploy, "reach"));
  const named = (kind: string): readonly string[] =>
    objects.filter((one) => one.kind === kind).map(({ metadata }) => metadata.name).sort();
  assert.equal(named("ClusterRole"), ["polynic", "polynic-daemon", "polynic-pod-cidr", "polynic-reach"]);
  assert.equal(named("DaemonSet"), ["polynic", "polynic-daemon"]);
  const containerOf = (name: string): Manifest =>
    objects.find((one) => one.kind === "DaemonSet" && one.metadata.name === name).spec.template.spec;
  const { args } = find(kustomized(join(deploy, "daemon")).filter(({ metadata }) => metadata.name === "polynic-daemon"),
    "DaemonSet").spec.template.spec.containers[0];
  assert.equal(containerOf("polynic-daemon").containers[0].args, [...args, "--reach"]);
  const { initContainers: [network], containers: [main], volumes } = containerOf("polynic");
  assert.equal([network.image, network.securityContext], [main.image, main.securityContext]);
  assert.ok(network.volumeMounts.every(({ name }: Manifest) => volumes.some((one: Manifest) => one.name === name)));
  const [, from, to] = network.command, { data } = find(objects, "ConfigMap");
  assert.equal(Object.keys(data), [from.replace("/network/", "")]);
  assert.is(to, `/host/etc/cni/net.d/${Object.keys(data)[0]}`);
});

reach("have the example's network, whose kubeconfig is the node's", () => {
  const { data } = find(objectsIn("reach/network.yaml"), "ConfigMap"), [text] = Object.values(data);
  const file = join(deploy, "..", "conf", "cluster-ipam", "pod-cidr.conflist");
  const example = JSON.parse(readFileSync(file, "utf8"));
  delete example.plugins[0].ipam.kubernetes;
  assert.equal(JSON.parse(String(text)), example);
});

reach.run();

const hotPlug = suite("the manifests of a cluster where running pods' networks change");

hotPlug("are those of the daemon, and have the key written and held against", () => {
  const withKey = kustomized(join(deploy, "hot-plug")), without = kustomized(join(deploy, "daemon"));
  const [own, before] = [install(withKey), install(without)];
  assert.ok(flagsOf(own.args, "install").isOn("hot-plug"));
  assert.equal([own.args, own.startupProbe.exec.command],
    [[...before.args, "--hot-plug"], [...before.startupProbe.exec.command, "--hot-plug"]]);
  own.args.pop();
  own.startupProbe.exec.command.pop();
  assert.equal(withKey, without);
});

hotPlug.run();

const image = suite("the image");

image("is made of what the build leaves and of scripts that are there", () => {
  const lines = readFileSync(join(deploy, "Containerfile"), "utf8").split("\n");
  assert.equal(lines.filter((line) => line.startsWith("COPY")), ["COPY dist/ /polynic/", "COPY deploy/image/ /"]);
  const run = (name: string) => JSON.parse(lines.find((line) => line.startsWith(name))?.slice(name.length) ?? "null");
  const container = install(kustomized(deploy));
  assert.equal([run("ENTRYPOINT"), run("CMD")], [container.command, container.args]);
});

image("has Multus's entry points, so that only the image of its DaemonSet need be exchanged", () => {
  for (const name of ["thin_entrypoint", "install_multus"]) {
    const path = join(deploy, "image", name);
    assert.is(statSync(path).mode & 0o111, 0o111);
    assert.is(spawnSync("sh", ["-n", path]).status, 0);
  }
  const [, line = ""] = /exec (.*) "\$@"/.exec(readFileSync(join(deploy, "image", "thin_entrypoint"), "utf8")) ?? [];
  const [program = "", ...words] = line.split(" ");
  assert.is(program, "/polynic/bin/polynic");
  assert.ok(existsSync(dirname(deploy)));
  // The arguments of Multus's own thin DaemonSet.
  assert.ok(flagsOf([...words, "--multus-conf-file=auto", "--multus-autoconfig-dir=/host/etc/cni/net.d",
    "--cni-conf-dir=/host/etc/cni/net.d"], "install").isOn("watch"));
});

image.run();

function flagsOf([command, ...words]: readonly string[], expected: "install" | "uninstall") {
  assert.is(command, expected);
  return readFlags(expected === "install" ? installOptions : uninstallOptions, words);
}
