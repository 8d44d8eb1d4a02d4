/**
 * A program: how deep the calls of modules nest before they trap, a line each, first when the module is fresh and then
 * once it has run often enough to be optimised. Every line must be the same in every tier of the engine.
 */
import { meterModule } from "../../src/wasm/code/meter.ts";
import { verifyModule } from "../../src/wasm/code/verify.ts";
import { codeLimits } from "../../src/wasm/limits.ts";
import type { Assembly } from "./wasm.ts";
import { assemble, fn, i32Const, type } from "./wasm.ts";

/** Calls itself with one less of its second parameter, until that is 0; the second is what the caller asks for. */
const nesting = (calling: readonly number[], between: readonly number[] = []): readonly number[] => [
  0x20, 1, 0x45, 0x04, 0x40, 0x42, 0, 0x0f, 0x0b, ...between,
  0x20, 0, 0x20, 1, ...i32Const(1), 0x6b, 0x20, 2, ...calling,
];
const direct = [0x10, fn.call];
const values = (count: number) => Array.from({ length: count }, (_, i) => [0x20, 1, 0x29, 0, i % 64]).flat();

const shapes: readonly (readonly [string, Assembly])[] = [
  ["bare", { call: nesting(direct) }],
  ["through the table", {
    call: nesting([...i32Const(0), 0x11, type.call, 0]), table: [0x70, 0, 1], elements: [fn.call],
  }],
  ["with locals", { call: nesting(direct), locals: [[200, 0x7e]] }],
  ["with values on the stack", {
    call: nesting([...direct, ...Array.from({ length: 1000 }, () => 0x85)], values(1000)),
  }],
  ["with values in blocks", { call: nesting(direct, [0x02, 0x40, ...values(40), ...Array.from({ length: 40 },
    () => 0x1a), 0x0b]) }],
];

for (const [title, parts] of shapes) {
  const metered = new WebAssembly.Module(meterModule(verifyModule(assemble(parts))));
  const first = deepest(metered);
  for (let i = 0; i < 2000; i++) holds(metered, Math.min(first, 100));
  console.log(`${title}: ${first}, ${deepest(metered)}`);
}

function deepest(module: WebAssembly.Module): number {
  let low = 0, high = codeLimits.stackSlots;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (holds(module, middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Whether the calls end; a trap that is not the meter's is an error of this program. */
function holds(module: WebAssembly.Module, depth: number): boolean {
  const { exports } = new WebAssembly.Instance(module, {});
  const { polynic_fuel: fuel, polynic_stack: stack, call } = exports as unknown as { // of every metered module
    polynic_fuel: { value: bigint }; polynic_stack: { value: number };
    call: (op: number, at: number, bytes: number) => bigint;
  };
  fuel.value = 1_000_000_000n;
  try {
    call(1, depth, 0);
  } catch (error) {
    if (stack.value >= 0) throw error;
    return false;
  }
  if (stack.value !== codeLimits.stackSlots) throw new Error(`${codeLimits.stackSlots - stack.value} slots are lost`);
  return true;
}
