import { existsSync, lstatSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Lease, Owner } from "../ipam/index.ts";
import type { Address } from "../net/index.ts";
import { formatAddress, isAddress, parseAddress } from "../net/index.ts";
import { makeDirectory, readBytes, readText, removeIfPresent, writeInPlace, writeWholeFile } from "../os/index.ts";
import { readCursor, readIfPresent } from "./lease-file.ts";

/**
 * Who holds what in one network, so that nobody has to read every reservation: hints only, each verified by reading the
 * reservation it points to. Missing, corrupt or outdated files of the index cost time, never correctness.
 *
 *   <ifname>:<container id>   addresses of one owner, one a line; written before the reservations
 *   scan                      what the last full reading found, for reservations that other programs made
 *   stamp                     the state of the network's directory that both together describe completely
 *
 * Calls that change something are made under the network's lock.
 */
export interface LeaseIndex {
  /** Whether the directory is as it was when the index was sealed: then an owner without hints holds nothing. */
  isComplete(): boolean;
  /** Addresses the owner, or an old file of its container, may hold; undefined when the index cannot be read. */
  hints(owner: Owner): readonly Address[] | undefined;
  /** To be called before the owner's reservations are made. */
  add(owner: Owner, addresses: readonly Address[]): void;
  /** To be called after those reservations are gone. */
  remove(owner: Owner, addresses: readonly Address[]): void;
  /** Forgets owners none of whose addresses is reserved any more: another program released them. */
  prune(): void;
  /** Takes in what a full reading found. */
  replaceScan(leases: readonly Lease[]): void;
  /** Declares the index complete for the directory as it is now. */
  seal(): void;
}

/** The index in `path` of the network whose reservations are in `directory`. */
export function openLeaseIndex(path: string, directory: string): LeaseIndex {
  const scanPath = `${path}/scan`;
  const stampPath = `${path}/stamp`;
  return {
    isComplete() {
      const sealed = readIfPresent(stampPath);
      return sealed !== undefined && sealed === stampOf(directory);
    },
    hints(owner) {
      try {
        const own = isThere(ownerPath(path, owner)) ? readText(ownerPath(path, owner)).split("\n") : [];
        return [...own, ...scannedFor(scanPath, owner)].filter(isAddress).map(parseAddress);
      } catch {
        return undefined; // to take it for empty would be to forget what the owner holds
      }
    },
    add(owner, addresses) {
      make(path);
      // The empty line ends what a process that died left of a line.
      writeInPlace(ownerPath(path, owner), `\n${addresses.map(formatAddress).join("\n")}\n`, "append");
    },
    remove(owner, addresses) {
      const gone = new Set(addresses.map(formatAddress));
      const lines = readIfPresent(ownerPath(path, owner))?.split("\n") ?? [];
      const left = lines.filter((line) => isAddress(line) && !gone.has(line));
      if (left.length === 0) removeIfPresent(ownerPath(path, owner));
      else writeInPlace(ownerPath(path, owner), left.map((line) => `${line}\n`).join(""), "replace");
    },
    prune() {
      for (const name of existsSync(path) ? readdirSync(path).filter((name) => name.includes(":")) : []) {
        const addresses = readIfPresent(join(path, name))?.split("\n").filter(isAddress) ?? [];
        if (!addresses.some((address) => existsSync(join(directory, address)))) removeIfPresent(join(path, name));
      }
    },
    replaceScan(leases) {
      make(path);
      if (leases.length === 0) removeIfPresent(scanPath);
      else
        writeWholeFile(
          scanPath,
          `\n${leases.map(({ owner, address }) => `${scanKey(owner)}${formatAddress(address)}\n`).join("")}`,
        );
    },
    seal() {
      make(path);
      writeInPlace(stampPath, stampOf(directory), "replace");
    },
  };
}

function make(path: string): void {
  if (!existsSync(path)) makeDirectory(path, 0o755);
}

/** Of whatever kind: an error costs far more than looking, and a link to nowhere must not pass for nothing. */
function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/**
 * A directory's time moves in steps of some milliseconds on older kernels, and another program may create a file in the
 * step of our own last change. Whoever reserves also writes a cursor, so the cursors are part of the stamp.
 */
function stampOf(directory: string): string {
  const { ino, mtimeNs } = statSync(directory, { bigint: true });
  let stamp = `${ino} ${mtimeNs}`;
  for (let set = 0; ; set++) {
    const cursor = readCursor(directory, set);
    if (cursor === undefined) return stamp;
    stamp += ` ${formatAddress(cursor)}`;
  }
}

/** NAME_MAX (linux/limits.h) is 255. Owners whose names agree that far share a file: its lines are hints only. */
const longestNameBytes = 255;

/** No part holds ":" or "/" once encoded. */
function ownerPath(path: string, owner: Owner): string {
  const name = `${owner.ifName}:${owner.containerId.trim()}`.toWellFormed();
  return `${path}/${name.split(":").map(encodeURIComponent).join(":").slice(0, longestNameBytes)}`;
}

function scanKey(owner: Owner): string {
  return `${JSON.stringify([owner.containerId.trim(), owner.ifName])} `;
}

/** Every line of the owner and of its container's old files, without parsing the other 100,000. */
function scannedFor(scanPath: string, owner: Owner): string[] {
  if (!isThere(scanPath)) return []; // no full reading was ever needed, or it found nothing
  const scan = readBytes(scanPath);
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
