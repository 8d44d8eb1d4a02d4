import * as assert from "uvu/assert";
import type { IpConfig } from "../../../src/cni/index.ts";
import { allVersions, compareVersions } from "../../../src/cni/index.ts";
import { bridge } from "../../../src/plugins/bridge/index.ts";
import { failures, kernelState } from "../../helpers/failing-handles.ts";
import type { Driven } from "../../helpers/handles.ts";
import { add, check, del, reservations } from "../../helpers/handles.ts";
import type { TestNetns } from "../../helpers/netns.ts";
import { attempt, bridgeJson, ipJson, kernelSuite, makeNetns, run } from "../../helpers/netns.ts";

const kernel = kernelSuite("bridge with VLANs", import.meta.url, { needs: ["vlan_filtering"], timeoutMs: 300_000 });

let netns: TestNetns;

kernel.before.each(() => {
  netns = makeNetns();
});
kernel.after.each(() => {
  netns.remove();
  for (const link of ipJson("link show")) if (link.ifname !== "lo") attempt("ip", "link", "delete", link.ifname);
  reservations.clear();
});

function driven(conf: object, more: Partial<Driven> = {}): Driven {
  return { plugin: bridge, netns: netns.path, conf: { bridge: "br0", ...conf }, ...more };
}

interface Vlan {
  readonly vlan: number;
  readonly vlanEnd?: number;
  readonly flags?: readonly string[];
}

/** `100*` is the native one: PVID and untagged. */
function vlansOf(link: string): readonly string[] {
  // The JSON of `bridge vlan show`: one entry with a list of VLANs for the link.
  const vlans = (bridgeJson(`vlan show dev ${link}`)[0]?.vlans ?? []) as readonly Vlan[];
  return vlans.flatMap(({ vlan, vlanEnd = vlan, flags = [] }) => (
    Array.from({ length: vlanEnd - vlan + 1 }, (_, i) => `${vlan + i}${flags.includes("PVID") && flags.includes("Egress Untagged") ? "*" : ""}`)));
}

const portNames = (): string[] => ipJson("link show master br0").map((link) => link.ifname);
const globals = (link: string, where?: TestNetns): string[] => (
  ipJson(`addr show dev ${link}`, where)[0]?.addr_info.filter((info: any) => info.scope === "global").map((info: any) => `${info.local}/${info.prefixlen}`) ?? []);

const shapes: readonly (readonly [readonly IpConfig[], readonly string[]])[] = [
  [[{ address: "10.1.2.3/24" }], ["10.1.2.1/24"]],
  [[{ address: "2001:db8::2/64" }], ["2001:db8::1/64"]],
  [[{ address: "10.1.2.3/24" }, { address: "2001:db8::2/64" }], ["10.1.2.1/24", "2001:db8::1/64"]],
];

for (const cniVersion of allVersions) {
  kernel(`vlan 100 with a default gateway, cniVersion ${cniVersion}`, async () => {
    for (const [addresses, gateways] of shapes) {
      const one = driven({ vlan: 100, isDefaultGateway: true, ipam: { type: "test", addresses } }, { cniVersion });
      const result = await add(one);
      assert.is(result.interfaces.length, 4);
      assert.equal([result.interfaces[3]?.name, result.interfaces[3]?.sandbox], ["br0.100", undefined]);
      assert.is(result.interfaces[3]?.mac, ipJson("link show br0.100")[0].address);
      assert.is(ipJson("link show br0")[0].linkinfo.info_data.vlan_filtering, 1);
      assert.equal(globals("br0.100").sort(), [...gateways].sort());
      assert.equal(globals("br0"), []);
      assert.equal(globals("eth0", netns).sort(), addresses.map((ip) => ip.address).sort());
      assert.is(portNames().length, 2);
      for (const port of portNames()) assert.equal(vlansOf(port), ["100*"]);
      if (compareVersions(cniVersion, "0.4.0") >= 0) await check({ ...one, prevResult: result });
      await del({ ...one, prevResult: result });
      assert.is(portNames().length, 1, "the gateway's own port stays");
      // The next container uses the same gateway link.
      const { ifindex } = ipJson("link show br0.100")[0];
      const again = await add(one);
      assert.is(ipJson("link show br0.100")[0].ifindex, ifindex);
      await del({ ...one, prevResult: again });
      for (const name of ["br0.100", "br0"]) run("ip", "link", "delete", name);
    }
  });
}

const trunk = [{ id: 101 }, { minID: 200, maxID: 210 }];
const range = Array.from({ length: 11 }, (_, i) => String(200 + i));
const layer2: readonly (readonly [string, object, readonly string[]])[] = [
  ["vlan 100", { vlan: 100 }, ["100*"]],
  ["vlan 100, default VLAN preserved", { vlan: 100, preserveDefaultVlan: true }, ["1", "100*"]],
  ["a trunk", { vlanTrunk: trunk }, ["1*", "101", ...range]],
  ["a trunk and vlan 100", { vlan: 100, vlanTrunk: trunk }, ["100*", "101", ...range]],
  ["an empty trunk", { vlanTrunk: [] }, ["1*"]],
  ["vlan 0", { vlan: 0 }, ["1*"]],
];
for (const [name, conf, expected] of layer2) {
  kernel(`layer 2 with ${name}`, async () => {
    const one = driven(conf);
    const result = await add(one);
    const [port = ""] = portNames();
    assert.equal(vlansOf(port).map((vlan) => (vlan === "1" && expected.includes("1") ? "1" : vlan)), expected);
    await check({ ...one, prevResult: result });
    await del({ ...one, prevResult: result });
    assert.equal(portNames(), []);
  });
}

kernel("an existing bridge keeps its own VLAN filtering", async () => {
  run("ip", "link", "add", "br0", "type", "bridge");
  await add(driven({ vlan: 100 }));
  assert.is(ipJson("link show br0")[0].linkinfo.info_data.vlan_filtering, 0);
});

kernel("a failure at any step leaves links, addresses, routes and VLANs as before", async () => {
  const one = driven({ vlan: 100, isDefaultGateway: true, ipam: { type: "test", addresses: [{ address: "10.1.2.3/24" }] } });
  const result = await add(one);
  await del({ ...one, prevResult: result });
  const count = await failures(one, () => ({ kernel: kernelState(netns), vlans: bridgeJson("vlan show") }));
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
        return { ...host, bridgeVlans: { ...host.bridgeVlans, add: (...args: Parameters<typeof host.bridgeVlans.add>) => {
          if (++additions === 2) throw new Error("made to fail");
          host.bridgeVlans.add(...args);
        } } };
      },
    }),
  });
  assert.match(await failing.then(() => "added", String), /made to fail/);
  assert.equal(ipJson("link show").map((link) => link.ifname), ["lo", "br0"]);
});

kernel.run();
