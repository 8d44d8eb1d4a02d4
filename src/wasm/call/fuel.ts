/**
 * A long request takes longer to read, whatever is made of it, and longer again where the answer repeats it: the SDK
 * spends 65 instructions on a byte, and 610.
 */
const longRequest = { fromBytes: 64 * 1024, fuelPerByte: { read: 100n, repeated: 1000n } };

/** The fuel of one call; `use` says what an answer to it makes of the request. */
export function fuelFor(fuel: bigint, frame: Uint8Array, use: keyof typeof longRequest.fuelPerByte): bigint {
  const { fromBytes, fuelPerByte } = longRequest;
  return fuel + BigInt(Math.max(0, frame.length - fromBytes)) * fuelPerByte[use];
}
