/**
 * Reads JSON from UTF-8 bytes where they lie: one pass writes a tape of four numbers a value, nothing is copied.
 * Strict (RFC 8259), at most 32 levels deep.
 */

import { hexValue } from "./text";

export const enum Kind { Null, False, True, Number, Text, List, Object }

const deepest = 32;

/**
 * One value: where its text lies, and where on the tape the value behind it begins. What is absent is a value too: it
 * is `null`, has no children, and every reading of it gives the fallback.
 */
export class Json {
  constructor(private readonly tape: Array<u32>, private readonly index: i32) {}

  get kind(): Kind {
    return unchecked(this.tape[this.index]);
  }

  /** Neither absent nor null. */
  get exists(): bool {
    return this.kind != Kind.Null;
  }

  /** First byte of the value's text, quotes and brackets included. */
  get start(): usize {
    return unchecked(this.tape[this.index + 1]);
  }

  get bytes(): usize {
    return unchecked(this.tape[this.index + 2]) - <u32>this.start;
  }

  /** Elements of a list, names and values of an object in turn; none for anything else. */
  children(): Array<Json> {
    const children = new Array<Json>();
    for (let at = this.first(); at < this.end; at = this.after(at)) children.push(new Json(this.tape, at));
    return children;
  }

  /** The member of that name, the last one where it is repeated; absent when there is none or this is no object. */
  get(name: string): Json {
    let found = -1;
    if (this.kind == Kind.Object) {
      for (let at = this.first(); at < this.end; ) {
        const value = this.after(at);
        if (new Json(this.tape, at).is(name)) found = value;
        at = this.after(value);
      }
    }
    return found < 0 ? absent() : new Json(this.tape, found);
  }

  /** Whether this is a string of exactly that text. */
  is(text: string): bool {
    return this.kind == Kind.Text && this.text() == text;
  }

  /** A string's characters, escapes resolved. */
  text(fallback: string = ""): string {
    if (this.kind != Kind.Text) return fallback;
    const from = this.start + 1;
    const bytes = this.bytes - 2;
    return hasEscape(from, bytes) ? unescape(from, bytes) : String.UTF8.decodeUnsafe(from, bytes);
  }

  /** A list of strings; its other elements read as "". */
  texts(): Array<string> {
    const children = this.kind == Kind.List ? this.children() : new Array<Json>();
    const texts = new Array<string>(children.length);
    for (let i = 0; i < children.length; i++) texts[i] = unchecked(children[i]).text();
    return texts;
  }

  /** A whole number of at most 18 digits, written without fraction and exponent. */
  integer(fallback: i64 = 0): i64 {
    if (this.kind != Kind.Number || this.bytes > 18) return fallback;
    const negative = load<u8>(this.start) == 0x2d;
    let value: i64 = 0;
    for (let i: usize = negative ? 1 : 0; i < this.bytes; i++) {
      const digit = load<u8>(this.start + i) - 0x30;
      if (digit > 9) return fallback;
      value = value * 10 + digit;
    }
    return negative ? -value : value;
  }

  boolean(fallback: bool = false): bool {
    return this.kind == Kind.True || (this.kind != Kind.False && fallback);
  }

  private first(): i32 {
    return this.kind >= Kind.List ? this.index + 4 : this.end;
  }

  private get end(): i32 {
    return this.after(this.index);
  }

  private after(index: i32): i32 {
    return unchecked(this.tape[index + 3]);
  }
}

/** A value that is not there. */
export function absent(): Json {
  return new Json([Kind.Null, 0, 0, 4], 0);
}

/** The value those bytes hold; null when they are not JSON. */
export function parseJson(start: usize, bytes: usize): Json | null {
  return new Reader(start, start + bytes).read();
}

class Reader {
  private readonly tape: Array<u32> = new Array<u32>();

  constructor(private at: usize, private readonly end: usize) {}

  read(): Json | null {
    this.skipSpace();
    if (!this.value(0)) return null;
    this.skipSpace();
    return this.at == this.end ? new Json(this.tape, 0) : null;
  }

  private value(depth: i32): bool {
    if (depth > deepest) return false;
    const index = this.tape.length;
    this.tape.push(0);
    this.tape.push(<u32>this.at);
    this.tape.push(0);
    this.tape.push(0);
    const kind = this.content(depth);
    if (kind < 0) return false;
    this.tape[index] = kind;
    this.tape[index + 2] = <u32>this.at;
    this.tape[index + 3] = this.tape.length;
    return true;
  }

  /** Reads over one value; its kind, or -1. */
  private content(depth: i32): i32 {
    const byte = this.peek();
    if (byte == 0x22) return this.string() ? Kind.Text : -1;
    if (byte == 0x7b) return this.members(depth) ? Kind.Object : -1;
    if (byte == 0x5b) return this.elements(depth) ? Kind.List : -1;
    if (byte == 0x6e) return this.word("null") ? Kind.Null : -1;
    if (byte == 0x74) return this.word("true") ? Kind.True : -1;
    if (byte == 0x66) return this.word("false") ? Kind.False : -1;
    return this.number() ? Kind.Number : -1;
  }

  private members(depth: i32): bool {
    this.at++;
    this.skipSpace();
    if (this.take(0x7d)) return true;
    while (true) {
      this.skipSpace();
      if (this.peek() != 0x22 || !this.value(depth + 1)) return false;
      this.skipSpace();
      if (!this.take(0x3a)) return false;
      this.skipSpace();
      if (!this.value(depth + 1)) return false;
      this.skipSpace();
      if (this.take(0x7d)) return true;
      if (!this.take(0x2c)) return false;
    }
  }

  private elements(depth: i32): bool {
    this.at++;
    this.skipSpace();
    if (this.take(0x5d)) return true;
    while (true) {
      this.skipSpace();
      if (!this.value(depth + 1)) return false;
      this.skipSpace();
      if (this.take(0x5d)) return true;
      if (!this.take(0x2c)) return false;
    }
  }

  private string(): bool {
    this.at++;
    while (this.at < this.end) {
      const byte = load<u8>(this.at++);
      if (byte == 0x22) return true;
      if (byte < 0x20) return false;
      if (byte == 0x5c && !this.escape()) return false;
    }
    return false;
  }

  private escape(): bool {
    if (this.at >= this.end) return false;
    const byte = load<u8>(this.at++);
    if (byte != 0x75) return simpleEscape(byte) != 0;
    for (let i = 0; i < 4; i++) {
      if (this.at >= this.end || hexValue(load<u8>(this.at++)) < 0) return false;
    }
    return true;
  }

  private number(): bool {
    this.take(0x2d);
    if (!this.take(0x30) && !this.digits()) return false;
    if (this.take(0x2e) && !this.digits()) return false;
    if (this.take(0x65) || this.take(0x45)) {
      if (!this.take(0x2b)) this.take(0x2d);
      if (!this.digits()) return false;
    }
    return true;
  }

  private digits(): bool {
    const from = this.at;
    while (this.peek() - 0x30 <= 9 && this.peek() >= 0x30) this.at++;
    return this.at > from;
  }

  private word(text: string): bool {
    for (let i = 0; i < text.length; i++) {
      if (!this.take(<u8>text.charCodeAt(i))) return false;
    }
    return true;
  }

  private take(byte: u8): bool {
    if (this.at >= this.end || load<u8>(this.at) != byte) return false;
    this.at++;
    return true;
  }

  /** The byte at hand; 0, which starts nothing, behind the end. */
  private peek(): u32 {
    return this.at < this.end ? load<u8>(this.at) : 0;
  }

  private skipSpace(): void {
    while (true) {
      const byte = this.peek();
      if (byte != 0x20 && byte != 0x0a && byte != 0x0d && byte != 0x09) return;
      this.at++;
    }
  }
}

function hasEscape(from: usize, bytes: usize): bool {
  for (let i: usize = 0; i < bytes; i++) {
    if (load<u8>(from + i) == 0x5c) return true;
  }
  return false;
}

/** The text was read over before: every escape is complete. */
function unescape(from: usize, bytes: usize): string {
  let text = "";
  let plainFrom = from;
  const end = from + bytes;
  for (let at = from; at < end; ) {
    if (load<u8>(at) != 0x5c) {
      at++;
      continue;
    }
    text += String.UTF8.decodeUnsafe(plainFrom, at - plainFrom);
    const byte = load<u8>(at + 1);
    at += 2;
    if (byte == 0x75) {
      text += String.fromCharCode(hexUnit(at));
      at += 4;
    } else {
      text += String.fromCharCode(simpleEscape(byte));
    }
    plainFrom = at;
  }
  return text + String.UTF8.decodeUnsafe(plainFrom, end - plainFrom);
}

function hexUnit(at: usize): i32 {
  let unit = 0;
  for (let i: usize = 0; i < 4; i++) unit = unit * 16 + hexValue(load<u8>(at + i));
  return unit;
}

/** What the character behind a backslash stands for; 0 when it is no escape. */
function simpleEscape(byte: u32): i32 {
  if (byte == 0x22 || byte == 0x5c || byte == 0x2f) return byte;
  if (byte == 0x62) return 8;
  if (byte == 0x66) return 12;
  if (byte == 0x6e) return 10;
  if (byte == 0x72) return 13;
  if (byte == 0x74) return 9;
  return 0;
}
