import { readdirSync } from "node:fs";
import { join } from "node:path";
import { CniError, code } from "../cni/index.ts";
import { isIdentifier, isInterfaceName } from "../net/index.ts";
import type { Multiplexer } from "./multiplexer.ts";
import { parseMultiplexer } from "./multiplexer.ts";
import { writeIntoDirectory } from "./private-directory.ts";
import { errnoOf, isAbsent, readText, removeIfPresent } from "./whole-file.ts";

/** One network of a container as kept between ADD and DEL. The order of delegates matters: it names their interfaces. */
export interface ScratchDelegate {
  /** What people know the network by: its CNI name, or namespace/name of the object that defined it. */
  readonly displayName: string;
  /** The network's configuration, byte for byte as ADD used it. */
  readonly config: string;
  readonly list: boolean;
  /** The list came from a file: the reference keeps those in a second form. */
  readonly fromFile: boolean;
  /** What the selection asked for, where it did. */
  readonly requests: ScratchRequests;
  /** Families whose default routes were taken off the interface; absent: neither. */
  readonly strips?: { readonly v4: boolean; readonly v6: boolean };
  /** What only we keep; absent in files of other programs. */
  readonly own?: ScratchOwn;
}

/** What a DEL after a kill needs and other programs do not write down. */
export interface ScratchOwn {
  /** Capability arguments of the selection; an ADD's own are in the cache, which is not there yet when it is killed. */
  readonly capabilityArgs?: Readonly<Record<string, unknown>>;
  /** The configuration is the node's own, whatever its name looks like. */
  readonly trusted?: boolean;
}

/** Requests of a network selection, kept so that DEL computes the same as ADD. */
export interface ScratchRequests {
  readonly ifName?: string;
  readonly mac?: string;
  readonly infinibandGuid?: string;
  readonly ips?: readonly string[];
  readonly defaultRoute?: readonly string[];
  readonly deviceId?: string;
  readonly resourceName?: string;
}

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
  const first = scratchOrNothing(join(cniDir, firstName(key)));
  const taken = belongsToAnother(first, key);
  const earlier = taken ? scratchOrNothing(join(cniDir, secondName(key))) : first;
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
  const path = join(cniDir, firstName(key));
  try {
    if (removeIfPresent(join(cniDir, secondName(key)))) return;
    if (!belongsToAnother(scratchOrNothing(path), key)) removeIfPresent(path);
  } catch (error) {
    throw new CniError(code.ioFailure, `Cannot remove the scratch file ${path}: ${String(error)}`, { cause: error });
  }
}

/** Every sandbox something is kept of; files that cannot be read as scratch are left out. */
export function listScratch(cniDir: string): readonly { readonly containerId: string; readonly scratch: Scratch }[] {
  let names: readonly string[];
  try {
    names = readdirSync(cniDir, { withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => entry.name).sort();
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw new CniError(code.ioFailure, `Cannot list the scratch files in ${cniDir}: ${String(error)}`, { cause: error });
  }
  return names.flatMap((name) => {
    const containerId = name.split("@")[0] ?? "";
    if (!isIdentifier(containerId)) return [];
    const scratch = scratchOrNothing(join(cniDir, name));
    return scratch === undefined ? [] : [{ containerId, scratch }];
  });
}

/** Whether what the first file holds is another attachment of the same container. */
function belongsToAnother(first: Scratch | undefined, key: ScratchKey): boolean {
  return first?.multiplexer !== undefined && first.multiplexer.ifName !== key.ifName;
}

function firstName({ containerId }: ScratchKey): string {
  if (!isIdentifier(containerId)) {
    throw new CniError(code.invalidEnvironment, `Cannot use container id "${containerId}": expected a letter or digit, then letters, digits, "_", "." or "-"`);
  }
  return containerId;
}

function secondName(key: ScratchKey): string {
  if (!isInterfaceName(key.ifName)) throw new CniError(code.invalidEnvironment, `Cannot use interface name "${key.ifName}": expected 1 to 15 bytes without "/", ":" or white space`);
  return `${firstName(key)}@${key.ifName}`;
}

function scratchOrNothing(path: string): Scratch | undefined {
  try {
    return readScratch(path);
  } catch {
    return undefined;
  }
}

function readScratch(path: string): Scratch | undefined {
  let text: string;
  try {
    text = readText(path);
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
  if (!Array.isArray(json) || json.length === 0 || !json.every(isObject)) {
    throw new CniError(code.decodingFailure, `Cannot read the scratch file ${path}: expected a list of at least one network`);
  }
  const multiplexer = parseMultiplexer(json[0] === undefined ? undefined : at(json[0], "polynic"));
  return { delegates: json.map((entry) => decodeDelegate(entry, path)), ...(multiplexer === undefined ? {} : { multiplexer }) };
}

type Json = Readonly<Record<string, unknown>>;

/** One entry as the reference writes it; it reads the same fields back and ignores others. */
function encodeDelegate({ displayName, config, list, fromFile, requests, strips }: ScratchDelegate): Json {
  const json: unknown = JSON.parse(config);
  const conf = isObject(json) ? json : {};
  return {
    Conf: list ? { ...pick(conf, ["cniVersion", "name"]), ipam: {}, dns: {} } : standardFields(conf),
    ConfList: list
      ? { ...pick(conf, ["cniVersion", "name"]), ...switches(conf, ["disableCheck", "disableGC"]), plugins: pluginsOf(conf).map(standardFields) }
      : { plugins: null },
    ...(list && fromFile ? { CNINetworkConfigList: libraryList(conf, config) } : {}),
    Name: displayName,
    ...present({
      ifnameRequest: requests.ifName, macRequest: requests.mac, infinibandGUIDRequest: requests.infinibandGuid,
      ipRequest: requests.ips, "default-route": requests.defaultRoute,
    }),
    IsFilterV4Gateway: strips?.v4 ?? false,
    IsFilterV6Gateway: strips?.v6 ?? false,
    ...present({ deviceID: requests.deviceId, resourceName: requests.resourceName }),
    Bytes: base64(config),
  };
}

/** A configuration list as the CNI library holds it in memory, which is how the reference stores lists from files. */
function libraryList(conf: Json, text: string): Json {
  return {
    Name: at(conf, "name"), CNIVersion: at(conf, "cniVersion"),
    DisableCheck: isTrue(at(conf, "disableCheck")), DisableGC: isTrue(at(conf, "disableGC")), LoadOnlyInlinedPlugins: isTrue(at(conf, "loadOnlyInlinedPlugins")),
    Plugins: pluginsOf(conf).map((plugin) => ({ Network: standardFields(plugin), Bytes: base64(JSON.stringify(plugin)) })),
    Bytes: base64(text),
  };
}

function decodeDelegate(entry: Json, path: string): ScratchDelegate {
  const bytes = at(entry, "Bytes");
  const text = typeof bytes === "string" ? Buffer.from(bytes, "base64").toString() : "";
  const listed = at(entry, "ConfList");
  const list = isObject(listed) && Array.isArray(at(listed, "plugins")) && pluginsOf(listed).length > 0;
  const config = list ? wholeList(text, at(entry, "CNINetworkConfigList")) : text;
  if (!isJsonObject(config)) throw new CniError(code.decodingFailure, `Cannot read the scratch file ${path}: "Bytes" holds no network configuration`);
  const name = at(entry, "Name");
  return {
    displayName: typeof name === "string" ? name : "",
    config, list,
    fromFile: at(entry, "CNINetworkConfigList") !== undefined,
    requests: present({
      ifName: nonEmpty(at(entry, "ifnameRequest")), mac: nonEmpty(at(entry, "macRequest")), infinibandGuid: nonEmpty(at(entry, "infinibandGUIDRequest")),
      ips: strings(at(entry, "ipRequest")), defaultRoute: strings(at(entry, "default-route")),
      deviceId: nonEmpty(at(entry, "deviceID")), resourceName: nonEmpty(at(entry, "resourceName")),
    }),
    ...decodeStrips(entry),
    ...decodeOwn(at(entry, "polynic")),
  };
}

function decodeStrips(entry: Json): Pick<ScratchDelegate, "strips"> {
  const v4 = at(entry, "IsFilterV4Gateway") === true, v6 = at(entry, "IsFilterV6Gateway") === true;
  return v4 || v6 ? { strips: { v4, v6 } } : {};
}

function decodeOwn(own: unknown): Pick<ScratchDelegate, "own"> {
  if (!isObject(own)) return {};
  const { capabilityArgs, trusted } = own;
  const known = { ...(isObject(capabilityArgs) ? { capabilityArgs } : {}), ...(typeof trusted === "boolean" ? { trusted } : {}) };
  return Object.keys(known).length === 0 ? {} : { own: known };
}

/**
 * The list with every plugin's own keys. Multus up to 4.3.0 writes lists from files with standard fields only in
 * `Bytes`; the full plugins are then in the library's form beside it, and DEL needs them to release addresses.
 */
function wholeList(text: string, library: unknown): string {
  if (!isObject(library)) return text;
  const plugins = at(library, "Plugins");
  if (!Array.isArray(plugins) || plugins.length === 0) return text;
  const whole = plugins.flatMap((plugin) => {
    const bytes = isObject(plugin) ? at(plugin, "Bytes") : undefined;
    return typeof bytes === "string" ? [Buffer.from(bytes, "base64").toString()] : [];
  });
  if (whole.length !== plugins.length || !whole.every(isJsonObject) || !isJsonObject(text)) return text;
  const conf: unknown = JSON.parse(text);
  const parsed = whole.map((plugin): unknown => JSON.parse(plugin));
  const before = isObject(conf) ? conf : {};
  return sameJson(pluginsOf(before), parsed) ? text : JSON.stringify({ ...before, plugins: parsed });
}

function sameJson(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}

/** The fields every configuration has, empty ones left out where the reference leaves them out. */
function standardFields(conf: Json): Json {
  const ipam = at(conf, "ipam"), dns = at(conf, "dns");
  return {
    ...pick(conf, ["cniVersion", "name", "type", "capabilities"]),
    ipam: isObject(ipam) ? pick(ipam, ["type"]) : {},
    dns: isObject(dns) ? dns : {},
  };
}

function pluginsOf(conf: Json): readonly Json[] {
  const plugins = at(conf, "plugins");
  return Array.isArray(plugins) ? plugins.filter(isObject) : [];
}

function pick(json: Json, keys: readonly string[]): Json {
  return Object.fromEntries(keys.map((key) => [key, at(json, key)]).filter(([, value]) => value !== undefined));
}

/** Those that are there, as true or false: the reference refuses a file in which they are text, as configurations may have them. */
function switches(json: Json, keys: readonly string[]): Json {
  return Object.fromEntries(keys.filter((key) => at(json, key) !== undefined).map((key) => [key, isTrue(at(json, key))]));
}

/** Keys match without case, in scratch files and in configurations, as the reference reads them. */
function at(json: Json, key: string): unknown {
  const wanted = key.toLowerCase();
  const found = Object.keys(json).findLast((name) => name.toLowerCase() === wanted);
  return found === undefined ? undefined : json[found] ?? undefined;
}

type Present<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> };

/** The object without its undefined values. */
function present<T extends object>(values: T): Present<T> {
  // True because only defined values are kept and every key is optional in the result.
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Present<T>;
}

function nonEmpty(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function strings(value: unknown): readonly string[] | undefined {
  return Array.isArray(value) ? value.filter((entry) => typeof entry === "string") : undefined;
}

function isTrue(value: unknown): boolean {
  return value === true || (typeof value === "string" && value.toLowerCase() === "true");
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isJsonObject(text: string): boolean {
  try {
    return isObject(JSON.parse(text));
  } catch {
    return false;
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
