import type { Address } from "../../net/index.ts";
import { formatAddress } from "../../net/index.ts";
import type { Hold } from "../decision.ts";
import type { Claimant, ListedLease, NewLease, StoreNode } from "../leases.ts";
import { claimKey, ownerKeyOf } from "../leases.ts";
import { heldUntil } from "../views.ts";
import type { Block } from "./block.ts";
import { addressId, blockStart, emptyBlock, offsetOf } from "./block.ts";
import type { BlockChange, SeenBlock } from "./engine.ts";
import type { Entry } from "./entry.ts";
import { withoutEnd } from "./entry.ts";
import type { Found } from "./sight.ts";

/** Blocks by id, as they were read. */
export type Seen = ReadonlyMap<string, SeenBlock>;

/** Of some addresses the blocks they lie in, each once. */
export function idsOf(addresses: readonly Address[]): readonly string[] {
  return [...new Set(addresses.map((address) => addressId(blockStart(address))))];
}

export function entryOf(blocks: ReadonlyMap<string, Block>, address: Address): Entry | undefined {
  return blocks.get(addressId(blockStart(address)))?.entries.get(offsetOf(address));
}

/** Blocks on their way to be written: each starts as it was read. */
class Draft {
  readonly #seen: Seen;
  readonly #blocks = new Map<string, Block>();

  constructor(seen: Seen) {
    this.#seen = seen;
  }

  change(address: Address, make: (block: Block, offset: number) => Block): void {
    const first = blockStart(address), id = addressId(first);
    const block = this.#blocks.get(id) ?? this.#seen.get(id) ?? emptyBlock(first);
    this.#blocks.set(id, make(block, offsetOf(address)));
  }

  get changes(): readonly BlockChange[] {
    return [...this.#blocks].map(([id, after]) => ({ before: this.#seen.get(id), after }));
  }
}

export interface Taking {
  readonly owner: Claimant;
  readonly leases: readonly NewLease[];
  readonly stale: readonly ListedLease[];
  readonly node: StoreNode;
  readonly ticket: string;
  readonly nowMs: number;
}

/** Of these leases what somebody has already, other than by a try of ours that was carried out. */
export function conflictsOf(seen: Seen, { leases, stale, ticket }: Taking): readonly Address[] {
  return leases.map(({ address }) => address).filter((address) => {
    const entry = entryOf(seen, address);
    if (entry?.state === "unreadable") return true;
    return entry?.state === "active" && entry.ticket !== ticket && !isGivenUp(entry, address, stale);
  });
}

/** Whether all of it is there: a try whose answer was lost has been carried out. */
export function isTaken(seen: Seen, { leases, ticket }: Taking): boolean {
  return leases.length > 0 && leases.every(({ address }) => {
    const entry = entryOf(seen, address);
    return entry?.state === "active" && entry.ticket === ticket;
  });
}

function isGivenUp(entry: Entry, address: Address, stale: readonly ListedLease[]): boolean {
  const text = formatAddress(address);
  return entry.state === "active" &&
    stale.some((lease) => lease.version === entry.ticket && formatAddress(lease.address) === text);
}

/** A block that is nobody's is claimed by the first who takes an address of it. */
export function taking(seen: Seen, { owner, leases, stale, node, ticket, nowMs }: Taking): readonly BlockChange[] {
  const draft = new Draft(seen);
  for (const { address } of stale) {
    const entry = entryOf(seen, address);
    if (entry !== undefined && isGivenUp(entry, address, stale)) draft.change(address, withEntry(undefined));
  }
  const { containerId, ifName, pod, network, claim } = owner;
  const full = { containerId: containerId.trim(), ifName, node: node.name, bootId: node.bootId,
    ...(pod === undefined ? {} : { pod }), ...(network === undefined ? {} : { network }),
    ...(claim === undefined ? {} : { claim }) };
  for (const { address, set } of leases) {
    draft.change(address, withEntry({ state: "active", owner: full, ticket, atMs: nowMs }));
    draft.change(address, (block) => (block.node === "" ? { ...block, node: node.name } : block));
    if (set !== undefined) draft.change(address, withCursor(set, nextTurn(seen, node.name, set), node.name));
  }
  return draft.changes;
}

function withEntry(entry: Entry | undefined) {
  return (block: Block, offset: number): Block => {
    const entries = new Map(block.entries);
    if (entry === undefined) entries.delete(offset);
    else entries.set(offset, entry);
    return { ...block, entries };
  };
}

/** Of blocks that are its own alone a node notes where it was. */
function withCursor(set: number, turn: number, node: string) {
  return (block: Block, offset: number): Block =>
    block.node === node ? { ...block, cursors: { ...block.cursors, [set]: { offset, turn } } } : block;
}

function nextTurn(seen: Seen, node: string, set: number): number {
  const turns = [...seen.values()].filter((block) => block.node === node).map(({ cursors }) => cursors[set]?.turn ?? 0);
  return Math.max(0, ...turns) + 1;
}

export interface Giving {
  readonly owner: Claimant;
  readonly holds: readonly Hold[];
  readonly nowMs: number;
  /** Nothing is put in the place of what goes: an engine without room takes deletions only. */
  readonly bare?: boolean;
}

/** Gives up what was found: some of it is held then, or remembered. What is a claim's stays the claim's. */
export function giving(seen: Seen, found: readonly Found[], { owner, holds, nowMs, bare }: Giving) {
  const released = found.map(({ address }) => address);
  const pod = owner.pod ?? found[0]?.entry.owner.pod;
  const ownerKey = ownerKeyOf(pod === undefined ? owner : { ...owner, pod });
  const held = new Map(heldUntil(holds, { released, ownerKey, nowMs }).map((hold) =>
    [formatAddress(hold.address), hold]));
  const draft = new Draft(seen);
  for (const { address, entry: { owner: { claim } } } of found) {
    if (claim !== undefined) {
      if (bare !== true) draft.change(address, withEntry(heldForClaim(claim, nowMs)));
      continue;
    }
    const hold = held.get(formatAddress(address));
    const left: Entry | undefined = pod === undefined || isGeneratedName(pod.name)
      ? undefined : { state: "left", key: ownerKey, atMs: nowMs };
    const kept: Entry | undefined =
      hold === undefined ? left : { state: "held", key: ownerKey, untilMs: hold.untilMs, atMs: nowMs };
    draft.change(address, withEntry(bare === true ? undefined : kept));
  }
  return draft.changes;
}

/** Until the claim is gone. */
function heldForClaim(claim: string, nowMs: number): Entry {
  return { state: "held", key: claimKey(claim), untilMs: withoutEnd, atMs: nowMs };
}

/** Puts entries in their places; undefined takes away what is there. */
export function placing(
  seen: Seen, places: readonly { readonly address: Address; readonly entry: Entry | undefined }[],
): readonly BlockChange[] {
  const draft = new Draft(seen);
  for (const { address, entry } of places) draft.change(address, withEntry(entry));
  return draft.changes;
}

/** Takes these entries out of their blocks, as they were seen. What a container has for a claim stays the claim's. */
export function dropping(
  seen: Seen, found: readonly { readonly address: Address; readonly entry: Entry }[], nowMs: number,
): readonly BlockChange[] {
  const draft = new Draft(seen);
  for (const { address, entry } of found) {
    const claim = entry.state === "active" ? entry.owner.claim : undefined;
    draft.change(address, withEntry(claim === undefined ? undefined : heldForClaim(claim, nowMs)));
  }
  return draft.changes;
}

/**
 * A pod of a Deployment or a Job: no other one will ever have its name, so that nothing is remembered for it.
 *
 * @see k8s.io/apimachinery/pkg/util/rand: five characters of these, for metadata.generateName
 */
export function isGeneratedName(name: string): boolean {
  return /-[bcdfghjklmnpqrstvwxz2456789]{5}$/.test(name);
}
