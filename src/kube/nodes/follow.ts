import { setTimeout as delay } from "node:timers/promises";
import { CniError, code } from "../../cni/index.ts";
import type { World } from "../../os/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";
import type { Access } from "../client/access.ts";
import { jsonObjectIn } from "../client/json-object.ts";
import type { Listed as AllOfList } from "../objects/list.ts";
import { Watch, watchTimes } from "../watch/watch.ts";
import type { Listed } from "../watch/watched.ts";
import { Watched } from "../watch/watched.ts";
import { folder, nameOf } from "./list.ts";
import type { ClusterNode } from "./node.ts";
import { nodesIn } from "./node.ts";
import { toldOnce } from "./told-once.ts";

export interface Following {
  readonly access: () => Promise<Access>;
  readonly world: World;
  readonly signal: AbortSignal;
  /** The longest between two looks at all nodes, where they cannot be watched. */
  readonly lookMs: number;
  /** All of them, as they are. */
  list(): Promise<AllOfList>;
  log(line: string): void;
}

/** More than a cluster has (kubernetes.io, "Considerations for large clusters"), and what is kept of each. */
const limits = { objects: 20_000, chars: 32 * 1024 * 1024 };
/** What changes together is told together. */
const gatherMs = 50;

/**
 * All nodes, and again whenever something has changed of what is kept of them, until the signal: listed once, then
 * watched from there. Where they cannot be watched they are listed again and again.
 */
export async function* followNodes(following: Following): AsyncGenerator<readonly ClusterNode[]> {
  const { access, world, signal, lookMs, log } = following;
  const watched = new Watched({ limits, silenceMs: watchTimes.silenceMs, nowMs: world.monotonicMs() });
  const change = new Change(watched);
  const watch = new Watch({
    subject: "nodes", path: folder, access, watched, userAgent: "polynic", world, log,
    times: { ...watchTimes, backoffMs: Math.min(watchTimes.backoffMs, lookMs), backoffMaxMs: lookMs },
    meanwhile: `they are looked for every ${lookMs / 1000} s at the latest`,
    kept: wanted, changed: (key) => change.heard(key),
    list: async () => toListed(await following.list()),
  });
  const stop = (): void => {
    watch.close();
    change.wake();
  };
  signal.addEventListener("abort", stop, { once: true });
  // Of a node that nobody can read.
  const tellOnce = toldOnce(log);
  try {
    for (let last = ""; await change.next(signal);) {
      await delay(gatherMs, undefined, { signal }).catch(() => {});
      // What a watch has lost is listed first: until then nobody knows which nodes there are.
      if (signal.aborted || !watched.isWhole) continue;
      const nodes = nodesIn(objectsIn(watched), tellOnce), text = JSON.stringify(nodes);
      if (text !== last) yield nodes;
      last = text;
    }
  } finally {
    signal.removeEventListener("abort", stop);
    stop();
  }
}

/** Whether anything has changed since it was asked last. A node says often that it is well, which changes nothing. */
class Change {
  readonly #watched: Watched;
  readonly #texts = new Map<string, string | undefined>();
  #isThere = false;
  #wake: () => void = () => {};

  constructor(watched: Watched) {
    this.#watched = watched;
  }

  heard(key: string): void {
    const text = this.#watched.objects.get(key)?.text;
    if (key === "") this.#texts.clear();
    else if (this.#texts.has(key) && this.#texts.get(key) === text) return;
    else this.#texts.set(key, text);
    this.#isThere = true;
    this.wake();
  }

  wake(): void {
    this.#wake();
  }

  /** Resolves with the next change; false: with the signal. */
  async next(signal: AbortSignal): Promise<boolean> {
    while (!this.#isThere && !signal.aborted) await new Promise<void>((resolve) => { this.#wake = resolve; });
    this.#isThere = false;
    return !signal.aborted;
  }
}

/** What is read of a node: the rest, with the images that it has, is a hundred times as much. */
function wanted({ metadata, spec, status }: JsonObject): JsonObject {
  const { name, uid } = isJsonObject(metadata) ? metadata : {};
  const { podCIDR, podCIDRs } = isJsonObject(spec) ? spec : {};
  const { addresses } = isJsonObject(status) ? status : {};
  return { metadata: { name, uid }, spec: { podCIDR, podCIDRs }, status: { addresses } };
}

function toListed({ items, version }: AllOfList): Listed {
  if (version === "")
    throw new CniError(code.cluster, "Cannot list nodes: the list has no version, expected metadata.resourceVersion");
  const objects = items.map((item) => ({ key: nameOf(item), uid: "", text: JSON.stringify(wanted(item)) }));
  return { version, objects };
}

function objectsIn({ objects }: Watched): readonly JsonObject[] {
  return objects.keys().map((key) => jsonObjectIn(objects.get(key)?.text ?? "")).filter((one) => one !== undefined);
}
