import { readFileSync, statSync } from "node:fs";
import { CniError, code, messageOf, parseJsonObject } from "../../cni/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";

/** One resource of one container, as the kubelet wrote it down. */
export interface CheckpointEntry {
  readonly podUid: string;
  readonly resourceName: string;
  readonly deviceIds: readonly string[];
}

/** A node with thousands of devices has some megabytes. */
const bytesMax = 64 * 1024 * 1024;

/**
 * What the kubelet's checkpoint of its device manager holds; undefined when there is no such file.
 *
 * @throws CniError 5 when it cannot be read, 6 when it is no checkpoint
 */
export function readCheckpoint(path: string): readonly CheckpointEntry[] | undefined {
  const text = readIfPresent(path);
  if (text === undefined) return undefined;
  const what = `the kubelet's checkpoint ${path}`;
  const data = parseJsonObject(text, what)["Data"];
  if (!isJsonObject(data)) throw notDecodable(what, `"Data" is ${shown(data)}, expected an object`);
  // A node without devices has null.
  const entries = data["PodDeviceEntries"] ?? [];
  if (!Array.isArray(entries))
    throw notDecodable(what, `"Data.PodDeviceEntries" is ${shown(entries)}, expected a list`);
  return entries.map((entry: unknown, index) => {
    const decoded = isJsonObject(entry) ? decodeEntry(entry) : undefined;
    if (decoded === undefined)
      throw notDecodable(
        what,
        `"Data.PodDeviceEntries[${index}]" is ${shown(entry)}, expected PodUID, ResourceName and DeviceIDs`,
      );
    return decoded;
  });
}

/** `DeviceIDs` is a list for each NUMA node, by its number; kubelets before 1.20 have one list. */
function decodeEntry({
  PodUID: podUid,
  ResourceName: resourceName,
  DeviceIDs: ids,
}: JsonObject): CheckpointEntry | undefined {
  const lists = (isJsonObject(ids) ? Object.values(ids) : [ids]).map((list) => list ?? []);
  if (typeof podUid !== "string" || typeof resourceName !== "string" || !lists.every(isListOfStrings)) return undefined;
  return { podUid, resourceName, deviceIds: lists.flat() };
}

function isListOfStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}

function readIfPresent(path: string): string | undefined {
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return undefined;
    if (!stat.isFile()) throw new Error("it is no regular file");
    if (stat.size > bytesMax) throw new Error(`it has ${stat.size} bytes, expected at most ${bytesMax}`);
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new CniError(code.ioFailure, `Cannot read the kubelet's checkpoint ${path}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function notDecodable(what: string, problem: string): CniError {
  return new CniError(code.decodingFailure, `Cannot read ${what}: ${problem}`);
}

/** A value in a message: an excerpt, since an entry holds what a device plugin said, of any size. */
function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "absent";
  return text.length > 200 ? `${text.slice(0, 200)}...` : text;
}
