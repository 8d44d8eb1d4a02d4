// polynic network: what it writes, and containers on what it has written.
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { bridgeName } from "../../src/commands/network/conflist.ts";
import { rangeSetOf, subnetsOf } from "../../src/commands/network/subnets.ts";
import { attempt, ipJson, kernelSuite, run } from "../helpers/netns.ts";
import {
  confDir, emptyMachine, restoreMachine, typedHere as typed, typedHereJson as typedJson, writeConf,
} from "../helpers/typed.ts";

const subnets = suite("subnets as they are typed");
const words = { subnet: [], gateway: [], "ip-range": [], "aux-address": [] };

for (const [title, given, expected] of [
  ["one", { subnet: ["10.7.0.0/24"] }, [[{ subnet: "10.7.0.0/24", gateway: "10.7.0.1" }]]],
  ["host bits", { subnet: ["10.7.0.9/24"] }, [[{ subnet: "10.7.0.0/24", gateway: "10.7.0.1" }]]],
  ["both families in one word", { subnet: ["10.7.0.0/24,fd07::/64"], gateway: ["fd07::fe", "10.7.0.254"] },
    [[{ subnet: "10.7.0.0/24", gateway: "10.7.0.254" }], [{ subnet: "fd07::/64", gateway: "fd07::fe" }]]],
  ["a range", { subnet: ["10.7.0.0/24"], "ip-range": ["10.7.0.128/25"] },
    [[{ subnet: "10.7.0.0/24", rangeStart: "10.7.0.128", rangeEnd: "10.7.0.254", gateway: "10.7.0.1" }]]],
  ["addresses that are others'", { subnet: ["10.7.0.0/29"], "aux-address": ["router=10.7.0.3", "10.7.0.6"] },
    [[{ subnet: "10.7.0.0/29", rangeStart: "10.7.0.1", rangeEnd: "10.7.0.2", gateway: "10.7.0.1" },
      { subnet: "10.7.0.0/29", rangeStart: "10.7.0.4", rangeEnd: "10.7.0.5", gateway: "10.7.0.1" }]]],
] as const) {
  subnets(title, () => assert.equal(subnetsOf({ ...words, ...given }).map(rangeSetOf), expected));
}
for (const [given, says] of [
  [{ subnet: ["10.7.0.0/24", "10.7.0.128/25"] }, /10\.7\.0\.128\/25: it overlaps 10\.7\.0\.0\/24/],
  [{ subnet: ["10.7.0.0/31"] }, /no room for a container/],
  [{ subnet: ["10.7.0.0/24"], gateway: ["10.8.0.1"] }, /Cannot use 10\.8\.0\.1: it is in no --subnet, expected/],
  [{ gateway: ["10.8.0.1"] }, /expected --subnet as well/],
  [{ subnet: ["10.7.0.0/24"], "ip-range": ["10.7.0.0/16"] }, /Cannot use 10\.7\.0\.0\/16/],
  [{ subnet: ["10.7.0"] }, /Cannot use --subnet 10\.7\.0: expected an address and its/],
] as const) {
  subnets(`are refused: ${JSON.stringify(given)}`, () =>
    assert.throws(() => subnetsOf({ ...words, ...given }).map(rangeSetOf), says));
}
subnets("a bridge's name fits the kernel", () => {
  assert.is(bridgeName("shop"), "br-shop");
  assert.match(bridgeName("a-very-long-network"), /^br-[0-9a-f]{12}$/);
});
subnets.run();

const creating = kernelSuite("polynic network", import.meta.url, { needs: ["macvlan"] });
const fileOf = (name: string): string => `${confDir}/polynic-${name}.conflist`;
const written = (name: string): any => JSON.parse(readFileSync(fileOf(name), "utf8"));
const plugin = (name: string): any => written(name).plugins[0];

creating.before.each(() => {
  emptyMachine();
  for (const name of ["web", "other"]) run("ip", "netns", "add", name);
  run("ip", "link", "add", "uplink", "type", "veth", "peer", "name", "far");
  run("ip", "link", "set", "uplink", "up");
});
creating.after.each(() => {
  for (const name of ["web", "other"]) attempt("ip", "netns", "del", name);
  for (const name of ["uplink", "br-shop", "own0"]) attempt("ip", "link", "del", name);
  restoreMachine();
});

creating("makes a network, attaches two containers that reach each other, shows them, and takes all away", async () => {
  const { stdout, stderr, status } = await typed("network", "create", "shop", "--label", "team=blue");
  assert.equal([status, stdout], [0, `created shop (bridge, 10.89.0.0/24): ${fileOf("shop")}\n`], stderr);
  assert.is((await typed("network", "connect", "shop", "web", "--ip", "10.89.0.7")).status, 0);
  const second = await typed("network", "connect", "shop", "netns:other",
    "--mac-address", "02:00:00:00:00:09", "-i", "lan0");
  assert.is(second.status, 0, second.stderr);
  run("ip", "netns", "exec", "other", "ping", "-c1", "-W5", "10.89.0.7");
  run("ip", "netns", "exec", "other", "ping", "-c1", "-W5", "10.89.0.1");
  assert.is(ipJson("-n other link show lan0")[0].address, "02:00:00:00:00:09");

  assert.match((await typed("network", "ls")).stdout, /^network  driver  link     subnets       containers  file\n/);
  assert.equal((await typedJson("network", "ls")).map((one: any) => [one.name, one.containers]), [["shop", 2]]);
  const [shop] = await typedJson("network", "inspect", "shop");
  assert.equal(shop.labels, { team: "blue" });
  assert.equal(shop.containers.map((one: any) => [one.container, one.interface, one.addresses, one.state]),
    [["other", "lan0", ["10.89.0.8/24"], "there"], ["web", "eth0", ["10.89.0.7/24"], "there"]]);
  assert.match((await typed("network", "inspect", "shop")).stdout,
    /^subnet {8}10\.89\.0\.0\/24, gateway 10\.89\.0\.1$/m);

  const used = await typed("network", "rm", "shop");
  assert.is(used.status, 1);
  assert.match(used.stderr, /Cannot remove network "shop": other, web are attached to it, expected polynic network /);
  for (const name of ["web", "other"]) assert.is((await typed("network", "disconnect", "shop", name)).status, 0);
  assert.is((await typed("network", "rm", "shop")).stdout, `removed shop (${fileOf("shop")}, link br-shop)\n`);
  assert.equal([existsSync(fileOf("shop")), attempt("ip", "link", "show", "br-shop").status === 0], [false, false]);
  // podman leaves its lock there when it is asked whether the container is its own.
  assert.equal(readdirSync(confDir).filter((name) => name !== "cni.lock"), []);
});

creating("takes its bridge away while a container has a pair with that index at its other end", async () => {
  assert.is((await typed("network", "create", "shop")).status, 0);
  run("ip", "link", "add", "br-shop", "index", "4242", "type", "bridge");
  run("ip", "link", "add", "pair0", "type", "veth", "peer", "name", "pair1", "index", "4242", "netns", "web");
  const { stdout, stderr } = await typed("network", "rm", "shop");
  run("ip", "link", "del", "pair0");
  assert.is(stdout, `removed shop (${fileOf("shop")}, link br-shop)\n`, stderr);
});

creating("writes what Docker's options say in keys of the reference", async () => {
  const { status, stderr } = await typed("network", "create", "both",
    "--subnet", "10.7.0.0/24", "--subnet", "fd07::/64",
    "-o", "com.docker.network.bridge.name=own0", "-o", "com.docker.network.bridge.enable_icc=false",
    "-o", "com.docker.network.bridge.enable_ip_masquerade=false", "-o", "com.docker.network.driver.mtu=1400",
    "-o", "com.docker.network.bridge.host_binding_ipv4=192.0.2.1");
  assert.is(status, 0, stderr);
  assert.match(stderr, /portIsolation, which the reference's bridge has since 1\.6\.0 only/);
  assert.equal(plugin("both"), {
    type: "bridge", bridge: "own0", isGateway: true, hairpinMode: true, portIsolation: true, mtu: 1400,
    capabilities: { ips: true, mac: true },
    ipam: { type: "host-local",
      ranges: [[{ subnet: "10.7.0.0/24", gateway: "10.7.0.1" }], [{ subnet: "fd07::/64", gateway: "fd07::1" }]],
      routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }] },
  });
  assert.equal(written("both").plugins[1],
    { type: "portmap", capabilities: { portMappings: true }, conditionsV4: ["-d", "192.0.2.1"] });
  assert.is((await typed("lint", fileOf("both"))).status, 0);
  assert.is((await typed("network", "create", "inside", "--internal")).status, 0);
  assert.equal(written("inside").plugins, [{ type: "bridge", bridge: "br-inside", hairpinMode: true,
    capabilities: { ips: true, mac: true },
    ipam: { type: "host-local", ranges: [[{ subnet: "10.89.0.0/24", gateway: "10.89.0.1" }]] } }]);
  const lan = await typed("network", "create", "lan", "-d", "macvlan", "--parent", "uplink", "-o", "mode=private");
  assert.is(lan.status, 0, lan.stderr);
  assert.equal(plugin("lan"),
    { type: "macvlan", master: "uplink", mode: "private", capabilities: { mac: true }, ipam: { type: "dhcp" } });
  run("ip", "link", "property", "add", "dev", "uplink", "altname", "enx00163e1234567890");
  const long = await typed("network", "create", "long", "-d", "macvlan", "--parent", "enx00163e1234567890");
  assert.equal([long.status, plugin("long").master], [0, "enx00163e1234567890"]);
  const vlan = await typed("network", "create", "tagged", "-d", "macvlan", "--parent", "enx00163e1234567890.10");
  assert.match(vlan.stderr, /Cannot make link "enx00163e1234567890\.10": it is longer than 15 bytes, expected VLAN 10/);
  run("ip", "link", "property", "del", "dev", "uplink", "altname", "enx00163e1234567890");
  assert.is((await typed("network", "create", "l3", "-d", "ipvlan", "--mode=l3", "--subnet=10.8.0.0/24")).status, 0);
  assert.equal([plugin("l3").mode, plugin("l3").capabilities], ["l3", { ips: true }]);
  assert.is((await typed("network", "create", "six", "--ipv6")).status, 0);
  assert.match(plugin("six").ipam.ranges[1][0].subnet, /^fd[0-9a-f]{2}:.*::\/64$/);
  assert.is(plugin("six").ipam.ranges[0][0].subnet, "10.89.1.0/24");
});

creating("keeps containers apart with --icc=false, and still lets them reach the gateway", async () => {
  assert.is((await typed("network", "create", "shop", "--icc=false")).status, 0);
  for (const name of ["web", "other"]) assert.is((await typed("network", "connect", "shop", name)).status, 0);
  run("ip", "netns", "exec", "web", "ping", "-c1", "-W5", "10.89.0.1");
  const [[port]] = [JSON.parse(run("bridge", "-j", "-d", "link"))];
  assert.is(port.isolated, true);
});

creating("names containers that a runtime has attached through the CNI library", async () => {
  assert.is((await typed("network", "create", "shop")).status, 0);
  mkdirSync("/var/lib/cni/results", { recursive: true });
  writeFileSync("/var/lib/cni/results/shop-abc-eth0", JSON.stringify({ kind: "cniCacheV1", containerId: "abc",
    config: "", ifName: "eth0", networkName: "shop", netns: "/run/netns/web",
    result: { ips: [{ address: "10.89.0.2/24" }] } }));
  assert.equal((await typedJson("network", "inspect", "shop"))[0].containers[0].addresses, ["10.89.0.2/24"]);
  assert.match((await typed("network", "rm", "shop")).stderr, /abc is attached to it/);
  run("ip", "netns", "del", "web");
  assert.is((await typed("network", "rm", "shop")).status, 0);
});

for (const [title, args, says] of [
  ["a subnet in use", ["create", "shop", "--subnet", "10.1.0.0/16"], /10\.1\.0\.0\/16 overlaps 10\.1\.2\.0\/24/],
  ["a subnet that is none", ["create", "shop", "--subnet", "banana"], /^[^\n]*Cannot use --subnet banana: expected an/],
  ["a gateway that is none", ["create", "shop", "--subnet", "10.9.0.0/24", "--gateway", "x"], /--gateway x: expected/],
  ["a gateway of no subnet", ["create", "shop", "--gateway", "10.9.0.1"], /--gateway without --subnet: .*expected --s/],
  ["a range of no subnet", ["create", "shop", "-d", "macvlan", "--parent", "uplink", "--ip-range", "10.9.0.0/26"],
    /Cannot use --ip-range without --subnet/],
  ["an address to publish on that is none", ["create", "shop", "--host-binding", "x"], /--host-binding x: expected/],
  ["a name in use", ["create", "mine"], /10-mine\.conflist has that name, expected another/],
  ["a name that is none", ["create", "a/b"], /Cannot name a network "a\/b"/],
  ["a driver that is none", ["create", "shop", "-d", "host"], /--driver host: expected bridge, macvlan/],
  ["a parent of a bridge", ["create", "shop", "--parent", "uplink"], /Cannot use parent with driver bridge/],
  ["a parent that is not there", ["create", "shop", "-d", "macvlan", "--parent", "eth7"], /Cannot use parent "eth7"/],
  ["a mode that is none", ["create", "shop", "-d", "macvlan", "--mode", "l3"], /expected bridge, private, vepa or/],
  ["an option that means nothing here", ["create", "shop", "-o", "isolate=true"], /Cannot use --opt isolate/],
  ["an MTU no link has", ["create", "shop", "--mtu", "99999999"], /Cannot use mtu 99999999: expected 68 to 65535/],
  ["another one", ["create", "shop", "-o", "com.docker.network.driver.mtu=67"], /Cannot use mtu 67: expected 68 to/],
  ["a VLAN that is none", ["create", "shop", "--vlan", "4095"], /Cannot use vlan 4095: expected 1 to 4094/],
  ["a configuration of somebody else", ["rm", "mine"], /polynic network create has not written/],
  ["a network that is not there", ["rm", "mien"], /Cannot find network "mien".*expected mine/],
  ["an address of the wrong family", ["connect", "mine", "web", "--ip6", "10.1.2.5"], /Cannot use --ip6 10\.1\.2\.5/],
  ["an address nobody can ask for", ["connect", "mine", "web", "--ip", "10.1.2.5"], /"mine" for ips: no plugin/],
] as const) {
  creating(`says what would be right: ${title}`, async () => {
    writeConf("10-mine.conflist", { cniVersion: "1.0.0", name: "mine", plugins: [{ type: "bridge",
      ipam: { type: "host-local", ranges: [[{ subnet: "10.1.2.0/24" }]] } }] });
    const { status, stdout, stderr } = await typed("network", ...args);
    assert.ok(status === 1 || status === 2);
    assert.equal([stdout, readdirSync(confDir)], ["", ["10-mine.conflist"]]);
    assert.match(stderr, says);
  });
}
creating.run();

const overlays = kernelSuite("polynic network, an overlay", import.meta.url, { needs: ["vxlan"] });

overlays("joins containers of several nodes, each of which has the network", async () => {
  emptyMachine();
  run("ip", "netns", "add", "web");
  run("ip", "link", "add", "uplink", "type", "veth", "peer", "name", "far");
  run("ip", "link", "set", "uplink", "up");
  run("ip", "addr", "add", "192.0.2.1/24", "dev", "uplink");
  const made = await typed("network", "create", "-d", "overlay", "--vni", "7", "--peer", "192.0.2.2", "--peer",
    "192.0.2.3", "--parent", "uplink", "--subnet", "10.9.0.0/16", "--ip-range", "10.9.1.0/24", "all");
  assert.is(made.status, 0, made.stderr);
  assert.not.match(made.stderr, /other nodes/);
  assert.equal(written("all").plugins, [{
    type: "vxlan", vni: 7, peers: ["192.0.2.2", "192.0.2.3"], master: "uplink", capabilities: { ips: true, mac: true },
    ipam: { type: "host-local", ranges: [[
      { subnet: "10.9.0.0/16", rangeStart: "10.9.1.0", rangeEnd: "10.9.1.255", gateway: "10.9.0.1" },
    ]] },
  }]);
  assert.is((await typed("network", "connect", "all", "web")).status, 0);
  assert.is(ipJson("link show vxlan7")[0].linkinfo.info_data.id, 7);
  assert.is((await typed("network", "disconnect", "all", "web")).status, 0);
  assert.is((await typed("network", "rm", "all")).status, 0);
  const noted = await typed("network", "create", "-d", "overlay", "-o",
    "com.docker.network.driver.overlay.vxlanid_list=9", "--group", "239.1.1.1", "--subnet", "10.8.0.0/16", "many");
  assert.match(noted.stderr, /other nodes give the same addresses, unless --ip-range says on each/);
  assert.equal([plugin("many").vni, plugin("many").group, plugin("many").peers], [9, "239.1.1.1", undefined]);
  run("ip", "netns", "del", "web");
  restoreMachine();
});

for (const [title, words, says] of [
  ["without a number", ["--peer", "192.0.2.2"], /its number is missing, expected --vni 1 to 16777215/],
  ["with one that is too large", ["--vni", "16777216", "--peer", "192.0.2.2"], /its number is 16777216/],
  ["without other nodes", ["--vni", "7"], /neither --peer nor --group/],
  ["with nodes and a group", ["--vni", "7", "--peer", "192.0.2.2", "--group", "239.1.1.1"], /both --peer and --group/],
  ["with a node that is none", ["--vni", "7", "--peer", "node-b"], /node-b/],
  ["that masquerades", ["--vni", "7", "--masquerade=false"], /Cannot use masquerade with driver overlay/],
] as const) {
  overlays(`refuses one ${title}`, async () => {
    const { status, stderr } = await typed("network", "create", "-d", "overlay", ...words, "--subnet", "10.9.0.0/16",
      "all");
    assert.ok(status === 1 || status === 2);
    assert.match(stderr, says);
  });
}

overlays.run();

const vlans = kernelSuite("polynic network on a VLAN", import.meta.url, { needs: ["vlan", "macvlan"] });
vlans("makes eth0.10 for a network, again after a restart, and takes it away with the network", async () => {
  emptyMachine();
  run("ip", "link", "add", "uplink", "type", "veth", "peer", "name", "far");
  run("ip", "netns", "add", "web");
  const down = await typed("network", "create", "lan", "-d", "macvlan", "-o", "parent=uplink.10");
  assert.match(down.stderr, /Cannot use parent "uplink\.10": uplink is down, expected it up/);
  assert.is(attempt("ip", "link", "show", "uplink.10").status === 0, false);
  run("ip", "link", "set", "uplink", "up");
  const { status, stderr } = await typed("network", "create", "lan", "-d", "macvlan", "--subnet", "10.9.0.0/24",
    "-o", "parent=uplink.10");
  assert.is(status, 0, stderr);
  assert.is(ipJson("-d link show uplink.10")[0].linkinfo.info_data.id, 10);
  run("ip", "link", "del", "uplink.10");
  const connected = await typed("network", "connect", "lan", "web");
  assert.is(connected.status, 0, connected.stderr);
  assert.is((await typed("network", "disconnect", "lan", "web")).status, 0);
  assert.match((await typed("network", "rm", "lan")).stdout, /, link uplink\.10\)$/m);
  assert.is(attempt("ip", "link", "show", "uplink.10").status === 0, false);
  restoreMachine();
});
vlans.run();
