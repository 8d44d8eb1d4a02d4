import type { BinaryReader, RefusedModuleError } from "./binary.ts";

/** What follows an opcode: one small number each, so that the table is bytes. What is not listed is refused. */
const kind = {
  refused: 0,
  none: 1,
  index: 2,
  memarg: 3,
  number: 4,
  block: 5,
  end: 6,
  function: 7,
  global: 8,
  memory: 9,
  prefix: 10,
  labels: 11,
  indirect: 12,
  float: 13,
  bits: 14,
  store: 15,
} as const;

/** Opcodes the meter looks for (core specification, 5.4). */
export const opcode = {
  unreachable: 0x00,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  call: 0x10,
  localGet: 0x20,
  globalGet: 0x23,
  globalSet: 0x24,
  memorySize: 0x3f,
  memoryGrow: 0x40,
  i64Const: 0x42,
  i32Const: 0x41,
  i64LtS: 0x53,
  f32Const: 0x43,
  f64Const: 0x44,
  f32Eq: 0x5b,
  f64Eq: 0x61,
  select: 0x1b,
  i64Add: 0x7c,
  i64Sub: 0x7d,
  i64ShrU: 0x88,
  i64ExtendI32U: 0xad,
  prefix: 0xfc,
} as const;

/** Behind the prefix 0xfc: saturating conversions are 0 to 7; table and segment instructions are refused. */
export const memoryCopy = 10;
export const memoryFill = 11;

/** Anything the table does not name is refused: tail calls, exceptions, references, typed select, GC, SIMD, atomics. */
const immediates: Uint8Array = immediateTable([
  [0x00, 0x01, kind.none],      // unreachable, nop
  [0x02, 0x04, kind.block],     // block, loop, if
  [0x05, 0x05, kind.none],      // else
  [0x0b, 0x0b, kind.end],
  [0x0c, 0x0d, kind.index],     // br, br_if
  [0x0e, 0x0e, kind.labels],    // br_table
  [0x0f, 0x0f, kind.none],      // return
  [0x10, 0x10, kind.function],  // call
  [0x11, 0x11, kind.indirect],  // call_indirect
  [0x1a, 0x1b, kind.none],      // drop, select
  [0x20, 0x22, kind.index],     // local.get, local.set, local.tee
  [0x23, 0x24, kind.global],    // global.get, global.set
  [0x28, 0x3e, kind.memarg],    // loads and stores
  [0x3f, 0x40, kind.memory],    // memory.size, memory.grow
  [0x41, 0x42, kind.number],    // i32.const, i64.const
  [0x43, 0x44, kind.float],     // f32.const, f64.const
  [0x45, 0xc4, kind.none],      // comparisons, arithmetic, conversions, sign extension
  [0xfc, 0xfc, kind.prefix],
  // What shows the bits of a float, which are not the same everywhere when it is not a number.
  [0x38, 0x39, kind.store],     // f32.store, f64.store
  [0x98, 0x98, kind.bits],      // f32.copysign
  [0xa6, 0xa6, kind.bits],      // f64.copysign
  [0xbc, 0xbd, kind.bits],      // i32.reinterpret_f32, i64.reinterpret_f64
]);

/** What the indexes of a module's code may reach: the counts before anything was added to it. */
export interface IndexSpaces {
  readonly types: number;
  readonly functions: number;
  readonly tables: number;
  readonly globals: number;
}

/**
 * What is done at a mark of a scan: fuel is charged, a bulk instruction is replaced by a call that charges, or the
 * float on top of the stack becomes the one NaN if it is none.
 */
export const mark = { charge: 0, copy: 1, fill: 2, nan32: 3, nan64: 4 } as const;

/** Numbers a mark has in the list: where, how many bytes it replaces, what is done there, and the fuel of a charge. */
export const markNumbers = 4;

/** A function body or constant expression that was gone over. */
export interface Scan {
  readonly blocks: number;
  readonly loops: number;
  /** Flat, `markNumbers` each, in the order of the code: thousands of objects would take longer than all the rest. */
  readonly marks: readonly number[];
}

/** Modules as compilers make them nest 22 deep at most. */
const nestingMax = 128;
const growCost = 1000;
/** Instructions of the function that makes NaNs the same. */
const nanCost = 7;

/**
 * For each open block, whether it is a loop; the first is the body. Written when a block opens, and one for all
 * functions.
 */
const open = new Uint8Array(nestingMax + 1);

/**
 * Goes over the instructions of a function body up to the `end` that closes it, and says where fuel is to be charged:
 * at the entry and at each loop head for the instructions that belong there (the innermost loop wins), and before
 * `memory.grow`. One loop without a call for the usual instruction, and without
 * closures, which would take an object each time around: it runs once, before the engine has optimised anything.
 *
 * @throws RefusedModuleError for instructions that are not listed, indexes out of their space, deeper nesting than 128
 */
export function scanCode(reader: BinaryReader, spaces: IndexSpaces): Scan {
  const { bytes, end } = reader;
  let at = reader.at, blocks = 0, loops = 0;
  const marks: number[] = [at, 0, mark.charge, 0];
  // Fuel of the region the code is in, where it goes in `marks`, and the same of the regions around it.
  let cost = 0, costAt = 3;
  const outer: number[] = [];
  let depth = 0;
  for (;;) {
    if (at >= end) throw refusedAt(reader, at, "it ends too early");
    const start = at;
    const code = bytes[at++] ?? 0;
    cost++;
    // Literals, so that the interpreter jumps by a table: names of `kind` would be looked up and compared one by one.
    switch (immediates[code]) {
      case 1: // none
        continue;
      case 2: { // index: of a local, a label: the compiler looks at them
        if ((bytes[at] ?? 0x80) < 0x80) at++;
        else {
          reader.at = at;
          reader.u32();
          at = reader.at;
        }
        continue;
      }
      case 3: { // memarg
        // Bit 6 of the alignment says that a memory index follows.
        if ((bytes[at++] ?? 64) >= 64) throw refusedAt(reader, at, "an access names a memory");
        if ((bytes[at] ?? 0x80) < 0x80) at++;
        else {
          reader.at = at;
          reader.u32();
          at = reader.at;
        }
        continue;
      }
      case 4: { // number: i32.const, i64.const: signed LEB128
        const longest = at + (code === opcode.i32Const ? 5 : 10);
        while ((bytes[at++] ?? 0) >= 0x80)
          if (at >= longest) throw refusedAt(reader, at, `a number is longer than ${longest - start - 1} bytes`);
        continue;
      }
      case 5: { // block
        if (++depth >= nestingMax) throw refusedAt(reader, at, `blocks nest deeper than ${nestingMax}`);
        blocks++;
        if (bytes[at] === emptyBlock) at++;
        else {
          reader.at = at;
          skipBlockType(reader);
          at = reader.at;
        }
        open[depth] = 0;
        if (code !== opcode.loop) continue;
        loops++;
        open[depth] = 1;
        marks[costAt] = cost;
        outer.push(costAt);
        costAt = marks.push(at, 0, mark.charge, 0) - 1;
        cost = 0;
        continue;
      }
      case 6: { // end
        if (open[depth] === 1) {
          marks[costAt] = cost;
          costAt = outer.pop() ?? 3;
          cost = marks[costAt] ?? 0;
        }
        if (depth-- > 0) continue;
        if (at > end) throw refusedAt(reader, at, "it ends too early");
        marks[costAt] = cost;
        reader.at = at;
        return { blocks, loops, marks };
      }
      case 7: // function
      case 8: { // global
        let index = bytes[at] ?? 0x80;
        if (index < 0x80) at++;
        else {
          reader.at = at;
          index = reader.u32();
          at = reader.at;
        }
        const isCall = code === opcode.call;
        if (index >= (isCall ? spaces.functions : spaces.globals))
          throw refusedAt(reader, at, `${isCall ? "function" : "global"} ${index} does not exist`);
        continue;
      }
      case 9: { // memory
        reader.at = at;
        refuseOtherMemory(reader);
        at = reader.at;
        if (code === opcode.memoryGrow) marks.push(start, 0, mark.charge, growCost);
        continue;
      }
      case 10: { // prefix
        reader.at = at;
        const sub = skipPrefixed(reader);
        at = reader.at;
        if (sub === memoryCopy) marks.push(start, at - start, mark.copy, 0);
        if (sub === memoryFill) marks.push(start, at - start, mark.fill, 0);
        continue;
      }
      case 14: // bits
      case 15: // store
        marks.push(start, 0, single.has(code) ? mark.nan32 : mark.nan64, 0);
        cost += nanCost;
        if (immediates[code] === kind.bits) continue;
        reader.at = at;
        skipMemarg(reader);
        at = reader.at;
        continue;
      default:
        reader.at = at;
        skipOther(reader, code, spaces);
        at = reader.at;
    }
  }
}

/** f32.store, f32.copysign, i32.reinterpret_f32; the others of their kind are for f64. */
const single: ReadonlySet<number> = new Set([0x38, 0x98, 0xbc]);

/** The type of a block that leaves nothing. */
const emptyBlock = 0x40;

function refusedAt(reader: BinaryReader, at: number, rule: string): RefusedModuleError {
  reader.at = at;
  return reader.refused(rule);
}

/** Steps over a constant expression: constants and `global.get` up to its `end`. */
export function skipConstant(reader: BinaryReader, spaces: IndexSpaces): void {
  for (;;) {
    const code = reader.byte();
    if (code === opcode.end) return;
    const constant = code === opcode.globalGet || (code >= opcode.i32Const && code <= opcode.f64Const);
    if (!constant) throw reader.refused("an initial value is not constant");
    if (code === opcode.globalGet) refuseIndex(reader, "global", spaces.globals);
    else if (code === opcode.i32Const || code === opcode.i64Const) reader.skipSigned(code === opcode.i32Const ? 5 : 10);
    else reader.skip(code === opcode.f64Const ? 8 : 4);
  }
}

/** The rare ones. */
function skipOther(reader: BinaryReader, code: number, spaces: IndexSpaces): void {
  switch (immediates[code]) {
    case kind.labels: return skipLabels(reader);
    case kind.indirect:
      refuseIndex(reader, "type", spaces.types);
      return refuseIndex(reader, "table", spaces.tables);
    case kind.float: return reader.skip(code === opcode.f64Const ? 8 : 4);
    default: throw reader.refused(`instruction 0x${code.toString(16).padStart(2, "0")} is not allowed`);
  }
}

function skipMemarg(reader: BinaryReader): void {
  if (reader.byte() >= 64) throw reader.refused("an access names a memory");
  reader.u32();
}

function skipPrefixed(reader: BinaryReader): number {
  const sub = reader.u32();
  if (sub <= 7) return sub;
  if (sub !== memoryCopy && sub !== memoryFill) throw reader.refused(`instruction 0xfc ${sub} is not allowed`);
  refuseOtherMemory(reader);
  if (sub === memoryCopy) refuseOtherMemory(reader);
  return sub;
}

/** Empty or one value: the index of a type would be a block that takes values, or leaves several. */
function skipBlockType(reader: BinaryReader): void {
  const first = reader.byte();
  if (first !== emptyBlock && !isValueType(first))
    throw reader.refused(`block type 0x${first.toString(16)} is not allowed`);
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

function immediateTable(rows: readonly (readonly [number, number, number])[]): Uint8Array {
  const table = new Uint8Array(256);
  for (const [first, last, immediate] of rows) table.fill(immediate, first, last + 1);
  return table;
}
