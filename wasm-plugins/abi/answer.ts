/** UTF-8 JSON under construction. */

const firstCapacity: usize = 1024;

export class Answer {
  start: usize = heap.alloc(firstCapacity);
  length: usize = 0;
  private capacity: usize = firstCapacity;

  /** Text as it stands: punctuation, keys, numbers. ASCII. */
  raw(text: string): this {
    for (let i = 0; i < text.length; i++) this.byte(<u8>text.charCodeAt(i));
    return this;
  }

  /** Bytes as they stand: a piece of the request. */
  copy(from: usize, bytes: usize): this {
    this.reserve(bytes);
    memory.copy(this.start + this.length, from, bytes);
    this.length += bytes;
    return this;
  }

  /** A JSON string of ASCII text. */
  text(text: string): this {
    this.byte(0x22);
    this.escaped(text);
    this.byte(0x22);
    return this;
  }

  number(value: u64): this {
    if (value >= 10) this.number(value / 10);
    this.byte(<u8>(0x30 + (value % 10)));
    return this;
  }

  private escaped(text: string): void {
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit == 0x22 || unit == 0x5c) this.byte(0x5c);
      // Messages quote what the frame holds, which is printable ASCII; anything else would not be worth its bytes.
      this.byte(unit >= 0x20 && unit < 0x7f ? <u8>unit : 0x3f);
    }
  }

  byte(value: u8): void {
    this.reserve(1);
    store<u8>(this.start + this.length, value);
    this.length++;
  }

  private reserve(bytes: usize): void {
    if (this.length + bytes <= this.capacity) return;
    while (this.length + bytes > this.capacity) this.capacity *= 2;
    const grown = heap.alloc(this.capacity);
    memory.copy(grown, this.start, this.length);
    this.start = grown;
  }
}

/** `{"error":{...}}`: 4 unknown op, 7 refused configuration, 11 try again, 100-139 the module's own. */
export function fail(code: i32, message: string): Answer {
  return new Answer().raw('{"error":{"code":').number(code).raw(',"msg":').text(message).raw("}}");
}
