// One fresh process: the host-local module asked for an address of a /8 of which as many are taken as the argument
// says. Prints milliseconds as JSON: compiling it, the first call, and the median of later calls.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { AddressList, parseAddress, takenView } from "../../src/net/index.ts";
import { allocateJson } from "../../src/wasm/call/allocate.ts";
import { encodeFrame } from "../../src/wasm/call/frame.ts";
import { op } from "../../src/wasm/call/op.ts";
import { compileModule, runModule } from "../../src/wasm/call/sandbox.ts";
import type { CompiledModule } from "../../src/wasm/call/sandbox.ts";
import { builtModules } from "../helpers/wasm.ts";
import { summarize, timeMs } from "./statistics.ts";

const laterCalls = 100;
const taken = Number(process.argv[2] ?? 0);
const bytes = Uint8Array.from(readFileSync(join(builtModules, "host-local.wasm")));
const span = { first: parseAddress("10.0.0.1"), last: parseAddress("10.255.255.254") };
// Every third address, so that no two are one run, which would be the module's best case.
const list = new AddressList(taken);
for (let i = 0; i < taken; i++) list.add(0, 0, 0, (0x0a00_0002 + i * 3) >>> 0);
const range = { set: 0, ...span, cursor: parseAddress("10.0.0.1"), gateway: parseAddress("10.0.0.1"), prefixBits: 8,
  subnet: "10.0.0.0/8", view: takenView(span, list) };
const attachment = { containerId: "bench", ifName: "eth0", network: "bench", mac: null };
const frame = encodeFrame(allocateJson({ attempt: 0, attachment, config: {}, requested: [], mine: [],
  ranges: [range] }), [range]);

let module: CompiledModule | undefined;
const compileMs = timeMs(() => { module = compileModule("host-local", bytes); });
const call = (): void => {
  if (module !== undefined) runModule(module, op.allocate, frame);
};
const firstMs = timeMs(call);
const { medianMs: laterMs } = summarize(Array.from({ length: laterCalls }, () => timeMs(call)));
console.log(JSON.stringify({ compileMs, firstMs, laterMs, frameBytes: frame.length }));
