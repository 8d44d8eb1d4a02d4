import { CodecError } from "./payload.ts";
import type { Output } from "./payload.ts";
import type { Scalar } from "./scalars.ts";

/** The fields of a C struct: name, offset in bytes, type. Gaps are padding. */
export type Fields = Readonly<Record<string, readonly [offset: number, type: Scalar<unknown>]>>;

export type StructValue<F extends Fields> = {
  readonly [K in keyof F]: F[K][1] extends { get(view: DataView, at: number): infer T } ? T : never;
};

/**
 * A fixed C struct as a payload. Fields left out when writing are zero, as the kernel wants its padding and unused
 * fields.
 */
export interface Struct<T> extends Scalar<T> {
  readonly name: string;
  put(view: DataView, at: number, value: Partial<T>): void;
  write(out: Output, value: Partial<T>): void;
}

/**
 * Declares a struct once: its size, writing, reading and its type come from the table.
 *
 * @param bytes  sizeof, trailing padding included; a test asserts it
 */
export function struct<const F extends Fields>(name: string, bytes: number, fields: F): Struct<StructValue<F>> {
  // As in attrs.ts: objects, because this mostly runs interpreted.
  const rows: readonly Row[] = Object.entries(fields).map(([field, [offset, type]]) => ({ field, offset, type }));

  function put(view: DataView, at: number, value: Partial<StructValue<F>>): void {
    for (const row of rows) {
      // The rows are the entries of F, so the value under this name is of this scalar's type.
      const fieldValue: unknown = value[row.field];
      if (fieldValue !== undefined) putField(name, row, view, at, fieldValue);
    }
  }

  function get(view: DataView, at: number): StructValue<F> {
    const value: Record<string, unknown> = {};
    for (const row of rows) value[row.field] = row.type.get(view, at + row.offset);
    // Filled from every row of F just above.
    return value as StructValue<F>;
  }

  return {
    name,
    bytes,
    put,
    get,
    write: (out, value) => put(out.view, out.reserve(bytes), value),
    read(input, start, end) {
      // Structs grow at their end in newer kernels; shorter ones are broken.
      if (end - start < bytes) throw new CodecError("decode", name, `expected ${bytes} bytes, found ${end - start}`);
      return get(input, start);
    },
  };
}

interface Row {
  readonly field: string;
  readonly offset: number;
  readonly type: Scalar<unknown>;
}

function putField(struct: string, row: Row, view: DataView, at: number, value: unknown): void {
  try {
    row.type.put(view, at + row.offset, value);
  } catch (error) {
    throw error instanceof CodecError ? error.within(`${struct}.${row.field}`) : error;
  }
}
