// src/wasm/code/meter.ts: what a module's code is charged, in fuel and in slots of the stack. By counting: no clock.
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compileModule, tryModule } from "../../../src/wasm/call/sandbox.ts";
import { BinaryWriter } from "../../../src/wasm/code/binary.ts";
import { meterModule } from "../../../src/wasm/code/meter.ts";
import { verifyModule } from "../../../src/wasm/code/verify.ts";
import { codeLimits, defaultLimits } from "../../../src/wasm/limits.ts";
import type { Assembly } from "../../helpers/wasm.ts";
import { answerAt, assemble, fn, i32Const, i64Const, type } from "../../helpers/wasm.ts";

const metered = (parts: Assembly) => compileModule("test", meterModule(verifyModule(assemble(parts))));
const request = new Uint8Array(64);
const times = (count: number, instructions: readonly number[]) =>
  Array.from({ length: count }, () => instructions).flat();
const ending = i64Const((BigInt(answerAt) << 32n) | 2n);
const drop = 0x1a;

const i32One = i32Const(1), i64One = i64Const(1n);
const f32One = [0x43, 0, 0, 0x80, 0x3f], f64One = [0x44, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f];

/** Each row: an instruction, its operand, whether it takes another one, its opcode and its fuel. */
const priced: readonly (readonly [string, readonly number[], boolean, number, number])[] = [
  ["i32.add", i32One, true, 0x6a, 1],
  ["i32.div_s", i32One, true, 0x6d, 4],
  ["i64.rem_u", i64One, true, 0x82, 4],
  ["f32.sqrt", f32One, false, 0x91, 8],
  ["f32.div", f32One, true, 0x95, 8],
  ["f64.nearest", f64One, false, 0x9e, 8],
  ["f64.sqrt", f64One, false, 0x9f, 8],
  ["f64.mul", f64One, true, 0xa2, 4],
  ["f64.div", f64One, true, 0xa3, 8],
  ["f64.max", f64One, true, 0xa5, 4],
];

function fuelOf(instructions: readonly number[]): number {
  const outcome = tryModule(metered({ call: [...instructions, ...ending] }), 1, request);
  assert.is("error" in outcome ? outcome.error.message : "", "");
  return Number(outcome.fuelUsed);
}

const fuel = suite("fuel");
for (const [title, operand, binary, code, cost] of priced) {
  fuel(`of ${title} is ${cost}`, () => {
    const chain = (count: number) => [...operand, ...times(count, [...(binary ? operand : []), code]), drop];
    const operands = binary ? 100 : 0;
    assert.is(fuelOf(chain(100)) - fuelOf(chain(0)), 100 * cost + operands);
  });
}

const largest = defaultLimits.memoryPages * 65_536;
/** All pages a module may have, from the start. */
const whole = [0, ...new BinaryWriter().u32(defaultLimits.memoryPages).bytes()];
for (const [title, instruction] of [["memory.copy", [0xfc, 10, 0, 0]], ["memory.fill", [0xfc, 11, 0]]] as const) {
  for (const bytes of [0, 7, 64, 65_536, largest]) {
    fuel(`of ${title} of ${bytes} bytes goes by them`, () => {
      const moved = (length: number) => [...i32Const(0), ...i32Const(0), ...i32Const(length), ...instruction];
      const unmoved = [...times(3, i32Const(0)), drop, drop, drop];
      // The answer is gone after a fill of everything, the fuel is not.
      const spent = (instructions: readonly number[]) => Number(tryModule(
        metered({ call: [...instructions, ...ending], memory: whole }), 1, request).fuelUsed);
      // Three drops less, the instruction itself, and what the helper charges.
      assert.is(spent(moved(bytes)) - spent(unmoved), -3 + 1 + 8 + Math.floor(bytes / 8));
    });
  }
  fuel(`lets ${title} of all its memory be repeated no more than 24 times`, () => {
    const round = [...i32Const(0), ...i32Const(0), ...i32Const(largest), ...instruction];
    const call = (count: number) => ({ call: [...times(count, round), ...ending], memory: whole });
    const codeOf = (count: number) => {
      const outcome = tryModule(metered(call(count)), 1, request);
      return "error" in outcome ? outcome.error.code : 0;
    };
    assert.is.not(codeOf(23), 143);
    assert.is(codeOf(24), 143);
  });
}
fuel.run();

const nesting = suite("calls that nest");

const program = join(import.meta.dirname, "..", "..", "helpers", "deepest-calls.ts");
const deepest = (flags: readonly string[]) => execFileSync(process.execPath, [...flags, program], { encoding: "utf8" });

nesting("trap at the same depth fresh and optimised, and in either tier of the engine", () => {
  const usual = deepest([]);
  const lines = usual.trimEnd().split("\n");
  assert.is(lines.length, 5);
  for (const line of lines) assert.match(line, /^.*: (\d+), \1$/);
  assert.match(lines[0] ?? "", /: 14\d\d,/, "32,768 slots by 22");
  assert.is(deepest(["--liftoff-only"]), usual);
  assert.is(deepest(["--no-liftoff"]), usual);
});

const parameters = [0x20, 0, 0x20, 1, 0x20, 2];
/** A function that is left in each of the ways there are, when its first parameter is not 0: all calls are counted. */
const leaving: readonly (readonly [string, readonly number[]])[] = [
  ["its end", [0x10, fn.fault]],
  ["return", [0x20, 0, 0x04, 0x40, 0x10, fn.fault, 0x0f, 0x0b, 0x10, fn.fault]],
  ["a branch out of it", [0x10, fn.fault, 0x0c, 0]],
  ["a branch out of a block in it", [0x02, 0x40, 0x10, fn.fault, 0x0c, 1, 0x0b, ...i64Const(0n)]],
  ["a branch it may take", [0x10, fn.fault, 0x20, 0, 0x0d, 0]],
  ["a table of branches", [0x02, 0x40, 0x10, fn.fault, 0x20, 0, 0x0e, 1, 1, 1, 0x0b, ...i64Const(0n)]],
];
for (const [title, body] of leaving) {
  nesting(`take nothing once they are left by ${title}`, () => {
    // 5000 calls, which would take all slots if each left one behind; only what the host calls has a third parameter.
    const call = [0x20, 2, 0x04, 0x40, ...i32Const(5000), 0x21, 3, 0x03, 0x40,
      ...i32Const(1), ...i32Const(0), ...i32Const(0), 0x10, fn.call, drop, 0x20, 3, ...i32Const(1), 0x6b, 0x22, 3,
      0x0d, 0, 0x0b, ...ending, 0x0f, 0x0b, ...body];
    const outcome = tryModule(metered({ call, locals: [[1, 0x7f]] }), 1, request);
    assert.is("error" in outcome ? outcome.error.message : "", "");
  });
}

const endless: readonly (readonly [string, Assembly])[] = [
  ["call", { call: [...parameters, 0x10, fn.call] }],
  ["alloc", { alloc: [0x20, 0, 0x10, fn.alloc] }],
  ["the start function", { start: [0x10, 4] }],
  ["call, through the table", { call: [...parameters, ...i32Const(0), 0x11, type.call, 0], table: [0x70, 0, 1],
    elements: [fn.call] }],
];
for (const [title, parts] of endless) {
  nesting(`for ever, in ${title}, trap by the count`, () => {
    const outcome = tryModule(metered(parts), 1, request);
    assert.ok("error" in outcome);
    assert.is(outcome.error.code, 144);
    assert.match(outcome.error.message, /calls nest too deep, expected at most 32768 slots/);
  });
}

nesting("leave the last words all of the stack", () => {
  // Traps with fewer slots left than the function of the last words takes.
  const call = [0x20, 1, 0x45, 0x04, 0x40, 0x00, 0x0b, 0x20, 0, 0x20, 1, ...i32Const(1), 0x6b, 0x20, 2, 0x10, fn.call];
  const deep = [0x20, 2, 0x04, 0x40, 0x20, 0, ...i32Const(1450), ...i32Const(0), 0x10, fn.call, 0x0f, 0x0b, ...call];
  const fault = [...times(1000, i32Const(0)), ...times(1000, [drop]), 0x10, fn.abi, drop,
    ...i64Const((BigInt(answerAt) << 32n) | 4n)];
  const outcome = tryModule(metered({ call: deep, fault, answer: new TextEncoder().encode("o\0h\0") }), 1, request);
  assert.ok("error" in outcome);
  assert.match(outcome.error.message, /it trapped, oh$/);
});

nesting("are not told from outside: the name of the count is the meter's own", () => {
  assert.throws(() => verifyModule(assemble({ exports: ["polynic_stack"] })), /reserved/);
  assert.throws(() => verifyModule(assemble({ call: [0x23, 1, 0xa7, drop, ...ending] })), /global 1 does not exist/);
});

nesting("take 16 slots, their locals and their values", () => {
  const { bodies } = verifyModule(assemble({ locals: [[5, 0x7e]],
    call: [...times(7, i32One), ...times(7, [drop]), 0x02, 0x7f, ...i32One, 0x0b, drop, ...ending] }));
  assert.equal([codeLimits.callSlots, bodies[fn.call]?.locals, bodies[fn.call]?.scan.height], [16, 8, 7]);
});
nesting.run();
