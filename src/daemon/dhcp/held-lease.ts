import { CniError, code, messageOf } from "../../cni/index.ts";
import type { DhcpMessage, Effect, GivenLease, LeaseState, LeaseTerms, Step } from "../../dhcp/index.ts";
import {
  DhcpError, clientPort, decodeDatagram, decodeMessage, encodeDatagram, encodeMessage, onMessage, onTime, release,
  resume, serverPort, start,
} from "../../dhcp/index.ts";
import type { ReceivedPacket } from "../../kernel/index.ts";
import { formatAddress, parseAddress } from "../../net/index.ts";
import type { LinkIdentity, LinkPlace, OpenLink } from "./container-link.ts";
import { LinkGone, openLinkAgain, openLinkUp, requireSameLink, setLinkDown } from "./container-link.ts";
import type { LeaseFiles, SavedLease } from "./lease-files.ts";

/** What all leases of a daemon share. */
export interface LeaseSurroundings {
  readonly files: LeaseFiles;
  /** Milliseconds since the machine's boot, also while it slept. */
  nowMs(): number;
  /** From 0, below 1. */
  random(): number;
  log(line: string): void;
  /** It has come to its end by itself, and nobody has it any more. */
  gone(held: HeldLease): void;
}

/** A lease that is asked for. */
export interface WantedLease {
  readonly name: string;
  readonly place: LinkPlace;
  /** Without what only the link knows. */
  readonly terms: Omit<LeaseTerms, "mac">;
  readonly priority?: number;
}

const everybody = parseAddress("255.255.255.255"), nobody = parseAddress("0.0.0.0");
const broadcastMac = "ff:ff:ff:ff:ff:ff";
/** Who keeps a lease listens for so long after asking: the socket keeps the container's namespace. */
const listenMs = 10_000;
/** A timer of Node's cannot be longer than 2^31 ms, and does not run while the machine sleeps. */
const sleepMsMax = 600_000;

/** One lease, from its first question to its end: drives the state machine with a link, a clock and a file. */
export class HeldLease {
  readonly name: string;
  readonly #place: LinkPlace;
  readonly #surroundings: LeaseSurroundings;
  readonly #priority: number | undefined;
  readonly #outcome = Promise.withResolvers<GivenLease>();
  #terms: LeaseTerms;
  #state: LeaseState = { phase: "ended", wakeAtMs: Number.POSITIVE_INFINITY };
  #identity: LinkIdentity | undefined;
  #link: OpenLink | undefined;
  #serverMac = broadcastMac;
  #timer: NodeJS.Timeout | undefined;
  #closing: NodeJS.Timeout | undefined;
  /** What went wrong when something was to be sent, in this attempt. */
  #problem: string | undefined;
  #lease: GivenLease | undefined;
  #isOver = false;

  constructor({ name, place, terms, priority }: WantedLease, surroundings: LeaseSurroundings) {
    this.name = name;
    this.#place = place;
    this.#terms = { ...terms, mac: "" };
    this.#priority = priority;
    this.#surroundings = surroundings;
    // Whether anybody waits for it is theirs to know.
    this.#outcome.promise.catch(() => undefined);
  }

  /** The one of a file, gone on with. @throws LinkGone when its link is not there any more */
  static resumed(saved: SavedLease, surroundings: LeaseSurroundings): HeldLease {
    requireSameLink(saved.place, saved.identity);
    const held = new HeldLease(saved, surroundings);
    held.#terms = saved.terms;
    held.#identity = saved.identity;
    held.#serverMac = saved.serverMac;
    held.#lease = saved.lease;
    held.#outcome.resolve(saved.lease);
    held.#take(resume(saved.lease, saved.terms, held.#moment()));
    return held;
  }

  /** The lease as it is now, or as it was before it was lost; undefined before there is one. */
  get lease(): GivenLease | undefined { return this.#lease; }
  get isOver(): boolean { return this.#isOver; }
  get priority(): number | undefined { return this.#priority; }
  /** The first lease that is given, or why none is. */
  get outcome(): Promise<GivenLease> { return this.#outcome.promise; }

  /** Whether the link it was given for is still the one that is there. */
  get hasLink(): boolean {
    if (this.#identity === undefined) return false;
    try {
      requireSameLink(this.#place, this.#identity);
      return true;
    } catch (error) {
      if (error instanceof LinkGone) return false;
      throw error;
    }
  }

  /** Asks for it; `outcome` tells what came of that. */
  async acquire(): Promise<void> {
    try {
      const link = await openLinkUp(this.#place);
      if (this.#isOver) return link.socket.close();
      const { mac } = link.identity;
      if (!ethernetMac.test(mac)) {
        link.socket.close();
        throw new Error(`its hardware address is "${mac}", expected one of Ethernet`);
      }
      this.#identity = link.identity;
      this.#terms = { ...this.#terms, mac, broadcast: this.#terms.broadcast || link.sharesMac };
      this.#open(link);
      this.#take(start(this.#terms, this.#moment()));
    } catch (error) {
      this.#end(messageOf(error));
    }
  }

  /** Tells the server that nobody has the address any more, if it has given one, and ends. */
  release(): void {
    if (this.#isOver) return;
    const { effects } = release(this.#state, this.#terms, this.#moment());
    this.#over();
    for (const effect of effects) {
      if (effect.kind === "send") this.#tell("released", () => this.#send(effect));
    }
    this.#close();
    this.#outcome.reject(this.#refusal("it was released meanwhile"));
    this.#surroundings.files.remove(this.name);
  }

  /** Ends as the daemon does: the lease itself goes on, and so does its file. */
  leave(): void {
    this.#over();
    this.#close();
    this.#outcome.reject(this.#refusal("the daemon is stopping"));
  }

  #take({ state, effects }: Step): void {
    this.#state = state;
    for (const effect of effects) this.#do(effect);
    this.#sleep();
  }

  #do(effect: Effect): void {
    switch (effect.kind) {
      case "send": return this.#trySend(effect);
      case "bound": return this.#bound(effect.lease);
      case "ended": return this.#end(effect.reason);
    }
  }

  #bound(lease: GivenLease): void {
    this.#lease = lease;
    this.#close();
    // It is there whether or not it can be written down.
    this.#tell("kept across a restart", () => this.#save(lease));
    this.#outcome.resolve(lease);
  }

  #save(lease: GivenLease): void {
    if (this.#identity === undefined) return;
    this.#surroundings.files.save({
      name: this.name, place: this.#place, identity: this.#identity, terms: this.#terms, lease,
      serverMac: this.#serverMac, ...(this.#priority === undefined ? {} : { priority: this.#priority }),
    });
  }

  /** Over by itself: never had, refused, run out, or its link is gone. */
  #end(reason: string, { isLinkGone = false } = {}): void {
    if (this.#isOver) return;
    const lost = this.#lease, identity = this.#identity;
    this.#over();
    this.#close();
    const why = this.#problem === undefined ? reason : `${reason}; ${this.#problem}`;
    this.#outcome.reject(this.#refusal(why));
    if (lost !== undefined && identity !== undefined) {
      this.#surroundings.log(`lost ${formatAddress(lost.address)} of ${this.name}: ${why}`);
      if (!isLinkGone) this.#tell("taken off its link", () => setLinkDown(this.#place, identity));
      this.#surroundings.files.remove(this.name);
    }
    this.#surroundings.gone(this);
  }

  #over(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }

  #refusal(why: string): CniError {
    const { ifName, netns } = this.#place;
    return new CniError(code.tryAgainLater,
      `Cannot lease an address by DHCP for interface "${ifName}" in ${netns}: ${why}`);
  }

  #trySend(effect: Extract<Effect, { kind: "send" }>): void {
    try {
      this.#send(effect);
      this.#problem = undefined;
    } catch (error) {
      if (error instanceof LinkGone) return this.#end(error.message, { isLinkGone: true });
      // As if it were lost on its way: it is sent again.
      this.#problem = messageOf(error);
    }
  }

  #send({ message, to }: Extract<Effect, { kind: "send" }>): void {
    if (this.#link === undefined) {
      if (this.#identity === undefined) return;
      this.#open(openLinkAgain(this.#place, this.#identity));
    }
    clearTimeout(this.#closing);
    if (this.#lease !== undefined) this.#closing = setTimeout(() => this.#close(), listenMs);
    const packet = encodeDatagram({
      source: to?.from ?? (this.#lease === undefined ? nobody : this.#lease.address),
      destination: to?.server ?? everybody,
      sourcePort: clientPort,
      destinationPort: serverPort,
      payload: encodeMessage(message),
    });
    this.#link?.socket.send(packet, to === undefined ? broadcastMac : this.#serverMac);
  }

  #open(link: OpenLink): void {
    this.#link = link;
    void this.#listen(link);
  }

  #close(): void {
    clearTimeout(this.#closing);
    this.#link?.socket.close();
    this.#link = undefined;
  }

  async #listen(link: OpenLink): Promise<void> {
    try {
      while (this.#link === link) {
        const received = await link.socket.receive(sleepMsMax);
        if (this.#link === link && received !== undefined) this.#hear(received);
      }
    } catch (error) {
      // The link went down or away; whatever is sent next finds out.
      this.#problem = messageOf(error);
      if (this.#link === link) this.#close();
    }
  }

  #hear({ packet, from }: ReceivedPacket): void {
    const message = messageIn(packet);
    if (message === undefined) return;
    const step = onMessage(this.#state, message, this.#terms, this.#moment());
    if (step.state === this.#state) return;
    this.#serverMac = from;
    this.#take(step);
  }

  #sleep(): void {
    clearTimeout(this.#timer);
    if (this.#isOver) return;
    const ms = Math.min(sleepMsMax, Math.max(0, Math.ceil(this.#state.wakeAtMs - this.#surroundings.nowMs())));
    this.#timer = setTimeout(() => this.#take(onTime(this.#state, this.#terms, this.#moment())), ms);
  }

  #moment(): { readonly nowMs: number; random(): number } {
    return { nowMs: this.#surroundings.nowMs(), random: this.#surroundings.random };
  }

  /** What cannot be done is told, and stops nothing. */
  #tell(what: string, work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#surroundings.log(`${this.name} cannot be ${what}: ${messageOf(error)}`);
    }
  }
}

const ethernetMac = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/;

function messageIn(packet: Uint8Array): DhcpMessage | undefined {
  const datagram = decodeDatagram(packet);
  if (datagram?.destinationPort !== clientPort) return undefined;
  try {
    return decodeMessage(datagram.payload);
  } catch (error) {
    if (error instanceof DhcpError) return undefined;
    throw error;
  }
}
