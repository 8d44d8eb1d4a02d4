// polynic status, check and gc: what is there, on a machine of the test's own.
import { readdirSync } from "node:fs";
import * as assert from "uvu/assert";
import { runExecutable } from "../helpers/executable.ts";
import { ipJson, kernelSuite, run } from "../helpers/netns.ts";
import { confDir, emptyMachine, restoreMachine, typedHere as typed, typedHereWithJson as typedJson,
  writeConf } from "../helpers/typed.ts";

const bridge = (name: string, subnet: string): object => ({ type: "bridge", bridge: name,
  ipam: { type: "host-local", ranges: [[{ subnet }]] } });
const multiplexer = { cniVersion: "1.1.0", name: "pods", type: "polynic", delegates: [
  { cniVersion: "1.1.0", name: "front", ...bridge("front0", "10.1.0.0/24") },
  { cniVersion: "1.1.0", name: "back", ...bridge("back0", "10.2.0.0/24") },
] };

function call(CNI_COMMAND: string, more: Readonly<Record<string, string>> = {}): void {
  const env = { CNI_COMMAND, CNI_CONTAINERID: "c0ffee", CNI_NETNS: "/run/netns/web", CNI_IFNAME: "eth0",
    CNI_PATH: "/none", CNI_ARGS: "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web", ...more };
  const { status, stdout } = runExecutable({ env, stdin: multiplexer });
  assert.is(status, 0, stdout);
}

const status = kernelSuite("polynic status", import.meta.url);
status.before.each(emptyMachine);
status.after.each(restoreMachine);

status("says which networks are ready, and why others are not", async () => {
  writeConf("10-pods.conf", multiplexer);
  writeConf("20-plain.conflist", { cniVersion: "1.1.0", name: "plain", plugins: [bridge("p0", "10.3.0.0/24")] });
  writeConf("30-wrong.conflist", { cniVersion: "1.1.0", name: "wrong", plugins: [{ type: "no-such-plugin" }] });
  writeConf("40-broken.conf", "{");
  const { status, json } = await typedJson("status");
  assert.is(status, 1);
  assert.equal(json.map(({ network, ready }: any) => [network, ready]),
    [["pods", true], ["plain", true], ["wrong", false], ["", false]]);
  assert.match(json[2].why, /no-such-plugin/);
  assert.match(json[3].why, /40-broken\.conf.*not JSON/);
  const { stdout } = await typed("status", "pods", `${confDir}/20-plain.conflist`);
  assert.is(stdout, `network  state  file
pods     ready  ${confDir}/10-pods.conf
plain    ready  ${confDir}/20-plain.conflist
`);
});

status("says what would be right where there is no network of that name, or none at all", async () => {
  assert.match((await typed("status")).stderr,
    /^polynic status: Cannot ask any network: there is no configuration in \/etc/);
  assert.match((await typed("status", "podz")).stderr,
    /Cannot find network "podz": there is no configuration in .*path\n/);
  writeConf("10-pods.conf", multiplexer);
  writeConf("20.conflist", { name: "other", plugins: [{ type: "bridge" }] });
  const { status, stderr } = await typed("status", "podz");
  assert.equal([status, stderr],
    [1, `polynic status: Cannot find network "podz": no configuration in ${confDir} has that name, expected pods\n`]);
  writeConf("30-broken.conflist", "{");
  assert.match((await typed("status", "30-broken")).stderr, /30-broken\.conflist.*not JSON/);
});

status.run();

const check = kernelSuite("polynic check", import.meta.url);
check.before.each(() => {
  emptyMachine();
  run("ip", "netns", "add", "web");
});
check.after.each(() => {
  call("DEL");
  run("ip", "netns", "del", "web");
  restoreMachine();
});

check("has nothing to say of a machine without attached containers", async () => {
  assert.equal([(await typed("check")).status, (await typed("check")).stdout], [0, "no container is attached\n"]);
  assert.equal((await typedJson("check")).json, []);
});

check("finds what is not as it should be, by the container's name", async () => {
  call("ADD");
  assert.is((await typed("check")).stdout,
    "container  interface  state  networks\nshop/web   eth0       ok     front, back\n");
  run("ip", "-n", "web", "addr", "flush", "dev", "net1");
  for (const word of ["shop/web", "web", "c0ff", "/run/netns/web"]) {
    const { status, json: [one, ...others] } = await typedJson("check", word);
    assert.equal([status, one.state, one.containerId, others], [1, "broken", "c0ffee", []]);
    assert.match(one.why, /network "back" \(interface "net1"\)/);
  }
});

check("refuses a name that nothing is known of, with the nearest there is", async () => {
  call("ADD");
  const { status, stderr } = await typed("check", "shop/wbe");
  assert.is(status, 1);
  assert.match(stderr, /Cannot find container "shop\/wbe": no attachment of it is remembered, expected shop\/web\n/);
});

check("takes a container that is gone for no fault", async () => {
  call("ADD");
  run("ip", "netns", "del", "web");
  const { status, json } = await typedJson("check");
  run("ip", "netns", "add", "web");
  assert.equal([status, json[0].state], [0, "gone"]);
});

check.run();

const gc = kernelSuite("polynic gc", import.meta.url);
gc.before.each(() => {
  emptyMachine();
  run("ip", "netns", "add", "web");
  run("ip", "netns", "add", "other");
  call("ADD");
  call("ADD", { CNI_CONTAINERID: "other", CNI_NETNS: "/run/netns/other", CNI_ARGS: "" });
});
gc.after.each(() => {
  for (const name of ["front0", "back0"]) run("ip", "link", "del", name);
  run("ip", "netns", "del", "other");
  restoreMachine();
});

const leases = (): readonly string[] => readdirSync("/var/lib/cni/networks/front").filter((name) => /^\d/.test(name));

gc("takes away what is left of a container that is gone, and nothing of one that is there", async () => {
  assert.is((await typed("gc")).stdout, "nothing is left of any container that is gone\n");
  run("ip", "netns", "del", "web");
  const dry = await typed("gc", "--dry-run");
  assert.is(dry.stdout, "container  interface  state             networks\n" +
    "shop/web   eth0       would be removed  front, back\n");
  assert.is(leases().length, 2);
  assert.equal((await typedJson("gc")).json.map(({ container, state }: any) => [container, state]), [["shop/web",
    "removed"]]);
  assert.is(leases().length, 1);
  assert.is((await typed("gc")).stdout, "nothing is left of any container that is gone\n");
  assert.is((await typedJson("check")).json[0].state, "ok");
  assert.is(ipJson("-n other addr show dev net1")[0].addr_info.length > 0, true);
});

gc.run();

const names = kernelSuite("a name that nothing has here", import.meta.url);
names.before(() => {
  emptyMachine();
  writeConf("10-pods.conf", multiplexer);
  run("ip", "netns", "add", "web");
});
names.after(() => {
  run("ip", "netns", "del", "web");
  restoreMachine();
});
for (const line of [
  "attach nix br0", "attach web nix", "attach --again nix", "attach web pods -p 80:80", "attach web pods @5",
  "detach nix", "detach web", "bridge-uplink br0 nix", "bridge-uplink --undo br0 nix",
  "network inspect nix", "network rm nix", "network connect nix web", "network connect pods nix",
  "network disconnect nix web", "network disconnect pods nix", "show nix", "status nix", "check nix", "gc nix",
  "ipam ls nix", "ipam show nix", "ipam check nix", "ipam gc nix", "ipam free 10.1.2.3",
  "plan nix", "plan default/nix", "trace nix pods", "trace web nix", "trace --del nix",
  "module inspect nix", "module remove nix", "module run nix", "module test nix",
]) {
  names(`gives exit status 1: polynic ${line}`, async () => {
    const { status, stdout, stderr } = await typed(...line.split(" "));
    assert.equal([status, stdout], [1, ""], stderr);
    assert.match(stderr, /^polynic .*: Cannot .*(expected|polynic )/s);
  });
}
names.run();
