import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { CniError, code, messageOf } from "../../cni/index.ts";
import type { Hold, PendingRelease, ReleaseJournal } from "../../ipam/index.ts";
import { addressOf, formatAddress } from "../../net/index.ts";
import { makeDirectory, randomBytes, removeIfPresent, writeWholeFile } from "../../os/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";
import { readJsonFile } from "./json-file.ts";

/** A release with all its holds. */
const fileBytesMax = 64 * 1024;

/** So many engines that had nothing of a release are remembered: a node has one or two. */
const askedMax = 16;

/** What a store is kept in. */
export interface JournalEngine {
  /** `etcd`. */
  readonly kind: string;
  /** As it calls itself, with its servers as a configuration spells them. */
  readonly place: string;
}

/**
 * Releases that a store's engine could not be told of: a file each, `<time>-<chance>.json` with the time in
 * milliseconds as 15 digits, so that names are in order. A file that holds something else is left alone.
 *
 * Each engine sees its own, and once those of others of its kind: servers that did not answer are often called
 * otherwise by the time that they do.
 *
 * @param directory  for all engines; made when there is something to note
 */
export function openReleaseJournal(directory: string, engine: JournalEngine): ReleaseJournal {
  const paths = new Map<PendingRelease, string>();
  return {
    pending: (scope) => namesIn(directory).flatMap((name) => {
      const path = join(directory, name), release = releaseIn(path, engine);
      if (release?.scope !== scope) return [];
      paths.set(release, path);
      return [release];
    }),
    add(release) {
      const chance = Buffer.from(randomBytes(6)).toString("hex");
      const path = join(directory, `${String(Date.now()).padStart(15, "0")}-${chance}.json`);
      told("write", path, () => {
        makeDirectory(directory, 0o700);
        writeWholeFile(path, JSON.stringify(toJson(release, engine)));
      });
    },
    passOn(release) {
      const path = paths.get(release), json = path === undefined ? undefined : readJsonFile(path, fileBytesMax);
      if (path === undefined || json === undefined) return;
      const asked = [...askedIn(json), engine.place].slice(-askedMax);
      told("write", path, () => writeWholeFile(path, JSON.stringify({ ...json, asked })));
    },
    done(release) {
      const path = paths.get(release);
      if (path !== undefined) told("delete", path, () => void removeIfPresent(path));
    },
  };
}

function namesIn(directory: string): readonly string[] {
  // Missing is the usual case, and an error costs far more than looking.
  if (!existsSync(directory)) return [];
  return told("read", directory, () => readdirSync(directory).filter((name) => /^\d{15}-\w+\.json$/.test(name)).sort());
}

function toJson({ scope, owner, holds, ticket }: PendingRelease, { kind, place }: JournalEngine): JsonObject {
  return {
    kind, engine: place, scope, owner: { ...owner },
    holds: holds.map(({ address, seconds }) => ({ address: formatAddress(address), seconds })),
    ...(ticket === undefined ? {} : { ticket }),
  };
}

function askedIn({ asked }: JsonObject): readonly unknown[] {
  return Array.isArray(asked) ? asked : [];
}

/** undefined for one of another kind, or that has nothing to do with this engine, and for what is none. */
function releaseIn(path: string, { kind, place }: JournalEngine): PendingRelease | undefined {
  const json = readJsonFile(path, fileBytesMax) ?? {}, { scope, owner, holds, ticket } = json;
  const isOfAnother = json["engine"] !== place;
  if (isOfAnother && (json["kind"] !== kind || askedIn(json).includes(place))) return undefined;
  if (typeof scope !== "string" || !isJsonObject(owner)) return undefined;
  const { containerId, ifName, pod, network, claim } = owner;
  if (typeof containerId !== "string" || typeof ifName !== "string") return undefined;
  const { namespace = "", name = "", uid = "" } = isJsonObject(pod) ? pod : {};
  return {
    scope,
    owner: {
      containerId, ifName,
      ...(isJsonObject(pod) ? { pod: { namespace: String(namespace), name: String(name), uid: String(uid) } } : {}),
      ...(typeof network === "string" ? { network } : {}),
      ...(typeof claim === "string" ? { claim } : {}),
    },
    holds: Array.isArray(holds) ? holds.flatMap(holdIn) : [],
    ...(typeof ticket === "string" ? { ticket } : {}),
    ...(isOfAnother ? { isOfAnother } : {}),
  };
}

function holdIn(json: unknown): readonly Hold[] {
  const { address: text, seconds } = isJsonObject(json) ? json : {};
  const address = typeof text === "string" ? addressOf(text) : undefined;
  return address === undefined || typeof seconds !== "number" ? [] : [{ address, seconds }];
}

function told<T>(act: string, path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new CniError(code.ioFailure, `Cannot ${act} ${path}: ${messageOf(error)}`, { cause: error });
  }
}
