import { accessSync, constants, existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { CniError, code } from "../cni/index.ts";
import type { HoldRequest, LeaseStore, ListedLease, NewLease, Owner, ViewRequest } from "../ipam/index.ts";
import type { Address, Span, TakenView } from "../net/index.ts";
import {
  AddressList,
  addAddressName,
  compareAddresses,
  isAddress,
  isIdentifier,
  sameAddress,
  takenView,
} from "../net/index.ts";
import type { Lock } from "../os/index.ts";
import { LockError, takeLock, errnoOf, makeDirectory, removeStaleTemporaries } from "../os/index.ts";
import type { HeldAddress } from "./holds.ts";
import { readHolds, withoutAddresses, writeHolds } from "./holds.ts";
import {
  createLease,
  deleteLease,
  leasesOf,
  readCursor,
  readLease,
  readLeases,
  readReserved,
  writeCursor,
} from "./lease-file.ts";
import type { LeaseIndex } from "./lease-index.ts";
import { openLeaseIndex } from "./lease-index.ts";

export interface FileLeasesOptions {
  /** Holds one directory for every network; made when missing. */
  readonly dataDir: string;
  /** How long others are waited for; two minutes when absent. */
  readonly lockTimeoutMs?: number;
}

/**
 * Reservations as files, interchangeable with the reference host-local: see lease-file.ts. Ours alone is `.polynic`
 * beside the networks, which no network can be called: the index, and files while they are being written.
 */
export function openFileLeases({ dataDir, lockTimeoutMs = waitMs }: FileLeasesOptions): LeaseStore {
  const networks = new Map<string, Network>();
  const network = (scope: string): Network => {
    const known = networks.get(scope);
    if (known !== undefined) return known;
    const opened = openNetwork(dataDir, scope);
    networks.set(scope, opened);
    return opened;
  };
  const locked = async <T>(net: Network, work: () => T | Promise<T>): Promise<T> => {
    const lock = await lockNetwork(net, lockTimeoutMs);
    try {
      return await work();
    } finally {
      lock.close();
    }
  };
  return {
    async exclusively(scope, work) {
      const net = network(scope);
      make(net.directory);
      make(net.temporaryDirectory);
      return await locked(net, work);
    },
    view(scope, request) {
      const net = network(scope);
      const names = readNames(net.directory);
      const holds = readHolds(net.holdsPath, Date.now());
      const { own, others } = sortHolds(holds, request);
      return {
        views: takenViews(names, request, others.slice(request.yielding ?? 0)),
        held: own,
        heldForOthers: others.length,
        mine: heldBy(net, request.owner, () => names).map(({ address }) => address),
        cursors: Array.from({ length: request.sets }, (_, set) => readCursor(net.directory, set)),
      };
    },
    commit: (scope, leases, owner) => commit(network(scope), leases, owner),
    async release(scope, owner, hold) {
      const net = network(scope);
      if (!existsSync(net.directory)) return [];
      return await locked(net, () => {
        const released = release(net, owner);
        if (hold !== undefined) addHolds(net, hold, released);
        return released;
      });
    },
    list(scope, owner) {
      const net = network(scope);
      const names = readNames(net.directory);
      return owner === undefined
        ? readLeases(net.directory, names)
        : (findHeld(net, owner) ?? leasesOf(readLeases(net.directory, names), owner));
    },
    async collect(scope, listed, isValid) {
      const net = network(scope);
      if (!existsSync(net.directory)) return [];
      return await locked(net, () => collect(net, listed.filter((lease) => !isValid(lease))));
    },
    status: () => whyNotWritable(dataDir),
  };
}

interface Network {
  readonly directory: string;
  readonly temporaryDirectory: string;
  readonly index: LeaseIndex;
  readonly holdsPath: string;
}

function openNetwork(dataDir: string, scope: string): Network {
  if (!isIdentifier(scope)) {
    throw new CniError(
      code.invalidConfig,
      `Cannot use network name ${JSON.stringify(scope)} as a directory: expected letters, digits, "_", "." and "-", ` +
        "a letter or digit first",
    );
  }
  const directory = join(dataDir, scope);
  const own = join(dataDir, ".polynic");
  return {
    directory,
    temporaryDirectory: own,
    index: openLeaseIndex(join(own, scope), directory),
    holdsPath: join(own, scope, "holds"),
  };
}

function make(directory: string): void {
  if (existsSync(directory)) return;
  try {
    makeDirectory(directory, 0o755);
  } catch (cause) {
    throw new CniError(code.ioFailure, `Cannot make directory ${directory}: ${errnoOf(cause) ?? "unknown error"}`, {
      cause,
    });
  }
}

/**
 * Deciding takes about a millisecond under the lock, but a node that starts has hundreds of containers wait for one
 * network, and few processors. Runtimes give up after two to four minutes.
 */
const waitMs = 120_000;

async function lockNetwork(net: Network, timeoutMs: number): Promise<Lock> {
  const path = `${net.directory}/lock`;
  try {
    return await takeLock(path, { timeoutMs, directoryMode: 0o755 });
  } catch (cause) {
    if (cause instanceof LockError) throw new CniError(code.tryAgainLater, cause.message, { cause });
    const errno = errnoOf(cause);
    throw new CniError(code.ioFailure, `Cannot lock ${path}: ${errno ?? String(cause)}`, { cause });
  }
}

function readNames(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (cause) {
    if (errnoOf(cause) === "ENOENT") return [];
    throw new CniError(code.ioFailure, `Cannot list ${directory}: ${errnoOf(cause) ?? "unknown error"}`, { cause });
  }
}

/** One view a span. Names are parsed once a family; what is reserved for one span comes and goes at the list's end. */
function takenViews(names: readonly string[], request: ViewRequest, held: readonly Address[]): readonly TakenView[] {
  const lists = new Map<4 | 6, AddressList>();
  return request.spans.map((span, index) => {
    const family = span.first.family;
    const list = lists.get(family) ?? addressesOf(names, family);
    lists.set(family, list);
    return viewWith(list, span, [...(request.reserved[index] ?? []), ...held]);
  });
}

/** Held addresses by who they are held for; those of others only where they lie in a span that is asked for. */
function sortHolds(
  holds: readonly HeldAddress[],
  { ownerKey, spans }: ViewRequest,
): { readonly own: readonly Address[]; readonly others: readonly Address[] } {
  const inSpan = (address: Address) =>
    spans.some(
      ({ first, last }) =>
        first.family === address.family &&
        compareAddresses(first, address) <= 0 &&
        compareAddresses(address, last) <= 0,
    );
  return {
    own: holds.filter((hold) => hold.ownerKey === ownerKey).map(({ address }) => address),
    others: holds.filter((hold) => hold.ownerKey !== ownerKey).map(({ address }) => address).filter(inSpan),
  };
}

/** The latest is the last: holds give way from the front. */
function addHolds(net: Network, { ownerKey, holds }: HoldRequest, released: readonly Address[]): void {
  const nowMs = Date.now();
  const fresh = holds.filter(({ address, seconds }) => seconds > 0 && released.some((one) => sameAddress(one, address)))
    .map(({ address, seconds }) => ({ address, ownerKey, untilMs: nowMs + seconds * 1000 }));
  if (fresh.length === 0) return;
  // A hold that cannot be kept is not worth keeping the address for.
  hint(() =>
    writeHolds(net.holdsPath, [
      ...withoutAddresses(
        readHolds(net.holdsPath, nowMs),
        fresh.map(({ address }) => address),
      ),
      ...fresh,
    ]),
  );
}

/** Who takes an address ends its hold. */
function endHolds(net: Network, addresses: readonly Address[]): void {
  const holds = readHolds(net.holdsPath, Date.now());
  const left = withoutAddresses(holds, addresses);
  if (left.length < holds.length) hint(() => writeHolds(net.holdsPath, left));
}

function addressesOf(names: readonly string[], family: 4 | 6): AddressList {
  const list = new AddressList(names.length);
  for (const name of names) addAddressName(list, family, name);
  return list;
}

function viewWith(list: AddressList, span: Span, reserved: readonly Address[]): TakenView {
  const count = list.count;
  for (const address of reserved.filter(({ family }) => family === span.first.family)) list.addAddress(address);
  const view = takenView(span, list);
  list.truncate(count);
  return view;
}

/** What the owner holds according to the index, verified; undefined when only a full reading can tell. */
function findHeld(net: Network, owner: Owner): readonly ListedLease[] | undefined {
  const hints = net.index.hints(owner);
  if (hints === undefined) return undefined;
  const held = leasesOf(
    hints.map((address) => readReserved(net.directory, address)).filter((lease) => lease !== undefined),
    owner,
  );
  return held.length > 0 || isComplete(net) ? held : undefined;
}

function isComplete(net: Network): boolean {
  return existsSync(net.directory) && net.index.isComplete();
}

/** The same, with the full reading kept for next time. The lock is held. */
function heldBy(net: Network, owner: Owner, names: () => readonly string[]): readonly ListedLease[] {
  const held = findHeld(net, owner);
  if (held !== undefined) return held;
  const present = names().filter(isAddress);
  const all = readLeases(net.directory, present);
  hint(() => {
    net.index.replaceScan(all);
    // What could not be read is anybody's.
    if (all.length === present.length) net.index.seal();
  });
  return leasesOf(all, owner);
}

/**
 * Keeps the index up to date as far as that can be done; false when it could not. An index that is behind is not
 * sealed, so that the next one to ask reads every file: a full disk must not keep an address from being released.
 */
function hint(work: () => void): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return false;
  }
}

/** All or none: what was created before a conflict is taken back. */
function commit(net: Network, leases: readonly NewLease[], owner: Owner): ReturnType<LeaseStore["commit"]> {
  const addresses = leases.map(({ address }) => address);
  const complete = hint(() => net.index.add(owner, addresses)) && isComplete(net);
  const created: Address[] = [];
  try {
    for (const address of addresses) {
      if (!createLease(net.directory, net.temporaryDirectory, address, owner)) {
        takeBack(net, owner, created, addresses);
        return { committed: false, conflicts: [address] };
      }
      created.push(address);
    }
    for (const { set, address } of leases) writeCursor(net.directory, net.temporaryDirectory, set, address);
  } catch (cause) {
    takeBack(net, owner, created, addresses);
    throw new CniError(
      code.ioFailure,
      `Cannot reserve addresses in ${net.directory}: ${errnoOf(cause) ?? String(cause)}`,
      { cause },
    );
  }
  endHolds(net, addresses);
  if (complete) hint(() => net.index.seal());
  return { committed: true };
}

function takeBack(net: Network, owner: Owner, created: readonly Address[], hinted: readonly Address[]): void {
  for (const address of created) deleteLease(net.directory, address);
  hint(() => net.index.remove(owner, hinted));
}

function release(net: Network, owner: Owner): readonly Address[] {
  const held = heldBy(net, owner, () => readNames(net.directory)).map(({ address }) => address);
  const complete = isComplete(net);
  for (const address of held) deleteLease(net.directory, address);
  if (hint(() => net.index.remove(owner, held)) && complete && held.length > 0) hint(() => net.index.seal());
  return held;
}

/** A lease that was renewed since it was listed has another version and stays. */
function collect(net: Network, candidates: readonly ListedLease[]): readonly Address[] {
  const complete = isComplete(net);
  const collected = candidates.filter(({ address, owner, version }) => {
    const now = readLease(net.directory, address);
    if (now?.version !== version || !deleteLease(net.directory, address)) return false;
    hint(() => net.index.remove(owner, [address]));
    return true;
  });
  if (complete && collected.length > 0) hint(() => net.index.seal());
  hint(() => net.index.prune());
  if (existsSync(net.temporaryDirectory)) removeStaleTemporaries(net.temporaryDirectory);
  return collected.map(({ address }) => address);
}

/** Directories that are missing would be made: their first existing parent counts. */
function whyNotWritable(dataDir: string): string | undefined {
  if (!existsSync(dataDir) && dirname(dataDir) !== dataDir) return whyNotWritable(dirname(dataDir));
  try {
    accessSync(dataDir, constants.W_OK | constants.X_OK);
    return undefined;
  } catch (cause) {
    return `${dataDir} is not writable: ${errnoOf(cause) ?? "unknown error"}`;
  }
}
