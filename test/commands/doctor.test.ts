// polynic doctor: each thing that can be wrong, with what puts it right.
import { mkdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import * as assert from "uvu/assert";
import { openNewNamespace, openOwnNamespace } from "../../src/kernel/index.ts";
import { socketFindings } from "../../src/commands/doctor/runtimes.ts";
import { ipJson, kernelSuite, run } from "../helpers/netns.ts";
import { confDir, emptyMachine, restoreMachine, typedHere, typedHereJson, writeConf } from "../helpers/typed.ts";

interface Found { readonly severity: string; readonly about: string; readonly what: string; readonly fix: string }

const doctor = kernelSuite("polynic doctor", import.meta.url);
const binDir = "/run/cni-bin";
/** What it says, but for the kernel and for notes, which differ from machine to machine. */
const findings = async (): Promise<readonly Found[]> => {
  const all: readonly Found[] = await typedHereJson("doctor");
  return all.filter(({ severity, about }) => severity !== "note" && about !== "kernel");
};
const said = (found: readonly Found[]): readonly string[] => found.map(({ severity, about }) => `${severity} ${about}`);

doctor.before.each(() => {
  emptyMachine();
  mkdirSync(binDir, { recursive: true });
  for (const type of ["polynic", "bridge", "host-local", "portmap", "firewall"])
    writeFileSync(`${binDir}/${type}`, "#!/bin/sh\n", { mode: 0o755 });
  // A runtime that this machine happens to have says where it looks; here it has to be there.
  mkdirSync("/etc/containerd", { recursive: true });
  run("mount", "-t", "tmpfs", "tmpfs", "/etc/containerd");
  writeFileSync("/etc/containerd/config.toml",
    `version = 2\n[plugins."io.containerd.grpc.v1.cri".cni]\nconf_dir = "${confDir}"\nbin_dir = "${binDir}"\n`);
  process.env["CNI_PATH"] = binDir;
});
doctor.after.each(() => {
  run("umount", "/etc/containerd");
  delete process.env["CNI_PATH"];
  rmSync(binDir, { recursive: true });
  restoreMachine();
});

const bridge = (name: string, more: object = {}) => ({ cniVersion: "1.0.0", name, plugins: [{ type: "bridge",
  ipam: { type: "host-local", ranges: [[{ subnet: "10.1.0.0/24" }]] }, ...more }] });
const multiplexer = { cniVersion: "1.0.0", name: "many", type: "polynic", delegates: [bridge("inner")] };

doctor("has nothing to say where nothing is wrong, and leaves nothing behind", async () => {
  writeConf("10-one.conflist", bridge("one"));
  const created = await typedHere("network", "create", "shop", "--label", "team=blue");
  assert.is(created.status, 0, created.stderr);
  const before = ipJson("link");
  assert.equal(await findings(), []);
  assert.equal(ipJson("link"), before);
});

doctor("says a configuration's mistakes, plugins out of place and executables that are missing", async () => {
  writeConf("10-broken.conflist", "{");
  writeConf("20-order.conflist", { cniVersion: "1.0.0", name: "order", plugins: [
    { type: "portmap", capabilities: { portMappings: true } }, { type: "bridge" }, { type: "bridge" }] });
  writeConf("30-absent.conflist", bridge("absent", { type: "sriov" }));
  const found = await findings();
  assert.equal(said(found).map((line) => line.replace(/:\d+$/, "")), [
    `error ${confDir}/10-broken.conflist`, `error ${confDir}/20-order.conflist`, `error ${confDir}/20-order.conflist`,
    `error ${confDir}/30-absent.conflist`,
  ]);
  assert.match(found[1]?.what ?? "", /it is "portmap", which works on what a plugin before it has made/);
  assert.match(found[2]?.what ?? "", /it is "bridge", which makes the interface that one before it has made/);
  assert.match(found[3]?.what ?? "", /plugin "sriov" is not in \/run\/cni-bin, where containerd looks for it/);
  const { status, stdout } = await typedHere("doctor");
  assert.is(status, 1);
  assert.match(stdout, /^error {2}\/etc\/cni\/net\.d\/10-broken.*\n {7}fix: /m);
});

doctor("says who is first of two that want to be the network, and names that are taken twice", async () => {
  writeConf("10-one.conflist", bridge("one"));
  writeConf("20-many.conf", multiplexer);
  writeConf("30-one.conflist", bridge("one"));
  const found = await findings();
  assert.equal(said(found), [`error ${confDir}/30-one.conflist`, `error ${confDir}`]);
  assert.match(found[1]?.what ?? "", /10-one\.conflist and .*20-many\.conf both want .* containerd, which takes/);
  assert.match(found[1]?.fix ?? "", /^take .*10-one\.conflist out of the directory/);
});

doctor("says that a runtime looks elsewhere, and what Multus has left", async () => {
  mkdirSync("/etc/cni/elsewhere");
  writeFileSync("/etc/cni/elsewhere/00-multus.conf", JSON.stringify({ ...multiplexer, type: "multus" }));
  const all: readonly Found[] = await typedHereJson("doctor", "--conf-dir", "/etc/cni/elsewhere");
  const elsewhere = all.find(({ about }) => about === "containerd");
  assert.match(elsewhere?.what ?? "", /in \/etc\/cni\/net\.d, as \/etc\/containerd\/config/);
  assert.match(elsewhere?.fix ?? "", /^polynic install --cni-conf-dir \/etc\/cni\/net\.d/);
  assert.match(all.find(({ what }) => what.includes("names Multus"))?.fix ?? "", /^polynic install, which takes/);
});

doctor("says what is left of containers that are gone, and gc makes it right", async () => {
  writeConf("10-one.conflist", bridge("one"));
  run("ip", "netns", "add", "web");
  assert.is((await typedHere("attach", "web", "one")).status, 0);
  assert.equal(await findings(), []);
  run("ip", "netns", "del", "web");
  mkdirSync("/var/lib/cni/networks/lost", { recursive: true });
  writeFileSync("/var/lib/cni/networks/lost/10.9.0.2", "somebody\r\neth0");
  writeFileSync("/var/lib/cni/multus/.polynic-1-ab.tmp", "");
  utimesSync("/var/lib/cni/multus/.polynic-1-ab.tmp", 1, 1);
  const found = await findings();
  assert.equal(found.map(({ fix }) => fix), [
    "polynic gc web, or start it and polynic attach --again web",
    "polynic ipam free lost 10.9.0.2, once no container has it",
  ]);
  assert.ok((await typedHereJson("doctor")).some(({ what }: Found) => what.startsWith("1 temporary files")));
  assert.is((await typedHere("gc")).status, 0);
  assert.equal((await findings()).map(({ about }) => about), ["/var/lib/cni/networks/lost"]);
});

doctor("tells a daemon's socket that nobody answers from one that somebody does", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => void server.listen("/run/live.sock", resolve));
  writeFileSync("/run/dead.sock", "");
  assert.equal((await socketFindings(["/run/live.sock", "/run/dead.sock", "/run/none.sock"])).map(({ about }) => about),
    ["/run/dead.sock"]);
  server.close();
});

doctor("makes a namespace that nobody else sees, and that goes with its handle", () => {
  const fresh = openNewNamespace();
  assert.equal(fresh.links.list().map(({ name }) => name), ["lo"]);
  fresh.links.add({ name: "seen", info: { kind: "bridge" } });
  assert.is(openOwnNamespace().links.find("seen"), undefined);
  assert.is(fresh.links.get("seen").kind, "bridge");
  fresh.close();
});
doctor.run();

const able = kernelSuite("polynic doctor on a kernel that has them", import.meta.url,
  { needs: ["dummy", "ipvlan", "vlan", "vrf", "vlan_filtering"] });
able("finds none of what is there missing", async () => {
  const all: readonly Found[] = await typedHereJson("doctor");
  const lacking = all.filter(({ about }) => about === "kernel").map(({ what }) => what).join("\n");
  for (const feature of ["dummy", "ipvlan", "VLAN", "VRF", "bridge", "macvlan"])
    assert.not.match(lacking, new RegExp(`it has no ${feature}`));
});
able.run();
