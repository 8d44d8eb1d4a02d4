import { CniError, code } from "../../cni/index.ts";
import { addressToInteger, bitsOf, contains, formatPrefix } from "../../net/index.ts";
import type { Slicing } from "../leases.ts";
import type { Block } from "./block.ts";
import { addressId, blockAddresses, emptyBlock, integerAddress } from "./block.ts";
import type { BlockChange, BlockEngine, SeenBlock } from "./engine.ts";
import { pauseMs, triesMax } from "./engine.ts";

export interface SliceClaim {
  readonly engine: BlockEngine;
  readonly scope: string;
  /** Who claims it. */
  readonly node: string;
  /** Of each family at most one: the slices of one number in all of them go together. */
  readonly slicings: readonly Slicing[];
  readonly world: { random(): number; sleep(ms: number): Promise<void> };
}

/** Among so many free slices a node takes one at random: nodes that start together rarely meet. */
const candidatesMax = 32;
/** More slices than any cluster has nodes are as good as so many. */
const slicesMax = 65_536n;

/**
 * The number of the slice that is the node's; claimed when it has none. A slice is claimed by becoming the owner of its
 * first block, in one step for all families, so that two nodes never get one.
 *
 * @throws CniError 7 for slices that cannot be, 100 when all are other nodes', 11 after too many lost claims
 */
export async function claimSlice(claim: SliceClaim): Promise<number> {
  const { engine, scope, node, slicings, world } = claim;
  slicings.forEach(refuseOdd);
  const own = ownSlice(await engine.readFor(scope, { node, keys: [] }), claim);
  if (own !== undefined) return own;
  for (let tries = 0; tries < triesMax; tries++) {
    const seen = new Map((await engine.readAll(scope)).map((block) => [block.id, block]));
    const known = ownSlice([...seen.values()], claim), free = freeSlices(seen, slicings);
    if (known !== undefined) return known;
    const chosen = free[Math.min(free.length - 1, Math.floor(world.random() * free.length))];
    if (chosen === undefined) throw noSlice(claim);
    if (await engine.write(scope, changesFor(chosen, seen, claim))) return chosen;
    await world.sleep(world.random() * pauseMs);
  }
  throw new CniError(
    code.tryAgainLater,
    `Cannot claim a slice in ${engine.place}: other nodes were faster ${triesMax} times, expected a quieter moment`,
  );
}

/** That of the lowest number of which all families are the node's. */
function ownSlice(blocks: readonly Block[], { node, slicings }: SliceClaim): number | undefined {
  const own = new Set(blocks.filter((block) => block.node === node).map(({ id }) => id)), [first] = slicings;
  if (first === undefined) return undefined;
  const numbers = blocks.filter(({ id }) => own.has(id)).flatMap(({ first: address }) => {
    if (!contains(first.cidr, address)) return [];
    const offset = addressToInteger(address) - addressToInteger(first.cidr.address), size = sizeOf(first);
    return offset % size === 0n ? [Number(offset / size)] : [];
  });
  return numbers.sort((a, b) => a - b).find((number) => slicings.every((slicing) => own.has(idOf(slicing, number))));
}

function freeSlices(seen: ReadonlyMap<string, SeenBlock>, slicings: readonly Slicing[]): readonly number[] {
  const free: number[] = [], count = countOf(slicings);
  for (let number = 0; number < count && free.length < candidatesMax; number++) {
    const isFree = slicings.every((slicing) => (seen.get(idOf(slicing, number))?.node ?? "") === "");
    if (isFree) free.push(number);
  }
  return free;
}

function changesFor(number: number, seen: ReadonlyMap<string, SeenBlock>, { node, slicings }: SliceClaim) {
  return slicings.flatMap((slicing): readonly BlockChange[] => {
    const first = firstOf(slicing, number), before = seen.get(idOf(slicing, number));
    return first === undefined ? [] : [{ before, after: { ...(before ?? emptyBlock(first)), node } }];
  });
}

function countOf(slicings: readonly Slicing[]): number {
  const counts = slicings.map(({ cidr, sliceBits }) => 1n << BigInt(sliceBits - cidr.prefixBits));
  return Number(counts.reduce((least, count) => (count < least ? count : least), slicesMax));
}

function sizeOf({ cidr, sliceBits }: Slicing): bigint {
  return 1n << BigInt(bitsOf(cidr.address) - sliceBits);
}

function firstOf(slicing: Slicing, number: number) {
  const { cidr: { address } } = slicing;
  return integerAddress(address.family, addressToInteger(address) + BigInt(number) * sizeOf(slicing));
}

function idOf(slicing: Slicing, number: number): string {
  const first = firstOf(slicing, number);
  return first === undefined ? "" : addressId(first);
}

function refuseOdd({ cidr, sliceBits }: Slicing): void {
  const longest = bitsOf(cidr.address) - Math.log2(blockAddresses);
  if (sliceBits >= cidr.prefixBits && sliceBits <= longest) return;
  throw new CniError(
    code.invalidConfig,
    `Cannot cut ${formatPrefix(cidr)} into slices of /${sliceBits}: expected /${cidr.prefixBits} to /${longest}, ` +
      `since a slice has one block of ${blockAddresses} addresses at least`,
  );
}

function noSlice({ engine, slicings, node }: SliceClaim): CniError {
  const ranges = slicings.map(({ cidr, sliceBits }) => `${formatPrefix(cidr)} in slices of /${sliceBits}`);
  return new CniError(
    code.exhausted,
    `Cannot claim a slice for node "${node}" in ${engine.place}: all ${countOf(slicings)} of ${ranges.join(" and ")} ` +
      "are other nodes', expected a wider range, smaller slices, or fewer nodes",
  );
}
