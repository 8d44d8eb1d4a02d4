// polynic ipam: addresses that are given out, on a machine of the test's own.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import * as assert from "uvu/assert";
import { runExecutable } from "../helpers/executable.ts";
import { kernelSuite, run } from "../helpers/netns.ts";
import { emptyMachine, restoreMachine, typedHere as typed, typedHereWithJson as typedJson,
  writeConf } from "../helpers/typed.ts";

const conf = { cniVersion: "1.1.0", name: "pods", type: "polynic", delegates: [
  { cniVersion: "1.1.0", name: "front", type: "bridge", bridge: "front0",
    ipam: { type: "host-local", ranges: [[{ subnet: "10.1.0.0/29" }]] } },
  { cniVersion: "1.1.0", name: "back", plugins: [{ type: "bridge", bridge: "back0",
    ipam: { type: "host-local", subnet: "fd00::/64", rangeStart: "fd00::10" } }] },
] };

function call(CNI_COMMAND: string): void {
  const env = { CNI_COMMAND, CNI_CONTAINERID: "c0ffee", CNI_NETNS: "/run/netns/web", CNI_IFNAME: "eth0",
    CNI_PATH: "/none", CNI_ARGS: "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web" };
  const { status, stdout } = runExecutable({ env, stdin: conf });
  assert.is(status, 0, stdout);
}

const ipam = kernelSuite("polynic ipam", import.meta.url);
ipam.before.each(() => {
  emptyMachine();
  run("ip", "netns", "add", "web");
  writeConf("10-pods.conf", conf);
  call("ADD");
  // As another program has left it.
  mkdirSync("/var/lib/cni/networks/other");
  for (const network of ["other", "front"])
    writeFileSync(`/var/lib/cni/networks/${network}/10.1.0.4`, `${"ab".repeat(32)}\r\neth0`);
});
ipam.after.each(() => {
  call("DEL");
  run("ip", "netns", "del", "web");
  for (const name of ["front0", "back0"]) run("ip", "link", "del", name);
  restoreMachine();
});

ipam("ls tells which address is whose, and whether it is there", async () => {
  assert.is((await typed("ipam", "ls")).stdout, `network  address   container     interface  state
back     fd00::10  shop/web      net1       in use
front    10.1.0.2  shop/web      eth0       in use
front    10.1.0.4  abababababab  eth0       unknown
other    10.1.0.4  abababababab  eth0       unknown
`);
  assert.equal((await typedJson("ipam", "ls", "back")).json, [{ network: "back", containerId: "c0ffee",
    address: "fd00::10",
    container: "shop/web", interface: "net1", state: "in use" }]);
  assert.match((await typed("ipam", "ls", "frnt")).stderr,
    /Cannot find network "frnt": .*networks has no .*expected front\n/);
  // One that has not given any address yet.
  writeConf("20-new.conf", { cniVersion: "1.1.0", name: "new", type: "macvlan",
    ipam: { type: "host-local", subnet: "10.7.0.0/24" } });
  for (const verb of ["ls", "check", "gc"]) {
    const { status, json } = await typedJson("ipam", verb, "new");
    assert.equal([status, json], [0, []], verb);
  }
});

ipam("show tells how much of each range is left", async () => {
  const lines = (await typed("ipam", "show")).stdout.split("\n").map((line) => line.split(/ {2,}/));
  assert.equal(lines, [
    ["network", "subnet", "range", "gateway", "size", "reserved", "free"],
    ["front", "10.1.0.0/29", "10.1.0.1-10.1.0.6", "10.1.0.1", "5", "2", "3"],
    ["back", "fd00::/64", "fd00::10-fd00::ffff:ffff:ffff:ffff", "fd00::1", "18446744073709551600", "1",
      "18446744073709551599"],
    [""],
  ]);
});

ipam("free gives up what nobody has any more, and refuses what a container has", async () => {
  const refused = await typed("ipam", "free", "10.1.0.2", "--network", "front");
  assert.equal([refused.status, refused.stderr], [1, "polynic ipam free: Cannot free 10.1.0.2: container shop/web " +
    "has it, expected polynic detach, or --force\n"]);
  assert.match((await typed("ipam", "free", "10.1.0.4")).stderr,
    /front and other have reserved it, expected --network/);
  assert.is((await typed("ipam", "free", "10.1.0.4", "--network", "front")).stdout,
    "freed 10.1.0.4 of front, which abababababab had\n");
  const file = (name: string) => existsSync(`/var/lib/cni/networks/${name}`);
  assert.equal([file("front/10.1.0.4"), file("other/10.1.0.4"), file("front/10.1.0.2")], [false, true, true]);
  assert.match((await typed("ipam", "free", "10.1.0.5")).stderr, /10\.1\.0\.5: .* has no reservation of it, see /);
  assert.match((await typed("ipam", "free", "ten")).stderr, /Cannot free "ten": expected an address/);
  assert.is((await typed("ipam", "free", "--force", "10.1.0.2")).status, 0);
});

ipam.run();
