import type { Surroundings, Warm } from "../../call/index.ts";
import { messageOf } from "../../cni/index.ts";
import type { Pod } from "../../kube/index.ts";
import { annotation } from "../../nad/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import type { Remains } from "../../service/index.ts";
import { changeRunning, PodContainers } from "../../service/index.ts";
import type { Queue } from "../queue.ts";

export interface HotPlugSettings {
  /** Where attachments are remembered. */
  readonly stateDirs: readonly string[];
  /** Where executables are looked for. */
  readonly path: readonly string[];
  /** The multiplexers' configurations of this node, as they are now. */
  confs(): readonly NodeConf[];
}

/** A multiplexer's configuration of this node. */
export interface NodeConf {
  readonly name: string;
  readonly kubeconfig: string;
  /** Networks of its running pods are changed when their annotations are. */
  readonly isHotPlug: boolean;
  /** As it is written. */
  readonly json: JsonObject;
}

export interface HotPlugOptions extends HotPlugSettings {
  readonly env: Surroundings["env"];
  readonly queue: Queue;
  warm(): Warm;
  log(line: string): void;
  readonly times?: HotPlugTimes;
}

export interface HotPlugTimes {
  /** From a change to what is done about it, so that several are done at once. */
  readonly settleMs: number;
  /** Until what could not be done is tried again, doubled each time. */
  readonly retryMs: number;
}

const usualTimes: HotPlugTimes = { settleMs: 200, retryMs: 1_000 };
/** Then the next change of the annotation is waited for. */
const triesMax = 6;
/** Pods of which it is remembered that nothing has to be done; of more the oldest is looked at once more. */
const settledMax = 4_000;

/** What a pod has asked for last, and how often that has been tried. */
interface Wanted {
  readonly text: string;
  readonly tries: number;
}

/**
 * Has the networks of running pods changed when their annotations are, each container in its turn. What a node's
 * configuration does not want changed is left alone, and looked at again when its pod changes next.
 */
export class HotPlug {
  readonly #options: HotPlugOptions;
  readonly #times: HotPlugTimes;
  readonly #containers: PodContainers;
  /** By UID. */
  readonly #waiting = new Map<string, Wanted>();
  /** By UID, the annotation that is done, the latest last. */
  readonly #settled = new Map<string, string>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #isClosed = false;
  #isDue = false;

  constructor(options: HotPlugOptions) {
    this.#options = options;
    this.#times = options.times ?? usualTimes;
    this.#containers = new PodContainers(options.stateDirs, options.path);
  }

  /** A pod has come or changed. */
  changed({ uid, annotations }: Pod): void {
    const text = annotations[annotation.networks] ?? "";
    if (this.#settled.get(uid) === text) return;
    this.#waiting.set(uid, { text, tries: 0 });
    if (this.#isDue) return;
    this.#isDue = true;
    this.#later(this.#times.settleMs, () => { this.#isDue = false; });
  }

  /** What has begun goes on to its end. */
  close(): void {
    this.#isClosed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  #later(ms: number, first: () => void): void {
    if (this.#isClosed) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      first();
      this.#look();
    }, ms);
    this.#timers.add(timer);
  }

  /** Containers are looked for in one go, whatever has changed; of a pod without one there is nothing to change yet. */
  #look(): void {
    const { confs, log } = this.#options, wanted = new Map(this.#waiting);
    this.#waiting.clear();
    if (this.#isClosed || wanted.size === 0) return;
    try {
      const known = confs();
      if (!known.some(({ isHotPlug }) => isHotPlug)) return;
      for (const one of this.#containers.of(new Set(wanted.keys()))) {
        const asked = wanted.get(one.uid);
        const conf = known.find(({ name }) => name === one.multiplexer?.network);
        if (asked !== undefined && conf?.isHotPlug !== false) this.#enqueue(one, one.uid, asked);
      }
    } catch (error) {
      log(`cannot look for containers whose networks are to be changed: ${messageOf(error)}`);
      for (const [uid, asked] of wanted) this.#again(uid, asked);
    }
  }

  #enqueue(one: Remains, uid: string, asked: Wanted): void {
    const place = this.#options.queue.add(one.containerId, async () => {
      if (!this.#isClosed) await this.#change(one, uid, asked);
    });
    if (place === undefined) this.#again(uid, asked);
  }

  async #change(one: Remains, uid: string, asked: Wanted): Promise<void> {
    const { env, warm, path, log, confs } = this.#options, { containerId } = one;
    const network = one.multiplexer?.network ?? "", tell = (text: string): void => log(text.trimEnd());
    try {
      const conf = confs().find(({ name }) => name === network);
      if (conf === undefined) {
        this.#settle(uid, asked);
        return log(`networks of container ${containerId} are not changed: this node has no configuration "${network}"`);
      }
      if (!conf.isHotPlug) return;
      const outcome = await changeRunning(one, conf.json, { env, warm: warm(), path, tell });
      const { added = 0, removed = 0, problems = [] } = outcome ?? {};
      if (added + removed > 0)
        log(`networks of container ${containerId} are changed: ${added} attached, ${removed} taken off`);
      for (const problem of problems) log(`networks of container ${containerId} are not all changed: ${problem}`);
      if (problems.length > 0) this.#again(uid, asked);
      else this.#settle(uid, asked);
    } catch (error) {
      log(`networks of container ${containerId} are not changed: ${messageOf(error)}`);
      this.#again(uid, asked);
    }
  }

  #again(uid: string, { text, tries }: Wanted): void {
    if (tries + 1 >= triesMax) return this.#settle(uid, { text, tries });
    this.#later(this.#times.retryMs * 2 ** tries * (0.5 + Math.random()), () => {
      // What was asked for meanwhile comes by itself.
      if (!this.#waiting.has(uid)) this.#waiting.set(uid, { text, tries: tries + 1 });
    });
  }

  #settle(uid: string, { text }: Wanted): void {
    this.#settled.delete(uid);
    this.#settled.set(uid, text);
    const [oldest] = this.#settled;
    if (this.#settled.size > settledMax && oldest !== undefined) this.#settled.delete(oldest[0]);
  }
}
