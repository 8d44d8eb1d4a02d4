/** Slices of a network's ranges for modules that need one: the node claims its own in a store that nodes share. */
import type { LeaseStore, NodeIdentity, RangeSet, Slicing } from "../../ipam/index.ts";
import { CniError, code } from "../../cni/index.ts";
import type { Address, Prefix } from "../../net/index.ts";
import { addOffset, bitsOf, compareAddresses, formatPrefix, lastOf, parsePrefix } from "../../net/index.ts";
import type { LoadedModule } from "../../wasm/index.ts";
import { isJsonObject } from "../../schema/index.ts";

export interface Sliced {
  readonly node: NodeIdentity;
  readonly sets: readonly RangeSet[];
}

/**
 * The node with the number of its slice, and ranges that end where it ends. Where the operator has given it a number,
 * or the store is this node's alone, all stays as it is, and the module says what is missing.
 */
export async function sliced(
  module: LoadedModule,
  { node, sets }: Sliced,
  { store, scope, config }: { readonly store: LeaseStore; readonly scope: string; readonly config: object },
): Promise<Sliced> {
  const isClaiming = module.metadata.needs.includes("slice") && node.index === null;
  if (!isClaiming || store.slice === undefined) return { node, sets };
  const slicings = slicingsOf(config, sets);
  const index = await store.slice(scope, slicings);
  return { node: { ...node, index }, sets: sets.map((set) => within(set, slicings, index)) };
}

/** `{sliceBits, cidr?}`, or `{slices: [{cidr, sliceBits}]}`, as the module's schema has them. */
function slicingsOf(config: object, sets: readonly RangeSet[]): readonly Slicing[] {
  const { slices } = config as { readonly slices?: unknown }; // its schema has been checked
  const entries = (Array.isArray(slices) ? slices : [config]).filter(isJsonObject);
  const found = new Map<number, Slicing>();
  for (const { subnet } of sets.flat()) {
    const { family } = subnet.address;
    for (const { cidr, sliceBits } of entries) {
      const whole = typeof cidr === "string" ? parsePrefix(cidr) : subnet;
      if (whole.address.family !== family || typeof sliceBits !== "number") continue;
      refuseSecond(found.get(family), whole);
      found.set(family, { cidr: whole, sliceBits });
    }
  }
  return [...found.values()];
}

function refuseSecond(known: Slicing | undefined, cidr: Prefix): void {
  if (known === undefined || formatPrefix(known.cidr) === formatPrefix(cidr)) return;
  throw new CniError(
    code.invalidConfig,
    `Cannot cut both ${formatPrefix(known.cidr)} and ${formatPrefix(cidr)} into slices: expected one range a family, ` +
      'or "cidr" in the module\'s configuration',
  );
}

/** Of each range what lies in the slice; a set of which nothing does stays whole, for the module to refuse it. */
function within(set: RangeSet, slicings: readonly Slicing[], index: number): RangeSet {
  const inside = set.flatMap((range) => {
    const slicing = slicings.find(({ cidr }) => cidr.address.family === range.first.family);
    const slice = slicing && partOf(slicing, index);
    if (slice === undefined) return [];
    const first = later(range.first, slice.address), last = earlier(range.last, lastOf(slice));
    return compareAddresses(first, last) <= 0 ? [{ ...range, first, last }] : [];
  });
  return inside.length > 0 ? inside : set;
}

function partOf({ cidr, sliceBits }: Slicing, index: number): Prefix | undefined {
  const address = addOffset(cidr.address, BigInt(index) << BigInt(bitsOf(cidr.address) - sliceBits));
  return address && { address, prefixBits: sliceBits };
}

function later(a: Address, b: Address): Address {
  return compareAddresses(a, b) < 0 ? b : a;
}

function earlier(a: Address, b: Address): Address {
  return compareAddresses(a, b) < 0 ? a : b;
}
