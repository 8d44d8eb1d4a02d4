import type { BinaryReader, RefusedModuleError } from "./binary.ts";
import { bulkOperands, costs, growth, immediates, kind, memoryCopy, memoryFill, opcode } from "./opcodes.ts";

/** What the indexes of a module's code may reach: the counts before anything was added to it. */
export interface IndexSpaces {
  readonly types: number;
  readonly functions: number;
  readonly tables: number;
  readonly globals: number;
  /** The type of each function. */
  readonly functionTypes: readonly number[];
  /** For each type, the results of a function less its parameters. */
  readonly typeGrowth: readonly number[];
}

/**
 * What is done at a mark of a scan: fuel is charged, a bulk instruction is replaced by a call that charges, or the
 * float on top of the stack becomes the one NaN if it is none, or the function returns.
 */
export const mark = { charge: 0, copy: 1, fill: 2, nan32: 3, nan64: 4, leave: 5 } as const;

/** Numbers a mark has in the list: where, how many bytes it replaces, what is done there, and the fuel of a charge. */
export const markNumbers = 4;

/** A function body or constant expression that was gone over. */
export interface Scan {
  readonly blocks: number;
  readonly loops: number;
  /** Whether it calls a function of the module. */
  readonly calls: boolean;
  /** Most values it has on the stack at once. */
  readonly height: number;
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
/** For each open block, the values on the stack once it is left; of an `else` one too many, which does not add up. */
const left = new Int32Array(nestingMax + 1);

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
  let at = reader.at, blocks = 0, loops = 0, calls = false;
  // Behind a branch it may fall too low, up to the end of the block: what stands there never runs.
  let height = 0, highest = 0;
  const marks: number[] = [at, 0, mark.charge, 0];
  // Fuel of the region the code is in, where it goes in `marks`, and the same of the regions around it.
  let cost = 0, costAt = 3;
  const outer: number[] = [];
  let depth = 0;
  for (;;) {
    if (at >= end) throw refusedAt(reader, at, "it ends too early");
    const start = at;
    const code = bytes[at++] ?? 0;
    cost += costs[code] ?? 1;
    height += growth[code] ?? 0;
    if (height > highest) highest = height;
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
        left[depth] = height;
        if (bytes[at] === emptyBlock) at++;
        else {
          left[depth] = height + 1;
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
        if (depth > 0) {
          height = left[depth--] ?? 0;
          if (height > highest) highest = height;
          continue;
        }
        if (at > end) throw refusedAt(reader, at, "it ends too early");
        marks[costAt] = cost;
        reader.at = at;
        return { blocks, loops, calls, height: highest, marks };
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
        if (isCall) {
          calls = true;
          height += spaces.typeGrowth[spaces.functionTypes[index] ?? 0] ?? 0;
          if (height > highest) highest = height;
        }
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
        if (sub >= memoryCopy) height -= bulkOperands;
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
      case 16: // else
        height = left[depth] ?? 0;
        continue;
      case 17: // return
        marks.push(start, 0, mark.leave, 0);
        continue;
      case 12: { // indirect
        reader.at = at;
        const type = refuseIndex(reader, "type", spaces.types);
        refuseIndex(reader, "table", spaces.tables);
        at = reader.at;
        calls = true;
        height += spaces.typeGrowth[type] ?? 0;
        if (height > highest) highest = height;
        continue;
      }
      default:
        reader.at = at;
        skipOther(reader, code);
        at = reader.at;
    }
  }
}

/** f32.store, f32.copysign, i32.reinterpret_f32; the others of their kind are for f64. */
const single: ReadonlySet<number> = new Set([0x38, 0x98, 0xbc]);

/** The type of a block that leaves nothing. */
export const emptyBlock = 0x40;

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
function skipOther(reader: BinaryReader, code: number): void {
  switch (immediates[code]) {
    case kind.labels: return skipLabels(reader);
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

/** The index that follows, which must be below `count`. */
export function refuseIndex(reader: BinaryReader, what: string, count: number): number {
  const index = reader.u32();
  if (index >= count) throw reader.refused(`${what} ${index} does not exist`);
  return index;
}

function refuseOtherMemory(reader: BinaryReader): void {
  if (reader.byte() !== 0) throw reader.refused("an instruction names another memory");
}
