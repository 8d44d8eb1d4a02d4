import { codeLimits, defaultLimits, fileLimits } from "../limits.ts";
import { BinaryReader } from "./binary.ts";
import type { IndexSpaces, Scan } from "./instructions.ts";
import { isValueType, refuseIndex, scanCode, skipConstant } from "./instructions.ts";
import { fuelExport, stackExport, startExport } from "./names.ts";

/** A module that was looked over: where its parts are, for the meter. */
export interface VerifiedModule {
  readonly bytes: Uint8Array;
  /** In the order of the file, custom ones left out. */
  readonly sections: readonly Section[];
  readonly spaces: IndexSpaces;
  /** The function of the start section. */
  readonly start: number | undefined;
  readonly bodies: readonly Body[];
  /** What its memory may grow to. */
  readonly memoryPages: number;
  /** What its memory starts with. */
  readonly initialPages: number;
  readonly exports: ReadonlyMap<string, { readonly kind: number; readonly index: number }>;
  /** Content of the custom section `cni.module`, where it has one. */
  readonly metadata: Uint8Array | undefined;
}

export interface VerifyOptions {
  /** Absent: the default caps. */
  readonly fileBytes?: number;
  readonly memoryPages?: number;
}

export interface Section {
  readonly id: number;
  /** First byte of the content, behind the section's length. */
  readonly start: number;
  readonly end: number;
}

/** One function's code. */
export interface Body {
  /** Where its local declarations begin. */
  readonly start: number;
  readonly end: number;
  readonly locals: number;
  /** Type of its result; undefined when it has none. */
  readonly result: number | undefined;
  readonly scan: Scan;
}

interface FunctionType {
  readonly parameters: readonly number[];
  readonly results: readonly number[];
}

/** What is known while the sections are read one after the other. */
interface Reading {
  readonly types: FunctionType[];
  readonly typeGrowth: number[];
  /** The type of each function. */
  readonly functions: number[];
  tables: number;
  memories: number;
  globals: number;
  readonly exports: Map<string, { readonly kind: number; readonly index: number }>;
  start: number | undefined;
  readonly bodies: Body[];
  localBlocksSum: number;
  readonly memoryPages: number;
  initialPages: number;
  metadata: Uint8Array | undefined;
  spaces: IndexSpaces;
}

/**
 * Decodes a module and refuses whatever is not listed here and in instructions.ts; what remains, the types on the
 * stack, is the compiler's to check. Nothing is compiled or run.
 *
 * @throws RefusedModuleError
 */
export function verifyModule(bytes: Uint8Array, options: VerifyOptions = {}): VerifiedModule {
  const { fileBytes = fileLimits.defaultBytes, memoryPages = defaultLimits.memoryPages } = options;
  const reader = new BinaryReader(bytes);
  if (bytes.length > fileBytes) throw reader.refused(`it is ${bytes.length} bytes long, expected at most ${fileBytes}`);
  for (const byte of header) {
    if (reader.byte() !== byte) throw reader.refused("it does not start as WebAssembly 1 does");
  }
  const reading: Reading = {
    types: [],
    typeGrowth: [],
    functions: [],
    tables: 0,
    memories: 0,
    globals: 0,
    exports: new Map(),
    start: undefined,
    bodies: [],
    localBlocksSum: 0,
    memoryPages,
    initialPages: 0,
    metadata: undefined,
    spaces: { types: 0, functions: 0, tables: 0, globals: 0, functionTypes: [], typeGrowth: [] },
  };
  const sections = readSections(reader, reading);
  if (reading.bodies.length !== reading.functions.length) throw reader.refused("functions and bodies differ in number");
  if (reading.memories !== 1) throw reader.refused(`it has ${reading.memories} memories, expected one`);
  refuseOtherAbi(reader, reading);
  const { start, bodies, initialPages, exports, metadata } = reading;
  return { bytes, sections, spaces: spacesOf(reading), start, bodies, memoryPages, initialPages, exports, metadata };
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
    if (id === 0) {
      readCustom(content, reading);
      continue;
    }
    const next = sectionOrder.indexOf(id);
    if (next < 0) throw content.refused(`section ${id} is not allowed`);
    if (next <= place) throw content.refused(`section ${id} is repeated or out of order`);
    place = next;
    const start = content.at;
    reading.spaces = spacesOf(reading);
    readSection(id, content, reading);
    if (!content.done) throw content.refused(`section ${id} is longer than its content`);
    sections.push({ id, start, end: content.end });
  }
  return sections;
}

/** Debuggers and compilers have sections of their own; ours says what the module is. */
function readCustom(content: BinaryReader, reading: Reading): void {
  if (content.name() !== metadataSection) return;
  if (reading.metadata !== undefined) throw content.refused(`section "${metadataSection}" is repeated`);
  reading.metadata = content.bytes.subarray(content.at, content.end);
}

const metadataSection = "cni.module";

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
  const count = content.u32();
  if (count > codeLimits.entries)
    throw content.refused(`it lists ${count} entries, expected at most ${codeLimits.entries}`);
  for (let i = 0; i < count; i++) read();
}

/**
 * One result at most: with several, values that are nowhere counted meet at each block, and the compiler pays for them.
 */
function readType(content: BinaryReader, { types, typeGrowth }: Reading): void {
  if (content.byte() !== 0x60) throw content.refused("a type is not that of a function");
  const type = { parameters: readValueTypes(content), results: readValueTypes(content) };
  if (type.results.length > 1)
    throw content.refused(`a function has ${type.results.length} results, expected one at most`);
  types.push(type);
  typeGrowth.push(type.results.length - type.parameters.length);
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
  if (functions.push(type) > codeLimits.functions)
    throw content.refused(`it has more than ${codeLimits.functions} functions`);
}

function readTable(content: BinaryReader, reading: Reading): void {
  if (content.byte() !== 0x70) throw content.refused("a table holds something else than functions");
  const { minimum } = readLimits(content);
  if (minimum > codeLimits.tableEntries)
    throw content.refused(`its table has ${minimum} entries, expected at most ${codeLimits.tableEntries}`);
  if (++reading.tables > 1) throw content.refused("it has more than one table");
}

function readMemory(content: BinaryReader, reading: Reading): void {
  const { minimum } = readLimits(content);
  if (minimum > reading.memoryPages)
    throw content.refused(`its memory starts with ${minimum} pages, expected at most ${reading.memoryPages}`);
  reading.initialPages = minimum;
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
  skipConstant(content, spacesOf(reading));
  reading.globals++;
}

const ourExports: ReadonlySet<string> = new Set([fuelExport, stackExport, startExport]);
const exportName = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;

function readExport(content: BinaryReader, reading: Reading): void {
  const name = content.name();
  if (!exportName.test(name)) throw content.refused(`export name ${JSON.stringify(name.slice(0, 64))} is not allowed`);
  if (ourExports.has(name)) throw content.refused(`export name "${name}" is reserved`);
  const kind = content.byte();
  const index = content.u32();
  const count = [reading.functions.length, reading.tables, reading.memories, reading.globals][kind];
  if (count === undefined || index >= count)
    throw content.refused(`export "${name}" names something that does not exist`);
  reading.exports.set(name, { kind, index });
}

function readStart(content: BinaryReader, reading: Reading): void {
  const index = content.u32();
  const type = reading.types[reading.functions[index] ?? -1];
  if (type === undefined || type.parameters.length + type.results.length > 0)
    throw content.refused("the start function does not exist or has parameters");
  reading.start = index;
}

/** Active segments of table 0 only, which hold function indexes. */
function readElements(content: BinaryReader, reading: Reading): void {
  if (content.u32() !== 0 || reading.tables !== 1)
    throw content.refused("an element segment is not active, or not of the one table");
  skipConstant(content, spacesOf(reading));
  each(content, () => refuseIndex(content, "function", reading.functions.length));
}

function readData(content: BinaryReader, reading: Reading): void {
  if (content.u32() !== 0) throw content.refused("a data segment is not active");
  skipConstant(content, spacesOf(reading));
  content.skip(content.u32());
}

function readBody(content: BinaryReader, reading: Reading): void {
  const size = content.u32();
  const index = reading.bodies.length;
  const where = `function ${index}`;
  if (size > codeLimits.bodyBytes)
    throw content.refused(`${where} is ${size} bytes long, expected at most ${codeLimits.bodyBytes}`);
  const body = content.part(size);
  const start = body.at;
  const type = reading.types[reading.functions[index] ?? -1];
  let locals = type?.parameters.length ?? 0;
  each(body, () => {
    locals += body.u32();
    readValueType(body);
  });
  if (locals > codeLimits.locals)
    throw body.refused(`${where} has ${locals} locals and parameters, expected at most ${codeLimits.locals}`);
  const scan = scanCode(body, reading.spaces);
  if (!body.done) throw body.refused(`${where} is longer than its instructions`);
  if (scan.loops > codeLimits.loops)
    throw body.refused(`${where} has ${scan.loops} loops, expected at most ${codeLimits.loops}`);
  reading.localBlocksSum += locals * scan.blocks;
  if (locals * scan.blocks > codeLimits.localBlocks || reading.localBlocksSum > codeLimits.localBlocksSum) {
    throw body.refused(`${where} has ${locals} locals in ${scan.blocks} blocks, expected fewer of either`);
  }
  reading.bodies.push({ start, end: body.end, locals, result: type?.results[0], scan });
}

function spacesOf(reading: Reading): IndexSpaces {
  return {
    types: reading.types.length,
    functions: reading.functions.length,
    tables: reading.tables,
    globals: reading.globals,
    functionTypes: reading.functions,
    typeGrowth: reading.typeGrowth,
  };
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
    const fits =
      type !== undefined &&
      type.parameters.join() === wanted.parameters.join() &&
      type.results.join() === wanted.results.join();
    if (!fits) throw reader.refused(`it has no function "${name}" of the ABI's type`);
  }
}
