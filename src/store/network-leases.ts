import { existsSync } from "node:fs";
import { CniError, code } from "../cni/index.ts";
import type {
  Claimant,
  CommitOutcome,
  CommitRequest,
  HeldAddress,
  Hold,
  LeaseView,
  ListedLease,
  StoreNode,
  ViewRequest,
} from "../ipam/index.ts";
import { heldUntil, ownerKeyOf, sortHolds, takenViews, withoutAddresses } from "../ipam/index.ts";
import type { Address } from "../net/index.ts";
import { formatAddress } from "../net/index.ts";
import { errnoOf, makeDirectory, removeStaleTemporaries } from "../os/index.ts";
import { writeHolds } from "./holds.ts";
import type { LeaseFile } from "./lease-file.ts";
import { createLease, deleteLease, readLease } from "./lease-file.ts";
import type { OwnerHints } from "./lease-index.ts";
import type { Held, NetworkDirectory } from "./network-directory.ts";
import { OwnDirectoryError, hint } from "./network-directory.ts";
import { remember } from "./remembered.ts";

/** What is done to the reservations of one network while its lock is held. */

export function view(
  network: NetworkDirectory,
  request: ViewRequest,
  { holds, node }: { readonly holds: readonly HeldAddress[]; readonly node: StoreNode },
): LeaseView {
  const { owner } = request, ownerKey = ownerKeyOf(owner);
  // Names before anything else: what a cursor or the index adds is newer then.
  void network.names;
  const { mine, stale } = ofThisBoot(network.heldBy(owner), node);
  const { own, others } = sortHolds(holds, ownerKey, request.spans);
  const free = stale.map(({ address }) => address);
  return {
    views: takenViews((family) => network.addresses(family, free), request, others.slice(request.yielding ?? 0)),
    mine: mine.map(({ address }) => address),
    stale: stale.map(toListed(network, node)),
    remembered: owner.pod === undefined ? [] : network.remembered(ownerKey),
    held: own,
    heldForOthers: others.length,
    cursors: Array.from({ length: request.sets }, (_, set) => network.cursor(set)),
  };
}

/** Reservations noted in an earlier boot are of a container that is gone, whatever its id. */
function ofThisBoot(
  { leases, hints }: Held,
  node: StoreNode,
): { readonly mine: readonly LeaseFile[]; readonly stale: readonly LeaseFile[] } {
  if (hints === undefined || hints.bootId === "" || leases.length === 0 || hints.bootId === node.bootId)
    return { mine: leases, stale: [] };
  const noted = new Set(hints.noted.map(formatAddress));
  return {
    mine: leases.filter(({ address }) => !noted.has(formatAddress(address))),
    stale: leases.filter(({ address }) => noted.has(formatAddress(address))),
  };
}

/** All or none: what was created before a conflict is taken back. */
export function commit(
  network: NetworkDirectory,
  { owner, leases, stale }: CommitRequest,
  { holds, bootId }: { readonly holds: readonly HeldAddress[]; readonly bootId: string },
): CommitOutcome {
  const { directory } = network.paths;
  const addresses = leases.map(({ address }) => address);
  const created: Address[] = [];
  try {
    giveUp(network, owner, stale);
    const noted = hint(() => network.own.index.add(owner, addresses, bootId));
    // Noting makes all that is missing; where it could not, this says why.
    if (!noted) for (const needed of [directory, network.own.temporary]) makeDirectory(needed, 0o755);
    const complete = noted && network.isStillComplete();
    for (const address of addresses) {
      if (!createLease(directory, network.own.temporary, address, owner)) {
        takeBack(network, owner, created, addresses);
        return { committed: false, conflicts: [address] };
      }
      created.push(address);
    }
    for (const { set, address } of leases) if (set !== undefined) network.moveCursor(set, address);
    endHolds(network, holds, addresses);
    if (complete) hint(() => network.seal());
    return { committed: true };
  } catch (cause) {
    takeBack(network, owner, created, addresses);
    const what = cause instanceof OwnDirectoryError ? cause.message : (errnoOf(cause) ?? String(cause));
    throw new CniError(code.ioFailure, `Cannot reserve addresses in ${directory}: ${what}`, { cause });
  }
}

function giveUp(network: NetworkDirectory, owner: Claimant, stale: readonly ListedLease[]): void {
  if (stale.length === 0) return;
  const complete = network.isStillComplete();
  const gone = stale.filter((lease) => deleteIfSame(network, lease)).map(({ address }) => address);
  if (hint(() => network.own.index.remove(owner, gone)) && complete) hint(() => network.seal());
  network.forget();
}

/** One that was written anew meanwhile stays. */
function deleteIfSame({ paths }: NetworkDirectory, { address, version }: ListedLease): boolean {
  return readLease(paths.directory, address)?.version === version && deleteLease(paths.directory, address);
}

function takeBack(
  network: NetworkDirectory,
  owner: Claimant,
  created: readonly Address[],
  hinted: readonly Address[],
): void {
  for (const address of created) deleteLease(network.paths.directory, address);
  hint(() => network.own.index.remove(owner, hinted));
  network.forget();
}

/** Who takes an address ends its hold. */
function endHolds(network: NetworkDirectory, holds: readonly HeldAddress[], addresses: readonly Address[]): void {
  const left = withoutAddresses(holds, addresses);
  if (left.length < holds.length) hint(() => writeHolds(network.own.holds, left));
}

/** @throws CniError 5 naming what could not be released; the rest is */
export function release(network: NetworkDirectory, asked: Claimant, holds: readonly Hold[]): readonly Address[] {
  const { leases, hints } = network.heldBy(asked);
  const complete = network.isComplete();
  const problems: unknown[] = [];
  const released = leases.map(({ address }) => address).filter((address) => {
    try {
      return deleteLease(network.paths.directory, address);
    } catch (error) {
      problems.push(error);
      return false;
    }
  });
  const pod = asked.pod ?? hints?.pod, owner = { ...asked, ...(pod === undefined ? {} : { pod }) };
  const noted = hint(() => network.own.index.remove(owner, [...released, ...lost(network, released, hints)], hints));
  if (noted && complete && leases.length > 0) hint(() => network.seal());
  if (released.length > 0) {
    // What cannot be kept is not worth keeping the address for.
    hint(() => addHolds(network, owner, { holds, released }));
    if (pod !== undefined) hint(() => remember(network.own.remembered, ownerKeyOf(owner), released));
  }
  if (problems.length > 0) throw notReleased(network, problems[0]);
  return released;
}

/** Addresses that are noted and not reserved: a call was killed between the one and the other. */
function lost({ paths }: NetworkDirectory, released: readonly Address[], hints?: OwnerHints): readonly Address[] {
  const gone = new Set(released.map(formatAddress));
  return (hints?.noted ?? []).filter((address) => {
    const name = formatAddress(address);
    return !gone.has(name) && !existsSync(`${paths.directory}/${name}`);
  });
}

function notReleased({ paths }: NetworkDirectory, cause: unknown): CniError {
  const what = errnoOf(cause) ?? String(cause);
  return new CniError(code.ioFailure, `Cannot release addresses in ${paths.directory}: ${what}`, { cause });
}

function addHolds(
  network: NetworkDirectory,
  owner: Claimant,
  { holds, released }: { readonly holds: readonly Hold[]; readonly released: readonly Address[] },
): void {
  const nowMs = Date.now();
  const fresh = heldUntil(holds, { released, ownerKey: ownerKeyOf(owner), nowMs });
  if (fresh.length === 0) return;
  const others = withoutAddresses(network.holds(nowMs), released);
  writeHolds(network.own.holds, [...others, ...fresh]);
}

/** A lease that was renewed since it was listed has another version and stays. */
export function collect(network: NetworkDirectory, candidates: readonly ListedLease[]): readonly Address[] {
  const complete = network.isComplete();
  const collected = candidates.filter((lease) => {
    if (!deleteIfSame(network, lease)) return false;
    hint(() => network.own.index.remove(lease.owner, [lease.address]));
    return true;
  });
  if (complete && collected.length > 0) hint(() => network.seal());
  hint(() => network.own.index.prune());
  hint(() => removeStaleTemporaries(network.own.temporary));
  return collected.map(({ address }) => address);
}

/** With what the index notes of its owner, where it notes anything. */
export function toListed(network: NetworkDirectory, node: StoreNode): (lease: LeaseFile) => ListedLease {
  return ({ address, owner, version }) => {
    const { bootId = "", pod } = network.hints(owner) ?? {};
    return { address, version, owner: { ...owner, node: node.name, bootId, ...(pod === undefined ? {} : { pod }) } };
  };
}
