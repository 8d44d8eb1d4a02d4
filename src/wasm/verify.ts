import { BinaryReader } from "./binary.ts";
import { isValueType, opcode, refuseIndex, walkInstructions } from "./instructions.ts";
import type { IndexSpaces } from "./instructions.ts";
import { fuelExport, startExport } from "./names.ts";

/** Limits of one module; wasm.md 6.2. */
export const moduleLimits = {
  fileBytes: 256 * 1024,
  memoryPages: 256,
  functions: 4096,
  tableEntries: 4096,
  bodyBytes: 32 * 1024,
  /** Parameters included. */
  locals: 256,
  loops: 1024,
  /** The time to compile a function grows with its locals times its blocks. */
  localBlocks: 20_000,
  localBlocksSum: 200_000,
} as const;

/** A module that was looked over: where its parts are, for the meter. */
export interface VerifiedModule {
  readonly bytes: Uint8Array;
  /** In the order of the file, custom ones left out. */
  readonly sections: readonly Section[];
  readonly spaces: IndexSpaces;
  /** The function of the start section. */
  readonly start: number | undefined;
  readonly bodies: readonly Body[];
}

export interface Section {
  readonly id: number;
  /** First byte of the content, behind the section's length. */
  readonly start: number;
  readonly end: number;
}

/** One function's code. */
export interface Body {
  /** Where its local declarations begin, and where its instructions do. */
  readonly start: number;
  readonly codeStart: number;
  readonly end: number;
}

interface FunctionType {
  readonly parameters: readonly number[];
  readonly results: readonly number[];
}

/** What is known while the sections are read one after the other. */
interface Reading {
  readonly types: FunctionType[];
  /** The type of each function. */
  readonly functions: number[];
  tables: number;
  memories: number;
  globals: number;
  readonly exports: Map<string, { readonly kind: number; readonly index: number }>;
  start: number | undefined;
  readonly bodies: Body[];
  localBlocksSum: number;
}

/**
 * Decodes a module and refuses whatever wasm.md 6.2 does not list; what remains, the types on the stack, is the
 * compiler's to check. Nothing is compiled or run.
 *
 * @throws RefusedModuleError
 */
export function verifyModule(bytes: Uint8Array): VerifiedModule {
  const reader = new BinaryReader(bytes);
  if (bytes.length > moduleLimits.fileBytes) throw reader.refused(`it is ${bytes.length} bytes long, expected at most ${moduleLimits.fileBytes}`);
  for (const byte of header) {
    if (reader.byte() !== byte) throw reader.refused("it does not start as WebAssembly 1 does");
  }
  const reading: Reading = {
    types: [], functions: [], tables: 0, memories: 0, globals: 0, exports: new Map(), start: undefined, bodies: [], localBlocksSum: 0,
  };
  const sections = readSections(reader, reading);
  if (reading.bodies.length !== reading.functions.length) throw reader.refused("functions and bodies differ in number");
  if (reading.memories !== 1) throw reader.refused(`it has ${reading.memories} memories, expected one`);
  refuseOtherAbi(reader, reading);
  return { bytes, sections, spaces: spacesOf(reading), start: reading.start, bodies: reading.bodies };
}

/** `\0asm`, version 1. */
const header = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

/** Sections in the order they must come; data count (12) stands before code (10). */
const sectionOrder = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 10, 11];

function readSections(reader: BinaryReader, reading: Reading): readonly Section[] {
  const sections: Section[] = [];
  let place = -1;
  while (!reader.done) {
    const id = reader.byte();
    const content = reader.part(reader.u32());
    if (id === 0) continue;
    const next = sectionOrder.indexOf(id);
    if (next < 0) throw content.refused(`section ${id} is not allowed`);
    if (next <= place) throw content.refused(`section ${id} is repeated or out of order`);
    place = next;
    const start = content.at;
    readSection(id, content, reading);
    if (!content.done) throw content.refused(`section ${id} is longer than its content`);
    sections.push({ id, start, end: content.end });
  }
  return sections;
}

function readSection(id: number, content: BinaryReader, reading: Reading): void {
  switch (id) {
    case 1: return each(content, () => readType(content, reading));
    case 2: return each(content, () => { throw content.refused("it imports something, expected no import"); });
    case 3: return each(content, () => readFunction(content, reading));
    case 4: return each(content, () => readTable(content, reading));
    case 5: return each(content, () => readMemory(content, reading));
    case 6: return each(content, () => readGlobal(content, reading));
    case 7: return each(content, () => readExport(content, reading));
    case 8: return readStart(content, reading);
    case 9: return each(content, () => readElements(content, reading));
    case 10: return each(content, () => readBody(content, reading));
    case 11: return each(content, () => readData(content, reading));
    default: return void content.u32(); // the number of data segments
  }
}

function each(content: BinaryReader, read: () => void): void {
  for (let count = content.u32(); count > 0; count--) read();
}

function readType(content: BinaryReader, { types }: Reading): void {
  if (content.byte() !== 0x60) throw content.refused("a type is not that of a function");
  types.push({ parameters: readValueTypes(content), results: readValueTypes(content) });
}

function readValueTypes(content: BinaryReader): readonly number[] {
  const valueTypes: number[] = [];
  each(content, () => valueTypes.push(readValueType(content)));
  return valueTypes;
}

function readValueType(content: BinaryReader): number {
  const valueType = content.byte();
  if (!isValueType(valueType)) throw content.refused(`value type 0x${valueType.toString(16)} is not allowed`);
  return valueType;
}

function readFunction(content: BinaryReader, { functions, types }: Reading): void {
  const type = content.u32();
  if (type >= types.length) throw content.refused(`type ${type} does not exist`);
  if (functions.push(type) > moduleLimits.functions) throw content.refused(`it has more than ${moduleLimits.functions} functions`);
}

function readTable(content: BinaryReader, reading: Reading): void {
  if (content.byte() !== 0x70) throw content.refused("a table holds something else than functions");
  const { minimum } = readLimits(content);
  if (minimum > moduleLimits.tableEntries) throw content.refused(`its table has ${minimum} entries, expected at most ${moduleLimits.tableEntries}`);
  if (++reading.tables > 1) throw content.refused("it has more than one table");
}

function readMemory(content: BinaryReader, reading: Reading): void {
  const { minimum } = readLimits(content);
  if (minimum > moduleLimits.memoryPages) throw content.refused(`its memory starts with ${minimum} pages, expected at most ${moduleLimits.memoryPages}`);
  reading.memories++;
}

/** 32-bit and not shared: flags 0 and 1 only. */
export function readLimits(content: BinaryReader): { readonly minimum: number; readonly maximum: number | undefined } {
  const flags = content.byte();
  if (flags > 1) throw content.refused("a memory or table is shared or 64-bit");
  return { minimum: content.u32(), maximum: flags === 1 ? content.u32() : undefined };
}

function readGlobal(content: BinaryReader, reading: Reading): void {
  readValueType(content);
  content.byte(); // mutable or not
  skipConstant(content, reading);
  reading.globals++;
}

function skipConstant(content: BinaryReader, reading: Reading): void {
  walkInstructions(content, spacesOf(reading), ({ opcode: code }) => {
    const constant = code === opcode.end || code === opcode.globalGet || (code >= opcode.i32Const && code <= 0x44);
    if (!constant) throw content.refused("an initial value is not constant");
  });
}

const exportName = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;

function readExport(content: BinaryReader, reading: Reading): void {
  const name = content.name();
  if (!exportName.test(name)) throw content.refused(`export name ${JSON.stringify(name.slice(0, 64))} is not allowed`);
  if (name === fuelExport || name === startExport) throw content.refused(`export name "${name}" is reserved`);
  const kind = content.byte();
  const index = content.u32();
  const count = [reading.functions.length, reading.tables, reading.memories, reading.globals][kind];
  if (count === undefined || index >= count) throw content.refused(`export "${name}" names something that does not exist`);
  reading.exports.set(name, { kind, index });
}

function readStart(content: BinaryReader, reading: Reading): void {
  const index = content.u32();
  const type = reading.types[reading.functions[index] ?? -1];
  if (type === undefined || type.parameters.length + type.results.length > 0) throw content.refused("the start function does not exist or has parameters");
  reading.start = index;
}

/** Active segments of table 0 only, which hold function indexes. */
function readElements(content: BinaryReader, reading: Reading): void {
  if (content.u32() !== 0 || reading.tables !== 1) throw content.refused("an element segment is not active, or not of the one table");
  skipConstant(content, reading);
  each(content, () => refuseIndex(content, "function", reading.functions.length));
}

function readData(content: BinaryReader, reading: Reading): void {
  if (content.u32() !== 0) throw content.refused("a data segment is not active");
  skipConstant(content, reading);
  content.skip(content.u32());
}

function readBody(content: BinaryReader, reading: Reading): void {
  const size = content.u32();
  const index = reading.bodies.length;
  const where = `function ${index}`;
  if (size > moduleLimits.bodyBytes) throw content.refused(`${where} is ${size} bytes long, expected at most ${moduleLimits.bodyBytes}`);
  const body = content.part(size);
  const start = body.at;
  let locals = reading.types[reading.functions[index] ?? -1]?.parameters.length ?? 0;
  each(body, () => {
    locals += body.u32();
    readValueType(body);
  });
  if (locals > moduleLimits.locals) throw body.refused(`${where} has ${locals} locals and parameters, expected at most ${moduleLimits.locals}`);
  const codeStart = body.at;
  let blocks = 0;
  let loops = 0;
  walkInstructions(body, spacesOf(reading), ({ opcode: code }) => {
    if (code >= opcode.block && code <= opcode.if) blocks++;
    if (code === opcode.loop) loops++;
  });
  if (!body.done) throw body.refused(`${where} is longer than its instructions`);
  if (loops > moduleLimits.loops) throw body.refused(`${where} has ${loops} loops, expected at most ${moduleLimits.loops}`);
  reading.localBlocksSum += locals * blocks;
  if (locals * blocks > moduleLimits.localBlocks || reading.localBlocksSum > moduleLimits.localBlocksSum) {
    throw body.refused(`${where} has ${locals} locals in ${blocks} blocks, expected fewer of either`);
  }
  reading.bodies.push({ start, codeStart, end: body.end });
}

function spacesOf(reading: Reading): IndexSpaces {
  return { types: reading.types.length, functions: reading.functions.length, tables: reading.tables, globals: reading.globals };
}

const i32 = 0x7f;
const i64 = 0x7e;

/** The functions of ABI 1; `fault` may be missing. */
const abiFunctions: ReadonlyMap<string, FunctionType> = new Map([
  ["abi", { parameters: [], results: [i32] }],
  ["alloc", { parameters: [i32], results: [i32] }],
  ["call", { parameters: [i32, i32, i32], results: [i64] }],
  ["fault", { parameters: [], results: [i64] }],
]);

function refuseOtherAbi(reader: BinaryReader, reading: Reading): void {
  if (reading.exports.get("memory")?.kind !== 2) throw reader.refused('it has no memory "memory"');
  for (const [name, wanted] of abiFunctions) {
    const found = reading.exports.get(name);
    if (found === undefined && name === "fault") continue;
    const type = found?.kind === 0 ? reading.types[reading.functions[found.index] ?? -1] : undefined;
    const fits = type !== undefined && type.parameters.join() === wanted.parameters.join() && type.results.join() === wanted.results.join();
    if (!fits) throw reader.refused(`it has no function "${name}" of the ABI's type`);
  }
}
