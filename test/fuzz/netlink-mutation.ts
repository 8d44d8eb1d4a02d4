/** Answers of the kernel with one attribute changed and all lengths right, or with a few bytes changed. */
import type { Random } from "../helpers/random.ts";
import { changedBytes } from "./mutation.ts";

/** Datagrams as they came, one after the other. */
export type Datagrams = readonly Uint8Array[];

/** @param headerBytes  of the fixed header between a message's own and its attributes */
export function changedAnswer(datagrams: Datagrams, headerBytes: number, random: Random): Datagrams {
  if (random.once(20)) return datagrams.slice(0, random.below(datagrams.length));
  const place = random.below(datagrams.length);
  return datagrams.map((bytes, index) => {
    if (index !== place) return bytes;
    return random.once(3) ? changedBytes(bytes, random) : changedMessages(bytes, headerBytes, random);
  });
}

const messageHeaderBytes = 16, attributeHeaderBytes = 4;

function changedMessages(bytes: Uint8Array, headerBytes: number, random: Random): Uint8Array {
  const messages = partsOf(bytes, (view, at) => view.getUint32(at, true), messageHeaderBytes);
  if (messages === undefined || messages.length === 0) return changedBytes(bytes, random);
  const place = random.below(messages.length), message = messages[place] ?? bytes;
  const changed = random.pick([
    () => [changedMessage(message, headerBytes, random)],
    () => [changedMessage(message, headerBytes, random)],
    () => [changedMessage(message, headerBytes, random)],
    () => [message, message],
    () => [],
  ])();
  return joined(messages.toSpliced(place, 1, ...changed));
}

function changedMessage(message: Uint8Array, headerBytes: number, random: Random): Uint8Array {
  const start = messageHeaderBytes + headerBytes;
  const attributes = changedAttributes(message.subarray(start), random);
  const changed = joined([message.subarray(0, start), attributes]);
  if (changed.length >= 4) new DataView(changed.buffer).setUint32(0, changed.length, true);
  return changed;
}

function changedAttributes(bytes: Uint8Array, random: Random): Uint8Array {
  const attributes = partsOf(bytes, (view, at) => view.getUint16(at, true), attributeHeaderBytes);
  if (attributes === undefined || attributes.length === 0) return changedBytes(bytes, random);
  const place = random.below(attributes.length), attribute = attributes[place] ?? bytes;
  const content = attribute.subarray(attributeHeaderBytes);
  const others = random.pick(attributes).subarray(attributeHeaderBytes);
  const changed = random.pick([
    () => [withContent(attribute, changedAttributes(content, random))],
    () => [withContent(attribute, changedAttributes(content, random))],
    () => [withContent(attribute, changedBytes(content, random))],
    () => [withContent(attribute, others)],
    () => [withContent(attribute, new Uint8Array(random.below(20)))],
    () => [withType(attribute, random)],
    () => [attribute, attribute],
    () => [attribute, withContent(attribute, others)],
    () => [],
  ])();
  return joined(attributes.toSpliced(place, 1, ...changed));
}

function withContent(attribute: Uint8Array, content: Uint8Array): Uint8Array {
  const changed = joined([attribute.subarray(0, attributeHeaderBytes), content.subarray(0, 0xfff0)]);
  new DataView(changed.buffer).setUint16(0, changed.length, true);
  return changed;
}

function withType(attribute: Uint8Array, random: Random): Uint8Array {
  const changed = Uint8Array.from(attribute);
  new DataView(changed.buffer).setUint16(2, random.once(2) ? random.below(64) : random.below(0x1_0000), true);
  return changed;
}

/** What stands one after the other, each with its length first, without its padding; undefined where it is no such. */
function partsOf(
  bytes: Uint8Array, lengthAt: (view: DataView, at: number) => number, headerBytes: number,
): readonly Uint8Array[] | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), parts: Uint8Array[] = [];
  for (let at = 0; at + headerBytes <= bytes.length;) {
    const length = lengthAt(view, at);
    if (length < headerBytes || at + length > bytes.length) return undefined;
    parts.push(bytes.subarray(at, at + length));
    at += (length + 3) & ~3;
  }
  return parts;
}

/** Each padded to a multiple of four, but for the last one. */
function joined(parts: readonly Uint8Array[]): Uint8Array {
  const padded = parts.flatMap((part, index) => (
    index === parts.length - 1 ? [part] : [part, new Uint8Array(-part.length & 3)]));
  return Uint8Array.from(Buffer.concat(padded));
}
