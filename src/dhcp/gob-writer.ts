/**
 * Go's encoding/gob, written: what a shape describes, zero values left out as the format has it. A reader matches
 * fields by name, so a shape may have fewer than its own type.
 */

/** What is written: a basic type, a list, or a struct of named fields, in this order. */
export type GobShape = "int" | "uint" | "bytes" | "string" | { readonly list: GobShape } | GobStruct;

export interface GobStruct {
  readonly struct: readonly (readonly [name: string, shape: GobShape])[];
}

/** Values by the names of a shape's fields; what is absent, empty or zero is not sent. */
export interface GobFields {
  readonly [field: string]:
    number | string | Uint8Array | GobFields | readonly (number | string | Uint8Array | GobFields)[] | undefined;
}

/** One stream: a type is described before its first value, and only then. */
export interface GobWriter {
  write(shape: GobStruct, value: GobFields): Uint8Array;
}

const basicIds = { int: 2, uint: 3, bytes: 5, string: 6 } as const;
/** The first id that is nobody's (encoding/gob, type.go: firstUserId). */
const firstId = 65;

type Value = GobFields[string];

export function gobWriter(): GobWriter {
  const ids = new Map<GobShape, number>();
  return {
    write(shape, value) {
      const described: number[] = [];
      const id = idOf(shape, ids, described);
      return new Uint8Array([...described, ...message([...int(id), ...fields(shape, value)])]);
    },
  };
}

/** The id of a shape; what has not been described yet is described now, parts first. */
function idOf(shape: GobShape, ids: Map<GobShape, number>, described: number[]): number {
  if (typeof shape === "string") return basicIds[shape];
  const known = ids.get(shape);
  if (known !== undefined) return known;
  const parts =
    "list" in shape ? [idOf(shape.list, ids, described)] : shape.struct.map(([, part]) => idOf(part, ids, described));
  const id = firstId + ids.size;
  ids.set(shape, id);
  const common = [1, 2, ...int(id), 0]; // CommonType: its second field alone, the id
  const type = "list" in shape
    ? [2, ...common, 1, ...int(parts[0] ?? 0), 0, 0] // wireType.SliceT: CommonType, Elem
    : [3, ...common, ...fieldList(shape, parts), 0, 0]; // wireType.StructT: CommonType, Field
  described.push(...message([...int(-id), ...type]));
  return id;
}

/** structType.Field, left out when there is none. */
function fieldList({ struct }: GobStruct, parts: readonly number[]): readonly number[] {
  if (struct.length === 0) return [];
  return [
    1,
    ...uint(struct.length),
    ...struct.flatMap(([name], index) => [1, ...text(name), 1, ...int(parts[index] ?? 0), 0]),
  ];
}

function fields({ struct }: GobStruct, value: GobFields): readonly number[] {
  const bytes: number[] = [];
  let last = -1;
  for (const [index, [name, shape]] of struct.entries()) {
    const field = value[name];
    if (field === undefined || isZero(field)) continue;
    bytes.push(...uint(index - last), ...encoded(shape, field));
    last = index;
  }
  return [...bytes, 0];
}

function isZero(value: Exclude<Value, undefined>): boolean {
  return value === 0 || (typeof value === "object" && "length" in value && value.length === 0) || value === "";
}

function encoded(shape: GobShape, value: Value): readonly number[] {
  if (shape === "int" && typeof value === "number") return int(value);
  if (shape === "uint" && typeof value === "number") return uint(value);
  if (shape === "string" && typeof value === "string") return text(value);
  if (shape === "bytes" && value instanceof Uint8Array) return [...uint(value.length), ...value];
  if (typeof shape === "object" && "list" in shape && Array.isArray(value)) {
    return [...uint(value.length), ...value.flatMap((one: Value) => encoded(shape.list, one))];
  }
  // What is left is a struct and its fields.
  if (typeof shape === "object" && "struct" in shape && isFields(value)) return fields(shape, value);
  throw new TypeError(`Cannot write ${typeof value} as ${JSON.stringify(shape)}`);
}

function isFields(value: Value): value is GobFields {
  return typeof value === "object" && !Array.isArray(value) && !(value instanceof Uint8Array);
}

function message(body: readonly number[]): readonly number[] {
  return [...uint(body.length), ...body];
}

function text(value: string): readonly number[] {
  const bytes = new TextEncoder().encode(value);
  return [...uint(bytes.length), ...bytes];
}

/** Below 128 as it is, else its length, negated, and its bytes, the highest first. */
function uint(value: number): readonly number[] {
  if (value < 0x80) return [value];
  const bytes: number[] = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return [256 - bytes.length, ...bytes];
}

/** The lowest bit says whether the others are inverted. */
function int(value: number): readonly number[] {
  return uint(value < 0 ? (-value - 1) * 2 + 1 : value * 2);
}
