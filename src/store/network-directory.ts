import { lstatSync, readdirSync, statSync } from "node:fs";
import { CniError, code } from "../cni/index.ts";
import type { Claimant, HeldAddress } from "../ipam/index.ts";
import type { Address } from "../net/index.ts";
import { AddressList, addAddressName, formatAddress, isAddress, isIdentifier } from "../net/index.ts";
import { errnoOf, removeStaleTemporaries } from "../os/index.ts";
import { readHolds } from "./holds.ts";
import type { LeaseFile } from "./lease-file.ts";
import { cursorName, leasesOf, readCursor, readLeases, readReserved, writeCursor } from "./lease-file.ts";
import type { LeaseIndex, OwnerHints } from "./lease-index.ts";
import { openLeaseIndex } from "./lease-index.ts";
import { readRemembered } from "./remembered.ts";

/** Where things of one network are. */
export interface NetworkPaths {
  /** What other programs know: reservations, cursors, the lock. */
  readonly directory: string;
  /** Ours alone, for all networks beside it: files while they are being written, and a directory for each network. */
  readonly own: string;
  readonly index: string;
}

/** What is in our own directories. */
interface OwnPlaces {
  readonly temporary: string;
  readonly index: LeaseIndex;
  readonly holds: string;
  readonly remembered: string;
}

/** Our own directory leads elsewhere; an error of the file system like others. */
export class OwnDirectoryError extends Error {
  override readonly name = "OwnDirectoryError";
  readonly code = "ELOOP";

  constructor(path: string) {
    super(`${path} is a symbolic link, expected a directory that only we write in`);
  }
}

/** @throws CniError 7 when the scope is no name for a directory */
export function networkPaths(dataDir: string, scope: string): NetworkPaths {
  if (!isIdentifier(scope)) {
    throw new CniError(
      code.invalidConfig,
      `Cannot use network name ${JSON.stringify(scope)} as a directory: expected letters, digits, "_", "." and "-", ` +
        "a letter or digit first",
    );
  }
  const own = `${dataDir}/.polynic`;
  return { directory: `${dataDir}/${scope}`, own, index: `${own}/${scope}` };
}

/** What an owner has, with what is noted of it. */
export interface Held {
  readonly leases: readonly LeaseFile[];
  /** Absent where the notes cannot be read. */
  readonly hints?: OwnerHints;
}

/**
 * A network's directory while its lock is held: nothing is read twice, since nobody else writes. What one turn changes
 * is to be told to it.
 */
export class NetworkDirectory {
  readonly paths: NetworkPaths;
  readonly #own: OwnPlaces;
  readonly #readOnly: boolean;
  #names: readonly string[] | undefined;
  #cursorNames: ReadonlySet<string> | undefined;
  readonly #cursors = new Map<number, Address | undefined>();
  #complete: { readonly changes: number } | false | undefined;
  #modifiedNs = 0n;
  #link: string | false | undefined;

  /** @param readOnly  without the lock, nothing is noted */
  constructor(paths: NetworkPaths, { readOnly = false }: { readonly readOnly?: boolean } = {}) {
    this.paths = paths;
    this.#readOnly = readOnly;
    this.#own = {
      temporary: paths.own,
      index: openLeaseIndex(paths.index, paths.directory),
      holds: `${paths.index}/holds`,
      remembered: `${paths.index}/was`,
    };
  }

  /**
   * What is ours alone. Whoever else can write in `dataDir` could have it lead elsewhere, where we write as root.
   *
   * @throws OwnDirectoryError when it is a link
   */
  get own(): OwnPlaces {
    this.#link ??= [this.paths.own, this.paths.index].find(isLink) ?? false;
    if (this.#link !== false) throw new OwnDirectoryError(this.#link);
    return this.#own;
  }

  /** What is held, as far as that can be read. */
  holds(nowMs: number): readonly HeldAddress[] {
    return orElse([], () => readHolds(this.own.holds, nowMs));
  }

  /** What the owner key had last, as far as that can be read. */
  remembered(ownerKey: string): readonly Address[] {
    return orElse([], () => readRemembered(this.own.remembered, ownerKey));
  }

  /** Names of everything in the directory; [] when it is not there. */
  get names(): readonly string[] {
    if (this.#names === undefined) {
      this.#names = readNames(this.paths.directory);
      this.#cursorNames = new Set(this.#names.filter((name) => name.startsWith(cursorName(""))));
    }
    return this.#names;
  }

  /** To be told when somebody else has written after all. */
  forget(): void {
    this.#names = this.#cursorNames = this.#complete = undefined;
    this.#cursors.clear();
  }

  /** The reserved addresses of one family, by their files' names. */
  addresses(family: 4 | 6, besides: readonly Address[]): AddressList {
    const left = new Set(besides.map(formatAddress));
    const list = new AddressList(this.names.length);
    for (const name of this.names) if (!left.has(name)) addAddressName(list, family, name);
    return list;
  }

  cursor(set: number): Address | undefined {
    if (!this.#cursors.has(set)) {
      const there = this.#cursorNames?.has(cursorName(set)) ?? true;
      this.#cursors.set(set, there ? readCursor(this.paths.directory, set) : undefined);
    }
    return this.#cursors.get(set);
  }

  moveCursor(set: number, address: Address): void {
    writeCursor(this.paths.directory, this.own.temporary, set, address);
    this.#cursors.set(set, address);
  }

  /** Whether the index describes the directory completely: then an owner without hints holds nothing. */
  isComplete(): boolean {
    if (this.#complete === undefined) {
      const seal = orElse(undefined, () => this.own.index.seal());
      this.#complete = seal !== undefined && seal.state === this.#state() && seal;
    }
    return this.#complete !== false;
  }

  /** The same, and nobody who does not keep to the lock has written since. */
  isStillComplete(): boolean {
    return this.isComplete() && modifiedNs(this.paths.directory) === this.#modifiedNs;
  }

  /** Declares the index complete for the directory as it is now. Every so often it is tidied before. */
  seal(): void {
    const changes = (this.#complete || { changes: 0 }).changes + 1, due = changes >= changesBetweenTidying;
    if (due) this.#tidy();
    const seal = { state: this.#state() ?? "", changes: due ? 0 : changes };
    this.own.index.writeSeal(seal);
    this.#complete = seal;
  }

  /** What is noted of the owner; undefined when that cannot be read. */
  hints(owner: Claimant): OwnerHints | undefined {
    return orElse(undefined, () => this.own.index.hints(owner));
  }

  /** What the owner holds: by the index where that can tell, else by reading everything, which is noted. */
  heldBy(owner: Claimant): Held {
    const hints = this.hints(owner);
    const held = hints === undefined ? [] : this.#verified(hints, owner);
    if (hints !== undefined && (held.length > 0 || this.isComplete())) return { leases: held, hints };
    const present = this.names.filter(isAddress);
    const all = readLeases(this.paths.directory, present);
    if (!this.#readOnly) {
      hint(() => {
        // What could not be read is anybody's.
        if (this.own.index.replaceScan(all) && all.length === present.length) this.seal();
        else this.#tidy();
      });
    }
    return { leases: leasesOf(all, owner), ...(hints === undefined ? {} : { hints }) };
  }

  #verified({ addresses }: OwnerHints, owner: Claimant): readonly LeaseFile[] {
    const unique = new Map(addresses.map((address) => [formatAddress(address), address]));
    const leases = [...unique.values()].map((address) => readReserved(this.paths.directory, address));
    return leasesOf(leases.filter((lease) => lease !== undefined), owner);
  }

  /**
   * A directory's time moves in steps of some milliseconds on older kernels, and another program may create a file in
   * the step of our own last change. Whoever reserves also writes a cursor, so the cursors are part of the state.
   */
  #state(): string | undefined {
    const facts = statSync(this.paths.directory, { bigint: true, throwIfNoEntry: false });
    if (facts === undefined) return undefined;
    this.#modifiedNs = facts.mtimeNs;
    let state = `${facts.ino} ${facts.mtimeNs}`;
    for (let set = 0; ; set++) {
      const cursor = this.cursor(set);
      if (cursor === undefined) return state;
      state += ` ${formatAddress(cursor)}`;
    }
  }

  #tidy(): void {
    hint(() => {
      const { temporary, index } = this.own;
      removeStaleTemporaries(temporary, temporariesAtOnce);
      index.prune(ownersAtOnce);
    });
  }
}

/** Killed calls are few, and not every runtime ever asks for GC. */
const changesBetweenTidying = 16, temporariesAtOnce = 64, ownersAtOnce = 16;

/**
 * Keeps what only helps up to date as far as that can be done; false when it could not. An index that is behind is not
 * sealed, so that the next one to ask reads every file: a full disk must not keep an address from being released.
 */
export function hint(work: () => void): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return false;
  }
}

/** What is only of help is done without where it cannot be read. */
function orElse<T>(otherwise: T, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return otherwise;
  }
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
}

function modifiedNs(directory: string): bigint | undefined {
  return statSync(directory, { bigint: true, throwIfNoEntry: false })?.mtimeNs;
}

function readNames(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (cause) {
    if (errnoOf(cause) === "ENOENT") return [];
    throw new CniError(code.ioFailure, `Cannot list ${directory}: ${errnoOf(cause) ?? "unknown error"}`, { cause });
  }
}
