import { lstatSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { CniError, code, messageOf } from "../cni/index.ts";
import { isIdentifier, isInterfaceName } from "../net/index.ts";
import { errnoOf, isAbsent, isThere, makeDirectory, readText, removeIfPresent } from "../os/index.ts";
import type { JsonObject } from "../schema/index.ts";
import { isJsonObject } from "../schema/index.ts";
import type { Multiplexer } from "./multiplexer.ts";
import { parseMultiplexer } from "./multiplexer.ts";
import { writeIntoDirectory } from "./private-directory.ts";
import type { ScratchDelegate } from "./scratch-delegate.ts";
import { decodeDelegate, encodeDelegate } from "./scratch-delegate.ts";

/** Up to 100 configurations, each of them twice and in base64. */
const scratchBytesMax = 64 * 1024 * 1024;

/** The networks of one sandbox. */
export interface Scratch {
  /** Absent in files of other programs. */
  readonly multiplexer?: Multiplexer;
  readonly delegates: readonly ScratchDelegate[];
}

/** Which sandbox, and which of its multiplexed attachments. */
export interface ScratchKey {
  readonly containerId: string;
  readonly ifName: string;
}

/**
 * Writes the scratch file `<cniDir>/<containerId>`, mode 0600, whole. A container with two multiplexed attachments has
 * a second one, `<containerId>@<ifName>`: a name no other program looks for, as "@" is in no container id.
 *
 * @returns what it replaces: an ADD before this one that no DEL followed; undefined when that is nothing or unreadable
 * @throws CniError 5 naming the path
 */
export function saveScratch(cniDir: string, key: ScratchKey, scratch: Scratch): Scratch | undefined {
  const entries = scratch.delegates.map((delegate, index) => {
    const own = { ...(index === 0 ? scratch.multiplexer : {}), ...delegate.own };
    return { ...encodeDelegate(delegate), ...(Object.keys(own).length === 0 ? {} : { polynic: own }) };
  });
  const first = orNothing(() => readScratch(join(cniDir, firstName(key))));
  const taken = belongsToAnother(first, key);
  const earlier = taken ? orNothing(() => readScratch(join(cniDir, secondName(key)))) : first;
  writeIntoDirectory(cniDir, taken ? secondName(key) : firstName(key), JSON.stringify(entries));
  return earlier;
}

/**
 * The networks of one sandbox, or undefined when nothing is kept of it.
 *
 * @throws CniError 6 when the file is damaged, 5 when it cannot be read
 */
export function loadScratch(cniDir: string, key: ScratchKey): Scratch | undefined {
  const second = readScratch(join(cniDir, secondName(key)));
  if (second !== undefined) return second;
  const first = readScratch(join(cniDir, firstName(key)));
  return belongsToAnother(first, key) ? undefined : first;
}

/** Removes what is kept of one attachment, damaged or not; missing is fine. */
export function removeScratch(cniDir: string, key: ScratchKey): void {
  const path = join(cniDir, firstName(key)), second = join(cniDir, secondName(key));
  try {
    if (isThere(second) && removeIfPresent(second)) return;
    if (!belongsToAnother(orNothing(() => readHead(path)), key)) removeIfPresent(path);
  } catch (error) {
    throw new CniError(code.ioFailure, `Cannot remove the scratch file ${path}: ${String(error)}`, { cause: error });
  }
}

/**
 * Moves what is damaged of one container's scratch files out of the way, into a directory that nobody else looks at:
 * the cache stands in for it from then on. Whoever asks holds the container's lock.
 *
 * @returns where it is now; undefined when nothing is damaged
 * @throws CniError 5 when it cannot be moved
 */
export function setDamagedAside(cniDir: string, key: ScratchKey): string | undefined {
  const damaged = [firstName(key), secondName(key)].find((name) => isDamaged(join(cniDir, name)));
  if (damaged === undefined) return undefined;
  const directory = join(cniDir, ".polynic", "damaged"), path = join(directory, damaged);
  try {
    makeDirectory(directory, 0o700);
    renameSync(join(cniDir, damaged), path);
    return path;
  } catch (error) {
    throw new CniError(code.ioFailure, `Cannot set the damaged ${join(cniDir, damaged)} aside: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** What it holds is no list of networks; one that cannot be read at the moment is another matter. */
function isDamaged(path: string): boolean {
  try {
    readScratch(path);
    return false;
  } catch (error) {
    return error instanceof CniError && error.code === code.decodingFailure;
  }
}

/** A file that may be a sandbox's. */
export interface ScratchFile {
  readonly containerId: string;
  /** The attachment's, where its name says; the first of a container has none. */
  readonly ifName: string | undefined;
  /** The same as long as nobody has written it anew; undefined when it is gone. */
  stamp(): string | undefined;
  /** As `loadScratch` does. */
  load(): Scratch | undefined;
}

/** Every sandbox something is kept of. */
export function listScratch(cniDir: string): readonly ScratchFile[] {
  return fileNamesIn(cniDir).flatMap((name): readonly ScratchFile[] => {
    const [containerId = "", ifName] = name.split("@");
    if (!isIdentifier(containerId)) return [];
    const path = join(cniDir, name);
    return [{ containerId, ifName, stamp: () => stampOf(path), load: () => readScratch(path) }];
  });
}

/** A file that takes another's place has an inode of its own. */
function stampOf(path: string): string | undefined {
  const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? undefined : `${stat.ino} ${stat.mtimeNs} ${stat.size}`;
}

function fileNamesIn(cniDir: string): readonly string[] {
  try {
    return readdirSync(cniDir, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => entry.name)
      .sort();
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw new CniError(code.ioFailure, `Cannot list the scratch files in ${cniDir}: ${String(error)}`, {
      cause: error,
    });
  }
}

/** Whether what the first file holds is another attachment of the same container. */
function belongsToAnother(first: Head | undefined, key: ScratchKey): boolean {
  return first?.multiplexer !== undefined && first.multiplexer.ifName !== key.ifName;
}

function firstName({ containerId }: ScratchKey): string {
  if (!isIdentifier(containerId)) {
    throw new CniError(
      code.invalidEnvironment,
      `Cannot use container id "${containerId}": expected a letter or digit, then letters, digits, "_", "." or "-"`,
    );
  }
  return containerId;
}

function secondName(key: ScratchKey): string {
  if (!isInterfaceName(key.ifName))
    throw new CniError(
      code.invalidEnvironment,
      `Cannot use interface name "${key.ifName}": expected 1 to 15 bytes without "/", ":" or white space`,
    );
  return `${firstName(key)}@${key.ifName}`;
}

function orNothing<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function readScratch(path: string): Scratch | undefined {
  const entries = readEntries(path);
  return entries && { delegates: entries.map((entry) => decodeDelegate(entry, path)), ...headOf(entries) };
}

/** Whose it is, which its first entry says. */
type Head = Pick<Scratch, "multiplexer">;

function readHead(path: string): Head | undefined {
  const entries = readEntries(path);
  return entries && headOf(entries);
}

function headOf([first]: readonly JsonObject[]): Head {
  const multiplexer = parseMultiplexer(first?.["polynic"]);
  return multiplexer === undefined ? {} : { multiplexer };
}

function readEntries(path: string): readonly JsonObject[] | undefined {
  let text: string;
  try {
    // Missing is as usual as not, and an error costs far more than looking.
    if (!isThere(path)) return undefined;
    text = readText(path, scratchBytesMax);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw new CniError(code.ioFailure, `Cannot read the scratch file ${path}: ${String(error)}`, { cause: error });
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new CniError(code.decodingFailure, `Cannot read the scratch file ${path}: it is not JSON`, { cause: error });
  }
  if (!Array.isArray(json) || json.length === 0 || !json.every(isJsonObject)) {
    throw new CniError(
      code.decodingFailure,
      `Cannot read the scratch file ${path}: expected a list of at least one network`,
    );
  }
  return json;
}
