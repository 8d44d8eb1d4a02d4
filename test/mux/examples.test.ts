// conf/: every example is resolved, and attached and detached in a namespace with the links it names.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseYamlDocuments } from "../../src/kube/index.ts";
import { parseMuxConf } from "../../src/mux/index.ts";
import { resolveDelegates } from "../../src/mux/networks/resolve.ts";
import type { ApiServer } from "../helpers/api-server.ts";
import { startApiServer } from "../helpers/api-server.ts";
import { runExecutable } from "../helpers/executable.ts";
import { ipJson, kernelSuite, run as shell } from "../helpers/netns.ts";

const folder = join(import.meta.dirname, "..", "..", "conf");
const files = readdirSync(folder).filter((name) => /\.conf(list)?$/.test(name)).sort();
interface Plugin { readonly type: string; readonly [key: string]: unknown }
interface Conf { readonly cniVersion: string; readonly name: string; readonly plugins: readonly Plugin[] }
const read = (file: string): Conf => JSON.parse(readFileSync(join(folder, file), "utf8"));

/** Interfaces of the container, in order of their names. */
const expected: Readonly<Record<string, readonly string[]>> = {
  "10-bridge.conflist": ["eth0"],
  "15-two-networks.conflist": ["eth0", "net1"],
  "20-bridge-macvlan-portmap.conflist": ["eth0", "net1"],
  "30-three-networks.conflist": ["eth0", "net1", "net2"],
  "40-dual-stack.conflist": ["eth0"],
  "50-layer-2.conflist": ["eth0", "net1"],
  "60-host-device.conflist": ["eth0", "net1"],
  "70-external-delegate.conflist": ["eth0", "net1"],
  "80-networks-from-files.conflist": ["eth0", "net1"],
  // A container that is no pod gets the node's network alone.
  "90-cluster.conflist": ["eth0"],
};
const referencePlugins = "/usr/lib/cni";

let directory = "";

/**
 * What a runtime hands the multiplexer, which is a list's only plugin or has the list as its only network; nothing is
 * kept outside of the test's directory.
 */
function adapted(file: string): object {
  const conf = read(file);
  const [plugin] = conf.plugins;
  const own = plugin?.type === "polynic"
    ? { cniVersion: "1.1.0", name: conf.name, ...plugin }
    : { cniVersion: "1.1.0", name: "one", type: "polynic", delegates: [conf] };
  const confDir = join(directory, "net.d");
  mkdirSync(confDir, { recursive: true });
  for (const name of ["10-bridge.conflist", "40-dual-stack.conflist"]) cpSync(join(folder, name), join(confDir, name));
  return { ...own, confDir, cniDir: join(directory, "cni"), binDir: referencePlugins };
}

const loading = suite("conf");
loading.before.each(() => { directory = mkdtempSync(join(tmpdir(), "polynic-conf-")); });
loading.after.each(() => rmSync(directory, { recursive: true }));
loading("has an expectation and a line in its README for every file", () => {
  assert.equal(files, Object.keys(expected).sort());
  const readme = readFileSync(join(folder, "README.md"), "utf8");
  for (const file of files) assert.ok(readme.includes(`\`${file}\``), file);
});
loading("is read by every runtime as it stands: podman takes lists only, older runtimes no version above 1.0.0", () => {
  for (const file of files) assert.equal([file.endsWith(".conflist"), read(file).cniVersion], [true, "1.0.0"], file);
});
for (const file of files) {
  loading(`${file} resolves to ${expected[file]?.length} networks`, async () => {
    const config = parseMuxConf(adapted(file), { invokedAs: "polynic", verb: "ADD" });
    assert.is((await resolveDelegates(config)).length, expected[file]?.length);
  });
}
loading.run();

const attaching = kernelSuite("conf in a namespace", import.meta.url, { needs: ["macvlan"] });
attaching.before.each(() => {
  directory = mkdtempSync(join(tmpdir(), "polynic-conf-"));
  shell("ip", "netns", "add", "c1");
  // A directory of its own in place of the machine's reservations.
  shell("mount", "-t", "tmpfs", "tmpfs", "/var/lib");
  shell("ip", "link", "set", "lo", "up");
  for (const name of ["eth0", "eth1", "uplink0"]) {
    shell("ip", "link", "add", name, "type", "veth", "peer", "name", `${name}p`);
    shell("ip", "link", "set", name, "up");
  }
});
attaching.after.each(() => {
  shell("umount", "/var/lib");
  shell("ip", "netns", "del", "c1");
  for (const name of ["eth0", "eth1", "uplink0"]) shell("ip", "link", "del", name);
  rmSync(directory, { recursive: true });
});
for (const file of files) {
  attaching(`${file} attaches and leaves nothing`, () => {
    if (file.startsWith("70") && !existsSync(join(referencePlugins, "ptp"))) return;
    const stdin = { ...adapted(file), runtimeConfig: { portMappings: [{ hostPort: 18080, containerPort: 80,
      protocol: "tcp" }] } };
    const call = (CNI_COMMAND: string, input: object): void => {
      const env = { CNI_COMMAND, CNI_CONTAINERID: "c1", CNI_NETNS: "/run/netns/c1", CNI_IFNAME: "eth0",
        CNI_PATH: referencePlugins };
      const ran = runExecutable({ env, stdin: input });
      assert.is(ran.status, 0, `${CNI_COMMAND}: ${ran.stdout}${ran.stderr}`);
    };
    call("ADD", stdin);
    assert.equal(namesInContainer(), expected[file]);
    assert.ok(reservations().length > 0);
    call("CHECK", stdin);
    call("DEL", stdin);
    assert.equal(namesInContainer(), []);
    assert.is(ipJson("link show eth1").length, 1, "a host device comes back");
    const kept = readdirSync(join(directory, "cni"), { recursive: true,
      encoding: "utf8" }).filter((name) => name !== "results" && !name.startsWith(".polynic"));
    assert.equal(kept, []);
    assert.equal(reservations(), []);
    call("DEL", stdin);
  });
}
attaching("cluster.yaml: the pod gets the networks it asks for beside that of 90-cluster.conf", async () => {
  const api = await startApiServer();
  try {
    for (const { value } of await parseYamlDocuments(readFileSync(join(folder, "cluster.yaml"),
      "utf8"))) await putObject(api, value);
    const input = { ...adapted("90-cluster.conflist"), kubeconfig: api.kubeconfig };
    const call = (CNI_COMMAND: string): void => {
      const env = { CNI_COMMAND, CNI_CONTAINERID: "c1", CNI_NETNS: "/run/netns/c1", CNI_IFNAME: "eth0",
        CNI_PATH: referencePlugins, CNI_ARGS: "K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web;IgnoreUnknown=1" };
      const ran = runExecutable({ env, stdin: input });
      assert.is(ran.status, 0, `${CNI_COMMAND}: ${ran.stdout}${ran.stderr}`);
    };
    call("ADD");
    assert.equal(namesInContainer(), ["eth0", "lan0", "net1", "net3"]);
    assert.equal(ipJson("-n c1 route show default").map(({ gateway,
      dev }: { gateway: string; dev: string }) => [gateway, dev]), [["192.168.50.1", "lan0"]]);
    assert.is(ipJson("-n c1 link show lan0")[0].address, "02:50:00:00:00:07");
    assert.is(ipJson("-n c1 addr show net3")[0].addr_info[0].local, "10.60.0.20");
    call("CHECK");
    call("DEL");
    assert.equal(namesInContainer(), []);
    assert.equal(reservations(), []);
  } finally {
    await api.stop();
  }
});
attaching.run();

interface ClusterObject {
  readonly kind: string;
  readonly metadata: { readonly namespace: string; readonly name: string; readonly annotations?: Readonly<Record<string,
    string>> };
  readonly spec: { readonly config: string };
}

async function putObject(api: ApiServer, value: unknown): Promise<void> {
  // Our own example.
  const { kind, metadata, spec } = value as ClusterObject;
  if (kind === "Pod") await api.putPod(metadata);
  else await api.putDefinition({ namespace: metadata.namespace, name: metadata.name, config: spec.config });
}

function namesInContainer(): readonly string[] {
  const names = ipJson("-n c1 link show").map(({ ifname }: { readonly ifname: string }) => ifname);
  return names.filter((name: string) => name !== "lo").sort();
}

/** Files of host-local that are named by an address. */
function reservations(): readonly string[] {
  const networks = "/var/lib/cni/networks";
  if (!existsSync(networks)) return [];
  return readdirSync(networks, { recursive: true, encoding: "utf8" }).filter((name) => !name.startsWith(".")
    && /\/[0-9a-f]+[.:_][0-9a-f.:_]+$/.test(name));
}
