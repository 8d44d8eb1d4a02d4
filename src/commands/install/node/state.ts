/**
 * What installing has changed on a node: written before the first change, so that uninstalling can take back whatever
 * was done, also after a crash in the middle.
 */
import { join } from "node:path";
import { CniError, parseJsonObject } from "../../../cni/index.ts";
import { isJsonObject } from "../../../schema/index.ts";
import { CommandError } from "../../errors.ts";
import type { NodeFiles } from "./files.ts";

/**
 * Beside the configuration, because that is the one directory every runtime leaves alone and every DaemonSet mounts.
 */
export const ownFolder = "polynic.d";
export const stateName = join(ownFolder, "install.json");
export const lockName = join(ownFolder, "lock");

/** The directories files are in. */
export type Area = "conf" | "bin" | "primary" | "units";

/** A file, a link or a directory tree of ours; its name is relative to its area. */
export interface Made {
  readonly area: Area;
  readonly name: string;
}

/**
 * Somebody else's file that had to go. As long as nothing stands at `to` it has not been moved, or has been given back:
 * `from` is its owner's then, whatever `made` says.
 */
export interface Move {
  readonly area: Area;
  readonly from: string;
  readonly to: string;
  /**
   * `front`: the runtime would have taken it before ours; `replaced`: ours has its name; `asked`: --rename-conf-file;
   * `nested`: a multiplexer under a name by which a network could call it.
   */
  readonly why: "front" | "replaced" | "asked" | "nested";
}

export interface InstallState {
  /** As the node knows them. */
  readonly directories: Readonly<Record<Area, string>>;
  readonly made: readonly Made[];
  readonly moved: readonly Move[];
  /** For which executable systemd was told of the daemon's units; absent before it was. */
  readonly told?: string | undefined;
}

const formatVersion = 1;

export function printState(state: InstallState): string {
  return `${JSON.stringify({ version: formatVersion, ...state }, null, 2)}\n`;
}

/**
 * @param path  as this process sees it
 * @throws CommandError when it is there and is not one of ours
 */
export function readState(path: string, files: NodeFiles): InstallState | undefined {
  const text = files.read(path);
  if (text === undefined) return undefined;
  const json = parsedRecord(text, path);
  const { version, directories, made, moved, told } = json;
  const refuse = (problem: string): never => {
    throw new CommandError(`Cannot read ${path}: ${problem}, expected what polynic install has written`);
  };
  if (version !== formatVersion)
    return refuse(`its version is ${JSON.stringify(version)}, this polynic writes ${formatVersion}`);
  if (!isJsonObject(directories) || !requiredAreas.every((area) => typeof directories[area] === "string"))
    return refuse(`directories does not say where ${requiredAreas.join(", ")} are`);
  if (!isList(made, ["area", "name"]) || !isList(moved, ["area", "from", "to", "why"]))
    return refuse("made or moved has an entry that is not understood");
  if (told !== undefined && typeof told !== "string") return refuse("told is no text");
  // Every key that the types have has been seen to hold text, in a file of our own version.
  return { directories, made, moved, told } as unknown as InstallState;
}

/** Of those that came later an old record does not speak. */
const requiredAreas: readonly Area[] = ["conf", "bin", "primary"];

/** @throws CommandError when it is no JSON object */
export function parsedRecord(text: string, path: string): Readonly<Record<string, unknown>> {
  try {
    return parseJsonObject(text, path);
  } catch (cause) {
    if (cause instanceof CniError) throw new CommandError(cause.message, { cause });
    throw cause;
  }
}

/** Names must stay inside their directory: what is listed here is deleted some day. */
function isList(value: unknown, keys: readonly string[]): boolean {
  return (
    Array.isArray(value) &&
    value.every(
      (entry) =>
        isJsonObject(entry) &&
        keys.every(
          (key) =>
            typeof entry[key] === "string" &&
            entry[key] !== "" &&
            !entry[key].split("/").includes("..") &&
            !entry[key].startsWith("/"),
        ) &&
        ["conf", "bin", "primary", "units"].includes(String(entry["area"])),
    )
  );
}
