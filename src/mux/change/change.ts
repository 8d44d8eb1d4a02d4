import { problemOf, toCniError, withContext } from "../../call/index.ts";
import { CniError, code, splitArgPairs } from "../../cni/index.ts";
import type { Handles } from "../../plugins/index.ts";
import type { Multiplexer, ScratchDelegate } from "../../store/index.ts";
import { loadScratch, removeResult, saveScratch } from "../../store/index.ts";
import { begin, planAll } from "../add.ts";
import type { Begun } from "../attachment/begun.ts";
import { multiplexerOf } from "../attachment/cached.ts";
import { detachNetworks } from "../attachment/detach.ts";
import type { KnownNetwork } from "../attachment/known.ts";
import { knownAttachment } from "../attachment/known.ts";
import { withPods } from "../cluster.ts";
import type { MuxCommand } from "../command.ts";
import { withHandles } from "../command.ts";
import type { Delegate } from "../networks/delegate.ts";
import { toScratch } from "../networks/delegate.ts";
import { withName } from "../networks/naming.ts";
import type { NetworkAttachment } from "../networks/network-attachment.ts";
import { describe, planAttachments, resultKey } from "../networks/network-attachment.ts";
import type { PodChange } from "../pods.ts";
import { planChange } from "./plan.ts";

/** What came of a change. */
export interface ChangeOutcome {
  readonly added: number;
  readonly removed: number;
  /** What could not be done, in words; it may be tried again. */
  readonly problems: readonly string[];
}

/** A network of the container: as it is written down, and as it is known. */
interface Entry extends Pick<KnownNetwork, "attachment" | "result" | "isCached"> {
  readonly noted: ScratchDelegate;
}

/** More than a pod has interfaces. */
const numberMax = 1000;

/**
 * Makes the networks of a running container those that its pod's annotation asks for by now: takes off what is not
 * asked for any more, then attaches what is new, one after the other, past failures. What is asked for as before is not
 * touched, and keeps its interface's name, which the scratch file says from then on. That file has a new network before
 * it is attached and an old one until it is gone, so a DEL, or the next change, finds whatever a kill leaves.
 *
 * @returns undefined when there is nobody whose networks could be changed
 * @throws CniError when nothing could be looked at, or what the pod has cannot be published
 */
export async function changeNetworks(command: MuxCommand): Promise<ChangeOutcome | undefined> {
  const { attachment: runtime } = command;
  return await withHandles(command, runtime.netns, (handles) =>
    withPods(command, handles.log, { adding: true }, async (pods) => {
      const pod = await pods?.change(splitArgPairs(runtime.args));
      if (pod === undefined) return undefined;
      return await command.exclusively(runtime.containerId, () => new Change(command, handles, pod).make());
    }),
  );
}

class Change {
  readonly #command: MuxCommand;
  readonly #handles: Handles;
  readonly #pod: PodChange;
  readonly #multiplexer: Multiplexer;
  readonly #problems: string[] = [];
  #entries: readonly Entry[] = [];

  constructor(command: MuxCommand, handles: Handles, pod: PodChange) {
    this.#command = command;
    this.#handles = handles;
    this.#pod = pod;
    this.#multiplexer = multiplexerOf(command);
  }

  async make(): Promise<ChangeOutcome | undefined> {
    if (!this.#read()) return undefined;
    const removed: NetworkAttachment[] = [], added: Begun[] = [];
    const plan = this.#plan();
    if (plan === undefined) return undefined;
    for (const entry of plan.remove.map((index) => this.#entries[index]))
      if (entry !== undefined && await this.#remove(entry)) removed.push(entry.attachment);
    for (const index of plan.add) {
      const one = await this.#add(index);
      if (one !== undefined) added.push(one);
    }
    await this.#pod.changed({
      networks: this.#entries, removed, added, problems: this.#problems,
      hasInterface: (name) => this.#handles.container.links.find(name) !== undefined,
    });
    return { added: added.length, removed: removed.length, problems: this.#problems };
  }

  /** False where nothing may be changed: nothing is known for sure, or the container is gone. */
  #read(): boolean {
    const { conf, attachment: runtime } = this.#command;
    const known = knownAttachment(runtime, conf), scratch = loadScratch(conf.cniDir, runtime);
    if (known === undefined || scratch?.multiplexer === undefined || known.source !== "scratch") return false;
    if (this.#handles.containerIfPresent === undefined) return false;
    this.#entries = scratch.delegates.flatMap((noted, index) => {
      const network = known.networks[index];
      return network === undefined ? [] : [{ ...network, noted }];
    });
    return true;
  }

  #plan(): ReturnType<typeof planChange> {
    const attached = this.#entries.map(({ noted: { own }, isCached }) =>
      ({ selection: own?.selection, isComplete: isCached, isChange: own?.isChange === true }));
    try {
      return planChange(attached, this.#pod.wanted());
    } catch (error) {
      this.#problems.push(toCniError(error).message);
      return { remove: [], add: [] };
    }
  }

  async #remove(entry: Entry): Promise<boolean> {
    const { attachment, noted, result, isCached } = entry;
    if (noted.requests.defaultRoute !== undefined)
      return this.#fail(withDefaultRoute(`take the container off ${describe(attachment)}`));
    const network = { attachment, result, isCached, source: "scratch", damage: undefined } as const;
    const failed = await detachNetworks([network], this.#handles, this.#command.conf.cniDir);
    for (const { error } of failed) this.#fail(error);
    if (failed.length > 0) return false;
    this.#save(this.#entries.filter((one) => one !== entry));
    return true;
  }

  async #add(index: number): Promise<Begun | undefined> {
    const before = this.#entries;
    const begun: Begun[] = [];
    try {
      const attachment = this.#planned(await this.#pod.delegate(index));
      const [planned] = await planAll([attachment], this.#handles);
      if (planned === undefined) return undefined;
      const entry = { attachment, result: undefined, isCached: false, noted: toScratch(attachment.delegate) };
      this.#save([...before, entry]);
      const { conf } = this.#command;
      await begin(planned, begun,
        { handles: this.#handles, pod: this.#pod, conf, multiplexer: this.#multiplexer });
      this.#entries = [...before, { ...entry, result: begun[0]?.result, isCached: true }];
      return begun[0];
    } catch (error) {
      await this.#takeBack(begun[0], before);
      this.#fail(error);
      return undefined;
    }
  }

  /** The attachment of a network beside those that there are. */
  #planned(delegate: Delegate): NetworkAttachment {
    const { conf, attachment: runtime } = this.#command, first = this.#entries[0];
    if (delegate.requests.defaultRoute !== undefined)
      throw withDefaultRoute(`attach network "${delegate.displayName}"`);
    const named = { ...withName(delegate, this.#freeName()), isChange: true };
    const ifName = named.requests.ifName ?? "";
    const isTaken = this.#entries.some(({ attachment }) => attachment.ifName === ifName) ||
      this.#handles.container.links.find(ifName) !== undefined;
    if (isTaken) {
      throw new CniError(code.invalidConfig,
        `Cannot attach network "${delegate.displayName}": the container has an interface "${ifName}" already, ` +
          "expected a free name");
    }
    const [, attachment] = planAttachments(
      [first?.attachment.delegate ?? named, named], runtime, conf, splitArgPairs(runtime.args), { adding: true },
    );
    if (attachment === undefined) throw new Error("two networks were planned");
    return attachment;
  }

  /** With the first number that is free. */
  #freeName(): string {
    const taken = new Set(this.#entries.map(({ attachment }) => attachment.ifName));
    const { container } = this.#handles;
    for (let number = 1; number < numberMax; number++) {
      const name = `net${number}`;
      if (!taken.has(name) && container.links.find(name) === undefined) return name;
    }
    throw new CniError(code.invalidConfig, `Cannot name another interface: net1 to net${numberMax} are taken`);
  }

  /** What cannot be undone stays written down, for the next change or the DEL. */
  async #takeBack(begun: Begun | undefined, before: readonly Entry[]): Promise<void> {
    const failed = await begun?.undo.run() ?? [];
    for (const step of failed) this.#problems.push(problemOf(step));
    if (failed.length > 0) return;
    if (begun?.isCached === true) removeResult(this.#command.conf.cniDir, resultKey(begun.attachment));
    if (this.#entries !== before) this.#save(before);
  }

  #save(entries: readonly Entry[]): void {
    const { conf, attachment: runtime } = this.#command;
    const delegates = entries.map(({ noted, attachment: { ifName } }, index) =>
      index === 0 ? noted : { ...noted, requests: { ...noted.requests, ifName } });
    const noted = loadScratch(conf.cniDir, runtime)?.multiplexer ?? this.#multiplexer;
    saveScratch(conf.cniDir, runtime, { multiplexer: noted, delegates });
    this.#entries = entries;
  }

  #fail(error: unknown): false {
    this.#problems.push(toCniError(error).message);
    return false;
  }
}

/** Routes of the pod's other interfaces would have to change with it. */
function withDefaultRoute(act: string): CniError {
  return withContext(
    new CniError(code.invalidConfig, 'it has "default-route", expected none: that cannot be changed while a pod runs'),
    `Cannot ${act}`,
  );
}
