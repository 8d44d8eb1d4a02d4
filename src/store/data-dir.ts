import { lstatSync, readlinkSync, realpathSync } from "node:fs";
import { isAbsolute, join, relative } from "node:path";
import { CniError, code } from "../cni/index.ts";
import { errnoOf } from "../os/index.ts";

/**
 * Where networks that are not the node's own may have their reservations kept, unless the node says otherwise: where
 * programs keep such things.
 */
const usualPlaces = ["/var/lib", "/run", "/mnt", "/opt", "/srv", "/tmp"];

/** Below directories of these names lie the containers' own files and volumes, which containers write as root. */
const containersOwn: ReadonlySet<string> = new Set(["kubelet", "containerd", "containers", "docker", "crio"]);

/**
 * Refuses a `dataDir` for a network that somebody with rights in one namespace wrote, where its pods could put files of
 * theirs in the way, or the node keeps other things: we read and write there as root.
 *
 * @param places  the directories that the node's configuration names; undefined when it names none
 * @throws CniError 7 saying what would be right
 */
export function refuseDataDir(dataDir: string, places: readonly string[] | undefined): void {
  if (!isAbsolute(dataDir)) throw refused(dataDir, "it is no absolute path");
  const real = walk(dataDir);
  const place = (places ?? usualPlaces).map(realPath).find((one) => isBelow(real, one));
  if (place === undefined) throw refused(dataDir, `it is not below one of ${(places ?? usualPlaces).join(", ")}`);
  const below = relative(place, real).split("/").filter((part) => part !== "");
  const own = places === undefined ? below.find((part) => containersOwn.has(part)) : undefined;
  if (own !== undefined) throw refused(dataDir, `containers' own files are below "${own}"`);
  // The node's configuration vouches for what it names, not for what is below.
  const parts = below.map((_, index) => join(place, ...below.slice(0, index + 1)));
  for (const directory of [...(places === undefined ? [place] : []), ...parts]) {
    const why = whyOthersWrite(directory, { last: directory === real });
    if (why !== undefined) throw refused(dataDir, `${directory} ${why}`);
  }
}

/** More than the kernel follows (MAXSYMLINKS, linux/namei.h: 40). */
const linksMax = 40;

/**
 * Where a path leads, as far as it is there: what is not there yet is made by us. Links are followed that only root can
 * have made, and none of procfs, which name what a process sees and lead somewhere else.
 */
function walk(dataDir: string): string {
  let at = "/", rest = partsOf(dataDir);
  for (let links = 0; rest.length > 0; ) {
    const [part = "", ...others] = rest, path = join(at, part);
    if (path === "/proc") throw refused(dataDir, "it leads through /proc");
    const facts = lstatSync(path, { throwIfNoEntry: false });
    if (facts?.isSymbolicLink() !== true) {
      [at, rest] = [path, others];
      continue;
    }
    if (++links > linksMax) throw refused(dataDir, `${path} is one of too many symbolic links`);
    if (isForeign(facts.uid)) throw refused(dataDir, `${path} is a link of user ${facts.uid}`);
    const target = readlinkSync(path);
    [at, rest] = [isAbsolute(target) ? "/" : at, [...partsOf(target), ...others]];
  }
  return at;
}

function partsOf(path: string): readonly string[] {
  return path.split("/").filter((part) => part !== "" && part !== ".");
}

function refused(dataDir: string, is: string): CniError {
  return new CniError(
    code.invalidConfig,
    `Cannot keep reservations in ipam.dataDir ${JSON.stringify(dataDir)} for a network that is not the node's own: ` +
      `${is}, expected a directory that only root can write, or to be named by dataDirs of the node's configuration`,
  );
}

function isBelow(path: string, place: string): boolean {
  const way = relative(place, path);
  return way === "" || (way !== ".." && !way.startsWith("../"));
}

/** A place that is not there is its name. */
function realPath(place: string): string {
  try {
    return realpathSync(place);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return place.replace(/\/+$/, "");
  }
}

function isForeign(uid: number): boolean {
  return uid !== 0 && uid !== process.geteuid?.();
}

/** In a sticky directory others may add names, and cannot touch what is there already: ours is further down. */
function whyOthersWrite(directory: string, { last }: { readonly last: boolean }): string | undefined {
  const facts = lstatSync(directory, { throwIfNoEntry: false });
  if (facts === undefined) return undefined;
  if (!facts.isDirectory()) return "is no directory";
  const { uid, mode } = facts, sticky = (mode & 0o1000) !== 0 && !last;
  if (isForeign(uid)) return `belongs to user ${uid}`;
  return (mode & 0o022) !== 0 && !sticky ? `has mode ${(mode & 0o7777).toString(8)}` : undefined;
}
