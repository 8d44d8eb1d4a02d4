import { existsSync, statSync } from "node:fs";
import { CniError, code } from "../cni/index.ts";
import type { ListedLease, Owner } from "../ipam/index.ts";
import type { Address } from "../net/index.ts";
import { formatAddress, isAddress, parseAddress } from "../net/index.ts";
import { createWholeFile, errnoOf, isAbsent, readText, removeIfPresent, writeWholeFile } from "../os/index.ts";

/**
 * The files of one network, as the reference host-local has them: `<ip>` holds "<container id> CR LF <ifname>" without
 * a final newline, `last_reserved_ip.<n>` the address range set n gave out last. Old files hold a container id alone.
 */

/** What a reservation file of that owner holds. */
function leaseContent(owner: Owner): string {
  return `${owner.containerId.trim()}\r\n${owner.ifName}`;
}

/** The owner a reservation file names; `ifName` is "" in an old file. Readers trim both ends of the whole. */
function parseLeaseContent(content: string): Owner {
  const text = content.trim();
  const at = text.indexOf("\r\n");
  return at < 0 ? { containerId: text, ifName: "" } : { containerId: text.slice(0, at), ifName: text.slice(at + 2) };
}

/** Creates the file that reserves the address; false when it is taken. */
export function createLease(directory: string, temporaryDirectory: string, address: Address, owner: Owner): boolean {
  return createWholeFile(leasePath(directory, address), leaseContent(owner), { temporaryDirectory });
}

/** The reservation of that address; undefined when there is none or it cannot be read: the reference skips it too. */
export function readLease(directory: string, address: Address): ListedLease | undefined {
  try {
    return readReserved(directory, address);
  } catch {
    return undefined;
  }
}

/**
 * The reservation of that address, or undefined when there is none.
 *
 * @throws CniError 5 when there is one that cannot be read: it may well be the caller's
 */
export function readReserved(directory: string, address: Address): ListedLease | undefined {
  const path = leasePath(directory, address);
  try {
    const { ino, mtimeNs } = statSync(path, { bigint: true });
    return { address, owner: parseLeaseContent(readText(path)), version: `${ino} ${mtimeNs}` };
  } catch (cause) {
    const errno = errnoOf(cause) ?? String(cause);
    if (isAbsent(cause) || isNoFile.has(errno)) return undefined;
    throw new CniError(code.ioFailure, `Cannot read the reservation ${path}: ${errno}`, { cause });
  }
}

/** A directory or a symbolic link: nobody who makes reservations makes those. */
const isNoFile: ReadonlySet<string> = new Set(["EISDIR", "ELOOP"]);

/** Deletes the reservation; the caller has compared its owner under the lock. */
export function deleteLease(directory: string, address: Address): boolean {
  return removeIfPresent(leasePath(directory, address));
}

/** Every reservation of the names given, each file read. */
export function readLeases(directory: string, names: readonly string[]): readonly ListedLease[] {
  return names
    .filter(isAddress)
    .map((name) => readLease(directory, parseAddress(name)))
    .filter((lease) => lease !== undefined);
}

// Put together by hand: node:path takes a path apart and together again, a fifth of a reservation's time before it is
// warm.
function leasePath(directory: string, address: Address): string {
  return `${directory}/${formatAddress(address)}`;
}

function cursorPath(directory: string, set: number): string {
  return `${directory}/last_reserved_ip.${set}`;
}

/**
 * The address range set `set` gave out last. The reference writes the file in place, so that an empty or half-written
 * one is nothing out of the ordinary: it counts as absent.
 */
export function readCursor(directory: string, set: number): Address | undefined {
  const text = readIfPresent(cursorPath(directory, set))?.trim() ?? "";
  return isAddress(text) ? parseAddress(text) : undefined;
}

export function writeCursor(directory: string, temporaryDirectory: string, set: number, address: Address): void {
  writeWholeFile(cursorPath(directory, set), formatAddress(address), { temporaryDirectory });
}

/** A small text file; undefined when it is missing or cannot be read. */
export function readIfPresent(path: string): string | undefined {
  // Missing is the usual case, and an error costs far more than looking.
  if (!existsSync(path)) return undefined;
  try {
    return readText(path);
  } catch {
    return undefined;
  }
}

/** Whether the owner is the one who asks: the same interface, or an old file of the same container. */
function isOwnedBy(lease: { readonly owner: Owner }, owner: Owner): "exactly" | "by container" | undefined {
  if (lease.owner.containerId !== owner.containerId.trim()) return undefined;
  if (lease.owner.ifName === owner.ifName) return "exactly";
  return lease.owner.ifName === "" ? "by container" : undefined;
}

/** The leases of an owner; old files count only where no exact one is left. */
export function leasesOf<L extends { readonly owner: Owner }>(leases: readonly L[], owner: Owner): readonly L[] {
  const exact = leases.filter((lease) => isOwnedBy(lease, owner) === "exactly");
  return exact.length > 0 ? exact : leases.filter((lease) => isOwnedBy(lease, owner) === "by container");
}
