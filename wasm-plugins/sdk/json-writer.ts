/** UTF-8 JSON under construction. Keys and punctuation are written as they stand; texts are quoted and escaped. */

import { Json } from "./json-reader";
import { hexDigit } from "./text";

const firstCapacity: usize = 1024;

export class JsonWriter {
  start: usize = heap.alloc(firstCapacity);
  length: usize = 0;
  private capacity: usize = firstCapacity;

  /** ASCII text as it stands: punctuation, keys, numbers. */
  raw(text: string): this {
    for (let i = 0; i < text.length; i++) this.byte(<u8>text.charCodeAt(i));
    return this;
  }

  /** A piece of the request, as it stands there. */
  json(value: Json): this {
    return this.copy(value.start, value.bytes);
  }

  /** What another writer holds. */
  append(other: JsonWriter): this {
    return this.copy(other.start, other.length);
  }

  /** A JSON string. */
  text(text: string): this {
    this.byte(0x22);
    for (let i = 0; i < text.length; i++) i += this.character(text, i);
    this.byte(0x22);
    return this;
  }

  number(value: u64): this {
    if (value >= 10) this.number(value / 10);
    this.byte(<u8>(0x30 + (value % 10)));
    return this;
  }

  /** Writes the character that begins at `index`; how many units it has beyond one. */
  private character(text: string, index: i32): i32 {
    const unit: u32 = text.charCodeAt(index);
    if (unit < 0x80) {
      this.ascii(unit);
      return 0;
    }
    const point: u32 = text.codePointAt(index);
    // Half a pair is no character: U+FFFD stands for it, since the answer has to be UTF-8.
    this.multibyte(point >= 0xd800 && point < 0xe000 ? 0xfffd : point);
    return point >= 0x10000 ? 1 : 0;
  }

  private ascii(unit: u32): void {
    if (unit < 0x20) {
      this.raw("\\u00").byte(hexDigit(unit >> 4));
      this.byte(hexDigit(unit & 15));
      return;
    }
    if (unit == 0x22 || unit == 0x5c) this.byte(0x5c);
    this.byte(<u8>unit);
  }

  private multibyte(point: u32): void {
    if (point < 0x800) {
      this.byte(<u8>(0xc0 | (point >> 6)));
    } else {
      if (point < 0x10000) {
        this.byte(<u8>(0xe0 | (point >> 12)));
      } else {
        this.byte(<u8>(0xf0 | (point >> 18)));
        this.byte(<u8>(0x80 | ((point >> 12) & 63)));
      }
      this.byte(<u8>(0x80 | ((point >> 6) & 63)));
    }
    this.byte(<u8>(0x80 | (point & 63)));
  }

  byte(value: u8): void {
    this.reserve(1);
    store<u8>(this.start + this.length, value);
    this.length++;
  }

  private copy(from: usize, bytes: usize): this {
    this.reserve(bytes);
    memory.copy(this.start + this.length, from, bytes);
    this.length += bytes;
    return this;
  }

  private reserve(bytes: usize): void {
    if (this.length + bytes <= this.capacity) return;
    while (this.length + bytes > this.capacity) this.capacity *= 2;
    const grown = heap.alloc(this.capacity);
    memory.copy(grown, this.start, this.length);
    this.start = grown;
  }
}
