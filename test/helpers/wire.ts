/** Bytes as tests write them: hexadecimal, four a line, each line explained. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CodecError, Output } from "../../src/netlink/index.ts";
import type { Payload } from "../../src/netlink/index.ts";

/** Joins lines such as `08 00 04 00  nla_len 8, IFLA_MTU`: everything after two spaces is explanation. */
export function wire(annotated: string): string {
  return annotated.split("\n").map((line) => line.trim().split("  ")[0] ?? "").filter((line) => line !== "").join("\n");
}

/** Hexadecimal, four bytes a line, so that a difference shows which word it is in. */
export function hex(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 4) {
    lines.push(Array.from(bytes.subarray(at, at + 4), (byte) => byte.toString(16).padStart(2, "0")).join(" "));
  }
  return lines.join("\n");
}

export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text.split(/\s+/u).filter((pair) => pair !== ""), (pair) => Number.parseInt(pair, 16));
}

export function encode<T>(payload: Payload<T>, value: T): Uint8Array {
  const out = new Output(65_536);
  payload.write(out, value);
  return out.bytes.slice(0, out.length);
}

export function decode<T>(payload: Payload<T>, bytes: Uint8Array): T {
  // Away from the start of its buffer, so that an offset forgotten shows.
  const buffer = new Uint8Array(bytes.length + 8);
  buffer.set(bytes, 4);
  return payload.read(new DataView(buffer.buffer, 4), 0, bytes.length);
}

/** A row of a codec's table: the value, its bytes as `wire` takes them. */
export interface WireRow<T> {
  readonly name: string;
  readonly value: T;
  readonly wire: string;
}

/** The value becomes these bytes, and they become the value again. */
export function checkWire<T>(payload: Payload<T>, row: WireRow<T>): void {
  const expected = wire(row.wire);
  assert.is(hex(encode(payload, row.value)), expected);
  assert.equal(decode(payload, bytesOf(expected)), row.value);
}

/**
 * Cuts the bytes at every length: that is an error of ours, or (cut between two attributes) less than the value.
 * Up to three bytes at the end may be padding, which nobody misses.
 */
export function checkTruncations<T>(payload: Payload<T>, row: WireRow<T>): void {
  const bytes = bytesOf(wire(row.wire));
  for (let length = 0; length < bytes.length; length++) {
    try {
      const value = decode(payload, bytes.subarray(0, length));
      if (bytes.length - length > 3) assert.not.equal(value, row.value, `${length} of ${bytes.length} bytes`);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
    }
  }
}

/** A codec's table of rows as a suite: each row written, read and cut. */
export function wireSuite<T>(name: string, payload: Payload<T>, rows: readonly WireRow<T>[]): void {
  const codec = suite(name);
  for (const row of rows) {
    codec(`${row.name}: written and read`, () => checkWire(payload, row));
    codec(`${row.name}: truncations are refused`, () => checkTruncations(payload, row));
  }
  codec.run();
}
