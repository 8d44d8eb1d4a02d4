import { CodecError } from "./payload.ts";
import type { Output, Payload, Siblings, ValueOf } from "./payload.ts";
import { raw } from "./scalars.ts";

/** The attributes a message or nest may hold: row name, attribute type, payload. */
export type Rows = Readonly<Record<string, readonly [type: number, payload: Payload<unknown>]>>;

/**
 * The value of a table: rows not sent are absent. Attributes without a row are kept under `unknown` as they came,
 * headers and padding included, one after the other; so they can be written back, or read by another table.
 */
export type Attributes<R extends Rows> = {
  readonly [K in keyof R]?: ValueOf<R[K][1]> | undefined;
} & { readonly unknown?: Uint8Array | undefined };

export interface AttrsOptions {
  /**
   * Attributes without a row are left out: of what is never written back as it was read. A link has some forty of them,
   * and copying them is a tenth of reading one.
   */
  readonly dropUnknown?: boolean;
}

/** Low bits of nla_type (linux/netlink.h NLA_TYPE_MASK); the upper two are flags. */
const NLA_TYPE_MASK = 0x3fff;
const NLA_F_NESTED = 0x8000;
/** sizeof(struct nlattr): u16 nla_len, header included, and u16 nla_type. */
const NLA_HDRLEN = 4;

const hostIsLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/**
 * Declares a set of attributes once: size, writing, reading and the TypeScript type come from the rows.
 * Attributes are written in row order. A repeated attribute keeps its last value unless its row says `repeated`.
 */
export function attrs<const R extends Rows>(
  rows: R,
  { dropUnknown = false }: AttrsOptions = {},
): Payload<Attributes<R>> {
  // Objects and indexed loops: a command's requests are few, so this runs interpreted, where destructuring lists is
  // slow.
  const table: readonly Row[] = Object.entries(rows).map(([name, [type, payload]]) => ({ name, type, payload }));
  const byType: (Row | undefined)[] = [];
  for (const row of table) byType[row.type] = row;

  return {
    nested: true,

    write(out, value) {
      // The table holds the rows of R, so every value is looked up under the name its payload belongs to.
      const values = value as Readonly<Record<string, unknown>>;
      for (let i = 0; i < table.length; i++) {
        const row = table[i];
        const rowValue = row === undefined ? undefined : values[row.name];
        if (row !== undefined && rowValue !== undefined) writeRow(out, row, rowValue, values);
      }
      if (value.unknown !== undefined) raw.write(out, value.unknown);
    },

    read(input, start, end) {
      const values: Record<string, unknown> = {};
      // Start and end of each run of unknown ones.
      const unknown: number[] = [];
      let unknownEnd = -1;

      // Bounded: every turn moves on by at least a header.
      for (let at = start; at + NLA_HDRLEN <= end; ) {
        const length = input.getUint16(at, hostIsLittleEndian);
        const type = input.getUint16(at + 2, hostIsLittleEndian);
        const stop = at + length;
        if (length < NLA_HDRLEN || stop > end) {
          throw new CodecError(
            "decode",
            `attribute ${type & NLA_TYPE_MASK}`,
            `expected ${length} bytes, found ${end - at}`,
          );
        }
        const row = byType[type & NLA_TYPE_MASK];
        const next = (stop + 3) & ~3;
        if (row !== undefined) readRow(values, row, input, at + NLA_HDRLEN, stop);
        else if (!dropUnknown) {
          if (unknownEnd === at) unknown[unknown.length - 1] = next;
          else unknown.push(at, next);
          unknownEnd = next;
        }
        at = next;
      }

      if (unknown.length > 0) values["unknown"] = copyRuns(input, unknown, end);
      // Every key is a row of R read by that row's payload, or `unknown`.
      return values as Attributes<R>;
    },
  };
}

/** A row that may come several times; its value is the list of them. */
export function repeated<P extends Payload<unknown>>(each: P): Payload<readonly ValueOf<P>[]> {
  return {
    each,
    ...(each.nested === undefined ? {} : { nested: each.nested }),
    write(out, value) {
      for (const item of value) each.write(out, item);
    },
    // What P reads is what ValueOf<P> says.
    read: (input, start, end) => [each.read(input, start, end) as ValueOf<P>],
  };
}

/**
 * A payload chosen by the value of an earlier row, as IFLA_INFO_DATA is by IFLA_INFO_KIND.
 * Under a name that is not in `kinds` it is read as raw bytes.
 */
export function by<const K extends Readonly<Record<string, Payload<unknown>>>>(
  sibling: string,
  kinds: K,
): Payload<ValueOf<K[keyof K]> | Uint8Array> {
  const choose = (siblings: Siblings | undefined): Payload<unknown> => {
    const kind = siblings?.[sibling];
    return typeof kind === "string" && Object.hasOwn(kinds, kind) ? kinds[kind] ?? raw : raw;
  };
  return {
    nested: true,
    // A value that is not raw is of the kind its sibling names: Attributes<R> is read and written by the same rows.
    write: (out, value, siblings) => (value instanceof Uint8Array ? raw : choose(siblings)).write(out, value as never),
    // Whichever payload was chosen, its value is one of the union.
    read: (input, start, end, siblings) => choose(siblings).read(input, start, end) as ValueOf<K[keyof K]> | Uint8Array,
  };
}

interface Row {
  readonly name: string;
  readonly type: number;
  readonly payload: Payload<unknown>;
}

/** One copy of all runs; the padding after the very last attribute may be missing. */
function copyRuns(input: DataView, runs: readonly number[], limit: number): Uint8Array {
  const first = runs[0] ?? 0;
  const last = runs.at(-1) ?? 0;
  // Everything between the first and the last run at once, then closed up: a call per run, not a step per byte.
  const copy = new Uint8Array(last - first);
  copy.set(new Uint8Array(input.buffer, input.byteOffset + first, Math.min(last, limit) - first));
  let length = (runs[1] ?? 0) - first;
  for (let i = 2; i < runs.length; i += 2) {
    const start = (runs[i] ?? 0) - first;
    const end = (runs[i + 1] ?? 0) - first;
    copy.copyWithin(length, start, end);
    length += end - start;
  }
  return copy.subarray(0, length);
}

function writeRow(out: Output, row: Row, value: unknown, siblings: Siblings): void {
  const { type, payload } = row;
  try {
    if (payload.each === undefined) writeAttribute(out, type, payload, value, siblings);
    // The value of a `repeated` row is a list, see there.
    else for (const item of value as readonly unknown[]) writeAttribute(out, type, payload.each, item);
  } catch (error) {
    throw error instanceof CodecError ? error.within(row.name) : error;
  }
}

function writeAttribute(
  out: Output,
  type: number,
  payload: Payload<unknown>,
  value: unknown,
  siblings?: Siblings,
): void {
  const start = out.reserve(NLA_HDRLEN);
  payload.write(out, value, siblings);
  const length = out.length - start;
  if (length > 0xffff)
    throw new CodecError("encode", `attribute ${type}`, `expected at most 65535 bytes, found ${length}`);
  out.view.setUint16(start, length, hostIsLittleEndian);
  out.view.setUint16(start + 2, payload.nested === true ? type | NLA_F_NESTED : type, hostIsLittleEndian);
  out.align();
}

function readRow(values: Record<string, unknown>, row: Row, input: DataView, start: number, end: number): void {
  const { name, payload } = row;
  try {
    if (payload.each === undefined) {
      values[name] = payload.read(input, start, end, values);
    } else {
      // Only this function writes under a `repeated` row's name, and always a list.
      const list = (values[name] ??= []) as unknown[];
      list.push(payload.each.read(input, start, end));
    }
  } catch (error) {
    throw error instanceof CodecError ? error.within(name) : error;
  }
}
