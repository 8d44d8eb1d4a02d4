// src/plugins/bandwidth/shaping.ts: limits as configured, as the kernel takes them.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { code } from "../../../src/cni/index.ts";
import { turnName } from "../../../src/plugins/bandwidth/index.ts";
import { shapingOf } from "../../../src/plugins/bandwidth/shaping.ts";
import { throws } from "../../helpers/errors.ts";

const limits = suite("a limit");

for (const [rate, burst, expected] of [
  [8, 8, { rate: 1n, limitBytes: 1, bufferTicks: 15_625_000 }],
  [8000, 80, { rate: 1000n, limitBytes: 35, bufferTicks: 156_250 }],
  [1, 8, { rate: 1n, limitBytes: 1, bufferTicks: 15_625_000 }],
  [8e12, 8e6, { rate: 1_000_000_000_000n, limitBytes: 2 ** 32 - 1, bufferTicks: 15 }],
] as const) {
  limits(`of ${rate} bit/s with ${burst} bits is ${String(expected.rate)} B/s`, () => {
    const { ingress, egress } = shapingOf({ ingressRate: rate, ingressBurst: burst }, undefined);
    assert.equal(ingress, expected);
    assert.is(egress, undefined);
  });
}

limits("has to hold a byte for as long as the kernel's clock can tell", () => {
  for (const [rate, burst, expected] of [
    [8e6, 1, /ingressBurst is 1 bits beside ingressRate 8000000, expected at least 16 bits at that rate$/],
    [8, 7, /expected at least 8 bits/], [24, 8, /expected at least 16 bits/], [8e12, 8000, /expected at least 8000000/],
    [2 ** 53 - 1, 8e5, /expected at least 9007199256 bits/],
  ] as const) {
    const message = throws(() => shapingOf({ ingressRate: rate, ingressBurst: burst }, undefined), 7).message;
    assert.match(message, expected);
  }
});
limits("lets nothing wait longer where the burst, such as containerd's own, is longer than the kernel's clock", () => {
  const of = (rate: number) => shapingOf({ ingressRate: rate, ingressBurst: 2 ** 31 - 1 }, undefined).ingress;
  assert.equal(of(1e6), { rate: 125_000n, limitBytes: 3125 + 34_359_738, bufferTicks: 2 ** 32 - 1 });
  assert.equal(of(1e7), { rate: 1_250_000n, limitBytes: 31_250 + 2 ** 28 - 1, bufferTicks: 3_355_443_187 });
});
limits("may hold what 32 bits hold of bytes, and no more", () => {
  const burst = (bits: number) => shapingOf({ egressRate: 8e9, egressBurst: bits }, undefined).egress;
  assert.is(burst(2 ** 35 - 16)?.limitBytes, 2 ** 32 - 1);
  assert.match(throws(() => burst(2 ** 35), code.invalidConfig).message, /egressBurst is 34359738368 bits/);
});

for (const [conf, message] of [
  [{ ingressRate: 8 }, /ingressBurst is 0 beside ingressRate/],
    [{ egressBurst: 8 }, /egressRate is 0 beside egressBurst/],
  [{ ingressRate: 0, ingressBurst: 1 }, /ingressRate is 0/],
] as const) {
  limits(`is refused in halves: ${JSON.stringify(conf)}`, () =>
    assert.match(throws(() => shapingOf(conf, undefined), code.invalidConfig).message, message));
}

limits("is the configuration's as soon as that has any, and else the runtime's", () => {
  const runtime = { ingressRate: 16, ingressBurst: 16, egressRate: 16, egressBurst: 16 };
  assert.is(shapingOf({}, runtime).ingress?.rate, 2n);
  assert.equal(shapingOf({ ingressRate: 0 }, runtime), { ingress: undefined, egress: undefined });
  throws(() => shapingOf({ ingressRate: 8 }, runtime), code.invalidConfig);
  assert.equal(shapingOf({}, undefined), { ingress: undefined, egress: undefined });
});
limits.run();

const names = suite("the name of the link that packets take");
names("is the reference's", () => assert.is(turnName("cni-plugin-bandwidth-test", "dummy"), "bwpa8eda89404b7"));
names.run();
