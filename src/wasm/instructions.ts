import type { BinaryReader } from "./binary.ts";

/** What follows an opcode, or that the opcode is refused. */
type Immediate =
  | "none" | "block" | "else" | "end" | "label" | "labels" | "function" | "indirect" | "local" | "global" | "memarg"
  | "memory" | "i32" | "i64" | "f32" | "f64" | "prefix" | "refused";

/** Opcodes the meter looks for (core specification, 5.4). */
export const opcode = {
  unreachable: 0x00, block: 0x02, loop: 0x03, if: 0x04, else: 0x05, end: 0x0b, call: 0x10, localGet: 0x20,
  globalGet: 0x23, globalSet: 0x24, memorySize: 0x3f, memoryGrow: 0x40, i64Const: 0x42, i32Const: 0x41,
  i64LtS: 0x53, i64Add: 0x7c, i64Sub: 0x7d, i64ShrU: 0x88, i64ExtendI32U: 0xad, prefix: 0xfc,
} as const;

/** Behind the prefix 0xfc: saturating conversions are 0 to 7; table and segment instructions are refused. */
export const memoryCopy = 10;
export const memoryFill = 11;

/** Anything the table does not name is refused: tail calls, exceptions, references, typed select, GC, SIMD, atomics. */
const immediates: readonly Immediate[] = immediateTable([
  [0x00, 0x01, "none"],      // unreachable, nop
  [0x02, 0x04, "block"],     // block, loop, if
  [0x05, 0x05, "else"],
  [0x0b, 0x0b, "end"],
  [0x0c, 0x0d, "label"],     // br, br_if
  [0x0e, 0x0e, "labels"],    // br_table
  [0x0f, 0x0f, "none"],      // return
  [0x10, 0x10, "function"],  // call
  [0x11, 0x11, "indirect"],  // call_indirect
  [0x1a, 0x1b, "none"],      // drop, select
  [0x20, 0x22, "local"],     // local.get, local.set, local.tee
  [0x23, 0x24, "global"],    // global.get, global.set
  [0x28, 0x3e, "memarg"],    // loads and stores
  [0x3f, 0x40, "memory"],    // memory.size, memory.grow
  [0x41, 0x41, "i32"],
  [0x42, 0x42, "i64"],
  [0x43, 0x43, "f32"],
  [0x44, 0x44, "f64"],
  [0x45, 0xc4, "none"],      // comparisons, arithmetic, conversions, sign extension
  [0xfc, 0xfc, "prefix"],
]);

/** What the indexes of a module's code may reach: the counts before anything was added to it. */
export interface IndexSpaces {
  readonly types: number;
  readonly functions: number;
  readonly tables: number;
  readonly globals: number;
}

/** One instruction; `sub` is the number behind the prefix 0xfc, else -1. */
export type Visit = (instruction: { readonly opcode: number; readonly sub: number; readonly start: number; readonly end: number }) => void;

/** wasm.md 6.2. */
const nestingMax = 128;

/**
 * Goes over the instructions of a function body or constant expression up to the `end` that closes it.
 *
 * @throws RefusedModuleError for instructions that are not listed, indexes out of their space, deeper nesting than 128
 */
export function walkInstructions(reader: BinaryReader, spaces: IndexSpaces, visit: Visit): void {
  for (let depth = 1; depth > 0; ) {
    const start = reader.at;
    const code = reader.byte();
    const immediate = immediates[code] ?? "refused";
    let sub = -1;
    if (immediate === "block" && ++depth > nestingMax) throw reader.refused(`blocks nest deeper than ${nestingMax}`);
    if (immediate === "end") depth--;
    if (immediate === "prefix") sub = skipPrefixed(reader);
    else skipImmediate(reader, code, immediate, spaces);
    visit({ opcode: code, sub, start, end: reader.at });
  }
}

function skipImmediate(reader: BinaryReader, code: number, immediate: Immediate, spaces: IndexSpaces): void {
  switch (immediate) {
    case "none": case "else": case "end": return;
    case "block": return skipBlockType(reader, spaces);
    case "label": case "local": return void reader.u32();
    case "labels": return skipLabels(reader);
    case "function": return refuseIndex(reader, "function", spaces.functions);
    case "global": return refuseIndex(reader, "global", spaces.globals);
    case "indirect":
      refuseIndex(reader, "type", spaces.types);
      return refuseIndex(reader, "table", spaces.tables);
    case "memarg":
      // Bit 6 of the alignment says that a memory index follows.
      if (reader.u32() >= 64) throw reader.refused("an access names a memory");
      return void reader.u32();
    case "memory": return refuseOtherMemory(reader);
    case "i32": return reader.skipSigned(5);
    case "i64": return reader.skipSigned(10);
    case "f32": return reader.skip(4);
    case "f64": return reader.skip(8);
    default: throw reader.refused(`instruction 0x${code.toString(16).padStart(2, "0")} is not allowed`);
  }
}

function skipPrefixed(reader: BinaryReader): number {
  const sub = reader.u32();
  if (sub <= 7) return sub;
  if (sub !== memoryCopy && sub !== memoryFill) throw reader.refused(`instruction 0xfc ${sub} is not allowed`);
  refuseOtherMemory(reader);
  if (sub === memoryCopy) refuseOtherMemory(reader);
  return sub;
}

/** Empty, one value, or the index of a type. */
function skipBlockType(reader: BinaryReader, spaces: IndexSpaces): void {
  const first = reader.bytes[reader.at] ?? 0;
  if (first === 0x40 || isValueType(first)) return reader.skip(1);
  // Types below are references and vectors, whose codes read as negative numbers.
  if (first >= 0x40 && first < 0x80) throw reader.refused(`block type 0x${first.toString(16)} is not allowed`);
  refuseIndex(reader, "type", spaces.types);
}

/** i32, i64, f32, f64. */
export function isValueType(byte: number): boolean {
  return byte >= 0x7c && byte <= 0x7f;
}

function skipLabels(reader: BinaryReader): void {
  for (let count = reader.u32() + 1; count > 0; count--) reader.u32();
}

/** The index that follows must be below `count`. */
export function refuseIndex(reader: BinaryReader, what: string, count: number): void {
  const index = reader.u32();
  if (index >= count) throw reader.refused(`${what} ${index} does not exist`);
}

function refuseOtherMemory(reader: BinaryReader): void {
  if (reader.byte() !== 0) throw reader.refused("an instruction names another memory");
}

function immediateTable(rows: readonly (readonly [number, number, Immediate])[]): Immediate[] {
  const table = new Array<Immediate>(256).fill("refused");
  for (const [first, last, immediate] of rows) table.fill(immediate, first, last + 1);
  return table;
}
