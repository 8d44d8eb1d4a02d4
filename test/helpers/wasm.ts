/** WASM modules assembled by hand, for what no compiler would write; and where the built ones are. */
import { join } from "node:path";
import { BinaryWriter } from "../../src/wasm/code/binary.ts";

/** Directory of the built-in modules; `npm run build` and `npm test` make it. */
export const builtModules = join(import.meta.dirname, "..", "..", "build", "wasm");

/** Types every assembled module has, by index. */
export const type = { toI32: 0, i32ToI32: 1, call: 2, toI64: 3, nothing: 4 } as const;

/** Function indexes of every assembled module; those of `functions` follow. */
export const fn = { abi: 0, alloc: 1, call: 2, fault: 3 } as const;

export interface Assembly {
  /** Instructions of `call`, without the final `end`; absent: answers with `answer`. */
  readonly call?: readonly number[];
  /** Text or bytes of the answer. */
  readonly answer?: string | Uint8Array;
  readonly alloc?: readonly number[];
  readonly abi?: readonly number[];
  readonly fault?: readonly number[];
  readonly start?: readonly number[];
  /** Types behind the five. */
  readonly types?: readonly (readonly number[])[];
  /** Local declarations of `call`: count and type pairs. */
  readonly locals?: readonly (readonly [number, number])[];
  readonly memory?: readonly number[];
  readonly table?: readonly number[];
  /** Functions the table starts with. */
  readonly elements?: readonly number[];
  readonly globals?: readonly (readonly number[])[];
  /** Names beyond those of the ABI, for function 0. */
  readonly exports?: readonly string[];
  /** Whole sections, appended as they are: id and content. */
  readonly sections?: readonly (readonly [number, readonly number[]])[];
}

/** Where an assembled module takes the request, and where its answer lies. */
export const requestAt = 1024;
export const answerAt = 16_384;

/** The bytes of a module with the exports of ABI 1. */
export function assemble(parts: Assembly = {}): Uint8Array<ArrayBuffer> {
  const answer = typeof parts.answer === "string" ? new TextEncoder().encode(parts.answer)
    : parts.answer ?? new TextEncoder().encode("{}");
  const bodies = [
    parts.abi ?? [0x41, 0x80, 0x80, 0x04],
    parts.alloc ?? i32Const(requestAt),
    parts.call ?? i64Const((BigInt(answerAt) << 32n) | BigInt(answer.length)),
    parts.fault ?? i64Const(0n),
    ...(parts.start === undefined ? [] : [parts.start]),
  ];
  const functionTypes = [type.toI32, type.i32ToI32, type.call, type.toI64,
    ...(parts.start === undefined ? [] : [type.nothing])];
  const types = [[0x60, 0, 1, 0x7f], [0x60, 1, 0x7f, 1, 0x7f], [0x60, 3, 0x7f, 0x7f, 0x7f, 1, 0x7e], [0x60, 0, 1, 0x7e],
    [0x60, 0, 0], ...(parts.types ?? [])];
  const output = new BinaryWriter().raw([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
  section(output, 1, types);
  section(output, 3, functionTypes.map((index) => [index]));
  if (parts.table !== undefined) section(output, 4, [parts.table]);
  section(output, 5, [parts.memory ?? [0, 2]]);
  if (parts.globals !== undefined) section(output, 6, parts.globals);
  section(output, 7, [
    exported("memory", 2, 0), exported("abi", 0, fn.abi), exported("alloc", 0, fn.alloc), exported("call", 0, fn.call),
      exported("fault", 0, fn.fault),
    ...(parts.exports ?? []).map((name) => exported(name, 0, 0)),
  ]);
  if (parts.start !== undefined) output.byte(8).sized(new BinaryWriter().u32(4));
  if (parts.elements !== undefined) {
    section(output, 9, [[0, ...i32Const(0), 0x0b, parts.elements.length, ...parts.elements]]);
  }
  section(output, 10, bodies.map((body, index) => {
    const locals = index === fn.call ? parts.locals ?? [] : [];
    const content = new BinaryWriter().u32(locals.length);
    for (const [count, valueType] of locals) content.u32(count).byte(valueType);
    return [...new BinaryWriter().sized(content.raw(body).byte(0x0b)).bytes()];
  }));
  section(output, 11, [[0, ...i32Const(answerAt), 0x0b, ...new BinaryWriter().u32(answer.length).raw(answer).bytes()]]);
  for (const [id, content] of parts.sections ?? []) output.byte(id).sized(new BinaryWriter().raw(content));
  return output.bytes();
}

export function i32Const(value: number): number[] {
  return [0x41, ...signed(BigInt(value))];
}

export function i64Const(value: bigint): number[] {
  return [0x42, ...signed(BigInt.asIntN(64, value))];
}

/** LEB128, signed. */
function signed(value: bigint): number[] {
  const low = Number(value & 0x7fn);
  const rest = value >> 7n;
  const last = (rest === 0n && low < 0x40) || (rest === -1n && low >= 0x40);
  return last ? [low] : [low | 0x80, ...signed(rest)];
}

function section(output: BinaryWriter, id: number, entries: readonly (readonly number[])[]): void {
  const content = new BinaryWriter().u32(entries.length);
  for (const entry of entries) content.raw(entry);
  output.byte(id).sized(content);
}

function exported(name: string, kind: number, index: number): number[] {
  return [...new BinaryWriter().name(name).byte(kind).u32(index).bytes()];
}
