// dhcp below macvlan, ipvlan and vlan: in-process, as executables below the multiplexer, and by hand.
import { join } from "node:path";
import * as assert from "uvu/assert";
import { code } from "../../../src/cni/index.ts";
import { ipvlan } from "../../../src/plugins/ipvlan/index.ts";
import { macvlan } from "../../../src/plugins/macvlan/index.ts";
import { vlan } from "../../../src/plugins/vlan/index.ts";
import type { DhcpNetwork, Program, RunningDaemon } from "../../helpers/dhcp/network.ts";
import {
  dnsmasqLeases, isInstalled, makeDhcpNetwork, startDhcpDaemon, startDnsmasq,
} from "../../helpers/dhcp/network.ts";
import { rejects } from "../../helpers/errors.ts";
import { runExecutable } from "../../helpers/executable.ts";
import type { Driven } from "../../helpers/handles.ts";
import { add, check, del } from "../../helpers/handles.ts";
import type { KernelSuite, TestNetns } from "../../helpers/netns.ts";
import { ipJson, kernelSuite, makeNetns, run, until } from "../../helpers/netns.ts";
import { typed, typedJson } from "../../helpers/typed.ts";

interface Below {
  readonly plugin: Driven["plugin"];
  readonly conf: object;
  /** As `polynic attach` has the same. */
  readonly words: readonly string[];
  readonly subnet: string;
}

const onMacvlan: Below = {
  plugin: macvlan, conf: { master: "up0" }, words: ["macvlan:up0", "dhcp"], subnet: "10.77.0",
};
const onIpvlan: Below = {
  plugin: ipvlan, conf: { master: "up0" }, words: ["ipvlan:up0", "dhcp"], subnet: "10.77.0",
};
const onVlan: Below = {
  plugin: vlan, conf: { master: "up0", vlanId: 7 }, words: ["vlan:up0", "dhcp", "@7"], subnet: "10.78.0",
};

const here = kernelSuite("dhcp below macvlan", import.meta.url, { needs: ["macvlan"] });
prove(here, [onMacvlan]);
const elsewhere = kernelSuite("dhcp below ipvlan and vlan", import.meta.url, { needs: ["ipvlan", "vlan"] });
prove(elsewhere, [onIpvlan, onVlan]);
for (const mode of ["l3", "l3s"]) {
  elsewhere(`an ipvlan of mode ${mode}, which takes no broadcasts, is refused before anything is touched`, async () => {
    const container = makeNetns();
    const one = driven({ ...onIpvlan, conf: { master: "up0", mode } }, container);
    const { message } = await rejects(add(one), code.invalidConfig);
    assert.match(message, `Cannot use mode "${mode}" with ipam.type "dhcp"`);
    assert.equal(ipJson("link show", container).map(({ ifname }) => ifname), ["lo"]);
    container.remove();
  });
}
if (isInstalled("dnsmasq", "dhcp below macvlan, ipvlan and vlan")) {
  here.run();
  elsewhere.run();
}

const socket = "/run/cni/dhcp.sock";
let network: DhcpNetwork, server: Program, daemon: RunningDaemon;

function driven({ plugin, conf }: Below, container: TestNetns): Driven {
  return { plugin, netns: container.path, containerId: container.name, conf: { ...conf, ipam: { type: "dhcp" } } };
}

/** "up0" leads to the network; where there can be VLANs, its seventh is another network of the same server. */
async function prepare(hasVlan: boolean): Promise<void> {
  network = makeDhcpNetwork();
  run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "up0-port");
  run("ip", "link", "set", "up0-port", "master", "br-dh", "up");
  run("ip", "link", "set", "up0", "up");
  const more = hasVlan ? ["interface=e0.7", "dhcp-range=10.78.0.50,10.78.0.99,255.255.255.0,2m"] : [];
  if (hasVlan) {
    network.server.exec("ip", "link", "add", "e0.7", "link", "e0", "type", "vlan", "id", "7");
    network.server.exec("ip", "addr", "add", "10.78.0.1/24", "dev", "e0.7");
    network.server.exec("ip", "link", "set", "e0.7", "up");
  }
  // The shortest that it can be told: a lease is renewed after three seconds.
  server = await startDnsmasq(network, ["dhcp-option=option:T1,3", "dhcp-option=option:T2,60",
    "dhcp-range=10.77.0.50,10.77.0.99,255.255.255.0,2m", ...more]);
  daemon = await startDhcpDaemon(network, [], socket);
}

function prove(kernel: KernelSuite, rows: readonly Below[]): void {
  kernel.before(() => prepare(rows.includes(onVlan)));
  kernel.after(async () => {
    await network.remove();
    run("ip", "link", "delete", "up0");
  });
  for (const row of rows) proveOne(kernel, row);
}

const addresses = (container: TestNetns): string[] => ipJson("addr show", container).flatMap(({ addr_info }: any) => (
  addr_info.filter(({ family, scope }: any) => family === "inet" && scope === "global")
    .map(({ local, prefixlen }: any) => `${local}/${prefixlen}`)));
const links = (container: TestNetns): string[] => ipJson("link show", container).map(({ ifname }) => ifname);
const leased = (): string[] => dnsmasqLeases(network).map((address) => `${address}/24`).sort();
const granted = (address: string): number => (
  server.said().split("DHCPACK(").filter((line) => line.includes(` ${address.split("/")[0]} `)).length);
const allReleased = (): Promise<void> => until("the release at the server", () => leased().length === 0);

function proveOne(kernel: KernelSuite, row: Below): void {
  const { type } = row.plugin, ofSubnet = new RegExp(`^${row.subnet.replaceAll(".", "\\.")}\\.\\d+/24$`);

  kernel(`${type}: an address is leased, renewed by its server twice, and given back`, async () => {
    const container = makeNetns(), one = driven(row, container), result = await add(one);
    const address = result.ips[0]?.address ?? "";
    assert.match(address, ofSubnet);
    assert.equal([addresses(container), leased()], [[address], [address]]);
    assert.is(result.ips[0]?.gateway, `${row.subnet}.1`);
    assert.is(ipJson("route show default", container)[0].gateway, `${row.subnet}.1`);
    // Traffic reaches the server, and comes back.
    container.exec("ping", "-c", "1", "-W", "60", `${row.subnet}.1`);
    await until("two renewals", () => granted(address) >= 3);
    await check({ ...one, prevResult: result });
    assert.not.match(daemon.said(), new RegExp(`lost ${address.split("/")[0]}`));
    await del({ ...one, prevResult: result });
    await allReleased();
    assert.equal(links(container), ["lo"]);
    await del({ ...one, prevResult: result });
    container.remove();
  });

  // A link has each VLAN once.
  if (type !== "vlan") kernel(`${type}: two containers at once have an address each`, async () => {
    const containers = [makeNetns(), makeNetns()];
    const results = await Promise.all(containers.map((container) => add(driven(row, container))));
    const given = results.map(({ ips }) => ips[0]?.address ?? "").sort();
    assert.equal([new Set(given).size, leased()], [2, given]);
    await Promise.all(containers.map((container) => del(driven(row, container))));
    await allReleased();
    for (const container of containers) container.remove();
  });

  kernel(`${type}: two interfaces below the multiplexer, a bridge's before it, each with a lease of its own`, () => (
    multiplexed(row, ofSubnet)));

  kernel(`${type}: polynic attach ${row.words.join(" ")}, then detach`, async () => {
    const container = makeNetns("web");
    const machine = ["--state-dir", join(network.directory, "by-hand")];
    const { status, json } = typedJson("attach", "web", ...row.words, ...machine);
    assert.equal([status, json[0].interface], [0, "eth0"]);
    const [address] = addresses(container);
    assert.match(address ?? "", ofSubnet);
    assert.equal(leased(), [address]);
    assert.is(typed("check", "web", ...machine).status, 0);
    const detached = typed("detach", "web", ...machine);
    assert.is(detached.status, 0, detached.stderr);
    await allReleased();
    assert.equal(links(container), ["lo"]);
    container.remove();
  });
}

async function multiplexed({ plugin, conf }: Below, ofSubnet: RegExp): Promise<void> {
  const container = makeNetns(), ipam = { type: "dhcp" };
  const delegate = (name: string, own: object): object => ({ cniVersion: "1.0.0", name, plugins: [{ ...own, ipam }] });
  const stdin = {
    cniVersion: "1.0.0", name: "all", type: "multus", cniDir: join(network.directory, "cni"),
    delegates: [delegate("first", { type: "bridge", bridge: "br-dh" }),
      delegate("second", { type: plugin.type, ...conf })],
  };
  const call = (verb: string, more: object = {}): any => {
    const { status, stdout, stderr, json } = runExecutable({ name: "multus", stdin: { ...stdin, ...more }, env: {
      CNI_COMMAND: verb, CNI_CONTAINERID: container.name, CNI_NETNS: container.path, CNI_IFNAME: "eth0",
      CNI_PATH: "/none", CNI_ARGS: "" } });
    assert.is(status, 0, `${verb}: ${stdout}${stderr}`);
    return json;
  };
  const prevResult = call("ADD");
  const given = addresses(container);
  assert.is(given.length, 2);
  assert.match(given[0] ?? "", /^10\.77\.0\.\d+\/24$/);
  assert.match(given[1] ?? "", ofSubnet);
  assert.equal(leased(), given.toSorted());
  call("CHECK", { prevResult });
  call("DEL", { prevResult });
  await allReleased();
  assert.equal(links(container), ["lo"]);
  call("DEL", { prevResult });
  container.remove();
}
