/**
 * Address reservations in memory, which several nodes share as they would share a cluster's: nothing is locked, so that
 * only commits decide. What each node sees and changes is what the contract lets it.
 */
import type {
  Claimant,
  CommitOutcome,
  CommitRequest,
  HeldAddress,
  Hold,
  LeaseStore,
  LeaseView,
  ListedLease,
  StoreNode,
  ViewRequest,
} from "../../../src/ipam/index.ts";
import { heldUntil, ownerKeyOf, sortHolds, takenViews, withoutAddresses } from "../../../src/ipam/index.ts";
import type { Address } from "../../../src/net/index.ts";
import { AddressList, formatAddress } from "../../../src/net/index.ts";

/** One scope's state, whoever looks at it. */
interface Scope {
  readonly leases: Map<string, ListedLease>;
  readonly cursors: Map<number, Address>;
  readonly remembered: Map<string, readonly Address[]>;
  holds: readonly HeldAddress[];
}

/** What the stores of all nodes have in common. */
export class SharedMemory {
  readonly #scopes = new Map<string, Scope>();
  #writes = 0;
  /** Called before every step that would be a request to another machine. */
  pause: () => Promise<void> = async () => {};
  nowMs: () => number = () => Date.now();

  scope(name: string): Scope {
    const known = this.#scopes.get(name);
    if (known !== undefined) return known;
    const made: Scope = { leases: new Map(), cursors: new Map(), remembered: new Map(), holds: [] };
    this.#scopes.set(name, made);
    return made;
  }

  nextVersion(): string {
    return String(++this.#writes);
  }
}

export function openMemoryLeases(memory: SharedMemory, node: StoreNode): LeaseStore {
  const scopeNow = async (name: string): Promise<Scope> => {
    await memory.pause();
    return memory.scope(name);
  };
  return {
    place: "memory",
    exclusively: async (name, work) => await work({
      view: async (request) => viewOf(await scopeNow(name), request, { node, nowMs: memory.nowMs() }),
      commit: async (request) => commit(await scopeNow(name), request, { node, version: () => memory.nextVersion() }),
    }),
    release: async (name, owner, holds = []) =>
      release(await scopeNow(name), owner, { holds, node, nowMs: memory.nowMs() }),
    async list(name, owner) {
      const leases = [...(await scopeNow(name)).leases.values()];
      return owner === undefined ? leases : leases.filter(isOf(owner, node));
    },
    async collect(name, listed, isValid) {
      const { leases } = await scopeNow(name);
      const gone = listed.filter((lease) => lease.owner.node === node.name && !isValid(lease)
        && leases.get(formatAddress(lease.address))?.version === lease.version);
      for (const { address } of gone) leases.delete(formatAddress(address));
      return gone.map(({ address }) => address);
    },
    status: async () => undefined,
  };
}

function isOf({ containerId, ifName }: Claimant, node: StoreNode): (lease: ListedLease) => boolean {
  return ({ owner }) =>
    owner.node === node.name && owner.containerId === containerId.trim() && owner.ifName === ifName;
}

interface Moment {
  readonly node: StoreNode;
  readonly nowMs: number;
}

function viewOf(scope: Scope, request: ViewRequest, { node, nowMs }: Moment): LeaseView {
  const mine = [...scope.leases.values()].filter(isOf(request.owner, node));
  const stale = mine.filter(({ owner }) => owner.bootId !== node.bootId);
  const ownerKey = ownerKeyOf(request.owner);
  scope.holds = scope.holds.filter(({ untilMs }) => untilMs > nowMs);
  const { own, others } = sortHolds(scope.holds, ownerKey, request.spans);
  return {
    views: takenViews((family) => taken(scope, family, stale), request, others.slice(request.yielding ?? 0)),
    mine: mine.filter((lease) => !stale.includes(lease)).map(({ address }) => address),
    stale,
    remembered: request.owner.pod === undefined ? [] : (scope.remembered.get(ownerKey) ?? []),
    held: own,
    heldForOthers: others.length,
    cursors: Array.from({ length: request.sets }, (_, set) => scope.cursors.get(set)),
  };
}

function release(
  scope: Scope,
  owner: Claimant,
  { holds, node, nowMs }: Moment & { readonly holds: readonly Hold[] },
): readonly Address[] {
  const mine = [...scope.leases.values()].filter(isOf(owner, node));
  const released = mine.map(({ address }) => address);
  const pod = owner.pod ?? mine[0]?.owner.pod, ownerKey = ownerKeyOf(pod === undefined ? owner : { ...owner, pod });
  for (const address of released) scope.leases.delete(formatAddress(address));
  if (pod !== undefined && released.length > 0) scope.remembered.set(ownerKey, released);
  scope.holds = [
    ...withoutAddresses(scope.holds, released),
    ...heldUntil(holds, { released, ownerKey, nowMs }),
  ];
  return released;
}

function taken(scope: Scope, family: 4 | 6, besides: readonly ListedLease[]): AddressList {
  const list = new AddressList(scope.leases.size);
  for (const lease of scope.leases.values())
    if (lease.address.family === family && !besides.includes(lease)) list.addAddress(lease.address);
  return list;
}

/** One step, as a transaction is. */
function commit(
  scope: Scope,
  { owner: { containerId, ifName, pod }, leases, stale }: CommitRequest,
  { node, version }: { readonly node: StoreNode; readonly version: () => string },
): CommitOutcome {
  const gone = new Set(stale.filter(({ address, version }) =>
    scope.leases.get(formatAddress(address))?.version === version).map(({ address }) => formatAddress(address)));
  const conflicts = leases.map(({ address }) => address)
    .filter((address) => scope.leases.has(formatAddress(address)) && !gone.has(formatAddress(address)));
  if (conflicts.length > 0) return { committed: false, conflicts };
  for (const key of gone) scope.leases.delete(key);
  const owner = { containerId: containerId.trim(), ifName, node: node.name, bootId: node.bootId,
    ...(pod === undefined ? {} : { pod }) };
  for (const { address, set } of leases) {
    scope.leases.set(formatAddress(address), { address, owner, version: version() });
    if (set !== undefined) scope.cursors.set(set, address);
  }
  scope.holds = withoutAddresses(scope.holds, leases.map(({ address }) => address));
  return { committed: true };
}
