import { codeLimits } from "../limits.ts";
import { BinaryReader, BinaryWriter } from "./binary.ts";
import { emptyBlock, mark, markNumbers } from "./instructions.ts";
import { fuelExport, stackExport, startExport } from "./names.ts";
import { memoryCopy, memoryFill, opcode } from "./opcodes.ts";
import type { Body, Section, VerifiedModule } from "./verify.ts";
import { readLimits } from "./verify.ts";

/**
 * A module whose code counts its own fuel: each function entry and each loop head subtracts the instructions that
 * belong to it (the innermost loop wins) from a global of ours, and traps below zero. Bulk memory instructions charge
 * by size.
 *
 * Calls that are open are counted by what their frames take at most, in a second global, which traps below zero too:
 * a function subtracts its slots when it is entered and adds them when it is left. Its body becomes a block, so that a
 * branch out of the function ends before what adds them; `return` is preceded by the same. A trap leaves the count as
 * it is: no call is made in that instance after it but `fault`, for which the host fills the global again. A function
 * that calls none and takes little is not counted: it is the last of any chain.
 *
 * The globals are exported as `polynic_fuel` and `polynic_stack`, for the host to fill and read. The start section
 * becomes the export `polynic_start`, so that the host can fill the globals first. Custom sections are dropped. Memory
 * and table limits are clamped. Structured control has no jump offsets: nothing needs to be relocated.
 *
 * A float whose bits are about to be seen is made the one NaN first, if it is none: which of the many a computation
 * gives differs between processors, and in one process before and after the engine has optimised it.
 */
export function meterModule(verified: VerifiedModule): Uint8Array<ArrayBuffer> {
  const { spaces } = verified;
  const { functions, types } = spaces;
  const added: Added = {
    fuel: spaces.globals,
    stack: spaces.globals + 1,
    copy: functions,
    fill: functions + 1,
    nan32: functions + 2,
    nan64: functions + 3,
    bulkType: types,
    nan32Type: types + 1,
    nan64Type: types + 2,
  };
  const output = new BinaryWriter(verified.bytes.length * 2).raw(verified.bytes.subarray(0, headerBytes));
  const present = new Map(verified.sections.map((section) => [section.id, section]));
  for (const id of sectionsInOrder) {
    const section = present.get(id);
    if (id === codeSection) meteredCode(output.byte(id), verified, added);
    else if (section !== undefined && isCopied(id))
      output
        .byte(id)
        .u32(section.end - section.start)
        .raw(verified.bytes.subarray(section.start, section.end));
    else {
      const content = rewriteSection(id, section, verified, added);
      if (content !== undefined) output.byte(id).sized(content);
    }
  }
  return output.bytes();
}

const headerBytes = 8;
const codeSection = 10;

/** Elements, data count, data. */
function isCopied(id: number): boolean {
  return id === 9 || id >= 11;
}

/** Data count (12) stands before code; the start section (8) and element (9) keep their place. */
const sectionsInOrder = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 10, 11] as const;

/** Indexes of what the meter adds, each behind all that the module has. */
interface Added {
  readonly fuel: number;
  readonly stack: number;
  readonly copy: number;
  readonly fill: number;
  readonly nan32: number;
  readonly nan64: number;
  readonly bulkType: number;
  readonly nan32Type: number;
  readonly nan64Type: number;
}

const i32 = 0x7f;
const i64 = 0x7e;
const f32 = 0x7d;
const f64 = 0x7c;
const mutable = 1;
const globalKind = 3;
const functionKind = 0;

function rewriteSection(
  id: number,
  section: Section | undefined,
  verified: VerifiedModule,
  added: Added,
): BinaryWriter | undefined {
  switch (id) {
    case 1:
      return appended(
        section,
        verified,
        [
          [0x60, 3, i32, i32, i32, 0],
          [0x60, 1, f32, 1, f32],
          [0x60, 1, f64, 1, f64],
        ].map((type) => new BinaryWriter().raw(type)),
      );
    case 3:
      return appended(
        section,
        verified,
        [added.bulkType, added.bulkType, added.nan32Type, added.nan64Type].map((type) => new BinaryWriter().u32(type)),
      );
    case 4:
      return section === undefined ? undefined : clampedTable(section, verified.bytes);
    case 5:
      return section === undefined ? undefined : clampedMemory(section, verified);
    case 6:
      return appended(section, verified, [
        new BinaryWriter().raw([i64, mutable, opcode.i64Const, 0, opcode.end]),
        new BinaryWriter().raw([i32, mutable, opcode.i32Const]).s64(codeLimits.stackSlots).byte(opcode.end),
      ]);
    case 7:
      return appended(section, verified, newExports(verified, added));
    default:
      return undefined; // what is not there, and the start section
  }
}

function newExports({ start }: VerifiedModule, added: Added): readonly BinaryWriter[] {
  const fuel = new BinaryWriter().name(fuelExport).byte(globalKind).u32(added.fuel);
  const stack = new BinaryWriter().name(stackExport).byte(globalKind).u32(added.stack);
  return start === undefined
    ? [fuel, stack]
    : [fuel, stack, new BinaryWriter().name(startExport).byte(functionKind).u32(start)];
}

/** A section's entries with more behind them. */
function appended(
  section: Section | undefined,
  { bytes }: VerifiedModule,
  entries: readonly BinaryWriter[],
): BinaryWriter {
  const reader = section === undefined ? undefined : new BinaryReader(bytes, section.start, section.end);
  const output = new BinaryWriter().u32((reader?.u32() ?? 0) + entries.length);
  if (reader !== undefined) output.raw(bytes.subarray(reader.at, reader.end));
  for (const entry of entries) output.raw(entry.bytes());
  return output;
}

function clampedMemory(section: Section, { bytes, memoryPages }: VerifiedModule): BinaryWriter {
  const reader = new BinaryReader(bytes, section.start, section.end);
  reader.u32(); // one memory, as the verifier saw
  return limits(new BinaryWriter().u32(1), reader, memoryPages);
}

function clampedTable(section: Section, bytes: Uint8Array): BinaryWriter {
  const reader = new BinaryReader(bytes, section.start, section.end);
  const count = reader.u32();
  const output = new BinaryWriter().u32(count);
  return count === 0 ? output : limits(output.byte(reader.byte()), reader, codeLimits.tableEntries);
}

function limits(output: BinaryWriter, reader: BinaryReader, cap: number): BinaryWriter {
  const { minimum, maximum = cap } = readLimits(reader);
  return output.byte(1).u32(minimum).u32(Math.min(maximum, cap));
}

const addedFunctions = 4;

function meteredCode(output: BinaryWriter, verified: VerifiedModule, added: Added): void {
  const begin = output.beginSized();
  output.u32(verified.bodies.length + addedFunctions);
  const fragments = fragmentsOf(added);
  for (const body of verified.bodies) {
    const start = output.beginSized();
    meteredBody(output, body, verified.bytes, fragments);
    output.endSized(start);
  }
  output.sized(bulkHelper([0xfc, memoryCopy, 0, 0], added)).sized(bulkHelper([0xfc, memoryFill, 0], added));
  output.sized(nanHelper(nan32Const, opcode.f32Eq)).sized(nanHelper(nan64Const, opcode.f64Eq));
  output.endSized(begin);
}

/** The code that is put in, which is the same everywhere but for the fuel of a charge. */
interface Fragments {
  readonly beforeCost: Uint8Array;
  readonly afterCost: Uint8Array;
  /** Around the slots of a frame when it is entered, and when it is left. */
  readonly beforeSlots: Uint8Array;
  readonly afterSlotsEnter: Uint8Array;
  readonly afterSlotsLeave: Uint8Array;
  /** Calls of what is added, by the mark they stand at. */
  readonly calls: readonly Uint8Array[];
}

/** A charge: fuel -= cost; a trap when that is below zero. The values on the stack stay as they are. */
function fragmentsOf(added: Added): Fragments {
  const afterCost = new BinaryWriter(64).byte(opcode.i64Sub).byte(opcode.globalSet).u32(added.fuel);
  trapBelowZero(afterCost, added);
  const enter = new BinaryWriter(32).byte(opcode.i32Sub).byte(opcode.globalSet).u32(added.stack);
  enter.byte(opcode.globalGet).u32(added.stack);
  enter.raw([opcode.i32Const, 0, opcode.i32LtS, opcode.if, emptyBlock, opcode.unreachable, opcode.end]);
  return {
    beforeCost: new BinaryWriter(16).byte(opcode.globalGet).u32(added.fuel).byte(opcode.i64Const).bytes(),
    afterCost: afterCost.bytes(),
    beforeSlots: new BinaryWriter(16).byte(opcode.globalGet).u32(added.stack).byte(opcode.i32Const).bytes(),
    afterSlotsEnter: enter.bytes(),
    afterSlotsLeave: new BinaryWriter(16).byte(opcode.i32Add).byte(opcode.globalSet).u32(added.stack).bytes(),
    // In the order of `mark`, whose first is a charge.
    calls: [0, added.copy, added.fill, added.nan32, added.nan64].map((index) =>
      new BinaryWriter(16).byte(opcode.call).u32(index).bytes(),
    ),
  };
}

function meteredBody(output: BinaryWriter, body: Body, bytes: Uint8Array, fragments: Fragments): void {
  const { start, end, scan: { marks } } = body;
  const slots = slotsOf(body);
  let copied = start;
  for (let i = 0; i < marks.length; i += markNumbers) {
    // Each mark is written whole, so these are there.
    const at = marks[i] ?? 0, skip = marks[i + 1] ?? 0, what = marks[i + 2] ?? 0, cost = marks[i + 3] ?? 0;
    output.raw(bytes.subarray(copied, at));
    if (what === mark.charge) output.raw(fragments.beforeCost).s64(cost).raw(fragments.afterCost);
    else if (what === mark.leave) leave(output, slots, fragments);
    else output.raw(fragments.calls[what] ?? []);
    if (i === 0) enter(output, slots, body.result, fragments);
    copied = at + skip;
  }
  output.raw(bytes.subarray(copied, end));
  if (slots === 0) return;
  leave(output, slots, fragments);
  output.byte(opcode.end);
}

/** A function that calls none needs no count while it takes no more than this. */
const uncountedSlots = 64;

/** What a call of it takes of the stack; 0: it is not counted. */
function slotsOf({ locals, scan }: Body): number {
  const slots = codeLimits.callSlots + locals + scan.height;
  return scan.calls || slots > uncountedSlots ? slots : 0;
}

/** Behind the charge at a function's entry, which is its first mark; the block is the body. */
function enter(output: BinaryWriter, slots: number, result: number | undefined, fragments: Fragments): void {
  if (slots === 0) return;
  output.raw(fragments.beforeSlots).s64(slots).raw(fragments.afterSlotsEnter);
  output.byte(opcode.block).byte(result ?? emptyBlock);
}

/** The result stays on the stack. */
function leave(output: BinaryWriter, slots: number, { beforeSlots, afterSlotsLeave }: Fragments): void {
  if (slots > 0) output.raw(beforeSlots).s64(slots).raw(afterSlotsLeave);
}

function trapBelowZero(output: BinaryWriter, added: Added): void {
  output
    .byte(opcode.globalGet)
    .u32(added.fuel)
    .raw([opcode.i64Const, 0, opcode.i64LtS, opcode.if, emptyBlock, opcode.unreachable, opcode.end]);
}

/**
 * memory.copy or memory.fill as a function that charges 8 + bytes / 8 first; the byte count is its third parameter.
 */
function bulkHelper(instruction: readonly number[], added: Added): BinaryWriter {
  const output = new BinaryWriter().u32(0);
  output.byte(opcode.globalGet).u32(added.fuel);
  output.raw([
    opcode.localGet,
    2,
    opcode.i64ExtendI32U,
    opcode.i64Const,
    3,
    opcode.i64ShrU,
    opcode.i64Const,
    8,
    opcode.i64Add,
    opcode.i64Sub,
  ]);
  output.byte(opcode.globalSet).u32(added.fuel);
  trapBelowZero(output, added);
  return output.raw([opcode.localGet, 0, opcode.localGet, 1, opcode.localGet, 2, ...instruction, opcode.end]);
}

/** The one NaN of each width, as constants: positive, quiet, without a payload. */
const nan32Const = [opcode.f32Const, 0, 0, 0xc0, 0x7f];
const nan64Const = [opcode.f64Const, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f];

/** A float as it is, or the constant when it does not equal itself. */
function nanHelper(constant: readonly number[], equal: number): BinaryWriter {
  return new BinaryWriter(32)
    .u32(0)
    .raw([opcode.localGet, 0, ...constant, opcode.localGet, 0, opcode.localGet, 0, equal, opcode.select, opcode.end]);
}
