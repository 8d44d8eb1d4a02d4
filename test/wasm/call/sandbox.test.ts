// src/wasm/call/sandbox.ts, verify.ts and meter.ts together: a hostile module ends in its code, the process lives, the
// next call is fine.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CniError } from "../../../src/cni/index.ts";
import { readAnswer } from "../../../src/wasm/call/answer.ts";
import { op } from "../../../src/wasm/call/op.ts";
import { compileModule, runModule, tryModule } from "../../../src/wasm/call/sandbox.ts";
import { meterModule } from "../../../src/wasm/code/meter.ts";
import { verifyModule } from "../../../src/wasm/code/verify.ts";
import { throws } from "../../helpers/errors.ts";
import type { Assembly } from "../../helpers/wasm.ts";
import { answerAt, assemble, i32Const, i64Const } from "../../helpers/wasm.ts";

const frame = new Uint8Array(64).fill(7);

function run(parts: Assembly, fuel?: bigint): unknown {
  return readAnswer("test", runModule(compileModule("test", meterModule(verifyModule(assemble(parts)))), 1, frame,
    fuel));
}

const packed = (at: number, bytes: number) => i64Const((BigInt(at) << 32n) | BigInt(bytes));
const drop = 0x1a;
const endlessLoop = [0x03, 0x40, 0x0c, 0, 0x0b];
const dead = i64Const(0n);

/** Each row: what the module does, its parts, the code it ends in, and a word of the message. */
const hostile: readonly (readonly [string, Assembly, number, RegExp])[] = [
  ["loops for ever", { call: [...endlessLoop, ...dead] }, 143, /fuel/],
  ["loops for ever in alloc", { alloc: [...endlessLoop, ...i32Const(8)] }, 143, /fuel/],
  ["loops for ever in its start function", { start: endlessLoop }, 143, /fuel/],
  ["loops around a fill of its whole memory", { call: [0x03, 0x40, ...i32Const(0), ...i32Const(0), ...i32Const(131_072),
    0xfc, 11, 0, 0x0c, 0, 0x0b, ...dead] }, 143, /fuel/],
  ["recurs for ever", { call: [0x20, 0, 0x20, 1, 0x20, 2, 0x10, 2] }, 144, /stack/i],
  ["executes unreachable", { call: [0x00] }, 144, /trapped/],
  ["divides by zero", { call: [...i32Const(1), ...i32Const(0), 0x6d, drop, ...dead] }, 144, /zero/],
  ["reads beyond its memory", { call: [...i32Const(-8), 0x28, 2, 0, drop, ...dead] }, 144, /bounds/],
  ["has no memory to give", { alloc: i32Const(0) }, 144, /no memory/],
  ["wants the request outside its memory", { alloc: i32Const(131_071) }, 145, /outside its memory/],
  ["wants the request at a negative address", { alloc: i32Const(-64) }, 145, /outside its memory/],
  ["answers from behind its memory", { call: packed(131_072, 2) }, 145, /outside its memory/],
  ["answers across the end of its memory", { call: packed(131_071, 2) }, 145, /outside its memory/],
  ["answers from a negative address", { call: i64Const((0xffff_fff0n << 32n) | 8n) }, 145, /outside its memory/],
  ["answers with 2^32 - 1 bytes", { call: i64Const((BigInt(answerAt) << 32n) | 0xffff_ffffn) }, 145, /bytes long/],
  ["answers with 64 KiB + 1", { call: packed(0, 65_537) }, 145, /65537 bytes long/],
  ["answers with invalid UTF-8", { answer: Uint8Array.of(0x22, 0xc3, 0x28, 0x22) }, 145, /UTF-8/],
  ["answers with nothing", { answer: "" }, 145, /not JSON/],
  ["answers with half an object", { answer: '{"ips":[' }, 145, /not JSON/],
  ["answers with a list", { answer: "[]" }, 145, /object/],
  ["answers 33 levels deep", { answer: `${'{"a":'.repeat(33)}1${"}".repeat(33)}` }, 145, /deeper/],
  ["answers with a code of ours", { answer: '{"error":{"code":999,"msg":"x"}}' }, 145, /error.code/],
  ["answers with an error without text", { answer: '{"error":{"code":100}}' }, 145, /error.msg/],
  ["refuses by itself", { answer: '{"error":{"code":100,"msg":"pool is full"}}' }, 100, /pool is full/],
  ["speaks a later major", { abi: i32Const(2 << 16) }, 142, /ABI 2\.0, expected 1\.0/],
  ["speaks a later minor", { abi: i32Const((1 << 16) | 1) }, 142, /ABI 1\.1, expected 1\.0/],
  ["speaks an ABI below zero", { abi: i32Const(-1) }, 142, /ABI 65535\.65535/],
];

const sandbox = suite("a module in the sandbox");
for (const [title, parts, code, message] of hostile) {
  sandbox(`that ${title} ends in ${code}`, () => {
    assert.match(throws(() => run(parts), code).message, message);
    assert.equal(run({ answer: '{"fine":true}' }), { fine: true });
  });
}

sandbox("cannot grow its memory beyond the cap, and pays for trying", () => {
  // grows by a page until that fails, then answers
  const grow = [0x03, 0x40, ...i32Const(1), 0x40, 0, ...i32Const(-1), 0x47, 0x0d, 0, 0x0b];
  assert.equal(run({ call: [...grow, ...packed(answerAt, 2)] }), {});
  assert.match(throws(() => run({ call: [...grow, ...packed(answerAt, 2)] }, 100_000n), 143).message, /100000/);
  const pages = [...grow, ...i32Const(0), 0x3f, 0, ...i32Const(256), 0x47, 0x04, 0x40, 0x00, 0x0b, drop];
  assert.equal(run({ call: [...pages, ...packed(answerAt, 2)] }), {}, "it ends with 256 pages");
});

sandbox("keeps nothing from one call to the next", () => {
  // answers {"n":1} the first time it is called in one memory, {"n":2} the second
  const count = [...i32Const(answerAt + 5), ...i32Const(answerAt + 5), 0x2d, 0, 0, ...i32Const(1), 0x6a, 0x3a, 0, 0,
    ...packed(answerAt, 7)];
  const compiled = compileModule("test", meterModule(verifyModule(assemble({ call: count, answer: '{"n":0}' }))));
  assert.is(runModule(compiled, 1, frame), '{"n":1}');
  assert.is(runModule(compiled, 1, frame), '{"n":1}');
});

sandbox("may write over the request it was given", () => {
  const request = new Uint8Array(64).fill(7);
  const wipe = [...i32Const(1024), ...i32Const(0), ...i32Const(64), 0xfc, 11, 0];
  runModule(compileModule("test", assemble({ call: [...wipe, ...packed(answerAt, 2)] })), 1, request);
  assert.equal(request, new Uint8Array(64).fill(7), "it is a copy");
});

sandbox("has its last words repeated, when they can be had", () => {
  const words = new TextEncoder().encode("o\0h\0");
  assert.match(throws(() => run({ call: [0x00], fault: packed(answerAt, 4), answer: words }), 144).message, /oh/);
  assert.match(throws(() => run({ call: [0x00], fault: packed(0x7fff_ffff, 4) }), 144).message, /unreachable/,
    "a wild pointer");
  assert.match(throws(() => run({ call: [0x00], fault: [...endlessLoop, ...dead] }, 1000n), 144).message, /unreachable/,
    "a loop");
});

/** How a call may fail, its code, what it took of a fuel of 5000 (growing costs 1000), and its pages then. */
const failing: readonly (readonly [string, Assembly, number, bigint, number])[] = [
  ["traps", { call: [0x00] }, 144, 6n, 2],
  ["traps with last words that take fuel", { call: [0x00], fault: [...endlessLoop, ...dead] }, 144, 6n, 2],
  ["traps after it grew", { call: [...i32Const(3), 0x40, 0, drop, 0x00] }, 144, 1009n, 5],
  ["uses up its fuel", { call: [...endlessLoop, ...dead] }, 143, 5000n, 2],
  ["uses up its fuel before the call", { start: endlessLoop }, 143, 5000n, 2],
  ["answers from behind its memory", { call: packed(131_072, 2) }, 145, 6n, 2],
];
for (const [title, parts, code, fuelUsed, pages] of failing) {
  sandbox(`that ${title} has taken fuel and memory too`, () => {
    const outcome = tryModule(compileModule("test", meterModule(verifyModule(assemble(parts)))), 1, frame,
      { fuel: 5000n });
    assert.ok("error" in outcome);
    assert.equal([outcome.error.code, outcome.fuelUsed, outcome.memoryBytes], [code, fuelUsed, pages * 65_536]);
    assert.ok(outcome.milliseconds > 0);
  });
}

for (const [bytes, opNumber, fuel] of [
  [64, op.allocate, 50_000_000n], [65_536, op.allocate, 50_000_000n], [66_536, op.allocate, 50_100_000n],
  [66_536, op.check, 50_100_000n], [65_536, op.merge, 50_000_000n], [66_536, op.merge, 51_000_000n],
  [66_536, op.review, 51_000_000n],
] as const) {
  sandbox(`gets fuel of ${fuel} for a request of ${bytes} bytes to op ${opNumber}`, () => {
    const module = compileModule("test", meterModule(verifyModule(assemble({ call: [...endlessLoop, ...dead] }))));
    const outcome = tryModule(module, opNumber, new Uint8Array(bytes));
    assert.is(outcome.fuelUsed, fuel);
  });
}

sandbox("may answer as long as it was asked", () => {
  const module = compileModule("test", meterModule(verifyModule(assemble({ call: packed(0, 65_537) }))));
  const outcome = (bytes: number) => tryModule(module, op.merge, new Uint8Array(bytes));
  const long = outcome(65_536);
  assert.match("error" in long ? long.error.message : "", /65537 bytes long, expected at most 65536/);
  assert.ok("text" in outcome(65_537));
});

sandbox("does not change what objects inherit", () => {
  const answer = run({ answer: '{"__proto__":{"polluted":true}}' });
  assert.is(({} as { polluted?: boolean }).polluted, undefined);
  assert.ok(answer instanceof Object);
});

sandbox.run();

const compile = suite("compileModule");
compile("refuses bytes that are no module, and modules without the exports of the ABI", () => {
  assert.ok(throws(() => compileModule("test", new Uint8Array(8)), 142) instanceof CniError);
  assert.match(throws(() => compileModule("test", Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)), 142).message,
    /memory/);
});
compile.run();
