/** Register values: numbers as the kernel compares them, byte for byte. */

/** Network order, as header fields are. */
export function u16beBytes(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 0xff);
}

/** Host order, as metadata is. */
export function u16Bytes(value: number): Uint8Array {
  return new Uint8Array(Uint16Array.of(value).buffer);
}

/** Host order, as metadata is. */
export function u32Bytes(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer);
}

/** Below zero when `a` is the smaller, as numbers in network order; both of one length. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const index = a.findIndex((byte, at) => byte !== b[at]);
  return index === -1 ? 0 : (a[index] ?? 0) - (b[index] ?? 0);
}

/** The next number in network order; undefined after the last one. */
export function successor(bytes: Uint8Array): Uint8Array | undefined {
  const next = bytes.slice();
  for (let index = next.length - 1; index >= 0; index -= 1) {
    const byte = next[index] ?? 0;
    next[index] = (byte + 1) & 0xff;
    if (byte !== 0xff) return next;
  }
  return undefined;
}
