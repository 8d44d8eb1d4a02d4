import { existsSync } from "node:fs";
import { CniError, code } from "../cni/index.ts";
import type { Claimant, ListedLease } from "../ipam/index.ts";
import type { Address } from "../net/index.ts";
import { formatAddress, isAddress, parseAddress } from "../net/index.ts";
import {
  createWholeFile,
  errnoOf,
  isAbsent,
  readText,
  readVersioned,
  removeIfPresent,
  writeWholeFile,
} from "../os/index.ts";

/**
 * The files of one network, as the reference host-local has them: `<ip>` holds "<container id> CR LF <ifname>" without
 * a final newline, `last_reserved_ip.<n>` the address range set n gave out last. Old files hold a container id alone.
 */

/** An entry as its file has it: everybody who holds one is on this node. */
export interface LeaseFile extends Pick<ListedLease, "address" | "version"> {
  readonly owner: Claimant;
}

/** A container id arrives in an environment variable, which holds 128 KiB at most (MAX_ARG_STRLEN, linux/binfmts.h). */
const leaseBytesMax = 129 * 1024;
/** An address and white space. */
const cursorBytesMax = 256;

/** What a reservation file of that owner holds. */
function leaseContent(owner: Claimant): string {
  return `${owner.containerId.trim()}\r\n${owner.ifName}`;
}

/** The owner a reservation file names; `ifName` is "" in an old file. Readers trim both ends of the whole. */
function parseLeaseContent(content: string): Claimant {
  const text = content.trim();
  const at = text.indexOf("\r\n");
  return at < 0 ? { containerId: text, ifName: "" } : { containerId: text.slice(0, at), ifName: text.slice(at + 2) };
}

/** Creates the file that reserves the address; false when it is taken. */
export function createLease(
  directory: string,
  temporaryDirectory: string,
  address: Address,
  owner: Claimant,
): boolean {
  return createWholeFile(leasePath(directory, address), leaseContent(owner), { temporaryDirectory });
}

/** The reservation of that address; undefined when there is none or it cannot be read: the reference skips it too. */
export function readLease(directory: string, address: Address): LeaseFile | undefined {
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
export function readReserved(directory: string, address: Address): LeaseFile | undefined {
  const path = leasePath(directory, address);
  try {
    const { text, version } = readVersioned(path, leaseBytesMax);
    return { address, owner: parseLeaseContent(text), version };
  } catch (cause) {
    const errno = errnoOf(cause) ?? String(cause);
    if (isAbsent(cause) || isNoLease.has(errno)) return undefined;
    throw new CniError(code.ioFailure, `Cannot read the reservation ${path}: ${errno}`, { cause });
  }
}

/** A directory, a symbolic link, something longer than any: nobody who makes reservations makes those. */
const isNoLease: ReadonlySet<string> = new Set(["EISDIR", "ELOOP", "EFBIG"]);

/** Deletes the reservation; the caller has compared its owner under the lock. */
export function deleteLease(directory: string, address: Address): boolean {
  return removeIfPresent(leasePath(directory, address));
}

/** Every reservation of the names given, each file read. */
export function readLeases(directory: string, names: readonly string[]): readonly LeaseFile[] {
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

/** The cursor's file name; of "", what all of them begin with. */
export function cursorName(set: number | ""): string {
  return `last_reserved_ip.${set}`;
}

/**
 * The address range set `set` gave out last. The reference writes the file in place, so that an empty or half-written
 * one is nothing out of the ordinary: it counts as absent.
 */
export function readCursor(directory: string, set: number): Address | undefined {
  const text = readIfPresent(`${directory}/${cursorName(set)}`, cursorBytesMax)?.trim() ?? "";
  return isAddress(text) ? parseAddress(text) : undefined;
}

export function writeCursor(directory: string, temporaryDirectory: string, set: number, address: Address): void {
  writeWholeFile(`${directory}/${cursorName(set)}`, formatAddress(address), { temporaryDirectory });
}

/** A small text file; undefined when it is missing or cannot be read. */
export function readIfPresent(path: string, limitBytes: number): string | undefined {
  // Missing is the usual case, and an error costs far more than looking.
  if (!existsSync(path)) return undefined;
  try {
    return readText(path, limitBytes);
  } catch {
    return undefined;
  }
}

/** Whether the owner is the one who asks: the same interface, or an old file of the same container. */
function isOwnedBy(lease: { readonly owner: Claimant }, owner: Claimant): "exactly" | "by container" | undefined {
  if (lease.owner.containerId !== owner.containerId.trim()) return undefined;
  if (lease.owner.ifName === owner.ifName) return "exactly";
  return lease.owner.ifName === "" ? "by container" : undefined;
}

/** The leases of an owner; old files count only where no exact one is left. */
export function leasesOf<L extends { readonly owner: Claimant }>(leases: readonly L[], owner: Claimant): readonly L[] {
  const exact = leases.filter((lease) => isOwnedBy(lease, owner) === "exactly");
  return exact.length > 0 ? exact : leases.filter((lease) => isOwnedBy(lease, owner) === "by container");
}
