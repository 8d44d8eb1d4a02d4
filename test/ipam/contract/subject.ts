/** A store as the contract's tests see it, and what they do with it. */
import type { Test } from "uvu";
import type { Claimant, LeaseStore, LeaseView, NewLease, StoreNode } from "../../../src/ipam/index.ts";
import { normaliseRangeSets, reserve } from "../../../src/ipam/index.ts";
import type { Address } from "../../../src/net/index.ts";
import { formatAddress, parseAddress, viewHolds } from "../../../src/net/index.ts";
import { lowestFree } from "./lowest-free.ts";

/** A store with nothing in it, and a way to look at it from any node. */
export interface StoreUnderTest {
  open(node: StoreNode): LeaseStore;
  close?(): Promise<void>;
}

export interface Context {
  store: StoreUnderTest;
  /** As `now` sees it. */
  here: LeaseStore;
}

/** A group of tests, added to a store's suite. */
export type Tests = (test: Test<Context>) => void;

export const scope = "mynet";
export const now: StoreNode = { name: "here", bootId: "now" };
export const small = normaliseRangeSets([[{ subnet: "10.0.0.0/29" }]], "1.1.0");
export const wide = normaliseRangeSets([[{ subnet: "10.0.0.0/16" }]], "1.1.0");
export const both = normaliseRangeSets([[{ subnet: "10.0.0.0/29" }], [{ subnet: "2001:db8::/125" }]], "1.1.0");

export function who(containerId: string, ifName = "eth0"): Claimant {
  return { containerId, ifName };
}

export function podOf(name: string, containerId: string): Claimant {
  return { containerId, ifName: "eth0", pod: { namespace: "shop", name, uid: "" } };
}

export function texts(addresses: readonly Address[]): string[] {
  return addresses.map(formatAddress).sort();
}

/** Takes addresses outright, each of a set of its own. */
export async function take(store: LeaseStore, owner: Claimant, ...addresses: readonly string[]) {
  const leases = addresses.map((text, set): NewLease => ({ address: parseAddress(text), set }));
  return await store.exclusively(scope, async (turn) => await turn.commit({ owner, leases, stale: [] }));
}

export async function look(store: LeaseStore, owner: Claimant, sets = small): Promise<LeaseView> {
  const ranges = sets.flat();
  return await store.exclusively(scope, async (turn) => await turn.view({
    owner, spans: ranges, reserved: ranges.map(({ gateway }) => [gateway]), sets: sets.length }));
}

/** Has the lowest free address of each set reserved. */
export async function get(
  store: LeaseStore,
  owner: Claimant,
  { sets = small, remembers = false, requested = [] as readonly string[] } = {},
): Promise<string[]> {
  const { reserved } = await reserve({ store, scope, network: scope, owner, sets, remembers, decide: lowestFree,
    requested: requested.map(parseAddress) });
  return reserved.map(({ address }) => formatAddress(address));
}

export async function listed(store: LeaseStore, owner?: Claimant): Promise<string[]> {
  const leases = await store.list(scope, owner);
  return leases.map(({ address, owner: { containerId } }) => `${formatAddress(address)} ${containerId}`).sort();
}

export function isTaken(view: LeaseView, text: string, sets = small): boolean {
  const range = sets[0]?.[0], taken = view.views[0];
  if (range === undefined || taken === undefined) throw new Error("the view has no span");
  return viewHolds(taken, range, parseAddress(text));
}
