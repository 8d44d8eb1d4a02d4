// Looking for a free address inside a module, with 100,000 addresses of a /8 taken: the SDK's View in both of its
// forms. Nothing is ever freed in an instance, so a part of each step in a row is the kernel's: memory that is touched
// for the first time, 16 bytes an address.
import { join } from "node:path";
import { AddressList, parseAddress, takenBitmap, takenRuns } from "../../src/net/index.ts";
import type { TakenView } from "../../src/net/index.ts";
import { encodeFrame } from "../../src/wasm/call/frame.ts";
import { compileModuleSources, moduleSources } from "../helpers/sdk.ts";
import { against, summarize, table, timeMs } from "./statistics.ts";

const taken = 100_000, inARow = 100_000, looks = 1000, samples = 31;
const span = { first: parseAddress("10.0.0.1"), last: parseAddress("10.255.255.254") };
const first = 0x0a00_0001;

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  alloc(bytes: number): number;
  open(at: number, bytes: number): number;
  nextFree(from: number): number;
  inARow(from: number, count: number): number;
}

/** A table of one look, anywhere among what is taken, and of one of many in a row. */
export async function lookingForAddresses(): Promise<string> {
  const list = new AddressList(taken);
  // Every third address, so that no two are one run.
  for (let i = 0; i < taken; i++) list.add(0, 0, 0, first + 1 + i * 3);
  const module = new WebAssembly.Module(await compileModuleSources(join(moduleSources, "sdk-figures"), "index.ts"));
  const rows = ([["runs", takenRuns(span, list), 1.5, 80], ["bitmap", takenBitmap(span, list), 1.1,
    11]] as const).map(([form, view, oneUs, rowNs]) => {
    const one = summarize(Array.from({ length: samples }, () => oneLookUs(opened(module, view)))).medianMs;
    const row = summarize(Array.from({ length: samples }, () => inARowNs(opened(module, view)))).medianMs;
    return [form, one.toFixed(2), against(one, oneUs), row.toFixed(1), against(row, rowNs)];
  });
  return table([`${taken} taken, sent as`, "one look us", "goal", "one of many in a row ns", "goal"], rows);
}

function opened(module: WebAssembly.Module, view: TakenView): Exports {
  // The exports of wasm-plugins/sdk-figures.
  const instance = new WebAssembly.Instance(module, {}).exports as unknown as Exports;
  const frame = encodeFrame("{}", [{ set: 0, ...span, prefixBits: 8, view }]);
  const at = instance.alloc(frame.length);
  new Uint8Array(instance.memory.buffer).set(frame, at);
  if (instance.open(at, frame.length) === 0) throw new Error("the module does not understand the request");
  return instance;
}

function oneLookUs({ nextFree }: Exports): number {
  // 7919 is prime: the looks are spread over all that is taken, none near the one before.
  const ms = timeMs(() => {
    for (let i = 0; i < looks; i++) {
      const from = first + 1 + ((i * 7919) % taken) * 3;
      if (nextFree(from) !== from + 1) throw new Error("the module found another address than the next one");
    }
  });
  return (ms * 1000) / looks;
}

function inARowNs({ inARow: walk }: Exports): number {
  return (timeMs(() => { if (walk(first,
    inARow) === 0) throw new Error("the module found no free address"); }) * 1e6) / inARow;
}
