import type { Address, Span, TakenView } from "../../net/index.ts";
import {
  AddressList, compareAddresses, formatAddress, sameAddress, writeModuleAddress,
} from "../../net/index.ts";
import type { Claimant, LeaseView, ListedLease, StoreNode, ViewRequest } from "../leases.ts";
import { ownerKeyOf } from "../leases.ts";
import type { HeldAddress } from "../views.ts";
import { sortHolds, takenViews } from "../views.ts";
import { spanHolds } from "../ranges.ts";
import type { Block } from "./block.ts";
import { addressAt, addressId, blockStart, offsetOf, offsetsIn } from "./block.ts";
import type { ActiveEntry, Entry, HeldEntry } from "./entry.ts";
import { withoutEnd } from "./entry.ts";

/** What one claimant sees of the blocks of a scope that have been read. */
export interface Sight {
  readonly node: StoreNode;
  readonly nowMs: number;
  readonly request: ViewRequest;
  /** By id. */
  readonly blocks: ReadonlyMap<string, Block>;
}

/** A reservation with its place. */
export interface Found {
  readonly address: Address;
  readonly entry: ActiveEntry;
}

/** What tells reservations from others; places are made of those alone that are wanted. */
type IsWanted = (found: Pick<Found, "entry">) => boolean;

/** A node has hundreds, and a claimant two. */
export function activeIn(blocks: Iterable<Block>, isWanted: IsWanted = () => true): readonly Found[] {
  const found: Found[] = [];
  for (const block of blocks)
    for (const [offset, entry] of block.entries)
      if (entry.state === "active" && isWanted({ entry })) found.push({ address: addressAt(block, offset), entry });
  return found;
}

export function isOwners({ containerId, ifName }: Claimant, node: StoreNode): IsWanted {
  const own = containerId.trim();
  return ({ entry: { owner } }) =>
    owner.containerId === own && owner.node === node.name && isInterface(owner.ifName, ifName);
}

/** Entries of other programs may hold a container id alone: any interface of it will do. */
function isInterface(held: string, ifName: string): boolean {
  return held === ifName || held === "";
}

/** What an earlier container of the same pod has for the interface. */
function isOfEarlierContainer({ containerId, ifName, pod }: Claimant, node: StoreNode): IsWanted {
  return ({ entry: { owner } }) =>
    owner.node === node.name && owner.ifName === ifName && owner.containerId !== containerId.trim() &&
    pod !== undefined && pod.uid !== "" && owner.pod?.uid === pod.uid;
}

/** What another container has for the same IPAMClaim, wherever it is: a virtual machine moves, or its node is gone. */
function isOfOthersForClaim(claimant: Claimant, node: StoreNode): IsWanted {
  const isOwn = isOwners(claimant, node);
  return (found) => claimant.claim !== undefined && found.entry.owner.claim === claimant.claim && !isOwn(found);
}

export function toListed({ address, entry }: Found): ListedLease {
  return { address, owner: entry.owner, version: entry.ticket, sinceMs: entry.atMs };
}

/** Holds that are not over, oldest first. */
export function holdsIn(blocks: Iterable<Block>, nowMs: number): readonly HeldAddress[] {
  const found: { readonly entry: HeldEntry; readonly address: Address }[] = [];
  for (const block of blocks)
    for (const [offset, entry] of block.entries)
      if (entry.state === "held" && entry.untilMs > nowMs) found.push({ entry, address: addressAt(block, offset) });
  return found
    .sort((a, b) => a.entry.atMs - b.entry.atMs || compareAddresses(a.address, b.address))
    .map(({ entry, address }) => ({ address, ownerKey: entry.key, untilMs: entry.untilMs }));
}

/** Tells which addresses are the claimant's for the asking; `others` are the holds that do not give way to it. */
interface Freedom {
  readonly others: ReadonlySet<string>;
  readonly stale: ReadonlySet<string>;
}

function isFree(entry: Entry | undefined, address: Address, { others, stale }: Freedom): boolean {
  switch (entry?.state) {
    // Texts take longer than all else here.
    case "active": return stale.size > 0 && stale.has(formatAddress(address));
    case "held": return !others.has(formatAddress(address));
    case "unreadable": return false;
    default: return true;
  }
}

/** What the claimant has, what waits for it, and what it may not have. */
export function standing({ node, nowMs, request, blocks }: Sight) {
  const mine = activeIn(blocks.values(), isOwners(request.owner, node));
  const isOfOldBoot = ({ entry }: Found): boolean => entry.owner.bootId !== "" && entry.owner.bootId !== node.bootId;
  const isOld = request.supersedes === true ? () => true : isOfOldBoot;
  const superseded = [
    ...(request.supersedes === true ? activeIn(blocks.values(), isOfEarlierContainer(request.owner, node)) : []),
    ...(request.owner.claim === undefined ? []
      : activeIn(blocks.values(), isOfOthersForClaim(request.owner, node))),
  ];
  const ownerKey = ownerKeyOf(request.owner);
  const holds = holdsIn(blocks.values(), nowMs), isEndless = ({ untilMs }: HeldAddress) => untilMs === withoutEnd;
  const { own, others } = sortHolds(holds.filter((hold) => !isEndless(hold)), ownerKey, request.spans);
  const endless = sortHolds(holds.filter(isEndless), ownerKey, request.spans);
  const stale = [...mine.filter(isOld), ...superseded];
  const freedom: Freedom = {
    others: new Set([...others.slice(request.yielding ?? 0), ...endless.others].map(formatAddress)),
    stale: new Set(stale.map(({ address }) => formatAddress(address))),
  };
  return {
    mine: mine.filter((found) => !isOld(found)),
    stale, held: [...endless.own, ...own], others, endless: endless.others, freedom,
    remembered: request.owner.pod === undefined ? [] : leftFor(ownerKey, blocks.values()),
  };
}

export type Standing = ReturnType<typeof standing>;

/** What the key left last: older ones are left from before. */
function leftFor(ownerKey: string, blocks: Iterable<Block>): readonly Address[] {
  const left = [...blocks].flatMap((block) => [...block.entries].flatMap(([offset, entry]) =>
    entry.state === "left" && entry.key === ownerKey ? [{ atMs: entry.atMs, address: addressAt(block, offset) }] : []));
  const latestMs = Math.max(...left.map(({ atMs }) => atMs));
  return left.filter(({ atMs }) => atMs === latestMs).map(({ address }) => address);
}

/**
 * The addresses of a block that are free in one span, in order.
 *
 * @param most  how many are wanted
 */
export function freeOf(
  block: Block, sight: Sight, standing: Standing, index: number, most = Infinity,
): readonly Address[] {
  const span = sight.request.spans[index], reserved = sight.request.reserved[index] ?? [];
  if (span === undefined) return [];
  const { from, to } = offsetsIn(block.first, span), free: Address[] = [];
  const kept = new Set(reserved.filter((one) => sameAddress(blockStart(one), block.first)).map(offsetOf));
  for (let offset = from; offset <= to && free.length < most; offset++) {
    const address = addressAt(block, offset);
    if (!kept.has(offset) && isFree(block.entries.get(offset), address, standing.freedom)) free.push(address);
  }
  return free;
}

export function hasFree(block: Block, sight: Sight, standing: Standing, index: number): boolean {
  return freeOf(block, sight, standing, index, 1).length > 0;
}

/** Blocks, span by span, of which free addresses are shown; undefined: of all there are. */
export type Shown = readonly (readonly Block[])[] | undefined;

export function viewOf(sight: Sight, standing: Standing, shown: Shown): LeaseView {
  const { request, blocks, node } = sight;
  const others = [...standing.others.slice(request.yielding ?? 0), ...standing.endless];
  return {
    views: shown === undefined
      ? takenViews((family) => takenIn(blocks.values(), family, standing), request, others)
      : request.spans.map((span, index) => narrowView(span, narrowFree(sight, standing, shown, index))),
    mine: standing.mine.map(({ address }) => address),
    stale: standing.stale.map(toListed),
    remembered: standing.remembered,
    held: standing.held,
    heldForOthers: standing.others.length,
    cursors: Array.from({ length: request.sets }, (_, set) => cursorOf(blocks.values(), node.name, set)),
    ...(shown === undefined ? {} : { narrowed: true }),
  };
}

function takenIn(blocks: Iterable<Block>, family: 4 | 6, { stale }: Standing): AddressList {
  const free = new Set(stale.map(({ address }) => formatAddress(address)));
  const list = new AddressList(1024);
  for (const block of blocks) {
    if (block.first.family !== family) continue;
    for (const [offset, { state }] of block.entries) {
      if (state !== "active" && state !== "unreadable") continue;
      const address = addressAt(block, offset);
      if (free.size === 0 || !free.has(formatAddress(address))) list.addAddress(address);
    }
  }
  return list;
}

/** Of a span what is shown as free, in order: of the blocks shown, and what was asked for by name. */
function narrowFree(sight: Sight, standing: Standing, shown: NonNullable<Shown>, index: number): readonly Address[] {
  const blocks = (shown[index] ?? []).toSorted((a, b) => compareAddresses(a.first, b.first));
  const free = blocks.flatMap((block) => freeOf(block, sight, standing, index));
  const named = namedOf(sight.request, standing).filter((address) => isNamedFree(address, sight, standing, index));
  if (named.length === 0) return free;
  const all = new Map([...free, ...named].map((address) => [formatAddress(address), address]));
  return [...all.values()].sort(compareAddresses);
}

/** What is asked for by name, one way or another. */
export function namedOf(request: ViewRequest, { held, remembered, stale }: Standing): readonly Address[] {
  return [...(request.wanted ?? []), ...held, ...remembered, ...stale.map(({ address }) => address)];
}

function isNamedFree(address: Address, sight: Sight, standing: Standing, index: number): boolean {
  const span = sight.request.spans[index];
  if (span === undefined || !spanHolds(span, address)) return false;
  if ((sight.request.reserved[index] ?? []).some((one) => compareAddresses(one, address) === 0)) return false;
  const block = sight.blocks.get(addressId(blockStart(address)));
  return isFree(block?.entries.get(offsetOf(address)), address, standing.freedom);
}

/** Everything taken but these addresses, which are sorted and lie in the span: as runs between them. */
export function narrowView(span: Span, free: readonly Address[]): TakenView {
  const bytes = new Uint8Array((free.length + 1) * runBytes), data = new DataView(bytes.buffer);
  let count = 0, next = span.first, isOver = false;
  const add = (first: Address, last: Address): void => {
    writeModuleAddress(data, count * runBytes, first);
    writeModuleAddress(data, count * runBytes + runBytes / 2, last);
    count++;
  };
  for (const address of free) {
    if (compareAddresses(address, next) > 0) add(next, beside(address, -1));
    isOver = compareAddresses(address, span.last) === 0;
    if (!isOver) next = beside(address, 1);
  }
  if (!isOver) add(next, span.last);
  return { kind: 0, count, bytes: bytes.subarray(0, count * runBytes) };
}

/** First and last address, 16 bytes each. */
const runBytes = 32;

/** The next address or the one before, within a span that goes on there. */
function beside(address: Address, step: 1 | -1): Address {
  const bytes = address.bytes.slice();
  for (let i = bytes.length - 1; i >= 0; i--) {
    const sum = (bytes[i] ?? 0) + step;
    bytes[i] = sum & 0xff;
    if (sum >= 0 && sum <= 0xff) break;
  }
  return { family: address.family, bytes };
}

function cursorOf(blocks: Iterable<Block>, node: string, set: number): Address | undefined {
  let turn = -1, found: Address | undefined;
  for (const block of blocks) {
    const cursor = block.node === node ? block.cursors[set] : undefined;
    if (cursor !== undefined && cursor.turn > turn) [turn, found] = [cursor.turn, addressAt(block, cursor.offset)];
  }
  return found;
}
