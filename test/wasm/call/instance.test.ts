// src/wasm/call/instance.ts and code/state.ts: a kept instance is, before each call, what a new one would be.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { keptInstances, newInstances } from "../../../src/wasm/call/instance.ts";
import { compileModule, tryModule } from "../../../src/wasm/call/sandbox.ts";
import { meterModule } from "../../../src/wasm/code/meter.ts";
import { withStateExported } from "../../../src/wasm/code/state.ts";
import { verifyModule } from "../../../src/wasm/code/verify.ts";
import type { Assembly } from "../../helpers/wasm.ts";
import { answerAt, assemble, builtModules, i32Const, i64Const } from "../../helpers/wasm.ts";

const frame = new Uint8Array(64).fill(7);
/** The bytes of the answer: the first is a digit in memory, which a call raises. */
const answer = i64Const((BigInt(answerAt) << 32n) | 1n);
const raise = [...i32Const(answerAt), ...i32Const(answerAt), 0x2d, 0, 0, ...i32Const(1), 0x6a, 0x3a, 0, 0];

function kept(parts: Assembly) {
  const bytes = withStateExported(meterModule(verifyModule(assemble(parts))));
  return { ...compileModule("test", bytes), instances: keptInstances() };
}

function answersOf(compiled: ReturnType<typeof kept>, count: number): readonly string[] {
  return Array.from({ length: count }, () => {
    const outcome = tryModule(compiled, 1, frame);
    return "error" in outcome ? String(outcome.error.code) : outcome.text;
  });
}

const instances = suite("kept instances");

instances("have the memory of a new one at every call", () => {
  assert.equal(answersOf(kept({ answer: "1", call: [...raise, ...answer] }), 4), ["2", "2", "2", "2"]);
});

instances("have the globals of a new one at every call", () => {
  const compiled = kept({ answer: "1" });
  const used = [1, 2, 3].map(() => {
    const outcome = tryModule(compiled, 1, frame, { fuel: 10_000n });
    return outcome.fuelUsed;
  });
  assert.is(new Set(used).size, 1);
});

instances("are one after the first call", () => {
  const source = keptInstances(), { module } = kept({ answer: "1" });
  const [first, second, third] = [1, 2, 3].map(() => {
    const instance = source.take(module);
    instance.end(true);
    return instance.exports;
  });
  assert.is.not(first, second);
  assert.is(second, third);
});

instances("are dropped after a call that was broken off, and while one is in use", () => {
  const source = keptInstances(), { module } = kept({ answer: "1" });
  source.take(module).end(true);
  const broken = source.take(module);
  broken.end(false);
  const next = source.take(module);
  assert.is.not(broken.exports, next.exports);
  assert.is.not(source.take(module).exports, next.exports);
});

instances("are dropped when their memory has grown", () => {
  const grow = [...i32Const(1), 0x40, 0, 0x1a];
  assert.equal(answersOf(kept({ answer: "1", call: [...grow, ...raise, ...answer] }), 3), ["2", "2", "2"]);
});

instances("are none of a module that does not export its state", () => {
  const source = keptInstances(), { module } = compileModule("test", meterModule(verifyModule(assemble({}))));
  source.take(module).end(true);
  const one = source.take(module);
  one.end(true);
  assert.is.not(source.take(module).exports, one.exports);
  assert.is.not(newInstances.take(module).exports, one.exports);
});

instances("serve the modules that are built in", () => {
  for (const name of ["host-local", "lowest", "merge"]) {
    const source = keptInstances(), { module } = compileModule(name, readFileSync(join(builtModules, `${name}.wasm`)));
    const all = [1, 2, 3].map(() => {
      const instance = source.take(module);
      instance.end(true);
      return instance.exports;
    });
    assert.is(all[1], all[2], name);
  }
});

instances.run();
