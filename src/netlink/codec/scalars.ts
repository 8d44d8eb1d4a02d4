import { CodecError, copyBytes } from "./payload.ts";
import type { Output, Payload } from "./payload.ts";

/** A payload of fixed size, usable in attribute rows and in struct fields alike. */
export interface Scalar<T> extends Payload<T> {
  readonly bytes: number;
  put(view: DataView, at: number, value: T): void;
  get(view: DataView, at: number): T;
}

/** Netlink speaks the byte order of the machine; names ending in `be` are network order whatever the machine. */
const hostIsLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

export const u8 = integer<number>(
  "u8",
  1,
  0,
  0xff,
  (view, at, value) => view.setUint8(at, value),
  (view, at) => view.getUint8(at),
);
export const u16 = u16In("u16", hostIsLittleEndian);
export const u16be = u16In("u16be", false);
export const u32 = u32In("u32", hostIsLittleEndian);
export const u32be = u32In("u32be", false);
export const i32 = i32In("i32", hostIsLittleEndian);
export const i32be = i32In("i32be", false);
export const u64 = u64In("u64", hostIsLittleEndian);
export const u64be = u64In("u64be", false);

/** A u8 of 0 or 1; anything but 0 reads as true. */
export const bool: Scalar<boolean> = scalar(
  "bool", 1, (view, at, value) => view.setUint8(at, value ? 1 : 0), (view, at) => view.getUint8(at) !== 0,
);

/** Bytes as they are. */
export const raw: Payload<Uint8Array> = {
  write(out, value) {
    const at = out.reserve(value.length);
    out.bytes.set(value, at);
  },
  read: copyBytes,
};

/** Text with its final NUL (NLA_NUL_STRING); the NUL may be missing when reading. */
export const stringz: Payload<string> = {
  write(out, value) {
    writeText(out, value);
    out.reserve(1);
  },
  read: readText,
};

/** Text without a final NUL (NLA_STRING), as IFLA_IFALIAS wants it. */
export const string: Payload<string> = { write: writeText, read: readText };

/** A hardware address as text, lower case and colon separated; 6 bytes for Ethernet, but any number is taken. */
export const mac: Payload<string> = {
  write(out, value) {
    const parts = value.split(":");
    if (!/^[0-9a-f]{2}(?::[0-9a-f]{2})*$/i.test(value)) {
      throw new CodecError("encode", "mac", `expected hexadecimal pairs separated by colons, found "${value}"`);
    }
    const at = out.reserve(parts.length);
    parts.forEach((part, index) => out.view.setUint8(at + index, Number.parseInt(part, 16)));
  },
  read(input, start, end) {
    let text = "";
    for (let at = start; at < end; at++) text += (at > start ? ":" : "") + hexPairs[input.getUint8(at)];
    return text;
  },
};

/** A number that stands for a word. Numbers without a word read as undefined, which is absent. */
export function named<N extends string>(
  number: Scalar<number>,
  numbers: Readonly<Record<N, number>>,
): Payload<N | undefined> {
  // Object.entries forgets the key type; the entries are those of `numbers`.
  const words = new Map((Object.entries(numbers) as [N, number][]).map(([word, value]) => [value, word]));
  return {
    write(out, value) {
      if (value !== undefined) number.write(out, numbers[value]);
    },
    read: (input, start, end) => words.get(number.read(input, start, end)),
  };
}

function scalar<T>(
  name: string,
  bytes: number,
  put: (view: DataView, at: number, value: T) => void,
  get: (view: DataView, at: number) => T,
): Scalar<T> {
  return {
    bytes,
    put,
    get,
    write(out, value) {
      put(out.view, out.reserve(bytes), value);
    },
    read(input, start, end) {
      // Newer kernels may widen a value, never narrow it.
      if (end - start < bytes) throw new CodecError("decode", name, `expected ${bytes} bytes, found ${end - start}`);
      return get(input, start);
    },
  };
}

function integer<T extends number | bigint>(
  name: string,
  bytes: number,
  min: T,
  max: T,
  set: (view: DataView, at: number, value: T) => void,
  get: (view: DataView, at: number) => T,
): Scalar<T> {
  const put = (view: DataView, at: number, value: T): void => {
    // DataView would wrap the value silently.
    if (!(value >= min && value <= max)) {
      throw new CodecError("encode", name, `expected a whole number from ${min} to ${max}, found ${value}`);
    }
    set(view, at, value);
  };
  return scalar(name, bytes, put, get);
}

function u16In(name: string, little: boolean): Scalar<number> {
  return integer<number>(
    name,
    2,
    0,
    0xffff,
    (view, at, value) => view.setUint16(at, value, little),
    (view, at) => view.getUint16(at, little),
  );
}

function u32In(name: string, little: boolean): Scalar<number> {
  return integer<number>(
    name,
    4,
    0,
    0xffff_ffff,
    (view, at, value) => view.setUint32(at, value, little),
    (view, at) => view.getUint32(at, little),
  );
}

function i32In(name: string, little: boolean): Scalar<number> {
  return integer<number>(
    name,
    4,
    -0x8000_0000,
    0x7fff_ffff,
    (view, at, value) => view.setInt32(at, value, little),
    (view, at) => view.getInt32(at, little),
  );
}

function u64In(name: string, little: boolean): Scalar<bigint> {
  return integer<bigint>(
    name, 8, 0n, 0xffff_ffff_ffff_ffffn,
    (view, at, value) => view.setBigUint64(at, value, little), (view, at) => view.getBigUint64(at, little),
  );
}

const hexPairs = Array.from({ length: 256 }, (_, value) => value.toString(16).padStart(2, "0"));

// Names are short ASCII. The encoder and decoder that the rest needs take half a millisecond to come alive.

function writeText(out: Output, value: string): void {
  const start = out.reserve(value.length);
  for (let i = 0; i < value.length; i++) {
    const unit = value.charCodeAt(i);
    if (unit === 0) throw new CodecError("encode", "string", "expected text without NUL");
    if (unit >= 0x80) {
      out.cutTo(start);
      raw.write(out, new TextEncoder().encode(value));
      return;
    }
    out.bytes[start + i] = unit;
  }
}

function readText(input: DataView, start: number, end: number): string {
  let text = "";
  for (let at = start; at < end; at++) {
    const byte = input.getUint8(at);
    if (byte === 0) return text;
    if (byte >= 0x80) return new TextDecoder().decode(copyBytes(input, start, end)).replace(/\0.*$/su, "");
    text += String.fromCharCode(byte);
  }
  return text;
}
