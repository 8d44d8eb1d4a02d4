// Modules made to cost the host more than their size and their fuel tell, or to answer differently from one time to the
// next.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { callModule, compileModule } from "../../../src/wasm/call/sandbox.ts";
import { RefusedModuleError } from "../../../src/wasm/code/binary.ts";
import { meterModule } from "../../../src/wasm/code/meter.ts";
import { verifyModule } from "../../../src/wasm/code/verify.ts";
import { throws } from "../../helpers/errors.ts";
import type { Assembly } from "../../helpers/wasm.ts";
import { assemble, i32Const, i64Const } from "../../helpers/wasm.ts";

const dead = i64Const(0n);
const drop = 0x1a;
const times = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count },
  (_, index) => make(index));
const two = [0x60, 0, 2, 0x7f, 0x7f];
const takes = [0x60, 1, 0x7f, 1, 0x7f];

/** What an engine needs seconds for, or much memory, before the first instruction runs. */
const heavy: readonly (readonly [string, Assembly, RegExp])[] = [
  ["a function with two results", { types: [two] }, /2 results, expected one at most/],
  ["a block that takes a value", { types: [takes], call: [...i32Const(1), 0x02, 5, 0x0b, drop, ...dead] },
    /block type 0x5 /],
  ["a loop that takes a value", { types: [takes], call: [...i32Const(1), 0x03, 5, 0x0b, drop, ...dead] },
    /block type 0x5 /],
  ["5000 types", { types: times(5000, () => [0x60, 0, 0]) }, /lists 5005 entries, expected at most 4096/],
  ["5000 globals", { globals: times(5000, () => [0x7f, 0, 0x41, 0, 0x0b]) }, /lists 5000 entries/],
  ["5000 exports", { exports: times(5000, (index) => `e${index}`) }, /lists 5005 entries/],
];

const verify = suite("verifyModule, for the compiler's sake,");
for (const [title, parts, message] of heavy) {
  verify(`refuses ${title}`, () => {
    assert.throws(() => verifyModule(assemble(parts)), (error: unknown) => error instanceof RefusedModuleError
      && message.test(error.message));
  });
}
verify.run();

const memory = suite("memory of instances");
memory("is given back: a hundred calls that fill all they may take no gigabyte", () => {
  const fill = [...i32Const(254), 0x40, 0, drop, ...i32Const(0), ...i32Const(1), ...i32Const(16 * 1024 * 1024), 0xfc,
    11, 0];
  const compiled = compileModule("test", meterModule(verifyModule(assemble({ call: [...fill, 0x00] }))));
  const before = process.memoryUsage.rss();
  let most = 0;
  for (let i = 0; i < 100; i++) {
    throws(() => callModule(compiled, 1, new Uint8Array(64)), 144);
    most = Math.max(most, process.memoryUsage.rss() - before);
  }
  assert.ok(most < 700 * 2 ** 20, `${most} bytes`);
});
memory.run();

/** 0 / 0, whose sign is the processor's choice, and the optimiser's another one. */
const nan32 = [0x43, 0, 0, 0, 0, 0x43, 0, 0, 0, 0, 0x95];
const nan64 = [0x44, 0, 0, 0, 0, 0, 0, 0, 0, 0x44, 0, 0, 0, 0, 0, 0, 0, 0, 0xa3];
const payload64 = [0x44, 1, 0, 0, 0, 0, 0, 0xf4, 0xff];
const one32 = [0x43, 0, 0, 0x80, 0x3f], one64 = [0x44, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f];
const seen: readonly (readonly [string, readonly number[], bigint])[] = [
  ["i64.reinterpret_f64", [...nan64, 0xbd], 0x7ff8_0000_0000_0000n],
  ["i64.reinterpret_f64 of one with a payload", [...payload64, 0xbd], 0x7ff8_0000_0000_0000n],
  ["i32.reinterpret_f32", [...nan32, 0xbc, 0xad], 0x7fc0_0000n],
  ["f64.store", [...i32Const(64), ...nan64, 0x39, 3, 0, ...i32Const(64), 0x29, 3, 0], 0x7ff8_0000_0000_0000n],
  ["f32.store", [...i32Const(64), ...nan32, 0x38, 2, 0, ...i32Const(64), 0x28, 2, 0, 0xad], 0x7fc0_0000n],
  ["f64.copysign", [...one64, ...nan64, 0xa6, 0xbd], 0x3ff0_0000_0000_0000n],
  ["f32.copysign", [...one32, ...nan32, 0x98, 0xbc, 0xad], 0x3f80_0000n],
  ["i64.reinterpret_f64 of a number", [0x44, 1, 0, 0, 0, 0, 0, 0xf0, 0xbf, 0xbd], 0xbff0_0000_0000_0001n],
];

const floats = suite("a float that is not a number");
for (const [title, instructions, bits] of seen) {
  floats(`is the same to ${title} everywhere, and once it is optimised`, () => {
    const counted = [...i32Const(100_000), 0x21, 3, 0x03, 0x40, ...instructions, 0x21, 4, 0x20, 3, ...i32Const(1), 0x6b,
      0x22, 3, 0x0d, 0, 0x0b, 0x20, 4];
    const bytes = assemble({ locals: [[1, 0x7f], [1, 0x7e]], call: counted });
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(meterModule(verifyModule(bytes))), {});
    const call = exports["call"] as () => bigint; // of every assembled module
    const fuel = exports["polynic_fuel"] as WebAssembly.Global<"i64">; // of every metered module
    for (let i = 0; i < 20; i++) {
      fuel.value = 10_000_000n;
      assert.is(BigInt.asUintN(64, call()).toString(16), bits.toString(16));
    }
  });
}
floats.run();
