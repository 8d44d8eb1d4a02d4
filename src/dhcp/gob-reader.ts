import { DhcpError } from "./message.ts";

/**
 * A value of Go's encoding/gob: structs are objects by field name with absent fields left out, as on the wire. Of
 * numbers only what a double holds exactly is taken.
 */
export type GobValue =
  boolean | number | string | Uint8Array | readonly GobValue[] | { readonly [field: string]: GobValue };

/** A reader of one stream: it keeps the types that the stream has described, and what is cut at the end of a chunk. */
export interface GobReader {
  /** @returns the values that have come to their end @throws DhcpError for what is no gob, or too much */
  push(chunk: Uint8Array): readonly GobValue[];
}

/** What a plugin sends or is sent is a few kilobytes. */
const messageBytesMax = 1024 * 1024, typesMax = 256, depthMax = 32;

type Type =
  | { readonly kind: "bool" | "int" | "uint" | "float" | "bytes" | "string" }
  | { readonly kind: "list"; readonly element: number; readonly length?: number }
  | { readonly kind: "map"; readonly key: number; readonly element: number }
  | { readonly kind: "struct"; readonly fields: readonly { readonly name: string; readonly type: number }[] };

/** Types that need no description, by their ids (encoding/gob, type.go); 16 is what describes others. */
const basicTypes: readonly (readonly [number, Type])[] = [
  [1, { kind: "bool" }], [2, { kind: "int" }], [3, { kind: "uint" }], [4, { kind: "float" }], [5, { kind: "bytes" }],
  [6, { kind: "string" }],
  [16, struct(["ArrayT", 17], ["SliceT", 19], ["StructT", 20], ["MapT", 23])],
  [17, struct(["CommonType", 18], ["Elem", 2], ["Len", 2])],
  [18, struct(["Name", 6], ["Id", 2])],
  [19, struct(["CommonType", 18], ["Elem", 2])],
  [20, struct(["CommonType", 18], ["Field", 22])],
  [21, struct(["Name", 6], ["Id", 2])],
  [22, { kind: "list", element: 21 }],
  [23, struct(["CommonType", 18], ["Key", 2], ["Elem", 2])],
];
const descriptionType = 16;

function struct(...fields: readonly (readonly [string, number])[]): Type {
  return { kind: "struct", fields: fields.map(([name, type]) => ({ name, type })) };
}

export function gobReader(): GobReader {
  const types = new Map<number, Type>(basicTypes);
  let pending = new Uint8Array();
  return {
    push(chunk) {
      pending = new Uint8Array([...pending, ...chunk]);
      const values: GobValue[] = [];
      for (let message = nextMessage(pending); message !== undefined; message = nextMessage(pending)) {
        pending = pending.slice(message.endsAt);
        const value = readMessage(message.body, types);
        if (value !== undefined) values.push(value);
      }
      return values;
    },
  };
}

/** The first message of a stream; undefined as long as its end is not there. */
function nextMessage(bytes: Uint8Array): { readonly body: Cursor; readonly endsAt: number } | undefined {
  const lengthBytes = bytes[0] === undefined ? 1 : bytes[0] < 0x80 ? 1 : 257 - bytes[0];
  if (lengthBytes > 9) throw refused(`a number of ${lengthBytes - 1} bytes`);
  if (bytes.length < lengthBytes || bytes.length === 0) return undefined;
  const cursor = new Cursor(bytes), length = cursor.uint();
  if (length > messageBytesMax) throw refused(`a message of ${length} bytes, expected at most ${messageBytesMax}`);
  const endsAt = lengthBytes + length;
  return endsAt > bytes.length ? undefined : { body: new Cursor(bytes.subarray(lengthBytes, endsAt)), endsAt };
}

/** A value; undefined for a message that describes a type. */
function readMessage(body: Cursor, types: Map<number, Type>): GobValue | undefined {
  const id = body.int();
  if (id < 0) {
    if (types.size >= typesMax) throw refused(`more than ${typesMax} types`);
    types.set(-id, describedType(readValue(body, descriptionType, types, 0)));
    return undefined;
  }
  // A value that is no struct stands behind a zero, as if it were a struct's only field.
  if (types.get(id)?.kind !== "struct" && body.uint() !== 0) throw refused("a value of no known shape");
  return readValue(body, id, types, 0);
}

function readValue(body: Cursor, id: number, types: ReadonlyMap<number, Type>, depth: number): GobValue {
  const type = types.get(id);
  if (type === undefined || depth > depthMax)
    throw refused(type === undefined ? `type ${id}, of which nothing was said` : "too deep a value");
  const inner = (element: number): GobValue => readValue(body, element, types, depth + 1);
  switch (type.kind) {
    case "bool": return body.uint() !== 0;
    case "int": return body.int();
    case "uint": return body.uint();
    case "float": return body.float();
    case "bytes": return body.bytes();
    case "string": return new TextDecoder().decode(body.bytes());
    case "list": return Array.from({ length: body.count() }, () => inner(type.element));
    case "map": return Array.from({ length: body.count() }, () => [inner(type.key), inner(type.element)]);
    case "struct": return readFields(body, type.fields, inner);
  }
}

/** Each field stands behind how far it is from the one before it; zero ends them. */
function readFields(
  body: Cursor, fields: readonly { readonly name: string; readonly type: number }[], inner: (type: number) => GobValue,
): GobValue {
  const values: [string, GobValue][] = [];
  for (let index = -1; ; ) {
    const step = body.uint();
    if (step === 0) return Object.fromEntries(values);
    index += step;
    const field = fields[index];
    if (field === undefined) throw refused(`field ${index} of a struct that has ${fields.length}`);
    values.push([field.name, inner(field.type)]);
  }
}

/** A type out of its description, a wireType: one of its fields says what it is. */
function describedType(description: GobValue): Type {
  const kinds = fieldsOf(description);
  const [kind = "", parts = ""] = [...kinds][0] ?? [];
  const known = fieldsOf(parts);
  const id = (name: string): number => Number(known.get(name) ?? 0);
  switch (kind) {
    case "StructT": return { kind: "struct", fields: structFields(known.get("Field")) };
    case "MapT": return { kind: "map", key: id("Key"), element: id("Elem") };
    case "SliceT": case "ArrayT": return { kind: "list", element: id("Elem") };
    default: throw refused("a type that encodes itself");
  }
}

function structFields(value: GobValue | undefined): readonly { readonly name: string; readonly type: number }[] {
  if (!Array.isArray(value)) return [];
  return value.map((field: GobValue) => {
    const parts = fieldsOf(field);
    return { name: String(parts.get("Name") ?? ""), type: Number(parts.get("Id") ?? 0) };
  });
}

function fieldsOf(value: GobValue): ReadonlyMap<string, GobValue> {
  return new Map(typeof value === "object" ? Object.entries<GobValue>(value) : []);
}

/** The fields of a struct by name; none for what is no struct. */
export function recordOf(value: GobValue | undefined): { readonly [field: string]: GobValue } {
  const isRecord = typeof value === "object" && !Array.isArray(value) && !(value instanceof Uint8Array);
  // What is left is a struct.
  return isRecord ? (value as { readonly [field: string]: GobValue }) : {};
}

function refused(what: string): DhcpError {
  return new DhcpError(`Cannot read a message of Go's encoding/gob: it holds ${what}`);
}

/** Reads on from where it is; every read checks that the bytes are there. */
class Cursor {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Below 128 as it is, else its length, negated, and its bytes, the highest first. */
  uint(): number {
    const first = this.#next();
    if (first < 0x80) return first;
    let value = 0;
    for (let left = 256 - first; left > 0; left--) value = value * 256 + this.#next();
    if (!Number.isSafeInteger(value)) throw refused("a number beyond 2^53");
    return value;
  }

  /** The lowest bit says whether the others are inverted. */
  int(): number {
    const value = this.uint();
    return value % 2 === 0 ? value / 2 : -(value - 1) / 2 - 1;
  }

  /** The bytes of a double, the lowest first, as a number whose zeros at the end are saved. */
  float(): number {
    const first = this.#next(), bytes = new Uint8Array(8);
    if (first < 0x80) bytes[7] = first;
    else for (let left = 256 - first; left > 0 && left <= 8; left--) bytes[8 - left] = this.#next();
    return new DataView(bytes.buffer).getFloat64(0, true);
  }

  bytes(): Uint8Array {
    const length = this.uint(), from = this.#at;
    if (from + length > this.#bytes.length) throw refused(`${length} bytes that are cut`);
    this.#at += length;
    return this.#bytes.slice(from, this.#at);
  }

  /** Elements of a list: each takes at least one byte. */
  count(): number {
    const count = this.uint();
    if (count > this.#bytes.length - this.#at) throw refused(`a list of ${count} that is cut`);
    return count;
  }

  #next(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw refused("a value that is cut");
    return byte;
  }
}
