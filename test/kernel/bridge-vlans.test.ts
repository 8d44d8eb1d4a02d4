import * as assert from "uvu/assert";
import { openOwnNamespace } from "../../src/kernel/index.ts";
import type { Namespace } from "../../src/kernel/index.ts";
import { throws } from "../helpers/errors.ts";
import { bridgeJson, kernelSuite, run } from "../helpers/netns.ts";

let host: Namespace;
let index = 0;

function start(): void {
  run("ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1");
  host = openOwnNamespace();
  ({ index } = host.links.get("v0"));
}

/** What `bridge` says of v0's VLANs. */
const listed = () => bridgeJson("vlan show dev v0")[0]?.vlans ?? [];

const vlans = kernelSuite("bridgeVlans", import.meta.url, { needs: ["vlan_filtering"] });
vlans.before(() => {
  run("ip", "link", "add", "br0", "type", "bridge", "vlan_filtering", "1");
  start();
  run("ip", "link", "set", "v0", "master", "br0");
});

vlans("a new port has VLAN 1, which can be deleted", () => {
  assert.equal(host.bridgeVlans.list(index), [{ id: 1, pvid: true, untagged: true }]);
  host.bridgeVlans.delete(index, 1);
  assert.equal(listed(), []);
  assert.equal(host.bridgeVlans.list(index), []);
});

vlans("add makes a native and tagged ones", () => {
  host.bridgeVlans.add(index, { id: 100, pvid: true, untagged: true });
  for (const id of [200, 201, 202]) host.bridgeVlans.add(index, { id, pvid: false, untagged: false });
  assert.equal(listed(), [{ vlan: 100, flags: ["PVID", "Egress Untagged"] }, { vlan: 200 }, { vlan: 201 },
    { vlan: 202 }]);
  assert.equal(host.bridgeVlans.list(index), [
    { id: 100, pvid: true, untagged: true }, ...[200, 201, 202].map((id) => ({ id, pvid: false, untagged: false })),
  ]);
});

vlans("list holds every VLAN there is, also beside another port that has them all", () => {
  run("bridge", "vlan", "add", "vid", "1-4094", "dev", "v0");
  run("ip", "link", "add", "v2", "master", "br0", "type", "veth", "peer", "name", "v3");
  assert.equal(host.bridgeVlans.list(index).map(({ id }) => id), Array.from({ length: 4094 }, (_, i) => i + 1));
  assert.equal(host.bridgeVlans.list(host.links.get("v2").index).map(({ id }) => id), [1]);
});

vlans("add and delete say what the kernel says", () => {
  throws(() => host.bridgeVlans.add(index, { id: 4095, pvid: false, untagged: false }), "EINVAL");
  throws(() => host.bridgeVlans.add(4711, { id: 100, pvid: false, untagged: false }), "ENODEV");
});
vlans.run();

const without = kernelSuite("bridgeVlans where there are none", import.meta.url);
without.before(start);

without("list is empty for a link that is no port", () => {
  assert.equal(host.bridgeVlans.list(index), []);
});

without("add and delete say what the kernel says", () => {
  throws(() => host.bridgeVlans.add(index, { id: 100, pvid: false, untagged: false }), "EOPNOTSUPP");
  throws(() => host.bridgeVlans.add(4711, { id: 100, pvid: false, untagged: false }), "ENODEV");
});
without.run();
