import type { NetworkPlugin } from "../../cni/index.ts";
import { builtIn, givesNoAddresses } from "../../plugins/index.ts";
import { multiplexerNames } from "../../program/index.ts";
import { foldedKey, isJsonObject } from "../../schema/index.ts";

/** Types that lead back to us, or to a Multus. */
export const multiplexerTypes: ReadonlySet<string> = new Set([...multiplexerNames, "multus-shim"]);

/**
 * Keys that only a multiplexer reads, in lower case. Without the first two of them it has nothing to run; the others
 * say where it would look.
 */
const multiplexerKeys: ReadonlySet<string> = new Set([
  "delegates",
  "clusternetwork",
  "defaultnetworks",
  "auxiliarycnichainname",
  "multusnamespace",
  "systemnamespaces",
  "readinessindicatorfile",
  "daemonsocketdir",
]);

/**
 * Why a plugin must not be run, in words; undefined when nothing speaks against it.
 *
 * Plugins run others that their configuration names: for addresses, or as a delegate. A multiplexer is none of them. It
 * would take the very configuration for its own, which somebody with rights in one namespace of a cluster may have
 * written: with directories of executables, and delegates that count as the node's. It may have any name, as when it
 * was moved aside, so that what a configuration says counts as much; only of what is built in do we know that it does
 * not read such keys. Nor is a plugin that would run itself again and again to ask itself for addresses, each time in a
 * process more.
 */
export function nestingProblem(plugin: NetworkPlugin): string | undefined {
  const named = findType(plugin, (type) => multiplexerTypes.has(type));
  if (named !== undefined)
    return `${named.path} is "${String(named.value)}", which would run the multiplexer inside itself; expected the ` +
      "type of a network's own plugin";
  const ipamTypes = typesBelow(plugin, "ipam");
  const meant = [plugin.type, ...ipamTypes, ...delegateTypes(plugin)].every((type) => builtIn.has(type))
    ? undefined
    : find(plugin, "", (key) => multiplexerKeys.has(key));
  if (meant !== undefined)
    return `${meant.path} is a multiplexer's, which would run networks of its own inside this one; expected the keys ` +
      "of a network's own plugin";
  const again = ipamTypes.find((type) => givesNoAddresses(type, builtIn.get(type)));
  return again === undefined
    ? undefined
    : `ipam.type is "${again}", which gives no addresses; expected the type of an IPAM plugin`;
}

/** The types of plugins that a plugin's configuration is known to lead to: its own, of its IPAM and its delegate. */
export function runTypes(plugin: NetworkPlugin): readonly { readonly path: string; readonly type: string }[] {
  const below = (key: string) => typesBelow(plugin, key).map((type) => ({ path: `${key}.type`, type }));
  return [{ path: "type", type: plugin.type }, ...below("ipam"), ...below("delegate")];
}

/** Of the delegate, of its delegate and so on, and of whom they ask for addresses. */
function delegateTypes(plugin: object): readonly string[] {
  return valuesOf(plugin, "delegate")
    .filter(isJsonObject)
    .flatMap((inner) => [
      ...valuesOf(inner, "type").map(String), ...typesBelow(inner, "ipam"), ...delegateTypes(inner),
    ]);
}

function typesBelow(plugin: object, lowerKey: string): readonly string[] {
  return valuesOf(plugin, lowerKey)
    .filter(isJsonObject)
    .flatMap((inner) => valuesOf(inner, "type"))
    .filter((type) => typeof type === "string" && type !== "")
    .map(String);
}

/** Of every spelling of a key: readers do not agree on which of two counts. */
function valuesOf(value: object, lowerKey: string): readonly unknown[] {
  return entriesOf(value).filter(([key]) => foldedKey(key) === lowerKey).map(([, inner]) => inner);
}

interface Found {
  readonly path: string;
  readonly value: unknown;
}

/** The first type that is one of those, anywhere in a configuration, in whatever case its key is. */
function findType(plugin: NetworkPlugin, isMeant: (type: string) => boolean): Found | undefined {
  return find(plugin, "", (key, value) => key === "type" && typeof value === "string" && isMeant(value));
}

/** The first entry that is meant, at any depth; keys are told in lower case. */
function find(value: unknown, path: string, isMeant: (lowerKey: string, value: unknown) => boolean): Found | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  for (const [key, inner] of entriesOf(value)) {
    const at = Array.isArray(value) ? `${path}[${key}]` : path === "" ? key : `${path}.${key}`;
    if (!Array.isArray(value) && isMeant(foldedKey(key), inner)) return { path: at, value: inner };
    const found = find(inner, at, isMeant);
    if (found !== undefined) return found;
  }
  return undefined;
}

function entriesOf(value: object): readonly (readonly [string, unknown])[] {
  return Object.entries(value);
}
