import { CodecError, type Output, type Payload, type Siblings, type ValueOf } from "./payload.ts";
import { raw } from "./scalars.ts";

/** The attributes a message or nest may hold: row name, attribute type, payload. */
export type Rows = Readonly<Record<string, readonly [type: number, payload: Payload<unknown>]>>;

/**
 * The value of a table: rows not sent are absent. Attributes without a row are kept under `unknown` as they came, headers
 * and padding included, one after the other; so they can be written back, or read by another table.
 */
export type Attributes<R extends Rows> = {
  readonly [K in keyof R]?: ValueOf<R[K][1]> | undefined;
} & { readonly unknown?: Uint8Array | undefined };

/** Low bits of nla_type (linux/netlink.h NLA_TYPE_MASK); the upper two are flags. */
const NLA_TYPE_MASK = 0x3fff;
const NLA_F_NESTED = 0x8000;
/** sizeof(struct nlattr): u16 nla_len, header included, and u16 nla_type. */
const NLA_HDRLEN = 4;
/** More attributes than any table of the kernel has; a message with more is refused. */
const maxAttributes = 65_536;

const hostIsLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/**
 * Declares a set of attributes once: size, writing, reading and the TypeScript type come from the rows.
 * Attributes are written in row order. A repeated attribute keeps its last value unless its row says `repeated`.
 */
export function attrs<const R extends Rows>(rows: R): Payload<Attributes<R>> {
  const entries = Object.entries(rows);
  const byType: ([name: string, payload: Payload<unknown>] | undefined)[] = [];
  for (const [name, [type, payload]] of entries) byType[type] = [name, payload];

  return {
    nested: true,

    write(out, value) {
      // The rows are the entries of R, so every value is looked up under the name its payload belongs to.
      const values = value as Readonly<Record<string, unknown>>;
      for (const [name, [type, payload]] of entries) {
        const rowValue = values[name];
        if (rowValue !== undefined) writeRow(out, name, type, payload, rowValue, values);
      }
      if (value.unknown !== undefined) raw.write(out, value.unknown);
    },

    read(input, start, end) {
      const values: Record<string, unknown> = {};
      const unknown: number[] = [];
      let count = 0;

      for (let at = start; at + NLA_HDRLEN <= end; count++) {
        const length = input.getUint16(at, hostIsLittleEndian);
        const type = input.getUint16(at + 2, hostIsLittleEndian);
        const stop = at + length;
        if (length < NLA_HDRLEN || stop > end || count === maxAttributes) {
          throw new CodecError("decode", `attribute ${type & NLA_TYPE_MASK}`, `expected ${length} bytes, found ${end - at}`);
        }
        const row = byType[type & NLA_TYPE_MASK];
        const next = (stop + 3) & ~3;
        if (row === undefined) addRun(unknown, at, next);
        else readRow(values, row[0], row[1], input, at + NLA_HDRLEN, stop);
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
    write: (out, value, siblings) => (value instanceof Uint8Array ? raw : choose(siblings)).write(out, value as never),
    // Whichever payload was chosen, its value is one of the union.
    read: (input, start, end, siblings) => choose(siblings).read(input, start, end) as ValueOf<K[keyof K]> | Uint8Array,
  };
}

/** Remembers bytes as part of the unknown ones: pairs of start and end, neighbours joined. */
function addRun(runs: number[], start: number, end: number): void {
  if (runs.at(-1) === start) runs[runs.length - 1] = end;
  else runs.push(start, end);
}

/** One copy of all runs; the padding after the very last attribute may be missing. */
function copyRuns(input: DataView, runs: readonly number[], limit: number): Uint8Array {
  let length = 0;
  for (let i = 0; i < runs.length; i += 2) length += (runs[i + 1] ?? 0) - (runs[i] ?? 0);
  const copy = new Uint8Array(length);
  let to = 0;
  for (let i = 0; i < runs.length; i += 2) {
    const end = runs[i + 1] ?? 0;
    for (let at = runs[i] ?? 0; at < end; at++, to++) if (at < limit) copy[to] = input.getUint8(at);
  }
  return copy;
}

function writeRow(out: Output, name: string, type: number, payload: Payload<unknown>, value: unknown, siblings: Siblings): void {
  try {
    if (payload.each === undefined) writeAttribute(out, type, payload, value, siblings);
    // The value of a `repeated` row is a list, see there.
    else for (const item of value as readonly unknown[]) writeAttribute(out, type, payload.each, item);
  } catch (error) {
    throw error instanceof CodecError ? error.within(name) : error;
  }
}

function writeAttribute(out: Output, type: number, payload: Payload<unknown>, value: unknown, siblings?: Siblings): void {
  const start = out.reserve(NLA_HDRLEN);
  payload.write(out, value, siblings);
  const length = out.length - start;
  if (length > 0xffff) throw new CodecError("encode", `attribute ${type}`, `expected at most 65535 bytes, found ${length}`);
  out.view.setUint16(start, length, hostIsLittleEndian);
  out.view.setUint16(start + 2, payload.nested === true ? type | NLA_F_NESTED : type, hostIsLittleEndian);
  out.align();
}

function readRow(
  values: Record<string, unknown>, name: string, payload: Payload<unknown>, input: DataView, start: number, end: number,
): void {
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
