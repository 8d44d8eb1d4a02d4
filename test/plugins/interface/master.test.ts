import { suite } from "uvu";
import * as assert from "uvu/assert";
import { code } from "../../../src/cni/index.ts";
import type { Link, Namespace } from "../../../src/kernel/index.ts";
import { linkOn, refuseMtuAbove } from "../../../src/plugins/interface/master.ts";
import { throws } from "../../helpers/errors.ts";

const on = suite("linkOn");

// Only passed on.
const namespace = {} as Namespace;
const master = { link: { index: 7 } as Link, namespace };
const rows: readonly (readonly [string, Parameters<typeof linkOn>[2], object])[] = [
  ["a master of the host", {}, { parentNamespace: namespace }],
  ["an MTU, where one is asked for", { mtu: 1300 }, { mtu: 1300, parentNamespace: namespace }],
  ["no MTU of 0", { mtu: 0 }, { parentNamespace: namespace }],
  ["a master in the container", { linkInContainer: true }, {}],
];
for (const [name, conf, expected] of rows)
  on(`has ${name}`, () => assert.equal(linkOn(master, "net1", conf), { name: "net1", parent: 7, ...expected }));
on.run();

const mtu = suite("refuseMtuAbove");
mtu("takes the master's, less, and 0", () => {
  for (const value of [0, 1400, 1500, undefined]) refuseMtuAbove({ name: "eth0", mtu: 1500 }, value);
});
mtu("refuses more than the master's", () => {
  assert.match(throws(() => refuseMtuAbove({ name: "eth0", mtu: 1500 }, 1501), code.invalidConfig).message,
    /mtu 1501: master "eth0" has 1500/);
});
mtu.run();
