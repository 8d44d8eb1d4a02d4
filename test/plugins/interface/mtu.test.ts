import { suite } from "uvu";
import * as assert from "uvu/assert";
import { code } from "../../../src/cni/index.ts";
import { refuseMtu } from "../../../src/plugins/interface/mtu.ts";
import { throws } from "../../helpers/errors.ts";

const mtu = suite("refuseMtu");
mtu("lets through what a link of Ethernet can have, and what leaves it to the kernel", () => {
  for (const value of [undefined, -5, 0, 68, 1500, 65535]) refuseMtu(value);
  refuseMtu(65521, { min: 68, max: 65521 });
});
for (const value of [1, 67, 65536, 70000, 2 ** 32 - 1]) {
  mtu(`refuses ${value}, which the kernel refuses without words`, () => assert.is(
    throws(() => refuseMtu(value), code.invalidConfig).message,
    `Cannot use mtu ${value}: no such link has it, expected 0, or 68 to 65535`));
}
mtu.run();
