import { existsSync } from "node:fs";
import { join } from "node:path";
import { isJsonObject } from "../../schema/index.ts";
import { readJsonFile, writeJsonFile } from "./json-file.ts";

/** Some 10,000 names. */
const fileBytesMax = 2 * 1024 * 1024, namesMax = 10_000;

/** Which nodes a cluster had, and since when this machine has not seen them there. */
export interface AbsentNodes {
  /**
   * Takes down what a look has shown.
   *
   * @param cluster  as messages call it
   * @param present  the names of all its nodes
   * @returns for how long each has been absent that the cluster was once seen to have, in milliseconds: 0 with the
   *   first look that misses it. Of others, which may be of no cluster at all, nothing is said
   */
  note(cluster: string, present: readonly string[]): ReadonlyMap<string, number>;
}

/** By name: null, or since when it is absent, by the time since the machine's start, which no hand sets. */
type Seen = Readonly<Record<string, number | null>>;

/** `{"bootId": "...", "clusters": {"...": {"node-a": null, "node-b": 1}}}`. */
interface Noted {
  readonly bootId: string;
  readonly clusters: Readonly<Record<string, Seen>>;
}

/**
 * Kept on disk, for processes that look now and then. After a start of the machine the time begins anew; where the file
 * is damaged, nobody was seen.
 *
 * @param stateDir  made when there is something to write
 */
export function openAbsentNodes(
  stateDir: string, { bootId, nowMs }: { readonly bootId: string; readonly nowMs: () => number },
): AbsentNodes {
  const path = join(stateDir, "absent-nodes.json");
  return {
    note(cluster, present) {
      const known = notedIn(path, bootId), before = known.clusters[cluster] ?? {}, now = nowMs();
      const absent = new Map(Object.entries(before).map(([name, sinceMs]) =>
        [name, sinceMs === null || sinceMs > now ? now : sinceMs]));
      for (const name of present) absent.delete(name);
      const there = present.map((name) => [name, null] as const);
      const all: Seen = Object.fromEntries([...there, ...absent].slice(0, namesMax));
      if (JSON.stringify(all) !== JSON.stringify(before))
        writeJsonFile(path, { bootId, clusters: { ...known.clusters, [cluster]: all } } satisfies Noted);
      return new Map([...absent].map(([name, sinceMs]) => [name, now - sinceMs]));
    },
  };
}

function notedIn(path: string, bootId: string): Noted {
  const json = existsSync(path) ? readJsonFile(path, fileBytesMax) : undefined, clusters = json?.["clusters"];
  const isOfNow = bootId !== "" && json?.["bootId"] === bootId;
  const read = Object.entries(isJsonObject(clusters) ? clusters : {})
    .map(([name, nodes]) => [name, seenIn(nodes, isOfNow)] as const);
  return { bootId, clusters: Object.fromEntries(read) };
}

function seenIn(json: unknown, isOfNow: boolean): Seen {
  return Object.fromEntries(Object.entries(isJsonObject(json) ? json : {}).map(([name, sinceMs]) =>
    [name, isOfNow && typeof sinceMs === "number" ? sinceMs : null]));
}
