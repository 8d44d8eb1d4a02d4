// The daemon's manifests and units: what they name is there, and nothing keeps the shims from it.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parse } from "yaml";
import { daemonCommand } from "../../src/commands/daemon/index.ts";

const deploy = join(import.meta.dirname, "..", "..", "deploy");
const textOf = (name: string): string => readFileSync(join(deploy, name), "utf8");

/** Keys of a unit by section; a comment is none. */
function unit(name: string): Readonly<Record<string, Readonly<Record<string, string>>>> {
  const sections: Record<string, Record<string, string>> = {};
  let current: Record<string, string> = {};
  for (const line of textOf(name).split("\n")) {
    const [, section] = /^\[(\w+)\]$/.exec(line) ?? [], [, key = "", value = ""] = /^(\w+)=(.*)$/.exec(line) ?? [];
    if (section !== undefined) sections[section] = current = {};
    else if (key !== "") current[key] = value;
    else assert.match(line, /^(#.*)?$/, `${name}: ${line}`);
  }
  return sections;
}

function assertOptions(words: readonly string[]): void {
  for (const word of words.filter((word) => word.startsWith("--")))
    assert.ok(Object.hasOwn(daemonCommand.options, word.slice(2).split("=")[0] ?? ""), word);
}

/** Where a shim looks, by its own source. */
const [, socket = ""] = /#define DEFAULT_SOCKET "(.+)"/.exec(
  readFileSync(join(deploy, "..", "src", "bin", "shim", "shim.c"), "utf8"),
) ?? [];

const units = suite("systemd units");
units("listen where the shims look, for root alone", () => {
  const { Socket: settings } = unit("systemd/polynic.socket");
  assert.equal([settings?.["ListenStream"], settings?.["SocketMode"], settings?.["DirectoryMode"]],
    [socket, "0600", "0700"]);
});
units("start the daemon with options it has, once for all calls", () => {
  const { Service: settings, Unit: unitOf } = unit("systemd/polynic.service");
  const [program, command, ...words] = settings?.["ExecStart"]?.split(" ") ?? [];
  assert.equal([program, command], ["/opt/cni/bin/polynic", "daemon"]);
  assertOptions(words);
  assert.is(unitOf?.["Requires"], "polynic.socket");
  // With Accept=yes every connection would get a service of its own.
  assert.is(unit("systemd/polynic.socket")["Socket"]?.["Accept"], undefined);
});
units("of the DHCP daemon listen where plugins look for it, and start it with options it has", () => {
  const { Socket: settings } = unit("systemd/polynic-dhcp.socket");
  assert.equal([settings?.["ListenStream"], settings?.["SocketMode"]], ["/run/cni/dhcp.sock", "0660"]);
  const { Service: service, Unit: unitOf } = unit("systemd/polynic-dhcp.service");
  assert.is(service?.["ExecStart"], "/opt/cni/bin/polynic dhcp-daemon");
  assert.is(unitOf?.["Requires"], "polynic-dhcp.socket");
});
for (const name of ["polynic", "polynic-dhcp"]) {
  units(`leave the daemon of ${name} in the host's own mount and network namespaces`, () => {
    // systemd.exec(5), SANDBOXING.
    const others = Object.keys(unit(`systemd/${name}.service`)["Service"] ?? {})
      .filter((key) => /^(Protect|Private|Read|Inaccessible|Bind|Root|Mount|Network|Dynamic|Temporary)/.test(key));
    assert.equal(others, []);
  });
}
units.run();

const daemonSet = suite("the daemon's DaemonSet");
daemonSet("runs the node's own tree in the node's namespaces, with options it has", () => {
  const { spec: { template } } = parse(textOf("daemon/daemonset.yaml"));
  const { containers: [container], hostPID, hostNetwork } = template.spec;
  assert.equal([hostPID, hostNetwork, container.securityContext.privileged], [true, true, true]);
  assert.equal(container.command,
    ["nsenter", "--target=1", "--mount", "--net", "--", "/opt/cni/bin/polynic"]);
  assert.is(container.args[0], "daemon");
  assertOptions(container.args);
});
daemonSet("is asked where it answers", () => {
  const { spec: { template } } = parse(textOf("daemon/daemonset.yaml"));
  const { args, readinessProbe, livenessProbe } = template.spec.containers[0];
  const [, address, port] = /^--health=(.+):(.+)$/.exec(args[1]) ?? [];
  for (const [probe, path] of [[readinessProbe, "/readyz"], [livenessProbe, "/healthz"]] as const)
    assert.equal(probe.httpGet, { host: address, port: Number(port), path });
});
daemonSet("watches the pods of the node that it is on", () => {
  const { args, env } = parse(textOf("daemon/daemonset.yaml")).spec.template.spec.containers[0];
  assert.ok(args.includes("--watch") && args.includes("--node-name=$(NODE_NAME)"));
  assert.equal(env, [{ name: "NODE_NAME", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } }]);
});
daemonSet("is of the image that installs the tree, and comes beside it", () => {
  const image = (file: string): string => parse(textOf(file)).spec.template.spec.containers[0].image;
  assert.is(image("daemon/daemonset.yaml"), image("base/daemonset.yaml"));
  assert.equal(parse(textOf("daemon/kustomization.yaml")).resources, ["../base", "rbac.yaml", "daemonset.yaml"]);
});
daemonSet.run();
