import { CniError, code } from "../cni/index.ts";
import type { JsonObject } from "../schema/index.ts";
import { isJsonObject, madeOnce } from "../schema/index.ts";

/**
 * One network of a container as kept between ADD and DEL. The order of delegates matters: it names their interfaces.
 */
export interface ScratchDelegate {
  /** What people know the network by: its CNI name, or namespace/name of the object that defined it. */
  readonly displayName: string;
  /** The network's configuration, byte for byte as ADD used it. */
  readonly confText: string;
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
  /** The element of the pod's annotation that asked for it, as JSON. */
  readonly selection?: string;
  /** It was attached while the pod ran. */
  readonly isChange?: boolean;
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

/** One entry as the reference writes it; it reads the same fields back and ignores others. */
export const encodeDelegate = madeOnce((delegate: ScratchDelegate): JsonObject => {
  const { displayName, confText, list, fromFile, requests, strips } = delegate;
  const json: unknown = JSON.parse(confText);
  const conf = isJsonObject(json) ? json : {};
  return {
    Conf: list ? { ...pick(conf, ["cniVersion", "name"]), ipam: {}, dns: {} } : standardFields(conf),
    ConfList: list
      ? {
          ...pick(conf, ["cniVersion", "name"]),
          ...switches(conf, ["disableCheck", "disableGC"]),
          plugins: pluginsOf(conf).map(standardFields),
        }
      : { plugins: null },
    ...(list && fromFile ? { CNINetworkConfigList: libraryList(conf, confText) } : {}),
    Name: displayName,
    ...present({
      ifnameRequest: requests.ifName, macRequest: requests.mac, infinibandGUIDRequest: requests.infinibandGuid,
      ipRequest: requests.ips, "default-route": requests.defaultRoute,
    }),
    IsFilterV4Gateway: strips?.v4 ?? false,
    IsFilterV6Gateway: strips?.v6 ?? false,
    ...present({ deviceID: requests.deviceId, resourceName: requests.resourceName }),
    Bytes: base64(confText),
  };
});

/** A configuration list as the CNI library holds it in memory, which is how the reference stores lists from files. */
function libraryList(conf: JsonObject, text: string): JsonObject {
  return {
    Name: at(conf, "name"),
    CNIVersion: at(conf, "cniVersion"),
    DisableCheck: isTrue(at(conf, "disableCheck")),
    DisableGC: isTrue(at(conf, "disableGC")),
    LoadOnlyInlinedPlugins: isTrue(at(conf, "loadOnlyInlinedPlugins")),
    Plugins: pluginsOf(conf).map((plugin) => ({
      Network: standardFields(plugin),
      Bytes: base64(JSON.stringify(plugin)),
    })),
    Bytes: base64(text),
  };
}

/** @throws CniError 6 naming the file */
export function decodeDelegate(entry: JsonObject, path: string): ScratchDelegate {
  const bytes = at(entry, "Bytes");
  const text = typeof bytes === "string" ? Buffer.from(bytes, "base64").toString() : "";
  const listed = at(entry, "ConfList");
  const list = isJsonObject(listed) && Array.isArray(at(listed, "plugins")) && pluginsOf(listed).length > 0;
  const confText = list ? wholeList(text, at(entry, "CNINetworkConfigList")) : text;
  if (!holdsObject(confText))
    throw new CniError(
      code.decodingFailure,
      `Cannot read the scratch file ${path}: "Bytes" holds no network configuration`,
    );
  const name = at(entry, "Name");
  return {
    displayName: typeof name === "string" ? name : "",
    confText, list,
    fromFile: at(entry, "CNINetworkConfigList") !== undefined,
    requests: present({
      ifName: nonEmpty(at(entry, "ifnameRequest")),
      mac: nonEmpty(at(entry, "macRequest")),
      infinibandGuid: nonEmpty(at(entry, "infinibandGUIDRequest")),
      ips: strings(at(entry, "ipRequest")),
      defaultRoute: strings(at(entry, "default-route")),
      deviceId: nonEmpty(at(entry, "deviceID")),
      resourceName: nonEmpty(at(entry, "resourceName")),
    }),
    ...decodeStrips(entry),
    ...decodeOwn(at(entry, "polynic")),
  };
}

function decodeStrips(entry: JsonObject): Pick<ScratchDelegate, "strips"> {
  const v4 = at(entry, "IsFilterV4Gateway") === true, v6 = at(entry, "IsFilterV6Gateway") === true;
  return v4 || v6 ? { strips: { v4, v6 } } : {};
}

function decodeOwn(own: unknown): Pick<ScratchDelegate, "own"> {
  if (!isJsonObject(own)) return {};
  const { capabilityArgs, trusted, selection, isChange } = own;
  const known = {
    ...(isJsonObject(capabilityArgs) ? { capabilityArgs } : {}),
    ...(typeof trusted === "boolean" ? { trusted } : {}),
    ...(typeof selection === "string" ? { selection } : {}),
    ...(isChange === true ? { isChange } : {}),
  };
  return Object.keys(known).length === 0 ? {} : { own: known };
}

/**
 * The list with every plugin's own keys. Multus up to 4.3.0 writes lists from files with standard fields only in
 * `Bytes`; the full plugins are then in the library's form beside it, and DEL needs them to release addresses.
 */
function wholeList(text: string, library: unknown): string {
  if (!isJsonObject(library)) return text;
  const plugins = at(library, "Plugins");
  if (!Array.isArray(plugins) || plugins.length === 0) return text;
  const whole = plugins.flatMap((plugin) => {
    const bytes = isJsonObject(plugin) ? at(plugin, "Bytes") : undefined;
    return typeof bytes === "string" ? [Buffer.from(bytes, "base64").toString()] : [];
  });
  if (whole.length !== plugins.length || !whole.every(holdsObject) || !holdsObject(text)) return text;
  const conf: unknown = JSON.parse(text);
  const parsed = whole.map((plugin): unknown => JSON.parse(plugin));
  const before = isJsonObject(conf) ? conf : {};
  return sameJson(pluginsOf(before), parsed) ? text : JSON.stringify({ ...before, plugins: parsed });
}

function sameJson(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}

/** The fields every configuration has, empty ones left out where the reference leaves them out. */
function standardFields(conf: JsonObject): JsonObject {
  const ipam = at(conf, "ipam"), dns = at(conf, "dns");
  return {
    ...pick(conf, ["cniVersion", "name", "type", "capabilities"]),
    ipam: isJsonObject(ipam) ? pick(ipam, ["type"]) : {},
    dns: isJsonObject(dns) ? dns : {},
  };
}

function pluginsOf(conf: JsonObject): readonly JsonObject[] {
  const plugins = at(conf, "plugins");
  return Array.isArray(plugins) ? plugins.filter(isJsonObject) : [];
}

function pick(json: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(keys.map((key) => [key, at(json, key)]).filter(([, value]) => value !== undefined));
}

/**
 * Those that are there, as true or false: the reference refuses a file in which they are text, as configurations may
 * have them.
 */
function switches(json: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(
    keys.filter((key) => at(json, key) !== undefined).map((key) => [key, isTrue(at(json, key))]),
  );
}

/** Keys match without case, in scratch files and in configurations, as the reference reads them. */
function at(json: JsonObject, key: string): unknown {
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

function holdsObject(text: string): boolean {
  try {
    return isJsonObject(JSON.parse(text));
  } catch {
    return false;
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
