import type { World } from "../../os/index.ts";
import { realWorld } from "../../os/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import type { Access } from "../client/access.ts";
import type { Connections } from "../client/connections.ts";
import { openConnections } from "../client/connections.ts";
import type { Environment } from "../client/environment.ts";
import { inClusterAccess, serviceAccountDirectory } from "../client/in-cluster.ts";
import { jsonObjectIn } from "../client/json-object.ts";
import { readKubeconfig } from "../client/kubeconfig.ts";
import type { Pod, PodKey } from "../objects/pod.ts";
import { parsePod } from "../objects/pod.ts";
import { definitionsPath } from "../objects/definition.ts";
import type { KeptLimits } from "./kept-objects.ts";
import { SharedReads } from "./shared-reads.ts";
import type { WatchTimes } from "./watch.ts";
import { Watch, watchTimes } from "./watch.ts";
import { Watched } from "./watched.ts";

/** What is kept of one cluster between calls. All of it is what was so: whoever uses it has the API confirm it. */
export interface KeptCluster {
  /** The pod of that UID as it was told last; undefined where it is not known, or the watch is not to be relied on. */
  pod(key: PodKey, uid: string): Pod | undefined;
  /** A NetworkAttachmentDefinition likewise. */
  definition(key: PodKey): JsonObject | undefined;
  readonly definitionReads: SharedReads<JsonObject | undefined>;
}

/** What a process that serves many calls keeps of clusters. */
export interface KeptClusters {
  /** For everybody who asks their APIs. */
  readonly connections: Connections;
  /** The cluster that a call's configuration leads to; undefined where there are more than are kept. */
  of(cluster: ClusterPlace): KeptCluster | undefined;
}

export interface ClusterPlace {
  /** A file's path; "" for the service account of the pod that the call was made in. */
  readonly kubeconfig: string;
  readonly env: Environment;
}

export interface WatchedClusters extends KeptClusters {
  facts(): WatchFacts;
  close(): void;
}

/** For monitors, of all clusters together. */
export interface WatchFacts {
  /** For how long the watch that has been silent longest has said nothing; 0 where nothing is watched yet. */
  readonly ageSeconds: number;
  readonly pods: WatchCounts;
  readonly definitions: WatchCounts;
}

export interface WatchCounts {
  readonly objects: number;
  readonly chars: number;
  readonly hits: number;
  readonly misses: number;
  readonly reconnects: number;
}

export interface KeepOptions {
  /** Whose pods are watched. */
  readonly nodeName: string;
  readonly userAgent: string;
  log(line: string): void;
  /** Told of each pod that came or changed. */
  podChanged?(pod: Pod): void;
  readonly world?: World;
  readonly times?: WatchTimes;
  readonly limits?: { readonly pods: KeptLimits; readonly definitions: KeptLimits };
}

/** A node's configuration names one; an update of it may name another. */
const clustersMax = 4;
const megachars = 1024 * 1024;
/** More than a node runs, and a cluster defines; what is beyond is asked of the API. */
const usualLimits = {
  pods: { objects: 4_000, chars: 32 * megachars }, definitions: { objects: 4_000, chars: 16 * megachars },
};

/** Watches every cluster that a call's configuration leads to, from the first such call on. */
export function keepClusters(options: KeepOptions): WatchedClusters {
  const kept = new Map<string, OneCluster>(), connections = openConnections();
  return {
    connections,
    of(place) {
      const name = nameOf(place);
      const known = kept.get(name);
      if (known !== undefined || kept.size >= clustersMax) return known;
      const opened = new OneCluster(place, options);
      kept.set(name, opened);
      return opened;
    },
    facts: () => factsOf([...kept.values()]),
    close() {
      for (const one of kept.values()) one.close();
      connections.close();
    },
  };
}

function nameOf({ kubeconfig, env }: ClusterPlace): string {
  return kubeconfig || `${env["KUBERNETES_SERVICE_HOST"]}:${env["KUBERNETES_SERVICE_PORT"]}`;
}

class OneCluster implements KeptCluster {
  readonly definitionReads = new SharedReads<JsonObject | undefined>();
  readonly pods: WatchedKind;
  readonly definitions: WatchedKind;

  constructor({ kubeconfig, env }: ClusterPlace, options: KeepOptions) {
    const access = async (): Promise<Access> => kubeconfig === ""
      ? inClusterAccess(env, serviceAccountDirectory) : await readKubeconfig(kubeconfig, env);
    const { nodeName, limits = usualLimits, podChanged } = options;
    this.pods = new WatchedKind({
      ...options, access, limits: limits.pods, path: "/api/v1/pods", subject: `pods of node "${nodeName}"`,
      // Those that have ended get no network any more.
      fieldSelector: `spec.nodeName=${nodeName},status.phase!=Succeeded,status.phase!=Failed`,
      ...(podChanged === undefined ? {} : { changed: (key: string) => this.#tell(key, podChanged) }),
    });
    this.definitions = new WatchedKind({
      ...options, access, limits: limits.definitions, path: definitionsPath, subject: "NetworkAttachmentDefinitions",
    });
  }

  pod(key: PodKey, uid: string): Pod | undefined {
    const object = this.pods.find(key, uid);
    return object === undefined ? undefined : { ...parsePod(object, key), isAssumed: true };
  }

  definition(key: PodKey): JsonObject | undefined {
    return this.definitions.find(key);
  }

  #tell(name: string, podChanged: (pod: Pod) => void): void {
    const [namespace = "", pod = ""] = name.split("/"), key = { namespace, name: pod };
    const object = this.pods.look(name);
    if (object !== undefined) podChanged(parsePod(object, key));
  }

  close(): void {
    this.pods.close();
    this.definitions.close();
  }
}

interface KindOptions extends Pick<KeepOptions, "userAgent" | "log" | "world" | "times"> {
  readonly access: () => Promise<Access>;
  readonly limits: KeptLimits;
  readonly path: string;
  readonly subject: string;
  readonly fieldSelector?: string;
  changed?(key: string): void;
}

/** Objects of one kind, watched. */
class WatchedKind {
  readonly #world: World;
  readonly #watched: Watched;
  readonly #watch: Watch;
  #hits = 0;
  #misses = 0;

  constructor({ world = realWorld, times = watchTimes, limits, ...options }: KindOptions) {
    this.#world = world;
    this.#watched = new Watched({ limits, silenceMs: times.silenceMs, nowMs: world.monotonicMs() });
    const meanwhile = "calls ask the API meanwhile";
    this.#watch = new Watch({ ...options, world, times, watched: this.#watched, meanwhile });
  }

  find({ namespace, name }: PodKey, uid?: string): JsonObject | undefined {
    const known = this.#watched.get(`${namespace}/${name}`, this.#world.monotonicMs());
    const isIt = known !== undefined && (uid === undefined || known.uid === uid);
    if (isIt) this.#hits++;
    else this.#misses++;
    return isIt ? jsonObjectIn(known.text) : undefined;
  }

  /** Without counting it. */
  look(name: string): JsonObject | undefined {
    const known = this.#watched.get(name, this.#world.monotonicMs());
    return known === undefined ? undefined : jsonObjectIn(known.text);
  }

  get silentMs(): number { return this.#watched.silentMs(this.#world.monotonicMs()); }

  get counts(): WatchCounts {
    const { count: objects, chars } = this.#watched.objects;
    return { objects, chars, hits: this.#hits, misses: this.#misses, reconnects: this.#watch.reconnects };
  }

  close(): void {
    this.#watch.close();
  }
}

function factsOf(clusters: readonly OneCluster[]): WatchFacts {
  const kinds = clusters.flatMap(({ pods, definitions }) => [pods, definitions]);
  return {
    ageSeconds: Math.max(0, ...kinds.map(({ silentMs }) => silentMs / 1000)),
    pods: sumOf(clusters.map(({ pods }) => pods.counts)),
    definitions: sumOf(clusters.map(({ definitions }) => definitions.counts)),
  };
}

function sumOf(all: readonly WatchCounts[]): WatchCounts {
  const sum = (key: keyof WatchCounts): number => all.reduce((total, one) => total + one[key], 0);
  return {
    objects: sum("objects"), chars: sum("chars"), hits: sum("hits"), misses: sum("misses"),
    reconnects: sum("reconnects"),
  };
}
