// bridge with VLANs against the kernel, and beside the reference's executable where it is installed. Kernels without
// vlan_filtering run it under user-mode Linux, where a process takes a tenth of a second: few are started here.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import type { IpConfig } from "../../../src/cni/index.ts";
import { allVersions, code, compareVersions } from "../../../src/cni/index.ts";
import { openOwnNamespace } from "../../../src/kernel/index.ts";
import { bridge } from "../../../src/plugins/bridge/index.ts";
import { rejects } from "../../helpers/errors.ts";
import { failures } from "../../helpers/failing-handles.ts";
import type { Driven } from "../../helpers/handles.ts";
import { add, check, del, reservations, status } from "../../helpers/handles.ts";
import { waitLimitMs } from "../../helpers/limits.ts";
import type { TestNetns } from "../../helpers/netns.ts";
import { attempt, kernelSuite, makeNetns, run } from "../../helpers/netns.ts";
import { referencePlugins } from "../../helpers/runtime.ts";

const kernel = kernelSuite("bridge with VLANs", import.meta.url, { needs: ["vlan_filtering"] });

let netns: TestNetns;

kernel.before(() => {
  netns = makeNetns();
});
kernel.after.each(async () => {
  // With the host's links go the container's, their other ends.
  const host = openOwnNamespace();
  await host.links.deleteAll(host.links.list().filter(({ loopback }) => !loopback).map(({ index }) => index));
  host.close();
  reservations.clear();
});
kernel.after(() => netns.remove());

function driven(conf: object, more: Partial<Driven> = {}): Driven {
  return { plugin: bridge, netns: netns.path, conf: { bridge: "br0", ...conf }, ...more };
}

/** What `bridge` and `ip` say of both namespaces. */
interface Seen {
  readonly host: readonly SeenLink[];
  readonly container: readonly SeenLink[];
  /** By link; `100*` is native: PVID and untagged. */
  readonly vlans: Readonly<Record<string, readonly string[]>>;
}

interface SeenLink {
  readonly ifindex: number;
  readonly ifname: string;
  readonly address: string;
  readonly mtu: number;
  readonly operstate: string;
  readonly master?: string;
  readonly linkinfo?: {
    readonly info_data?: { readonly vlan_filtering?: number };
    readonly info_slave_data?: { readonly hairpin: boolean; readonly isolated: boolean };
  };
  readonly addr_info: readonly { readonly local: string; readonly prefixlen: number; readonly scope: string }[];
}

interface SeenVlans {
  readonly ifname: string;
  readonly vlans: readonly { readonly vlan: number; readonly vlanEnd?: number; readonly flags?: readonly string[] }[];
}

function look(): Seen {
  const output = run("sh", "-c", `bridge -j vlan show && ip -j -d addr show && ip -n ${netns.name} -j -d addr show`);
  // One list a command, see ip-address(8) and bridge(8).
  const [vlans = [], host = [],
    container = []] = output.trim().split("\n").map((line) => JSON.parse(line)) as [SeenVlans[], SeenLink[],
    SeenLink[]];
  return { host, container, vlans: Object.fromEntries(vlans.map((entry) => [entry.ifname,
    entry.vlans.flatMap(toIds)])) };
}

function toIds({ vlan, vlanEnd = vlan, flags = [] }: SeenVlans["vlans"][number]): readonly string[] {
  const native = flags.includes("PVID") && flags.includes("Egress Untagged") ? "*" : flags.length > 0
    ? `(${flags.join()})` : "";
  return Array.from({ length: vlanEnd - vlan + 1 }, (_, i) => `${vlan + i}${native}`);
}

const linkOf = (links: readonly SeenLink[],
  name: string): SeenLink | undefined => links.find(({ ifname }) => ifname === name);
const globals = (links: readonly SeenLink[], name: string): readonly string[] => (
  linkOf(links, name)?.addr_info.filter(({ scope }) => scope === "global").map(({ local,
    prefixlen }) => `${local}/${prefixlen}`).sort() ?? []);
const portsOf = ({ host }: Seen,
  name = "br0"): readonly string[] => host.filter(({ master }) => master === name).map(({ ifname }) => ifname);

const shapes: readonly (readonly [string, readonly IpConfig[], readonly string[]])[] = [
  ["br4", [{ address: "10.1.2.3/24" }], ["10.1.2.1/24"]],
  ["br6", [{ address: "2001:db8::2/64" }], ["2001:db8::1/64"]],
  ["br46", [{ address: "10.1.2.3/24" }, { address: "2001:db8::2/64" }], ["10.1.2.1/24", "2001:db8::1/64"]],
];

for (const cniVersion of allVersions) {
  kernel(`vlan 100 with a default gateway, cniVersion ${cniVersion}`, async () => {
    for (const [name, addresses, gateways] of shapes) {
      const one = driven({ bridge: name, vlan: 100, isDefaultGateway: true, ipam: { type: "test", addresses } },
        { cniVersion });
      const result = await add(one);
      const { interfaces } = result;
      const seen = look();
      const gateway = linkOf(seen.host, `${name}.100`);
      assert.equal(interfaces.map((entry) => [entry.name, entry.sandbox]), [
        [name, undefined], [interfaces[1]?.name, undefined], ["eth0", netns.path], [`${name}.100`, undefined],
      ]);
      assert.equal([interfaces[0]?.mac, interfaces[3]?.mac], [linkOf(seen.host, name)?.address, gateway?.address]);
      assert.is(linkOf(seen.host, name)?.linkinfo?.info_data?.vlan_filtering, 1);
      assert.equal([gateway?.operstate, gateway?.master], ["UP", undefined]);
      assert.equal(globals(seen.host, `${name}.100`), [...gateways].sort());
      assert.equal(globals(seen.host, name), []);
      assert.equal(globals(seen.container, "eth0"), addresses.map((ip) => ip.address).sort());
      const ports = portsOf(seen, name);
      assert.is(ports.length, 2);
      assert.ok(ports.includes(interfaces[1]?.name ?? ""));
      for (const port of ports) assert.equal(seen.vlans[port], ["100*"]);
      if (compareVersions(cniVersion, "0.4.0") >= 0) await check({ ...one, prevResult: result });

      await del({ ...one, prevResult: result });
      const after = look();
      assert.equal(portsOf(after, name), ports.filter((port) => port !== interfaces[1]?.name),
        "only the gateway's port stays");
      assert.is(linkOf(after.host, `${name}.100`)?.ifindex, gateway?.ifindex);
      assert.equal(after.container.map(({ ifname }) => ifname), ["lo"]);
      await del({ ...one, prevResult: result });
    }
  });
}

kernel("containers of one VLAN share its gateway, those of another have their own", async () => {
  const conf = (vlan: number, address: string): object => ({ vlan, isGateway: true, mtu: 1400,
    preserveDefaultVlan: vlan === 200, ipam: { type: "test", addresses: [{ address }] } });
  await add(driven(conf(100, "10.1.2.3/24")));
  const [first] = look().host.filter(({ ifname }) => ifname === "br0.100");
  await add(driven(conf(100, "10.1.2.4/24"), { ifName: "eth1" }));
  await add(driven(conf(200, "10.1.3.3/24"), { ifName: "eth2" }));
  const seen = look();
  assert.is(linkOf(seen.host, "br0.100")?.ifindex, first?.ifindex);
  assert.equal(["br0.100", "br0.200"].map((name) => globals(seen.host, name)), [["10.1.2.1/24"], ["10.1.3.1/24"]]);
  assert.equal(portsOf(seen).map((port) => (seen.vlans[port] ?? []).join()).sort(),
    ["1,200*", "1,200*", "100*", "100*", "100*"].map(preserved).sort());
  for (const { ifname, mtu } of seen.host.filter(({ ifname: name }) => name !== "lo")) assert.is(mtu, 1400, ifname);
});

/** VLAN 1 that stays is still untagged, only no longer the PVID. */
function preserved(vlans: string): string {
  return vlans.replace(/^1,/, "1(Egress Untagged),");
}

kernel("traffic reaches the gateway and the containers of its own VLAN, and no others", async () => {
  const conf = (vlan: number, address: string): object => ({ vlan, isGateway: vlan === 100,
    ipam: { type: "test", addresses: [{ address }] } });
  const [neighbour, stranger] = [makeNetns(), makeNetns()];
  try {
    await add(driven(conf(100, "10.1.2.3/24")));
    await add(driven(conf(100, "10.1.2.4/24"), { netns: neighbour.path }));
    await add(driven(conf(200, "10.1.2.5/24"), { netns: stranger.path }));
    const answers = (address: string, seconds: number): boolean => attempt("ip", "netns", "exec", netns.name, "ping",
      "-c1", `-W${seconds}`, address).status === 0;
    assert.equal([answers("10.1.2.1", 5), answers("10.1.2.4", 5), answers("10.1.2.5", 1)], [true, true, false]);
  } finally {
    for (const each of [neighbour, stranger]) each.remove();
  }
});

const trunk = [{ id: 101 }, { minID: 200, maxID: 210 }];
const range = Array.from({ length: 11 }, (_, i) => String(200 + i));
const layer2: readonly (readonly [string, object, readonly string[]])[] = [
  ["nothing", {}, ["1*"]],
  ["vlan 100", { vlan: 100 }, ["100*"]],
  ["vlan 100, default VLAN preserved", { vlan: 100, preserveDefaultVlan: true }, ["1(Egress Untagged)", "100*"]],
  ["vlan 1", { vlan: 1 }, ["1*"]],
  ["vlan 4094", { vlan: 4094 }, ["4094*"]],
  ["a trunk", { vlanTrunk: trunk }, ["1*", "101", ...range]],
  ["a trunk, default VLAN preserved", { vlanTrunk: trunk, preserveDefaultVlan: true }, ["1*", "101", ...range]],
  ["a trunk that lists 1", { vlanTrunk: [{ minID: 1, maxID: 3 }] }, ["1*", "2", "3"]],
  ["a trunk and vlan 100", { vlan: 100, vlanTrunk: trunk }, ["100*", "101", ...range]],
  ["a trunk and vlan 100, default VLAN preserved", { vlan: 100, vlanTrunk: trunk, preserveDefaultVlan: true },
    ["1(Egress Untagged)", "100*", "101", ...range]],
  ["a trunk that lists its vlan", { vlan: 101, vlanTrunk: [{ id: 100 }, { id: 101 }] }, ["100", "101*"]],
  ["an empty trunk", { vlanTrunk: [] }, ["1*"]],
  ["vlan 0", { vlan: 0 }, ["1*"]],
];
for (const [name, conf, expected] of layer2) {
  const filtering = "vlanTrunk" in conf || ("vlan" in conf && conf.vlan !== 0);
  kernel(`layer 2 with ${name}`, async () => {
    const one = driven(conf);
    const result = await add(one);
    const seen = look();
    const [port = "", ...others] = portsOf(seen);
    assert.equal(others, []);
    assert.equal(seen.vlans[port] ?? ["1*"], expected);
    assert.is(linkOf(seen.host, "br0")?.linkinfo?.info_data?.vlan_filtering, filtering ? 1 : 0);
    assert.is(result.interfaces.length, 3);
    await check({ ...one, prevResult: result });
    await del({ ...one, prevResult: result });
  });
}

kernel("layer 2 with vlan 100 and a trunk in every version; the oldest cannot say it", async () => {
  for (const cniVersion of allVersions) {
    const one = driven({ vlan: 100, vlanTrunk: trunk }, { cniVersion });
    const outcome = await add(one).then((result) => result.interfaces.length, String);
    if (compareVersions(cniVersion, "0.3.0") < 0) assert.match(String(outcome), /no valid IP/i);
    else assert.is(outcome, 3, cniVersion);
    await del(one);
  }
  assert.equal(portsOf(look()), []);
});

const filteringOf = ({ host }: Seen): number | undefined => linkOf(host, "br0")?.linkinfo?.info_data?.vlan_filtering;

kernel("a bridge that another ADD is making at this moment is waited for until it is marked", async () => {
  run("ip", "link", "add", "br0", "type", "bridge");
  let slept = 0;
  const sleep = async (): Promise<void> => {
    if (++slept === 3) run("ip", "link", "set", "br0", "alias", "made by polynic", "up");
  };
  await add(driven({ vlan: 100 }, { through: () => ({ sleep }) }));
  assert.equal([slept, filteringOf(look())], [3, 1]);
});

kernel("a VLAN on somebody else's bridge without VLAN filtering is refused, with what to do", async () => {
  run("ip", "link", "add", "br0", "type", "bridge");
  const { message } = await rejects(add(driven({ vlan: 100 }, { strict: true })), code.invalidConfig);
  assert.is(message, 'Cannot separate VLAN 100 on bridge "br0": its VLAN filtering is off, expected it on (ip link ' +
    'set ' +
    'br0 type bridge vlan_filtering 1), or "vlanFiltering": true in the configuration');
  const seen = look();
  assert.equal([filteringOf(seen), portsOf(seen)], [0, []]);
  const trunked = driven({ vlanTrunk: [{ id: 100 }] }, { strict: true });
  assert.match((await rejects(add(trunked), code.invalidConfig)).message, /^Cannot separate VLANs on bridge "br0"/);
  await add(driven({ vlanTrunk: [] }, { strict: true }));
});

kernel("where containers must go on starting there, it is a notice", async () => {
  run("ip", "link", "add", "br0", "type", "bridge");
  const notices: string[] = [];
  await add(driven({ vlan: 100 }, { notices }));
  assert.equal(notices.map((text) => text.split(":")[0]), ['Cannot separate VLAN 100 on bridge "br0"']);
  const seen = look();
  assert.is(filteringOf(seen), 0);
  assert.equal(seen.vlans[portsOf(seen)[0] ?? ""], ["100*"]);
});

kernel("the key vlanFiltering has it switched on", async () => {
  run("ip", "link", "add", "br0", "type", "bridge");
  await add(driven({ vlan: 100, vlanFiltering: true }, { strict: true }));
  const seen = look();
  assert.is(filteringOf(seen), 1);
  assert.equal(seen.vlans[portsOf(seen)[0] ?? ""], ["100*"]);
});

kernel("on a bridge that we have made it is switched on, and VLANs are apart", async () => {
  const conf = (address: string, more: object): object => (
    { ipam: { type: "test", addresses: [{ address }] }, ...more });
  const [neighbour, stranger] = [makeNetns(), makeNetns()];
  try {
    await add(driven(conf("10.1.2.3/24", {})));
    assert.is(filteringOf(look()), 0);
    await add(driven(conf("10.1.2.4/24", {}), { netns: neighbour.path }));
    await add(driven(conf("10.1.2.5/24", { vlan: 100 }), { netns: stranger.path, strict: true }));
    assert.is(filteringOf(look()), 1);
    const answers = (address: string, seconds: number): boolean => attempt("ip", "netns", "exec", netns.name, "ping",
      "-c1", `-W${seconds}`, address).status === 0;
    assert.equal([answers("10.1.2.4", 5), answers("10.1.2.5", 1)], [true, false]);
  } finally {
    for (const each of [neighbour, stranger]) each.remove();
  }
});

kernel("the vlan gateway link outlives its bridge, and its other end is put back", async () => {
  const conf = (address: string): object => ({ vlan: 100, isGateway: true, ipam: { type: "test",
    addresses: [{ address }] } });
  await add(driven(conf("10.1.2.3/24")));
  run("ip", "link", "delete", "br0");
  const before = linkOf(look().host, "br0.100")?.ifindex;
  await add(driven(conf("10.1.2.4/24"), { ifName: "eth1" }));
  const seen = look();
  assert.is(linkOf(seen.host, "br0.100")?.ifindex, before);
  assert.equal(portsOf(seen).map((port) => seen.vlans[port]), [["100*"], ["100*"]]);
  netns.exec("ip", "link", "delete", "eth0");
  assert.is(attempt("ip", "netns", "exec", netns.name, "ping", "-c1", "-W5", "10.1.2.1").status, 0);
});

kernel("STATUS says no to VLANs on somebody else's bridge that separates none, where an ADD refuses them", async () => {
  run("ip", "link", "add", "br0", "type", "bridge");
  run("ip", "link", "set", "br0", "up");
  const one = driven({ vlan: 100 }, { strict: true });
  assert.match((await rejects(status(one), code.invalidConfig)).message, /^Cannot separate VLAN 100 on bridge "br0"/);
  await rejects(add(one), code.invalidConfig);
  const notices: string[] = [];
  await status(driven({ vlan: 100 }, { notices }));
  assert.is(notices.length, 1);
  for (const conf of [{ vlan: 100, vlanFiltering: true }, { vlanTrunk: [] }, {}])
    await status(driven(conf, { strict: true }));
  run("ip", "link", "set", "br0", "type", "bridge", "vlan_filtering", "1");
  await status(one);
});

kernel("a failure at any step leaves links and VLANs as before", async () => {
  const one = driven({ vlan: 100, isDefaultGateway: true, ipam: { type: "test",
    addresses: [{ address: "10.1.2.3/24" }] } });
  const result = await add(one);
  await del({ ...one, prevResult: result });
  const state = (): unknown => {
    const { vlans, host, container } = look();
    return { vlans, links: [host, container].map((links) => links.map(({ ifname, address }) => [ifname, address,
      globals(links, ifname)])) };
  };
  const count = await failures(one, state, { times: 1 });
  assert.ok(count > 10, `only ${count} steps were made to fail`);
});

kernel("a vlan gateway link that cannot be finished is taken away", async () => {
  const one = driven({ vlan: 100, isGateway: true, ipam: { type: "test", addresses: [{ address: "10.1.2.3/24" }] } });
  const failing = add({
    ...one,
    through: (handles) => ({
      get host() {
        const { host } = handles;
        let additions = 0;
        return { ...host, bridgeVlans: { ...host.bridgeVlans,
          add: (...args: Parameters<typeof host.bridgeVlans.add>) => {
          if (++additions === 2) throw new Error("made to fail");
          host.bridgeVlans.add(...args);
        } } };
      },
    }),
  });
  assert.match(await failing.then(() => "added", String), /made to fail/);
  assert.equal(look().host.map((link) => link.ifname), ["lo", "br0"]);
});

// ---- Beside the reference ----

/** The packaged release preserves the default VLAN, which it cannot be asked not to do, and knows no trunks. */
const references: readonly (readonly [release: string, readonly object[]])[] = [
  ["1.1", [{ vlan: 100, preserveDefaultVlan: true }]],
  ["1.9", [{ vlan: 100 }, { vlan: 100, vlanTrunk: trunk, preserveDefaultVlan: true }, { vlanTrunk: trunk }]],
];
for (const [release, confs] of references) {
  const directory = referencePlugins().find((one) => one.release === release
    && existsSync(join(one.directory, "bridge")))?.directory;
  for (const conf of confs) {
    const title = `the kernel holds what reference ${release} leaves there with ${JSON.stringify(conf)}`;
    if (directory === undefined) {
      kernel.skip(title, () => {});
      continue;
    }
    kernel(title, async () => {
      const addresses = [{ address: "10.1.2.3/24" }, { address: "2001:db8::2/64" }];
      const common = { bridge: "br0", isDefaultGateway: true, ...conf };
      const call = (command: string): void => callReference(directory, command,
        { ...common, ipam: { type: "static", addresses } });
      call("ADD");
      const theirs = summary(look());
      call("DEL");
      const left = summary(look());
      run("ip", "link", "delete", "br0");
      if ("vlan" in conf) run("ip", "link", "delete", "br0.100");

      const one = driven({ ...common, ipam: { type: "test", addresses } });
      const result = await add(one);
      assert.equal(summary(look()), theirs);
      await del({ ...one, prevResult: result });
      assert.equal(summary(look()), left);
    });
  }
}

function callReference(directory: string, command: string, conf: object): void {
  const { status, stdout, stderr } = spawnSync(join(directory, "bridge"), {
    input: JSON.stringify({ cniVersion: "1.0.0", name: "testnet", type: "bridge", ...conf }),
    env: { ...process.env, CNI_COMMAND: command, CNI_CONTAINERID: "test-container", CNI_NETNS: netns.path,
      CNI_IFNAME: "eth0", CNI_PATH: directory },
    encoding: "utf8", timeout: waitLimitMs,
  });
  if (status !== 0) throw new Error(`${command} of the reference: ${stdout}${stderr}`);
}

/**
 * What does not differ from one call to the next: without MACs, indexes and carrier, with every random name as "veth".
 */
function summary({ host, container, vlans }: Seen): unknown {
  const nameOf = (name: string): string => name.replace(/^veth[0-9a-f]{8}$/, "veth");
  const describe = (links: readonly SeenLink[]): readonly string[] => links.map(({ ifname, mtu, master,
    linkinfo }) => JSON.stringify([
    nameOf(ifname), mtu, master, globals(links, ifname), linkinfo?.info_data?.vlan_filtering,
    linkinfo?.info_slave_data?.hairpin, linkinfo?.info_slave_data?.isolated, vlans[ifname],
  ])).sort();
  return { host: describe(host), container: describe(container) };
}

kernel.run();
