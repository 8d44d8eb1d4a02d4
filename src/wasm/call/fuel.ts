/** A long request takes longer to read, whatever is made of it: the SDK spends 65 instructions on a byte. */
const longRequest = { fromBytes: 64 * 1024, fuelPerByte: 100n };

/** The fuel of one call. */
export function fuelFor(fuel: bigint, frame: Uint8Array): bigint {
  return fuel + BigInt(Math.max(0, frame.length - longRequest.fromBytes)) * longRequest.fuelPerByte;
}
