// Modules made to cost the host more than their size and their fuel tell, or to answer differently from one time to the next.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { RefusedModuleError } from "../../src/wasm/binary.ts";
import { verifyModule } from "../../src/wasm/verify.ts";
import type { Assembly } from "../helpers/wasm.ts";
import { assemble, i32Const, i64Const } from "../helpers/wasm.ts";

const dead = i64Const(0n);
const drop = 0x1a;
const times = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, index) => make(index));
const two = [0x60, 0, 2, 0x7f, 0x7f];
const takes = [0x60, 1, 0x7f, 1, 0x7f];

/** What an engine needs seconds for, or much memory, before the first instruction runs. */
const heavy: readonly (readonly [string, Assembly, RegExp])[] = [
  ["a function with two results", { types: [two] }, /2 results, expected one at most/],
  ["a block that takes a value", { types: [takes], call: [...i32Const(1), 0x02, 5, 0x0b, drop, ...dead] }, /block type 0x5 /],
  ["a loop that takes a value", { types: [takes], call: [...i32Const(1), 0x03, 5, 0x0b, drop, ...dead] }, /block type 0x5 /],
  ["5000 types", { types: times(5000, () => [0x60, 0, 0]) }, /lists 5005 entries, expected at most 4096/],
  ["5000 globals", { globals: times(5000, () => [0x7f, 0, 0x41, 0, 0x0b]) }, /lists 5000 entries/],
  ["5000 exports", { exports: times(5000, (index) => `e${index}`) }, /lists 5005 entries/],
];

const verify = suite("verifyModule, for the compiler's sake,");
for (const [title, parts, message] of heavy) {
  verify(`refuses ${title}`, () => {
    assert.throws(() => verifyModule(assemble(parts)), (error: unknown) => error instanceof RefusedModuleError && message.test(error.message));
  });
}
verify.run();
