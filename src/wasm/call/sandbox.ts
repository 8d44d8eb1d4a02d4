import { CniError, code, messageOf } from "../../cni/index.ts";
import { fuelExport, stackExport, startExport } from "../code/names.ts";
import type { ModuleMetadata } from "../installed/metadata.ts";
import type { CallLimits } from "../limits.ts";
import { codeLimits, defaultLimits } from "../limits.ts";
import { fuelFor } from "./fuel.ts";
import type { Instance, Instances } from "./instance.ts";
import { newInstances } from "./instance.ts";
import { printable } from "./answer.ts";
import { tellObserver } from "./observer.ts";

/** A module compiled and looked over, ready for calls. */
export interface CompiledModule {
  readonly name: string;
  readonly module: WebAssembly.Module;
  /** Whether its code counts fuel (see meter.ts). */
  readonly metered: boolean;
  readonly limits: CallLimits;
  /** What its calls run in; absent: each in one of its own. */
  readonly instances?: Instances;
}

/** A module built with this program: metered, and trusted to be as it says. */
export interface BuiltInModule {
  readonly compiled: CompiledModule;
  readonly metadata: ModuleMetadata;
}

/** Of an answer to a short request; one that repeats what it was told may be as long as that. */
const answerLimitBytes = 64 * 1024;
const pageBytes = 65_536;
const abiMajor = 1;
/** The newest minor of that major; a module of an older one is served all the same. */
const abiMinor = 0;
const faultLimitBytes = 1024;

/**
 * Compiles module bytes; nothing of the module runs yet.
 *
 * @throws CniError 142 when the bytes are no module, import something or lack an export of ABI 1
 */
export function compileModule(name: string, bytes: Uint8Array<ArrayBuffer>): CompiledModule {
  const refused = (what: string, cause?: unknown) =>
    new CniError(code.moduleRefused, `Cannot use module "${name}": ${what}`, cause === undefined ? {} : { cause });
  let module: WebAssembly.Module;
  try {
    module = new WebAssembly.Module(bytes);
  } catch (cause) {
    throw refused(cause instanceof Error ? cause.message : "it does not compile", cause);
  }
  const imported = WebAssembly.Module.imports(module)[0];
  if (imported !== undefined) throw refused(`it imports ${imported.module}.${imported.name}, expected no import`);
  const exported = new Map(WebAssembly.Module.exports(module).map(({ name, kind }) => [name, kind]));
  for (const [wanted, kind] of [
    ["memory", "memory"],
    ["abi", "function"],
    ["alloc", "function"],
    ["call", "function"],
  ] as const) {
    if (exported.get(wanted) !== kind)
      throw refused(`it has no ${kind} "${wanted}", expected the exports of ABI ${abiMajor}`);
  }
  return { name, module, metered: exported.get(fuelExport) === "global", limits: defaultLimits };
}

/** What one call took, however it ended. */
export interface CallFigures {
  /** Upper bound of the instructions that ran; 0 for a module that does not count them. */
  readonly fuelUsed: bigint;
  /** Size of its memory when it was done. */
  readonly memoryBytes: number;
  readonly milliseconds: number;
}

/** What one call came to. */
export interface ModuleCall extends CallFigures {
  /** The answer, still to be read as JSON. */
  readonly text: string;
}

/** A call that did not end in an answer. */
export interface FailedCall extends CallFigures {
  /** 143 (fuel), 144 (trap, stack, memory), 145 (answer out of bounds or not UTF-8). */
  readonly error: CniError;
}

/** Runs one op on a frame and gives the answer's text; see `callModule`. */
export function runModule(
  compiled: CompiledModule,
  opNumber: number,
  frame: Uint8Array,
  fuel = fuelFor(compiled.limits.fuel, frame, opNumber),
): string {
  return callModule(compiled, opNumber, frame, { fuel }).text;
}

/**
 * What `tryModule` gives, when that is an answer.
 *
 * @throws CniError 143 to 145, see FailedCall
 */
export function callModule(
  compiled: CompiledModule, opNumber: number, frame: Uint8Array, options: CallOptions = {},
): ModuleCall {
  const outcome = tryModule(compiled, opNumber, frame, options);
  tellObserver(compiled.name, outcome, "error" in outcome);
  if ("error" in outcome) throw outcome.error;
  return outcome;
}

export interface CallOptions {
  /** Absent: what the module's limits say, and more for a long request. */
  readonly fuel?: bigint;
}

/** Runs one op on a frame in an instance that is as a new one; the module keeps nothing. */
export function tryModule(
  compiled: CompiledModule,
  opNumber: number,
  frame: Uint8Array,
  { fuel = fuelFor(compiled.limits.fuel, frame, opNumber) }: CallOptions = {},
): ModuleCall | FailedCall {
  // Not by performance.now(): its first use loads modules of Node for 2 ms, twice what a call takes.
  const begin = process.hrtime.bigint();
  const run: Run = { compiled, fuel, exports: undefined };
  let instance: Instance | undefined, isWhole = false;
  try {
    instance = (compiled.instances ?? newInstances).take(compiled.module);
    const exports = start(run, instance);
    refuseOtherAbi(compiled.name, exports);
    const at = exports.alloc(frame.length) >>> 0;
    // A fresh look at the memory after every call: growing it empties the buffer of before.
    const memory = exports.memory;
    refuseLargeMemory(compiled, memory);
    if (at === 0)
      throw new CniError(
        code.moduleTrap,
        `Cannot call module "${compiled.name}": it has no memory for a request of ${frame.length} bytes`,
      );
    if (at + frame.length > memory.buffer.byteLength)
      throw outOfBounds(compiled.name, "request", at, frame.length, memory);
    new Uint8Array(memory.buffer).set(frame, at);
    const packed = BigInt.asUintN(64, exports.call(opNumber, at, frame.length));
    refuseLargeMemory(compiled, memory);
    const text = readAnswer(compiled.name, memory, packed, Math.max(answerLimitBytes, frame.length));
    const figures = figuresOf(run, begin);
    isWhole = true;
    return { text, ...figures };
  } catch (error) {
    // Before its last words are asked for, which take fuel as well.
    const figures = figuresOf(run, begin);
    return { error: error instanceof CniError ? error : trapped(run, error), ...figures };
  } finally {
    instance?.end(isWhole);
  }
}

function figuresOf(run: Run, begin: bigint): CallFigures {
  const { compiled, fuel, exports } = run;
  const used = compiled.metered && exports !== undefined ? fuel - fuelLeft(run) : 0n;
  // The loop that used up the last of it wanted more than there was.
  const fuelUsed = used > fuel ? fuel : used;
  return {
    fuelUsed,
    memoryBytes: exports?.memory.buffer.byteLength ?? 0,
    milliseconds: Number(process.hrtime.bigint() - begin) / 1e6,
  };
}

/** The exports of ABI 1; their types were looked at before. */
interface ModuleExports {
  readonly memory: WebAssembly.Memory;
  readonly abi: () => number;
  readonly alloc: (bytes: number) => number;
  readonly call: (op: number, at: number, bytes: number) => bigint;
  readonly fault: (() => bigint) | undefined;
  /** Of a metered module: what is left of each. */
  readonly fuel: WebAssembly.Global<"i64"> | undefined;
  readonly stack: WebAssembly.Global<"i32"> | undefined;
}

interface Run {
  readonly compiled: CompiledModule;
  readonly fuel: bigint;
  exports: ModuleExports | undefined;
}

/** A metered module has no start section: its start function runs here, on the fuel of the call. */
function start(run: Run, { exports }: Instance): ModuleExports {
  const { memory, abi, alloc, call, fault } = exports;
  const fuel = exports[fuelExport];
  if (!(memory instanceof WebAssembly.Memory) || !isFunction(abi) || !isFunction(alloc) || !isFunction(call)) {
    throw new CniError(
      code.moduleRefused,
      `Cannot use module "${run.compiled.name}": it lacks exports of ABI ${abiMajor}`,
    );
  }
  const typed: ModuleExports = {
    memory,
    abi: () => Number(abi()),
    alloc: (bytes) => Number(alloc(bytes)),
    call: (opNumber, at, bytes) => toBigInt(run.compiled.name, call(opNumber, at, bytes)),
    fault: isFunction(fault) ? () => toBigInt(run.compiled.name, fault()) : undefined,
    // compileModule saw that it is a global, and only the meter exports that name: a mutable i64, and an i32.
    fuel: run.compiled.metered ? fuel as WebAssembly.Global<"i64"> : undefined,
    stack: run.compiled.metered ? exports[stackExport] as WebAssembly.Global<"i32"> : undefined,
  };
  run.exports = typed;
  if (typed.fuel !== undefined) typed.fuel.value = run.fuel;
  const startFunction = exports[startExport];
  if (run.compiled.metered && isFunction(startFunction)) startFunction();
  return typed;
}

function isFunction(value: unknown): value is (...args: unknown[]) => unknown {
  return typeof value === "function";
}

function toBigInt(name: string, value: unknown): bigint {
  if (typeof value !== "bigint")
    throw new CniError(
      code.moduleAnswer,
      `Cannot read the answer of module "${name}": expected address and length as one i64`,
    );
  return value;
}

function refuseOtherAbi(name: string, exports: ModuleExports): void {
  const version = exports.abi(),
    major = version >>> 16,
    minor = version & 0xffff;
  if (major !== abiMajor || minor > abiMinor)
    throw new CniError(
      code.moduleRefused,
      `Cannot use module "${name}": it speaks ABI ${major}.${minor}, expected ${abiMajor}.0 to ${abiMajor}.${abiMinor}`,
    );
}

function refuseLargeMemory({ name, limits }: CompiledModule, memory: WebAssembly.Memory): void {
  const pages = memory.buffer.byteLength / pageBytes;
  if (pages > limits.memoryPages) {
    throw new CniError(
      code.moduleTrap,
      `Cannot call module "${name}": its memory grew to ${pages} pages, expected at most ${limits.memoryPages}`,
    );
  }
}

/** Made with the first answer; each would take 2 us. */
let utf8: TextDecoder | undefined;

function readAnswer(name: string, memory: WebAssembly.Memory, packed: bigint, limitBytes: number): string {
  const at = Number(packed >> 32n);
  const bytes = Number(packed & 0xffff_ffffn);
  if (bytes > limitBytes) {
    throw new CniError(
      code.moduleAnswer,
      `Cannot read the answer of module "${name}": it is ${bytes} bytes long, expected at most ${limitBytes}`,
    );
  }
  if (at + bytes > memory.buffer.byteLength) throw outOfBounds(name, "answer", at, bytes, memory);
  try {
    utf8 ??= new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    return utf8.decode(new Uint8Array(memory.buffer, at, bytes));
  } catch (cause) {
    throw new CniError(code.moduleAnswer, `Cannot read the answer of module "${name}": it is not UTF-8`, { cause });
  }
}

function outOfBounds(name: string, what: string, at: number, bytes: number, memory: WebAssembly.Memory): CniError {
  return new CniError(
    code.moduleAnswer,
    `Cannot read the ${what} of module "${name}": address ${at} and ${bytes} bytes lie outside its memory of ` +
      `${memory.buffer.byteLength} bytes`,
  );
}

function trapped(run: Run, error: unknown): CniError {
  const { name } = run.compiled;
  if (run.compiled.metered && fuelLeft(run) < 0n) {
    return new CniError(
      code.moduleFuel,
      `Cannot finish the call of module "${name}": its fuel of ${run.fuel} instructions is used up`,
      { cause: error },
    );
  }
  const stack = run.exports?.stack;
  if (stack !== undefined && stack.value < 0) {
    return new CniError(
      code.moduleTrap,
      `Cannot finish the call of module "${name}": its calls nest too deep, expected at most ` +
        `${codeLimits.stackSlots} slots of its stack`,
      { cause: error },
    );
  }
  if (stack !== undefined) stack.value = codeLimits.stackSlots;
  const last = run.exports === undefined ? undefined : readFault(run.exports);
  const what = last ?? messageOf(error);
  return new CniError(code.moduleTrap, `Cannot finish the call of module "${name}": it trapped, ${what}`, {
    cause: error,
  });
}

/** Below zero when the fuel ran out. */
function fuelLeft(run: Run): bigint {
  return run.exports?.fuel?.value ?? 0n;
}

/** The module's own last words, when it has any; its pointer is as little to be trusted as any other. */
function readFault(exports: ModuleExports): string | undefined {
  try {
    const packed = BigInt.asUintN(64, exports.fault?.() ?? 0n);
    const at = Number(packed >> 32n);
    const bytes = Number(packed & 0xffff_ffffn);
    if (bytes === 0 || bytes > faultLimitBytes || at + bytes > exports.memory.buffer.byteLength) return undefined;
    return printable(
      new TextDecoder("utf-16le").decode(new Uint8Array(exports.memory.buffer, at, bytes)),
      faultLimitBytes,
    );
  } catch {
    return undefined; // the words are gone; the trap itself is reported
  }
}
