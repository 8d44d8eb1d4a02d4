import type { NetworkPlugin } from "../../cni/index.ts";
import { builtIn, givesNoAddresses } from "../../plugins/index.ts";
import { multiplexerNames } from "../../program/index.ts";
import { isJsonObject } from "../../schema/index.ts";

/** Types that lead back to us, or to a Multus. */
export const multiplexerTypes: ReadonlySet<string> = new Set([...multiplexerNames, "multus-shim"]);

/**
 * Why a plugin must not be run, in words; undefined when nothing speaks against it.
 *
 * Plugins run others that their configuration names: for addresses, or as a delegate. The multiplexer is none of them.
 * It would take the very configuration for its own, which somebody with rights in one namespace of a cluster may have
 * written: with directories of executables, and delegates that count as the node's. Nor is a plugin that would run
 * itself again and again to ask itself for addresses, each time in a process more.
 */
export function nestingProblem(plugin: NetworkPlugin): string | undefined {
  const named = findType(plugin, "", (type) => multiplexerTypes.has(type));
  if (named !== undefined)
    return `${named.path} is "${named.type}", which would run the multiplexer inside itself; expected the type of a ` +
      "network's own plugin";
  const again = valuesOf(plugin, "ipam")
    .filter(isJsonObject)
    .flatMap((ipam) => valuesOf(ipam, "type"))
    .map(String)
    .find((type) => givesNoAddresses(type, builtIn.get(type)));
  return again === undefined
    ? undefined
    : `ipam.type is "${again}", which gives no addresses; expected the type of an IPAM plugin`;
}

/** Of every spelling of a key: readers do not agree on which of two counts. */
function valuesOf(value: object, lowerKey: string): readonly unknown[] {
  return entriesOf(value).filter(([key]) => key.toLowerCase() === lowerKey).map(([, inner]) => inner);
}

/** The first type that is one of those, anywhere in a configuration, in whatever case its key is. */
function findType(
  value: unknown,
  path: string,
  isMeant: (type: string) => boolean,
): { readonly path: string; readonly type: string } | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  for (const [key, inner] of entriesOf(value)) {
    const at = Array.isArray(value) ? `${path}[${key}]` : path === "" ? key : `${path}.${key}`;
    if (typeof inner === "string" && key.toLowerCase() === "type" && isMeant(inner)) return { path: at, type: inner };
    const found = findType(inner, at, isMeant);
    if (found !== undefined) return found;
  }
  return undefined;
}

function entriesOf(value: object): readonly (readonly [string, unknown])[] {
  return Object.entries(value);
}
