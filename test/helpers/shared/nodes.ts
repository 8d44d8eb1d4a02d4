/** Nodes that share a store, and pods of theirs that come and go. */
import * as assert from "uvu/assert";
import type { BlockEngine, Claimant, LeaseStore, RangeSet } from "../../../src/ipam/index.ts";
import { normaliseRangeSets, openBlockLeases, reserve } from "../../../src/ipam/index.ts";
import { formatAddress } from "../../../src/net/index.ts";
import { realWorld } from "../../../src/os/index.ts";
import { lowestFree } from "../../ipam/contract/lowest-free.ts";
import { memoryJournal } from "./memory-blocks.ts";
import type { Random } from "../random.ts";

export const scope = "pods";

export interface PretendNode {
  readonly name: string;
  readonly store: LeaseStore;
  readonly journal: ReturnType<typeof memoryJournal>;
  /** What people were told. */
  readonly told: string[];
}

export function nodeWith(name: string, engine: BlockEngine, { world = realWorld, bootId = "now" } = {}): PretendNode {
  const journal = memoryJournal(), told: string[] = [];
  // As the node's lock does it: one call of a node at a time.
  let last: Promise<unknown> = Promise.resolve();
  const alone = async <T>(_: string, work: () => Promise<T>): Promise<T> => {
    const mine = last.then(work, work);
    last = mine.catch(() => {});
    return await mine;
  };
  const store = openBlockLeases({
    engine, node: { name, bootId }, journal, alone, tell: (line) => void told.push(line), world });
  return { name, store, journal, told };
}

export function rangesOf(...subnets: readonly string[]): readonly RangeSet[] {
  return normaliseRangeSets(subnets.map((subnet) => [{ subnet }]), "1.1.0");
}

export async function allocate(
  { store }: Pick<PretendNode, "store">, owner: Claimant, sets: readonly RangeSet[],
): Promise<string[]> {
  const { reserved } = await reserve({ store, scope, network: scope, owner, sets, requested: [], decide: lowestFree });
  return reserved.map(({ address }) => formatAddress(address));
}

export interface Held {
  readonly node: string;
  readonly container: string;
}

/** Who has which address, as the pods know it themselves: two of one address are an error at once. */
export class Ledger {
  readonly held = new Map<string, Held>();
  readonly #any: Random;

  constructor(any: Random) {
    this.#any = any;
  }

  take(addresses: readonly string[], holder: Held): void {
    for (const address of addresses) {
      assert.is(this.held.get(address), undefined,
        `seed ${this.#any.seed}: ${address} is given to ${holder.container}, and ${this.held.get(address)?.container}`);
      this.held.set(address, holder);
    }
  }

  /** Before the release: from then on others may have it. */
  drop(container: string): void {
    for (const [address, holder] of this.held) if (holder.container === container) this.held.delete(address);
  }

  get lines(): readonly string[] {
    return [...this.held].map(([address, { container }]) => `${address} ${container}`).sort();
  }
}

export async function linesOf({ store }: PretendNode): Promise<readonly string[]> {
  const leases = await store.list(scope);
  return leases.map(({ address, owner }) => `${formatAddress(address)} ${owner.containerId}`).sort();
}

export interface Churn {
  readonly ledger: Ledger;
  /** Of each node. */
  readonly steps: number;
  readonly any: Random;
  readonly sets: readonly RangeSet[];
}

let churns = 0;

/** Pods come and go on all nodes at once; a call that the engine did not answer in time is made again later. */
export async function churn(nodes: readonly PretendNode[], { ledger, steps, any, sets }: Churn): Promise<void> {
  const who = (containerId: string) => ({ containerId, ifName: "eth0" }), churn = ++churns;
  await Promise.all(nodes.map(async (node) => {
    const pods: string[] = [];
    for (let step = 0; step < steps; step++) {
      if (pods.length > 0 && any.below(3) === 0) {
        const [container = ""] = pods.splice(any.below(pods.length), 1);
        ledger.drop(container);
        await node.store.release(scope, who(container));
        continue;
      }
      const container = `${node.name}-${churn}-${step}`;
      try {
        ledger.take(await allocate(node, who(container), sets), { node: node.name, container });
        pods.push(container);
      } catch (error) {
        if (!(error instanceof Error) || !("code" in error) || error.code !== 11) throw error;
        await node.store.release(scope, who(container));
      }
    }
  }));
}
