/** Reading and writing the WebAssembly binary format (core specification, chapter 5). */

/** A module the verifier refuses; `offset` counts bytes from the module's start. */
export class RefusedModuleError extends Error {
  override readonly name = "RefusedModuleError";
  readonly offset: number;

  constructor(rule: string, offset: number) {
    super(rule);
    this.offset = offset;
  }
}

/** A position in a module's bytes. Reading past `end` is refused. */
export class BinaryReader {
  readonly bytes: Uint8Array;
  at: number;
  readonly end: number;

  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  get done(): boolean {
    return this.at === this.end;
  }

  byte(): number {
    const value = this.at < this.end ? this.bytes[this.at] : undefined;
    if (value === undefined) throw this.refused("it ends too early");
    this.at++;
    return value;
  }

  /** LEB128, unsigned, at most 32 bits. */
  u32(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      if (shift === 28 && byte > 0x0f) break;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw this.refused("a number is longer than 32 bits");
  }

  /** Steps over a signed LEB128 number of at most `longestBytes`; its value matters to the compiler alone. */
  skipSigned(longestBytes: number): void {
    for (let count = 0; count < longestBytes; count++) {
      if (this.byte() < 0x80) return;
    }
    throw this.refused(`a number is longer than ${longestBytes} bytes`);
  }

  skip(count: number): void {
    if (count > this.end - this.at) throw this.refused("it ends too early");
    this.at += count;
  }

  /** The next `count` bytes as a reader of their own; this one continues behind them. */
  part(count: number): BinaryReader {
    const start = this.at;
    this.skip(count);
    return new BinaryReader(this.bytes, start, this.at);
  }

  /** A name of one character a byte: one that is not ASCII comes out as something that no rule here allows. */
  name(): string {
    const part = this.part(this.u32());
    return String.fromCharCode(...part.bytes.subarray(part.at, Math.min(part.end, part.at + longestName)));
  }

  refused(rule: string): RefusedModuleError {
    return new RefusedModuleError(rule, this.at);
  }
}

/** Longer names are cut: no name that is allowed comes near this. */
const longestName = 256;

/** Bytes under construction. */
export class BinaryWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #length = 0;

  /** @param capacity  bytes that are likely to come; there may be more */
  constructor(capacity = 1024) {
    this.#bytes = new Uint8Array(capacity);
  }

  byte(value: number): this {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
    return this;
  }

  raw(bytes: ArrayLike<number>): this {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  /** LEB128, unsigned. */
  u32(value: number): this {
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.byte((rest % 0x80) | 0x80);
    return this.byte(rest);
  }

  /** LEB128, signed; `value` is a whole number from 0, as every number we write. */
  s64(value: number): this {
    let rest = value;
    for (; rest >= 0x40; rest = Math.floor(rest / 0x80)) this.byte((rest % 0x80) | 0x80);
    return this.byte(rest);
  }

  name(text: string): this {
    const bytes = new TextEncoder().encode(text);
    return this.u32(bytes.length).raw(bytes);
  }

  /** What another writer holds, its length first. */
  sized(content: BinaryWriter): this {
    const bytes = content.bytes();
    return this.u32(bytes.length).raw(bytes);
  }

  /** Leaves room for the length of what follows, which `endSized` fills in. */
  beginSized(): number {
    this.#reserve(paddedBytes);
    this.#length += paddedBytes;
    return this.#length;
  }

  /** Writes the length of everything since `begin`, as LEB128 padded to five bytes: nothing has to be moved. */
  endSized(begin: number): this {
    const size = this.#length - begin;
    for (let i = 0; i < paddedBytes; i++)
      this.#bytes[begin - paddedBytes + i] = ((size >>> (7 * i)) & 0x7f) | (i < paddedBytes - 1 ? 0x80 : 0);
    return this;
  }

  bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + count));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}

/** The longest LEB128 form of 32 bits. */
const paddedBytes = 5;
