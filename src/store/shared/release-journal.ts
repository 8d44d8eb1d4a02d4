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

/**
 * Releases that a store's engine could not be told of: a file each, `<time>-<chance>.json` with the time in
 * milliseconds as 15 digits, so that names are in order. A file that holds something else is left alone.
 *
 * @param directory  for all engines; made when there is something to note
 * @param engine  as the store calls itself: each sees its own
 */
export function openReleaseJournal(directory: string, engine: string): ReleaseJournal {
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

function toJson({ scope, owner, holds, ticket }: PendingRelease, engine: string): JsonObject {
  return {
    engine, scope, owner: { ...owner },
    holds: holds.map(({ address, seconds }) => ({ address: formatAddress(address), seconds })),
    ...(ticket === undefined ? {} : { ticket }),
  };
}

/** undefined for another engine's, and for what is none. */
function releaseIn(path: string, engine: string): PendingRelease | undefined {
  const json = readJsonFile(path, fileBytesMax);
  const { scope, owner, holds, ticket } = json ?? {};
  if (json?.["engine"] !== engine || typeof scope !== "string" || !isJsonObject(owner)) return undefined;
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
