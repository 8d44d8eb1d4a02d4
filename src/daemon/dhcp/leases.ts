import type { Confs, Result } from "../../cni/index.ts";
import { CniError, code, confSchema, parsePluginRequest, readConf } from "../../cni/index.ts";
import type { DhcpRequest } from "../../dhcp/index.ts";
import { askedOf, clientIdentifier, leaseName, toResult } from "../../dhcp/index.ts";
import type { Address } from "../../net/index.ts";
import { formatAddress } from "../../net/index.ts";
import type { LeaseSurroundings, WantedLease } from "./held-lease.ts";
import { HeldLease } from "./held-lease.ts";
import { LinkGone } from "./container-link.ts";

/** How patiently servers are asked, and where containers are. */
export interface LeaseSettings {
  /** Stands before the path of every namespace. */
  readonly hostPrefix: string;
  readonly broadcast: boolean;
  readonly exchangeLimitMs: number;
  readonly longestWaitMs: number;
  readonly limitMs: number;
}

/** More than a node has interfaces; each is a file and a timer. */
const leasesMax = 16_384;
const schema = confSchema("dhcp");

/** All leases of a daemon, by the name of whose they are. */
export class Leases {
  readonly #held = new Map<string, HeldLease>();
  /** Addresses that were lost, for who asks again. */
  readonly #lost = new Map<string, Address>();
  /** How many wait for a lease. */
  readonly #waiting = new Map<HeldLease, number>();
  readonly #settings: LeaseSettings;
  readonly #surroundings: LeaseSurroundings;

  constructor(settings: LeaseSettings, surroundings: Omit<LeaseSurroundings, "gone">) {
    this.#settings = settings;
    this.#surroundings = { ...surroundings, gone: (held) => this.#gone(held) };
  }

  get count(): number { return this.#held.size; }

  /** Goes on with what an earlier daemon had; returns how many those are. */
  resume(): number {
    const { files, log } = this.#surroundings;
    for (const saved of files.load(log)) {
      try {
        // Before it is gone on with: it may find at once that it has run out.
        const held = HeldLease.resumed(saved, this.#surroundings);
        if (!held.isOver) this.#held.set(saved.name, held);
      } catch (error) {
        if (!(error instanceof LinkGone)) throw error;
        log(`${saved.name} has left ${formatAddress(saved.lease.address)}, which is free when its time is over: `
          + error.message);
        files.remove(saved.name);
      }
    }
    return this.#held.size;
  }

  /**
   * A lease for an interface: the one it has, or one that a server gives now. Who gives up waiting says so by `signal`;
   * nothing is asked any more once nobody waits.
   *
   * @throws CniError 11 when there is none, 7 for a configuration that makes no sense
   */
  async allocate(request: DhcpRequest, signal: AbortSignal): Promise<Result> {
    const wanted = this.#wanted(request);
    const held = this.#current(wanted) ?? this.#begin(wanted);
    this.#waiting.set(held, (this.#waiting.get(held) ?? 0) + 1);
    const leave = (): void => this.#leave(held);
    signal.addEventListener("abort", leave);
    try {
      await held.outcome;
      // Renewed or not meanwhile, this is what holds now.
      const { lease } = held;
      if (lease === undefined) throw new Error(`Cannot find the lease of ${held.name}, which was given`);
      return toResult(lease, wanted.priority);
    } finally {
      signal.removeEventListener("abort", leave);
      if (!signal.aborted) this.#countDown(held);
    }
  }

  /** Gives a lease back; there is none is fine. */
  release(request: DhcpRequest): void {
    const { name } = this.#owner(request);
    this.#lost.delete(name);
    const held = this.#held.get(name);
    if (held === undefined) return;
    this.#held.delete(name);
    held.release();
  }

  /** Ends, leaving all leases to the next daemon. */
  close(): void {
    for (const held of this.#held.values()) held.leave();
    this.#held.clear();
  }

  #owner(request: DhcpRequest): { readonly name: string; readonly conf: Confs["dhcp"] } {
    const { conf: raw } = parsePluginRequest(request.stdin);
    const conf = readConf(schema, raw, { lenient: true });
    const { containerId, ifName } = request;
    return { name: leaseName({ containerId, ifName, network: raw.name }), conf };
  }

  #wanted(request: DhcpRequest): WantedLease {
    const { name, conf } = this.#owner(request);
    const { provided, requested, priority } = askedOf(readConf(schema, conf).ipam ?? {}, request.args);
    const { hostPrefix, broadcast, exchangeLimitMs, longestWaitMs, limitMs } = this.#settings;
    const wanted = this.#lost.get(name);
    return {
      name,
      place: { netns: `${hostPrefix}${request.netns}`, ifName: request.ifName },
      terms: {
        clientId: clientIdentifier(name), provided, requested, broadcast, exchangeLimitMs, longestWaitMs, limitMs,
        ...(wanted === undefined ? {} : { wanted }),
      },
      ...(priority === undefined ? {} : { priority }),
    };
  }

  /** The one that is there, unless it was given for a link that is gone: a container of the same name has another. */
  #current({ name }: WantedLease): HeldLease | undefined {
    const held = this.#held.get(name);
    if (held === undefined || held.lease === undefined || held.hasLink) return held;
    this.#held.delete(name);
    held.release();
    return undefined;
  }

  #begin(wanted: WantedLease): HeldLease {
    if (this.#held.size >= leasesMax) {
      throw new CniError(code.tryAgainLater,
        `Cannot lease an address for ${wanted.name}: ${this.#held.size} are leased, expected at most ${leasesMax}`);
    }
    const held = new HeldLease(wanted, this.#surroundings);
    this.#held.set(wanted.name, held);
    void held.acquire();
    return held;
  }

  #leave(held: HeldLease): void {
    this.#countDown(held);
    // One that is there already is given back by DEL.
    if (this.#waiting.has(held) || held.lease !== undefined) return;
    if (this.#held.get(held.name) === held) this.#held.delete(held.name);
    held.release();
  }

  #countDown(held: HeldLease): void {
    const count = (this.#waiting.get(held) ?? 0) - 1;
    if (count > 0) this.#waiting.set(held, count);
    else this.#waiting.delete(held);
  }

  #gone(held: HeldLease): void {
    if (this.#held.get(held.name) === held) this.#held.delete(held.name);
    if (held.lease !== undefined) this.#lost.set(held.name, held.lease.address);
  }
}
