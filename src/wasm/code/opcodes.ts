/** Tables of the instructions: their shape, fuel and effect on the stack (core specification, 5.4). */

/** What follows an opcode: one small number each, so that the table is bytes. What is not listed is refused. */
export const kind = {
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
  else: 16,
  return: 17,
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
  i32LtS: 0x48,
  i64LtS: 0x53,
  f32Const: 0x43,
  f64Const: 0x44,
  f32Eq: 0x5b,
  f64Eq: 0x61,
  select: 0x1b,
  i32Add: 0x6a,
  i32Sub: 0x6b,
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
export const immediates: Uint8Array = byteTable(kind.refused, [
  [0x00, 0x01, kind.none],      // unreachable, nop
  [0x02, 0x04, kind.block],     // block, loop, if
  [0x05, 0x05, kind.else],
  [0x0b, 0x0b, kind.end],
  [0x0c, 0x0d, kind.index],     // br, br_if
  [0x0e, 0x0e, kind.labels],    // br_table
  [0x0f, 0x0f, kind.return],
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

/**
 * What an instruction costs: 1, but for those that take a processor many times as long as an addition. Floats are held
 * to what they take when they are subnormal, some 40 times as long as others on some processors.
 */
export const costs = byteTable(1, [
  [0x6d, 0x70, 4], // i32.div_s, i32.div_u, i32.rem_s, i32.rem_u
  [0x7f, 0x82, 4], // i64.div_s, i64.div_u, i64.rem_s, i64.rem_u
  [0x8d, 0x91, 8], // f32.ceil, f32.floor, f32.trunc, f32.nearest, f32.sqrt
  [0x92, 0x94, 4], // f32.add, f32.sub, f32.mul
  [0x95, 0x95, 8], // f32.div
  [0x96, 0x97, 4], // f32.min, f32.max
  [0x9b, 0x9f, 8], // f64.ceil, f64.floor, f64.trunc, f64.nearest, f64.sqrt
  [0xa0, 0xa2, 4], // f64.add, f64.sub, f64.mul
  [0xa3, 0xa3, 8], // f64.div
  [0xa4, 0xa5, 4], // f64.min, f64.max
  [0xb6, 0xb6, 4], // f32.demote_f64
  [0xbb, 0xbb, 4], // f64.promote_f32
]);

/** Values an instruction leaves on the stack, less those it takes; calls and bulk instructions are not here. */
export const growth: Int8Array = new Int8Array(byteTable(0, [
  [0x04, 0x04, -1], // if
  [0x0d, 0x0e, -1], // br_if, br_table
  [0x11, 0x11, -1], // call_indirect: the index; then as a call
  [0x1a, 0x1a, -1], // drop
  [0x1b, 0x1b, -2], // select
  [0x20, 0x20, 1],  // local.get
  [0x21, 0x21, -1], // local.set
  [0x23, 0x23, 1],  // global.get
  [0x24, 0x24, -1], // global.set
  [0x36, 0x3e, -2], // stores
  [0x3f, 0x3f, 1],  // memory.size
  [0x41, 0x44, 1],  // constants
  // Comparisons and arithmetic of two values, with what takes one between them
  [0x46, 0x4f, -1],
  [0x51, 0x66, -1],
  [0x6a, 0x78, -1],
  [0x7c, 0x8a, -1],
  [0x92, 0x98, -1],
  [0xa0, 0xa6, -1],
]).buffer);

/** Values that a bulk instruction takes. */
export const bulkOperands = 3;

/** A number for each opcode: rows of first, last and number, and what all others have. */
function byteTable(others: number, rows: readonly (readonly [number, number, number])[]): Uint8Array<ArrayBuffer> {
  const table = new Uint8Array(256).fill(others);
  for (const [first, last, immediate] of rows) table.fill(immediate, first, last + 1);
  return table;
}
