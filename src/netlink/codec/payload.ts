/**
 * What can stand inside an attribute or message: something that knows how to write and read itself.
 * Scalars, structs, attribute tables and message bodies are all payloads, so they nest.
 */
export interface Payload<T> extends Reader<T> {
  /** Attributes inside: NLA_F_NESTED is set on the attribute that carries it. */
  readonly nested?: boolean;
  /** A payload that may come several times under one attribute type; the value is then a list of these. */
  readonly each?: Payload<unknown>;
  /** Appends the value. `siblings` is the value of the surrounding table. */
  write(out: Output, value: T, siblings?: Siblings): void;
}

/** The reading half of a payload. */
export interface Reader<T> {
  /**
   * The value in bytes `start` to `end` (exclusive) of `input`; owns its bytes. Throws CodecError when they do not fit.
   */
  read(input: DataView, start: number, end: number, siblings?: Siblings): T;
}

/** The values of the other rows of a table, by row name. */
export type Siblings = Readonly<Record<string, unknown>>;

/** The type of a payload's value. */
export type ValueOf<P> = P extends Reader<infer T> ? T : never;

/** Bytes that are not what a table says, or a value that does not fit into its bytes. */
export class CodecError extends Error {
  override readonly name = "CodecError";
  readonly act: "encode" | "decode";
  /** Where in the tables, outermost first: `linkInfo.kind`. */
  readonly path: string;
  readonly problem: string;

  constructor(act: "encode" | "decode", path: string, problem: string) {
    super(`Cannot ${act} ${path}: ${problem}`);
    this.act = act;
    this.path = path;
    this.problem = problem;
  }

  /** The same error seen from the table around it. */
  within(name: string): CodecError {
    return new CodecError(this.act, `${name}.${this.path}`, this.problem);
  }
}

/**
 * Where messages are written: a buffer made once, filled from the start for every send. What is free of it is zero: it
 * is cleared at once for the next send, not piece by piece for each attribute.
 */
export class Output {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Bytes written so far. */
  length = 0;
  /** Behind these nothing has been written since it was cleared. */
  #usedBytes = 0;

  constructor(capacityBytes: number) {
    this.bytes = new Uint8Array(capacityBytes);
    this.view = new DataView(this.bytes.buffer);
  }

  /** Begins anew. */
  clear(): void {
    this.bytes.fill(0, 0, this.#usedBytes);
    this.#usedBytes = 0;
    this.length = 0;
  }

  /** Takes back what was written from there on. */
  cutTo(length: number): void {
    this.bytes.fill(0, length, this.length);
    this.length = length;
  }

  /** Appends `count` zero bytes and returns where they start. */
  reserve(count: number): number {
    const start = this.length;
    const end = start + count;
    if (end > this.bytes.length) {
      throw new CodecError("encode", "message", `expected at most ${this.bytes.length} bytes, found ${end}`);
    }
    this.length = end;
    if (end > this.#usedBytes) this.#usedBytes = end;
    return start;
  }

  /** Appends zero bytes up to the next multiple of four (NLMSG_ALIGN, NLA_ALIGN). */
  align(): void {
    const rest = this.length & 3;
    if (rest !== 0) this.reserve(4 - rest);
  }
}

/** A copy of part of the input. */
export function copyBytes(input: DataView, start: number, end: number): Uint8Array {
  return new Uint8Array(input.buffer, input.byteOffset + start, end - start).slice();
}
