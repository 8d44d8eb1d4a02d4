import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Claimant, Pod } from "../ipam/index.ts";
import type { Address } from "../net/index.ts";
import { formatAddress, isAddress, parseAddress } from "../net/index.ts";
import {
  errnoOf,
  isThere,
  makeDirectory,
  readBytes,
  readText,
  removeIfPresent,
  writeInPlace,
  writeWholeFile,
} from "../os/index.ts";
import type { LeaseFile } from "./lease-file.ts";
import { readIfPresent } from "./lease-file.ts";

/**
 * Who holds what in one network, so that nobody has to read every reservation: hints only, each verified by reading the
 * reservation it points to. Missing, corrupt or outdated files of the index cost time, never correctness.
 *
 *   <ifname>:<container id>   of one owner: addresses, one a line, `boot <boot id>`, `pod <JSON>`; written before the
 *                             reservations
 *   scan                      what the last full reading found, for reservations that other programs made
 *   stamp                     the state of the network's directory that both together describe completely, and how many
 *                             changes there were since the index was tidied
 *
 * Calls that change something are made under the network's lock.
 */
export interface LeaseIndex {
  /** What is noted of the owner, or of an old file of its container; undefined when that cannot be read. */
  hints(owner: Claimant): OwnerHints | undefined;
  /** To be called before the owner's reservations are made. */
  add(owner: Claimant, addresses: readonly Address[], bootId: string): void;
  /** To be called after those reservations are gone; with what the owner's notes hold, where that was just read. */
  remove(owner: Claimant, addresses: readonly Address[], hints?: OwnerHints): void;
  /** Forgets owners none of whose addresses is reserved any more; looks at `countMax` of them, or at all. */
  prune(countMax?: number): void;
  /** Takes in what a full reading found; false when that is more than an index can hold. */
  replaceScan(leases: readonly LeaseFile[]): boolean;
  seal(): Seal | undefined;
  /** Declares the index complete for a state of the network's directory. */
  writeSeal(seal: Seal): void;
}

/** For which state of the directory an owner without hints holds nothing. */
export interface Seal {
  readonly state: string;
  readonly changes: number;
}

export interface OwnerHints {
  /** Addresses the owner may hold: its own notes, and what the last full reading found. */
  readonly addresses: readonly Address[];
  /** Of these, the ones in its own notes. */
  readonly noted: readonly Address[];
  /** In which boot the notes were made; "" when they do not say. */
  readonly bootId: string;
  readonly pod?: Pod;
}

/** An ADD makes a line for each of at most 64 range sets, and once more for each try. */
const ownerBytesMax = 256 * 1024;
const stampBytesMax = 16 * 1024;
/** Some 300,000 reservations. With more the index is never complete. */
const scanBytesMax = 32 * 1024 * 1024;

/** The index in `path` of the network whose reservations are in `directory`. */
export function openLeaseIndex(path: string, directory: string): LeaseIndex {
  const scanPath = `${path}/scan`;
  const stampPath = `${path}/stamp`;
  return {
    hints(owner) {
      try {
        const file = ownerPath(path, owner);
        const lines = isThere(file) ? readText(file, ownerBytesMax).split("\n") : [];
        const noted = addressesIn(lines);
        return { ...factsIn(lines), noted, addresses: [...noted, ...addressesIn(scannedFor(scanPath, owner))] };
      } catch {
        return undefined; // to take it for empty would be to forget what the owner holds
      }
    },
    add(owner, addresses, bootId) {
      const pod = owner.pod === undefined ? "" : `pod ${JSON.stringify(owner.pod)}\n`;
      // The empty line ends what a process that died left of a line.
      const text = `\n${addresses.map(formatAddress).join("\n")}\nboot ${bootId}\n${pod}`;
      makingDirectory(path, () => writeInPlace(ownerPath(path, owner), text, "append"));
    },
    remove(owner, addresses, hints) {
      const file = ownerPath(path, owner);
      const gone = new Set(addresses.map(formatAddress));
      if (hints?.noted.every((address) => gone.has(formatAddress(address))) === true) {
        removeIfPresent(file);
        return;
      }
      const lines = readIfPresent(file, ownerBytesMax)?.split("\n") ?? [];
      const left = lines.filter((line) => line !== "" && !gone.has(line));
      if (!left.some(isAddress)) removeIfPresent(file);
      else writeInPlace(file, left.map((line) => `${line}\n`).join(""), "replace");
    },
    prune(countMax) {
      const owners = (existsSync(path) ? readdirSync(path) : []).filter((name) => name.includes(":"));
      for (const name of countMax === undefined ? owners : someOf(owners, countMax)) {
        const lines = readIfPresent(join(path, name), ownerBytesMax)?.split("\n") ?? [];
        if (!lines.some((line) => isAddress(line) && existsSync(join(directory, line))))
          removeIfPresent(join(path, name));
      }
    },
    replaceScan(leases) {
      const lines = leases.map(({ owner, address }) => `${scanKey(owner)}${formatAddress(address)}\n`);
      const scan = Buffer.from(`\n${lines.join("")}`), fits = scan.length <= scanBytesMax;
      if (leases.length === 0 || !fits) removeIfPresent(scanPath);
      else makingDirectory(path, () => writeWholeFile(scanPath, scan));
      return fits;
    },
    seal() {
      const [state, changes = ""] = readIfPresent(stampPath, stampBytesMax)?.split("\n") ?? [];
      return state === undefined ? undefined : { state, changes: Number(changes) || 0 };
    },
    writeSeal({ state, changes }) {
      makingDirectory(path, () => writeInPlace(stampPath, `${state}\n${changes}\n`, "replace"));
    },
  };
}

/** The directory is missing once in a network's life, and an error then costs less than looking every time. */
function makingDirectory(path: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
    makeDirectory(path, 0o755);
    work();
  }
}

function addressesIn(lines: readonly string[]): readonly Address[] {
  return lines.filter(isAddress).map(parseAddress);
}

function factsIn(lines: readonly string[]): Pick<OwnerHints, "bootId" | "pod"> {
  const bootId = lines.findLast((line) => line.startsWith("boot "))?.slice("boot ".length) ?? "";
  const pod = parsePod(lines.findLast((line) => line.startsWith("pod "))?.slice("pod ".length));
  return { bootId, ...(pod === undefined ? {} : { pod }) };
}

function parsePod(text: string | undefined): Pod | undefined {
  if (text === undefined) return undefined;
  try {
    const json: unknown = JSON.parse(text);
    const fields = new Map<string, unknown>(Object.entries(typeof json === "object" && json !== null ? json : {}));
    const [namespace, name, uid] = ["namespace", "name", "uid"].map((key) => fields.get(key));
    return typeof namespace === "string" && typeof name === "string" && typeof uid === "string"
      ? { namespace, name, uid }
      : undefined;
  } catch {
    return undefined;
  }
}

/** Not the same ones every time. */
function someOf<T>(all: readonly T[], countMax: number): readonly T[] {
  const from = Math.floor(Math.random() * all.length);
  return [...all.slice(from), ...all.slice(0, from)].slice(0, countMax);
}

/** NAME_MAX (linux/limits.h) is 255. Owners whose names agree that far share a file: its lines are hints only. */
const longestNameBytes = 255;

/** No part holds ":" or "/" once encoded. */
function ownerPath(path: string, owner: Claimant): string {
  const name = `${owner.ifName}:${owner.containerId.trim()}`.toWellFormed();
  return `${path}/${name.split(":").map(encodeURIComponent).join(":").slice(0, longestNameBytes)}`;
}

function scanKey(owner: Claimant): string {
  return `${JSON.stringify([owner.containerId.trim(), owner.ifName])} `;
}

/** Every line of the owner and of its container's old files, without parsing the other 100,000. */
function scannedFor(scanPath: string, owner: Claimant): string[] {
  if (!isThere(scanPath)) return []; // no full reading was ever needed, or it found nothing
  const scan = readBytes(scanPath, scanBytesMax);
  return [owner, { ...owner, ifName: "" }].flatMap((each) => linesStarting(scan, scanKey(each)));
}

function linesStarting(text: Buffer, key: string): string[] {
  const lines: string[] = [];
  const start = Buffer.from(`\n${key}`);
  for (let at = text.indexOf(start); at >= 0; at = text.indexOf(start, at + 1)) {
    const from = at + start.length;
    const end = text.indexOf("\n", from);
    lines.push(text.toString("utf8", from, end < 0 ? text.length : end));
  }
  return lines;
}
