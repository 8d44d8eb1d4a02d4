/**
 * A Multus's configuration on this node, which we take over: how it was told to work, and which network is the default
 * one.
 */
import { join } from "node:path";
import type { JsonObject } from "../../../schema/index.ts";
import { isJsonObject } from "../../../schema/index.ts";
import type { NodeFiles } from "../node/files.ts";
import { byBytes } from "../node/files.ts";
import { isMultiplexer, isOwnName, pluginsOf, readObject } from "./primary.ts";

export interface MultusSettings {
  /** Keys that mean the same to us, spelled as documented. */
  readonly keys: JsonObject;
  readonly name: string | undefined;
  readonly kubeconfig: string | undefined;
  /** Somebody wrote these by hand: an entry point writes exactly one delegate, a daemon a path. */
  readonly own:
    | {
        readonly cniVersion: string;
        readonly delegates?: readonly JsonObject[];
        readonly clusterNetwork?: string;
        readonly json: JsonObject;
      }
    | undefined;
  /** The only delegate, in case the file it was made from is gone. */
  readonly delegate: JsonObject | undefined;
}

const keptKeys = [
  "systemNamespaces",
  "multusNamespace",
  "defaultNetworks",
  "confDir",
  "cniDir",
  "binDir",
  "namespaceIsolation",
  "globalNamespaces",
  "readinessindicatorfile",
  "logToStderr",
  "logFile",
  "logLevel",
  "logOptions",
  "auxiliaryCNIChainName",
  "retryDeleteOnError",
];

/** Files of a Multus that the runtime would take before ours: they stand in our way. */
export function multusFiles(directory: string, ours: string, files: NodeFiles): readonly string[] {
  return files.names(directory).filter((name) => isInFront(name, ours))
    .filter((name) => name.startsWith("00-multus") || isMultiplexer(readObject(join(directory, name), files)));
}

/** Other files that the runtime would take before ours. */
export function foreignFiles(directory: string, ours: string, files: NodeFiles): readonly string[] {
  const multus = multusFiles(directory, ours, files);
  return files.names(directory).filter((name) => isInFront(name, ours) && !multus.includes(name));
}

function isInFront(name: string, ours: string): boolean {
  return /\.(conf|conflist|json)$/.test(name) && !isOwnName(name, ours) && byBytes(name, `${ours}.conflist`) < 0;
}

/** What a Multus's file says; undefined when it is no Multus's, or cannot be read. */
export function readMultusFile(path: string, files: NodeFiles): MultusSettings | undefined {
  const json = readObject(path, files);
  const plugin = pluginsOf(json).find((one) => isMultiplexer(one));
  if (json === undefined || plugin === undefined) return undefined;
  const all = byDocumentedName({ ...json, ...plugin });
  const text = (key: string) => typeof all[key] === "string" && all[key] !== "" ? all[key] : undefined;
  const delegates = Array.isArray(all["delegates"]) ? all["delegates"].filter(isJsonObject) : [];
  const [delegate] = delegates;
  return {
    keys: Object.fromEntries(
      keptKeys.filter((key) => all[key] !== undefined && all[key] !== null).map((key) => [key, all[key]]),
    ),
    name: text("name"),
    kubeconfig: text("kubeconfig"),
    own: handWritten(all, delegates, text("clusterNetwork")),
    delegate: delegate === undefined || isMultiplexer(delegate) ? undefined : delegate,
  };
}

/**
 * A generated file names the network by path, or has it as the one delegate; what does otherwise stays as its author
 * wants it.
 */
function handWritten(
  all: JsonObject,
  delegates: readonly JsonObject[],
  clusterNetwork: string | undefined,
): MultusSettings["own"] {
  const { cniVersion } = all;
  if (typeof cniVersion !== "string") return undefined;
  if (clusterNetwork !== undefined)
    return clusterNetwork.includes("/") ? undefined : { cniVersion, clusterNetwork, json: all };
  return delegates.length > 1 && !delegates.some(isMultiplexer) ? { cniVersion, delegates, json: all } : undefined;
}

/** Multus reads its keys in any case, and deployed files have LogLevel and the like. */
function byDocumentedName(json: JsonObject): JsonObject {
  const documented = new Map(
    [...keptKeys, "cniVersion", "name", "kubeconfig", "clusterNetwork", "delegates", "capabilities"].map((key) => [
      key.toLowerCase(),
      key,
    ]),
  );
  return Object.fromEntries(
    Object.entries(json).map(([key, value]) => [documented.get(key.toLowerCase()) ?? key, value]),
  );
}
