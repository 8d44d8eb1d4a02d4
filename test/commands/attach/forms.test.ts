// polynic attach: the short forms for links of a machine, each with packets that pass, and nothing left behind.
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import type { DhcpNetwork } from "../../helpers/dhcp/network.ts";
import {
  dnsmasqLeases, isInstalled, makeDhcpNetwork, startDhcpDaemon, startDnsmasq,
} from "../../helpers/dhcp/network.ts";
import { attempt, ipJson, kernelSuite, run, until } from "../../helpers/netns.ts";
import { emptyMachine, restoreMachine, typedHere as typed, typedWith } from "../../helpers/typed.ts";

/** Links of a namespace but lo, with their addresses. */
const inside = (name: string): readonly string[] => ipJson(`-n ${name} addr show`)
  .filter(({ ifname }: any) => ifname !== "lo")
  .map(({ ifname, addr_info }: any) => [ifname, ...addr_info.filter(({ scope }: any) => scope === "global")
    .map(({ local, prefixlen }: any) => `${local}/${prefixlen}`)].join(" "))
  .sort();
const reaches = (name: string, address: string): boolean => (
  attempt("ip", "netns", "exec", name, "ping", "-c", "1", "-W", "20", address).status === 0);
const attached = async (...words: readonly string[]): Promise<void> => {
  const { status, stderr } = await typed("attach", ...words);
  assert.is(status, 0, stderr);
};
const detached = async (name: string): Promise<void> => {
  const { status, stderr } = await typed("detach", name);
  assert.is(status, 0, stderr);
  assert.equal(inside(name), []);
};

const direct = kernelSuite("polynic attach phys:", import.meta.url);
direct.before(() => {
  emptyMachine();
  for (const name of ["web", "far"]) run("ip", "netns", "add", name);
  run("ip", "link", "add", "wire0", "type", "veth", "peer", "name", "end0", "netns", "far");
  run("ip", "-n", "far", "addr", "add", "10.9.0.1/24", "dev", "end0");
  run("ip", "-n", "far", "link", "set", "end0", "up");
});
direct.after(restoreMachine);
direct("moves the whole link into the container, and back when it is detached", async () => {
  await attached("web", "phys:wire0", "10.9.0.5/24@10.9.0.1");
  assert.equal(inside("web"), ["eth0 10.9.0.5/24"]);
  assert.equal(ipJson("link show").map(({ ifname }) => ifname), ["lo"]);
  assert.ok(reaches("web", "10.9.0.1"));
  assert.is(ipJson("-n web route show default")[0].gateway, "10.9.0.1");
  await detached("web");
  assert.equal(ipJson("link show").map(({ ifname }) => ifname).toSorted(), ["lo", "wire0"]);
});
direct("takes no MAC address, which would be its own no more", async () => {
  const { status, stderr } = await typed("attach", "web", "phys:wire0", "10.9.0.5/24", "02:00:00:00:00:07");
  assert.is(status, 2);
  assert.match(stderr, /Cannot ask network "phys-wire0" for mac: no plugin of it declares/);
  assert.equal(inside("web"), []);
});
direct("says that a link is not there", async () => {
  const { status, stderr } = await typed("attach", "web", "phys:wire9", "10.9.0.5/24");
  assert.is(status, 1);
  assert.match(stderr, /wire9/);
});
direct.run();

const leased = kernelSuite("polynic attach with dhcp", import.meta.url, { needs: ["macvlan"] });
let network: DhcpNetwork;
leased.before(async () => {
  emptyMachine();
  network = makeDhcpNetwork();
  for (const name of ["web", "other"]) run("ip", "netns", "add", name);
  run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "up0-far");
  run("ip", "link", "set", "up0-far", "master", "br-dh");
  for (const name of ["up0", "up0-far"]) run("ip", "link", "set", name, "up");
  await startDnsmasq(network);
  await startDhcpDaemon(network, [], "/run/cni/dhcp.sock");
});
leased.after(async () => {
  await network.remove();
  restoreMachine();
});
for (const [title, words, interfaceName] of [
  ["a bridge", ["br-dh", "dhcp"], "eth0"],
  ["macvlan", ["macvlan:up0", "dhcp"], "eth0"],
  ["macvlan with a MAC address and a name of its own", ["macvlan:up0", "dhcp", "02:00:00:00:00:07", "-i", "lan0"],
    "lan0"],
  ["a link's name alone", ["up0", "dhcp"], "eth0"],
] as const) {
  leased(`leases an address for ${title}, which is given back when it is detached`, async () => {
    await attached("web", ...words);
    const [line = ""] = inside("web");
    assert.match(line, new RegExp(`^${interfaceName} 10\\.77\\.0\\.\\d+/24$`));
    assert.equal(dnsmasqLeases(network).map((address) => `${interfaceName} ${address}/24`), [line]);
    assert.ok(reaches("web", "10.77.0.1"));
    await detached("web");
    await until("the release", () => dnsmasqLeases(network).length === 0);
  });
}
leased("leases one again for a container that was started anew", async () => {
  await attached("web", "macvlan:up0", "dhcp");
  run("ip", "netns", "del", "web");
  run("ip", "netns", "add", "web");
  const { status, stderr } = await typed("attach", "--again", "web");
  assert.is(status, 0, stderr);
  assert.ok(reaches("web", "10.77.0.1"));
  await detached("web");
});
if (isInstalled("dnsmasq", "polynic attach with dhcp")) leased.run();

const shared = kernelSuite("polynic attach ipvlan: and vlan:", import.meta.url, { needs: ["ipvlan", "vlan"] });
shared.before(() => {
  emptyMachine();
  for (const name of ["web", "other"]) run("ip", "netns", "add", name);
  run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "up0-far");
  for (const name of ["up0", "up0-far"]) run("ip", "link", "set", name, "up");
});
shared.after(restoreMachine);
for (const [title, words] of [["ipvlan", []], ["vlan", ["@12"]]] as const) {
  shared(`shares a link by ${title}`, async () => {
    await attached("web", `${title}:up0`, "10.9.0.5/24", ...words);
    const [{ linkinfo }] = ipJson("-n web link show eth0") as any;
    assert.is(linkinfo.info_kind, title);
    assert.equal(inside("web"), ["eth0 10.9.0.5/24"]);
    if (title === "ipvlan") {
      await attached("other", "ipvlan:up0", "10.9.0.6/24");
      assert.ok(reaches("other", "10.9.0.5"));
      await detached("other");
    }
    await detached("web");
  });
}
shared("by ipvlan takes no MAC address", async () => {
  const { status, stderr } = await typed("attach", "web", "ipvlan:up0", "10.9.0.5/24", "02:00:00:00:00:07");
  assert.is(status, 2);
  assert.match(stderr, /Cannot ask network "ipvlan-up0" for mac/);
});
shared.run();

/** Open vSwitch's tool as far as it is asked: it keeps ports in a file, and tells of each call. */
const standIn = `#!/bin/sh
echo "$@" >> /run/ovs/calls
[ -e /run/ovs/broken ] && { echo 'ovs-vsctl: cannot create a bridge named ovsbr0' >&2; exit 1; }
case "$*" in
  *' find Interface '*) cat /run/ovs/ports 2>/dev/null ;;
  *'add-port '*) echo "$*" | sed 's/.*add-port [^ ]* \\([^ ]*\\).*/\\1/' >> /run/ovs/ports ;;
  *'del-port '*) for port in $(echo "$*" | grep -o 'del-port [^ ]*' | cut -d' ' -f2)
    do sed -i "/^$port\\$/d" /run/ovs/ports; done ;;
esac
exit 0
`;
const calls = (): readonly string[] => readFileSync("/run/ovs/calls", "utf8").trim().split("\n");
const ports = (): readonly string[] => (existsSync("/run/ovs/ports") ? readFileSync("/run/ovs/ports", "utf8") : "")
  .split("\n").filter((line) => line !== "");

const switched = kernelSuite("polynic attach to Open vSwitch", import.meta.url);
const env = { PATH: `/run/ovs:${process.env["PATH"]}` };
const here = (...words: readonly string[]) => typedWith({ ...process.env, ...env }, words);
switched.before(() => {
  emptyMachine();
  run("mkdir", "/run/ovs");
});
switched.before.each(() => {
  for (const name of ["calls", "ports", "broken"]) rmSync(join("/run/ovs", name), { force: true });
  writeFileSync("/run/ovs/ovs-vsctl", standIn, { mode: 0o755 });
  run("ip", "netns", "add", "web");
});
switched.after.each(() => {
  attempt("ip", "netns", "del", "web");
});
switched.after(restoreMachine);
const linksHere = (): readonly string[] =>
  ipJson("link show").map(({ ifname }) => ifname).filter((name) => name !== "lo");

switched("makes a port of its bridge, with VLAN and MAC address as pipework has them, and takes it away", async () => {
  const { status, stderr } = await here("attach", "web", "ovsbr0", "10.9.0.5/24", "02:00:00:00:00:07@42");
  assert.is(status, 0, stderr);
  assert.equal(inside("web"), ["eth0 10.9.0.5/24"]);
  assert.is(ipJson("-n web link show eth0")[0].address, "02:00:00:00:00:07");
  const [port = ""] = ports(), made = calls().at(-1) ?? "";
  assert.is(made, `--timeout=10 --may-exist add-br ovsbr0 -- add-port ovsbr0 ${port} tag=42 -- set Interface ${port} ` +
    "external_ids:polynic=true");
  assert.equal(linksHere(), [port]);
  assert.is((await here("detach", "web", "ovsbr0")).status, 0);
  assert.equal([inside("web"), linksHere(), ports()], [[], [], []]);
  assert.is(calls().at(-1), `--timeout=10 --if-exists del-port ${port}`);
});
switched("gives a container that was started anew another port, and the old one back", async () => {
  assert.is((await here("attach", "web", "ovs:sw0", "10.9.0.5/24")).status, 0);
  run("ip", "netns", "del", "web");
  run("ip", "netns", "add", "web");
  await until("the end of the pair", () => linksHere().length === 0);
  const { status, stderr } = await here("attach", "--again", "web");
  assert.is(status, 0, stderr);
  assert.equal([inside("web"), ports(), linksHere().length], [["eth0 10.9.0.5/24"], linksHere(), 1]);
  run("ip", "netns", "del", "web");
  assert.is((await here("gc")).status, 0);
  assert.equal([linksHere(), ports()], [[], []]);
});
switched("takes away what a restart of the machine has left in the switch", async () => {
  writeFileSync("/run/ovs/ports", "ovspdeadbeef\n");
  assert.is((await here("attach", "web", "ovsbr0", "0/0")).status, 0);
  assert.equal(ports(), linksHere());
  assert.is((await here("detach", "web")).status, 0);
});
for (const [title, prepare, words, says] of [
  ["there is no Open vSwitch", () => rmSync("/run/ovs/ovs-vsctl"), ["ovsbr0", "10.9.0.5/24"],
    /there is no ovs-vsctl, expected Open vSwitch on this machine/],
  ["it says no", () => writeFileSync("/run/ovs/broken", ""), ["ovsbr0", "10.9.0.5/24"],
    /Cannot look at the ports of bridge "ovsbr0": ovs-vsctl: cannot create a bridge named ovsbr0/],
  ["the address cannot be had", () => {}, ["ovsbr0", "10.9.0.5/24", "macvlan:nothing"], /nothing/],
] as const) {
  switched(`leaves nothing where ${title}`, async () => {
    prepare();
    // The machine may have the real one.
    const PATH = existsSync("/run/ovs/ovs-vsctl") ? env.PATH : "/run/ovs";
    const { status, stderr } = await typedWith({ ...process.env, PATH }, ["attach", "web", ...words]);
    assert.is(status, 1);
    assert.match(stderr, says);
    assert.equal([inside("web"), linksHere(), ports()], [[], [], []]);
  });
}
switched.run();
