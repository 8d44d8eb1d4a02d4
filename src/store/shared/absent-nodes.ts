import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { CniError, code, messageOf } from "../../cni/index.ts";
import { makeDirectory, readText, writeWholeFile } from "../../os/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";

/** Some 10,000 names. */
const fileBytesMax = 1024 * 1024, namesMax = 5_000;

/** Which nodes a cluster has not, and since when this machine has seen it so. */
export interface AbsentNodes {
  /**
   * Takes down what a look has shown.
   *
   * @param cluster  as messages call it
   * @returns for how long each of the absent has been so, in milliseconds: 0 with the first look
   */
  note(cluster: string, seen: SeenNodes): ReadonlyMap<string, number>;
}

export interface SeenNodes {
  readonly present: readonly string[];
  readonly absent: readonly string[];
}

/** Times since the machine's start, which no hand sets: `{"bootId": "...", "clusters": {"...": {"node": 1}}}`. */
interface Noted {
  readonly bootId: string;
  readonly clusters: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/**
 * Kept on disk, for processes that look now and then. After a start of the machine, and where the file is damaged, the
 * time begins anew.
 *
 * @param stateDir  made when there is something to write
 */
export function openAbsentNodes(
  stateDir: string, { bootId, nowMs }: { readonly bootId: string; readonly nowMs: () => number },
): AbsentNodes {
  const path = join(stateDir, "absent-nodes.json");
  return {
    note(cluster, { present, absent }) {
      const known = notedIn(path, bootId), before = known.clusters[cluster] ?? {}, now = nowMs();
      const isThere = new Set(present);
      const kept = Object.entries(before).filter(([name, sinceMs]) => !isThere.has(name) && sinceMs <= now);
      const fresh = absent.map((name) => [name, now] as const);
      // The first look counts; of too many the latest are forgotten, and begin anew.
      const all = Object.fromEntries([...new Map([...fresh, ...kept])].slice(0, namesMax));
      if (JSON.stringify(all) !== JSON.stringify(before))
        save(path, { bootId, clusters: { ...known.clusters, [cluster]: all } });
      return new Map(absent.map((name) => [name, now - (all[name] ?? now)]));
    },
  };
}

function save(path: string, noted: Noted): void {
  try {
    makeDirectory(dirname(path), 0o700);
    writeWholeFile(path, `${JSON.stringify(noted)}\n`);
  } catch (error) {
    throw new CniError(code.ioFailure, `Cannot write ${path}: ${messageOf(error)}`, { cause: error });
  }
}

function notedIn(path: string, bootId: string): Noted {
  const json = existsSync(path) ? jsonIn(path) : undefined, clusters = json?.["clusters"];
  if (bootId === "" || json?.["bootId"] !== bootId || !isJsonObject(clusters)) return { bootId, clusters: {} };
  const read = Object.entries(clusters).map(([name, nodes]) => [name, timesIn(nodes)] as const);
  return { bootId, clusters: Object.fromEntries(read) };
}

function timesIn(json: unknown): Readonly<Record<string, number>> {
  const entries = Object.entries(isJsonObject(json) ? json : {});
  // True by the filter.
  return Object.fromEntries(entries.filter(([, sinceMs]) => typeof sinceMs === "number")) as Record<string, number>;
}

function jsonIn(path: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(readText(path, fileBytesMax));
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
