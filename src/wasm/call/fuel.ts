import { op } from "./op.ts";

/**
 * A long request takes longer to read, whatever is made of it, and longer again where the answer repeats it: the SDK
 * spends 65 instructions on a byte, and 610.
 */
const longRequest = { fromBytes: 64 * 1024, fuelPerByte: 100n, fuelPerRepeatedByte: 1000n };

/** The fuel of one call. Results are told in their answers again. */
export function fuelFor(fuel: bigint, frame: Uint8Array, opNumber: number): bigint {
  const { fromBytes, fuelPerByte, fuelPerRepeatedByte } = longRequest;
  const isRepeated = opNumber === op.merge || opNumber === op.review;
  return fuel + BigInt(Math.max(0, frame.length - fromBytes)) * (isRepeated ? fuelPerRepeatedByte : fuelPerByte);
}
