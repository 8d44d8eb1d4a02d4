import type { Address, Span } from "../../net/index.ts";
import { addressToInteger } from "../../net/index.ts";
import type { Block } from "./block.ts";
import { addressId, blockAddresses, blockStart, emptyBlock, integerAddress, offsetsIn } from "./block.ts";
import type { Sight, Shown, Standing } from "./sight.ts";
import { hasFree } from "./sight.ts";

/** A scope of up to so many blocks is looked at as a whole when a node needs another one. */
export const fewBlocks = 16n;
/** Among so many free blocks a node takes one at random: nodes that start together rarely meet. */
const candidatesMax = 32;

/** Blocks of the node itself with free addresses, for each span; [] where it has none. */
export function ownBlocks(sight: Sight, standing: Standing): readonly (readonly Block[])[] {
  const own = [...sight.blocks.values()].filter((block) => block.node === sight.node.name);
  return sight.request.spans.map((_, index) => own.filter((block) => hasFree(block, sight, standing, index)));
}

/**
 * Ids of some blocks among the first of a wide span, at random: nodes that start together rarely meet, and addresses
 * stay near the start of their range.
 *
 * @param among  how many of the span's blocks are in question
 */
export function guesses(span: Span, among: bigint, random: () => number): readonly string[] {
  const count = blockCount(span), limit = among < count ? among : count;
  return Array.from({ length: guessesMax }, () => addressId(blockNumber(span, randomBelow(limit, random))));
}

const guessesMax = 6;
/** How many of the first blocks of a span are guessed among, until one is free. */
export const guessedAmong = [32n, 512n, 8192n, 1n << 24n] as const;

export function blockCount(span: Span): bigint {
  const size = BigInt(blockAddresses);
  return addressToInteger(span.last) / size - addressToInteger(span.first) / size + 1n;
}

/**
 * Blocks to be shown where a node has no room of its own: one that is nobody's, else one of another node's. Every span
 * with a free address shows one, as long as all blocks of the scope are seen.
 */
export function otherBlocks(sight: Sight, standing: Standing, own: NonNullable<Shown>, random: () => number): Shown {
  return sight.request.spans.map((span, index) => {
    const known = own[index] ?? [];
    if (known.length > 0) return known;
    const candidates = unclaimed(sight, standing, span, index);
    if (candidates.length > 0) return [pick(candidates, random)];
    const borrowed = [...sight.blocks.values()].filter((block) => hasFree(block, sight, standing, index));
    return borrowed.length > 0 ? [pick(borrowed, random)] : [];
  });
}

/** Of guessed blocks, which have all been read, those of one span that are free to be claimed. */
export function unclaimedAmong(ids: readonly string[], sight: Sight, standing: Standing, index: number): Block[] {
  const span = sight.request.spans[index];
  if (span === undefined) return [];
  return [...new Set(ids)].flatMap((id) => {
    const first = blockOfId(span, id), block = sight.blocks.get(id) ?? (first && emptyBlock(first));
    return block !== undefined && block.node === "" && hasFree(block, sight, standing, index) ? [block] : [];
  });
}

function unclaimed(sight: Sight, standing: Standing, span: Span, index: number): readonly Block[] {
  const found: Block[] = [], count = blockCount(span);
  // Blocks that are claimed are passed over, so that there are at most as many steps as there are blocks to be seen.
  for (let number = 0n; number < count && found.length < candidatesMax; number++) {
    const first = blockNumber(span, number), block = sight.blocks.get(addressId(first)) ?? emptyBlock(first);
    if (block.node === "" && hasFree(block, sight, standing, index)) found.push(block);
  }
  return found;
}

function blockNumber(span: Span, number: bigint): Address {
  const start = blockStart(span.first), family = start.family;
  return integerAddress(family, addressToInteger(start) + number * BigInt(blockAddresses)) ?? start;
}

function blockOfId(span: Span, id: string): Address | undefined {
  const family = span.first.family, digits = family === 4 ? id.slice(24) : id;
  const first = integerAddress(family, BigInt(`0x${digits}`));
  return first !== undefined && offsetsIn(first, span).from <= offsetsIn(first, span).to ? first : undefined;
}

function pick<T>(list: readonly T[], random: () => number): T {
  return list[Math.min(list.length - 1, Math.floor(random() * list.length))] as T; // callers give no empty list
}

/** Evenly enough for a choice: 53 bits of chance. */
function randomBelow(limit: bigint, random: () => number): bigint {
  return (BigInt(Math.floor(random() * 2 ** 53)) * limit) >> 53n;
}
