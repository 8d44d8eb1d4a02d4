import { suite } from "uvu";
import * as assert from "uvu/assert";
import { code, confSchema, readConf } from "../../../src/cni/index.ts";
import type { BridgeConf, VlanTrunkEntry } from "../../../src/plugins/bridge/conf.ts";
import { bridgeSettings, portVlans, trunkIds } from "../../../src/plugins/bridge/conf.ts";
import { throws } from "../../helpers/errors.ts";

const read = (conf: object): BridgeConf => readConf(confSchema("bridge"),
  { cniVersion: "1.1.0", name: "blue", type: "bridge", ...conf });

const trunk = suite("trunkIds");

const trunks: readonly (readonly [string, readonly VlanTrunkEntry[], readonly number[]])[] = [
  ["an empty list", [], []],
  ["a range", [{ minID: 100, maxID: 105 }], [100, 101, 102, 103, 104, 105]],
  ["one id", [{ id: 10 }], [10]],
  ["a range of one", [{ minID: 7, maxID: 7 }], [7]],
  ["a range and an id, sorted", [{ minID: 100, maxID: 105 }, { id: 10 }], [10, 100, 101, 102, 103, 104, 105]],
  ["a range and an id in one entry", [{ minID: 100, maxID: 105, id: 10 }], [10, 100, 101, 102, 103, 104, 105]],
  ["overlapping ranges, each id once", [{ minID: 3, maxID: 5 }, { minID: 4, maxID: 6 }, { id: 5 }], [3, 4, 5, 6]],
];
trunk("takes as many overlapping entries as there are ids, in one go over them", () => {
  const all = Array.from({ length: 4094 }, (_, i) => i + 1);
  assert.equal(trunkIds(all.map((minID) => ({ minID, maxID: 4094 }))), all);
});

for (const [name, entries, ids] of trunks) trunk(`takes ${name}`, () => assert.equal(trunkIds(entries), ids));

const badTrunks: readonly (readonly [string, object, RegExp])[] = [
  ["only minID", { minID: 5 }, /maxID is missing/],
  ["only maxID", { maxID: 5 }, /minID is missing/],
  ["minID -1", { minID: -1, maxID: 5 }, /vlanTrunk\[0\]\.minID is -1, expected an integer from 1 to 4094/],
  ["minID 5000", { minID: 5000, maxID: 5001 }, /vlanTrunk\[0\]\.m..ID is 500[01]/],
  ["maxID 5000", { minID: 1, maxID: 5000 }, /vlanTrunk\[0\]\.maxID is 5000/],
  ["id 5000", { id: 5000 }, /vlanTrunk\[0\]\.id is 5000/],
  ["id -1", { id: -1 }, /vlanTrunk\[0\]\.id is -1/],
  ["maxID below minID", { minID: 9, maxID: 8 }, /maxID 8 is below minID 9/],
];
for (const [name, entry, message] of badTrunks) {
  trunk(`refuses ${name}`, () => {
    const error = throws(() => bridgeSettings(read({ vlanTrunk: [entry] }), false), code.invalidConfig);
    assert.match(error.message, message);
  });
}
trunk.run();

const settings = suite("bridgeSettings");

settings("has the defaults of the reference", () => {
  assert.equal(bridgeSettings(read({}), true), {
    bridge: "cni0", isGateway: false, isDefaultGateway: false, forceAddress: false, mtu: 0, hairpin: false,
      promiscuous: false,
    isolated: false, vlan: 0, trunk: [], vlanFiltering: false, mayFilter: false,
    preserveDefaultVlan: false, containerUp: true,
  });
});
settings("takes isDefaultGateway for isGateway as well",
  () => assert.ok(bridgeSettings(read({ isDefaultGateway: true }), true).isGateway));
settings("asks for VLAN filtering with a vlan", () => assert.ok(bridgeSettings(read({ vlan: 100 }),
  true).vlanFiltering));
settings("asks for VLAN filtering with an empty trunk", () => assert.ok(bridgeSettings(read({ vlanTrunk: [] }),
  true).vlanFiltering));
settings("accepts vlan 0", () => assert.is(bridgeSettings(read({ vlan: 0 }), true).vlan, 0));

const refusedSettings: readonly (readonly [string, object, boolean, RegExp])[] = [
  ["IPAM with disableContainerInterface", { disableContainerInterface: true }, true,
    /"disableContainerInterface" together with "ipam"/],
  ["hairpinMode with promiscMode", { hairpinMode: true, promiscMode: true }, false,
    /"hairpinMode" together with "promiscMode"/],
  ["a bridge name with a slash", { bridge: "a/b" }, false, /bridge "a\/b"/],
  ["vlan -100", { vlan: -100 }, false, /vlan is -100, expected an integer from 0 to 4094/],
  ["vlan 5000", { vlan: 5000 }, false, /vlan is 5000/],
  ["mtu of a wrong type", { mtu: "1500" }, false, /mtu is "1500"/],
];
for (const [name, conf, hasIpam, message] of refusedSettings) {
  settings(`refuses ${name}`, () => assert.match(throws(() => bridgeSettings(read(conf), hasIpam),
    code.invalidConfig).message, message));
}
settings.run();

const vlans = suite("portVlans");

const tagged = (id: number) => ({ id, pvid: false, untagged: false });
const native = (id: number) => ({ id, pvid: true, untagged: true });
const memberships: readonly (readonly [string, number, readonly number[], readonly object[]])[] = [
  ["nothing without vlan and trunk", 0, [], []],
  ["the vlan untagged", 100, [], [native(100)]],
  ["the trunk tagged, with 1 as native", 0, [101, 200], [tagged(101), tagged(200), native(1)]],
  ["both", 100, [101], [tagged(101), native(100)]],
  ["a vlan inside the trunk once, untagged", 101, [100, 101], [tagged(100), native(101)]],
];
for (const [name, vlan, ids, expected] of memberships) vlans(`gives ${name}`,
  () => assert.equal(portVlans({ vlan, trunk: ids }), expected));
vlans.run();
