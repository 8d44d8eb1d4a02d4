// src/wasm/code/verify.ts: every rule refuses a module that breaks it and only it.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { RefusedModuleError } from "../../../src/wasm/code/binary.ts";
import { meterModule } from "../../../src/wasm/code/meter.ts";
import { verifyModule } from "../../../src/wasm/code/verify.ts";
import { random } from "../../helpers/random.ts";
import type { Assembly } from "../../helpers/wasm.ts";
import { assemble, i32Const, i64Const } from "../../helpers/wasm.ts";

const dead = i64Const(0n);
const tooManyBlocks = [...Array.from({ length: 129 }, () => [0x02, 0x40]).flat(), ...new Array<number>(129).fill(0x0b),
  ...dead];
const many = (count: number, instructions: readonly number[]) => Array.from({ length: count },
  () => instructions).flat();

const refused: readonly (readonly [string, Assembly, RegExp])[] = [
  ["a tail call", { call: [0x20, 0, 0x20, 1, 0x20, 2, 0x12, 2] }, /0x12/],
  ["an exception", { call: [0x06, 0x40, 0x0b, ...dead] }, /0x06/],
  ["a reference", { call: [0xd0, 0x70, 0x1a, ...dead] }, /0xd0/],
  ["SIMD", { call: [0xfd, 12, ...new Array<number>(16).fill(0), 0x1a, ...dead] }, /0xfd/],
  ["an atomic access", { call: [0xfe, 3, 0, ...dead] }, /0xfe/],
  ["a GC allocation", { call: [0xfb, 0, 0, ...dead] }, /0xfb/],
  ["a typed select", { call: [0x1c, 1, 0x7f, ...dead] }, /0x1c/],
  ["memory.init", { call: [...i32Const(0), ...i32Const(0), ...i32Const(0), 0xfc, 8, 0, 0, ...dead] }, /0xfc 8/],
  ["table.grow", { call: [0xfc, 15, 0, ...dead] }, /0xfc 15/],
  ["an access to another memory", { call: [...i32Const(0), 0x28, 0x42, 1, 0, 0x1a, ...dead] }, /memory/],
  ["memory.grow of another memory", { call: [...i32Const(0), 0x40, 1, 0x1a, ...dead] }, /another memory/],
  ["a global that is only there once metered", { call: [0x23, 0, ...dead] }, /global 0/],
  ["a function that is only there once metered", { call: [0x10, 4, ...dead] }, /function 4/],
  ["blocks nested too deeply", { call: tooManyBlocks }, /nest deeper/],
  ["too many loops", { call: [...many(1025, [0x03, 0x40, 0x0b]), ...dead] }, /loops/],
  ["too many locals", { locals: [[254, 0x7f]], call: dead }, /locals and parameters/],
  ["many locals in many blocks", { locals: [[200, 0x7f]], call: [...many(100, [0x02, 0x40, 0x0b]), ...dead] },
    /blocks/],
  ["a body of more than 32 KiB", { call: [...many(33_000, [0x01]), ...dead] }, /bytes long/],
  ["a memory that starts too large", { memory: [0, 0x81, 2] }, /257 pages/],
  ["a shared memory", { memory: [3, 1, 2] }, /shared/],
  ["a table that is too large", { table: [0x70, 0, 0x81, 0x20] }, /4097 entries/],
  ["a table of references", { table: [0x6f, 0, 1] }, /table holds/],
  ["a global of a reference", { globals: [[0x70, 0, 0xd0, 0x70, 0x0b]] }, /value type/],
  ["a global computed from code", { globals: [[0x7f, 0, 0x41, 0, 0x45, 0x0b]] }, /constant/],
  ["a type of something else than functions", { types: [[0x5f, 0]] }, /type/],
  ["an export under a name of ours", { exports: ["polynic_fuel"] }, /reserved/],
  ["an export named like a prototype's member", { exports: ["constructor#x"] }, /not allowed/],
  ["a section twice", { sections: [[11, [0]]] }, /repeated/],
  ["a section nobody knows", { sections: [[13, [0]]] }, /section 13/],
];

const verify = suite("verifyModule");
for (const [title, parts, message] of refused) {
  verify(`refuses ${title}`, () => {
    assert.throws(() => verifyModule(assemble(parts)), (error: unknown) => error instanceof RefusedModuleError
      && message.test(error.message));
  });
}

verify("refuses an import", () => {
  const bytes = assemble();
  // after the type section: one import "m" "f" of type 0
  const types = bytes[9] ?? 0;
  const imported = Uint8Array.from([...bytes.subarray(0, 10 + types), 2, 7, 1, 1, 0x6d, 1, 0x66, 0, 0,
    ...bytes.subarray(10 + types)]);
  assert.throws(() => verifyModule(imported), /imports/);
});

verify("accepts what a module may be: a table, a global, custom sections, a start function", () => {
  const bytes = assemble({ table: [0x70, 0, 2], globals: [[0x7f, 1, 0x41, 5, 0x0b]], start: [0x23, 0, 0x24, 0],
    sections: [[0, [1, 0x78, 1, 2, 3]]] });
  assert.ok(WebAssembly.Module.exports(new WebAssembly.Module(meterModule(verifyModule(bytes)))).length > 0);
});

verify("accepts what it wrote itself only without the names it added", () => {
  assert.throws(() => verifyModule(meterModule(verifyModule(assemble()))), /reserved/);
});

verify("ends for any change of any byte, and what it passes is a module or refused by the compiler", () => {
  const any = random();
  const call = [0x02, 0x40, 0x03, 0x40, 0x20, 0, 0x45, 0x0d, 1, ...i32Const(1), 0x40, 0, 0x1a, ...i32Const(0),
    ...i32Const(0), ...i32Const(8), 0xfc, 10, 0, 0, 0x0b, 0x0b, ...dead];
  const original = assemble({ call, locals: [[2, 0x7e]], table: [0x70, 0, 2], globals: [[0x7f, 1, 0x41, 5, 0x0b]],
    start: [0x23, 0, 0x24, 0] });
  verifyModule(original);
  for (let i = 0; i < 5000; i++) {
    const bytes = Uint8Array.from(original);
    for (let count = 1 + any.below(3); count > 0; count--) bytes[any.below(bytes.length)] = any.below(256);
    try {
      new WebAssembly.Module(meterModule(verifyModule(bytes)));
    } catch (error) {
      const expected = error instanceof RefusedModuleError || (error instanceof Error && error.name === "CompileError");
      assert.ok(expected, `seed ${any.seed}: ${String(error)}`);
    }
  }
});

verify.run();
