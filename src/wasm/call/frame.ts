import type { Address, TakenView } from "../../net/index.ts";
import { writeModuleAddress } from "../../net/index.ts";

/** One range as a frame carries it. */
export interface FrameRange {
  readonly set: number;
  readonly first: Address;
  readonly last: Address;
  /** Absent: no address of this range was the last one handed out. */
  readonly cursor?: Address;
  readonly gateway?: Address;
  readonly prefixBits: number;
  readonly view: TakenView;
}

/** The host refuses to build a larger request. */
export const frameLimitBytes = 8 * 1024 * 1024;

/** What the header's 16 bits can count. */
const rangeLimit = 65_535;

let encoder: TextEncoder | undefined;

const magic = 0x46494e43;
const abiMajor = 1;
const headerBytes = 16;
const rangeBytes = 80;

/**
 * One request as a module reads it, little endian: header, ranges of 80 bytes, JSON, views 8-aligned.
 *
 * @throws RangeError beyond 8 MiB or 65,535 ranges
 */
export function encodeFrame(json: string, ranges: readonly FrameRange[]): Uint8Array {
  if (ranges.length > rangeLimit)
    throw new RangeError(`Cannot encode a request of ${ranges.length} ranges: expected at most ${rangeLimit}`);
  const text = (encoder ??= new TextEncoder()).encode(json);
  const jsonAt = headerBytes + ranges.length * rangeBytes;
  const viewsAt = align(jsonAt + text.length);
  const totalBytes = ranges.reduce((bytes, range) => bytes + align(range.view.bytes.length), viewsAt);
  if (totalBytes > frameLimitBytes) {
    throw new RangeError(`Cannot encode a request of ${totalBytes} bytes: expected at most ${frameLimitBytes}`);
  }
  const frame = new Uint8Array(totalBytes);
  const data = new DataView(frame.buffer);
  data.setUint32(0, magic, true);
  data.setUint16(4, abiMajor, true);
  data.setUint16(6, ranges.length, true);
  data.setUint32(8, text.length, true);
  data.setUint32(12, totalBytes, true);
  frame.set(text, jsonAt);
  let viewAt = viewsAt;
  for (const [index, range] of ranges.entries()) {
    writeRange(data, headerBytes + index * rangeBytes, range, viewAt);
    frame.set(range.view.bytes, viewAt);
    viewAt += align(range.view.bytes.length);
  }
  return frame;
}

function writeRange(data: DataView, at: number, range: FrameRange, viewAt: number): void {
  writeModuleAddress(data, at, range.first);
  writeModuleAddress(data, at + 16, range.last);
  if (range.cursor !== undefined) writeModuleAddress(data, at + 32, range.cursor);
  else writeAddressBefore(data, at + 32, at);
  if (range.gateway !== undefined) writeModuleAddress(data, at + 48, range.gateway);
  data.setUint16(at + 64, range.first.family, true);
  data.setUint16(at + 66, range.prefixBits, true);
  data.setUint16(at + 68, range.set, true);
  data.setUint16(at + 70, range.view.kind, true);
  data.setUint32(at + 72, range.view.count, true);
  data.setUint32(at + 76, viewAt, true);
}

/** The address before the one at `from`, as 128 bits: first - 1 means that nothing was handed out yet. */
function writeAddressBefore(data: DataView, at: number, from: number): void {
  const high = data.getBigUint64(from, true);
  const low = data.getBigUint64(from + 8, true);
  data.setBigUint64(at, low === 0n ? high - 1n : high, true);
  data.setBigUint64(at + 8, low - 1n, true);
}

function align(bytes: number): number {
  return (bytes + 7) & ~7;
}
