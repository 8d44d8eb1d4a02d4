import type { BlockChange, Entry, SeenBlock } from "../ipam/index.ts";
import { addressAt, addressId, entryToJson, keyOf } from "../ipam/index.ts";
import type { JsonObject } from "../schema/index.ts";
import type { Keys } from "./keys.ts";
import type { Operation } from "./transaction.ts";
import { put, remove, unchanged } from "./transaction.ts";

/** Revisions of what a block was read from; undefined: it was not there. */
interface Stamp {
  readonly block: string | undefined;
  readonly entries: ReadonlyMap<number, string>;
}

/** What of a transaction makes a change, and only where nothing that it rests on has changed. */
interface Steps {
  readonly compare: JsonObject[];
  readonly operations: Operation[];
}

/** What makes of a block as it was read the one that is to be. */
export function stepsOf({ before, after }: BlockChange, keys: Keys): Steps {
  const steps: Steps = { compare: [], operations: [] };
  // Ours: every block that we are given back is one that we gave.
  const stamp = before?.stamp as Stamp | undefined;
  for (const offset of new Set([...(before?.entries.keys() ?? []), ...after.entries.keys()])) {
    const was = before?.entries.get(offset), is = after.entries.get(offset);
    if (was === is) continue;
    const id = addressId(addressAt(after, offset));
    steps.compare.push(unchanged(keys.entry(id), stamp?.entries.get(offset)));
    // What is in a block of its own node is found by the block.
    const old = indexesOf(was, id, keys), fresh = indexesOf(is, id, keys, after.node);
    steps.operations.push(...old.filter((key) => !fresh.includes(key)).map(remove),
      ...fresh.filter((key) => !old.includes(key)).map((key) => put(key, "")));
    steps.operations.push(is === undefined || is.state === "unreadable"
      ? remove(keys.entry(id)) : put(keys.entry(id), JSON.stringify(entryToJson(is))));
  }
  blockSteps(steps, { before, after }, keys, stamp);
  return steps;
}

/** The block as it is after a transaction of that revision. */
export function writtenBlock({ before, after }: BlockChange, revision: string): SeenBlock {
  // Ours, as above.
  const was = before?.stamp as Stamp | undefined, entries = new Map<number, string>();
  for (const [offset, entry] of after.entries) {
    const same = before?.entries.get(offset) === entry ? was?.entries.get(offset) : undefined;
    entries.set(offset, same ?? revision);
  }
  const isSame = before?.node === after.node && before.cursors === after.cursors;
  const block = isSame ? was?.block : after.node === "" ? undefined : revision;
  return { ...after, stamp: { block, entries } satisfies Stamp };
}

/** Whose a block is may have changed since it was read, where a node was taken for gone. */
function blockSteps({ compare, operations }: Steps, { before, after }: BlockChange, keys: Keys, stamp?: Stamp): void {
  const { id, node, cursors } = after, was = before?.node ?? "";
  if (was === node && before?.cursors === cursors) return;
  if (was === node && node === "") return;
  compare.push(unchanged(keys.block(id), stamp?.block));
  if (was !== node) {
    if (was !== "") operations.push(remove(keys.nodeBlock(was, id)));
    if (node !== "") operations.push(put(keys.nodeBlock(node, id), ""));
  }
  operations.push(node === "" ? remove(keys.block(id)) : put(keys.block(id), JSON.stringify({ node, cursors })));
}

/** All keys by which what is in a block is found. */
export function filesOf({ id, first, node, entries }: SeenBlock, keys: Keys): readonly string[] {
  return [
    ...(node === "" ? [] : [keys.nodeBlock(node, id)]),
    ...[...entries].flatMap(([offset, entry]) => indexesOf(entry, addressId(addressAt({ first }, offset)), keys, node)),
  ];
}

/** Puts these keys in their places, where the block and its entries are as they were read. */
export function filing(block: SeenBlock, keys: Keys): Steps {
  // Ours, as above.
  const stamp = block.stamp as Stamp;
  const compare = [...block.entries.keys()].map((offset) =>
    unchanged(keys.entry(addressId(addressAt(block, offset))), stamp.entries.get(offset)));
  return { compare: [...compare, unchanged(keys.block(block.id), stamp.block)],
    operations: filesOf(block, keys).map((key) => put(key, "")) };
}

/**
 * Where an entry is found without reading all.
 *
 * @param besides  the node whose it is anyhow
 */
function indexesOf(entry: Entry | undefined, id: string, keys: Keys, besides?: string): readonly string[] {
  if (entry === undefined) return [];
  const key = keyOf(entry);
  return [
    ...(entry.state === "active" && entry.owner.node !== besides ? [keys.nodeEntry(entry.owner.node, id)] : []),
    ...(key === undefined ? [] : [keys.ownerKeyEntry(key, id)]),
  ];
}
