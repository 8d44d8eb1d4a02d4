import { basename, dirname, extname } from "node:path";
import {
  finishNetwork,
  impliedVersion,
  newestVersion,
  parseNetworkList,
  parseNetworkPlugin,
  parseSinglePlugin,
} from "../../cni/index.ts";
import type { MuxConf } from "../../mux/index.ts";
import { multiplexerTypes } from "../../mux/index.ts";
import { isIdentifier } from "../../net/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";
import type { Report } from "./finding.ts";
import { checkMultiplexer } from "./multiplexer.ts";
import { checkPlugins, refused } from "./network.ts";
import type { Spot } from "./spot.ts";

/** A file of a runtime's configuration directory. */
export interface CniFile {
  readonly json: JsonObject;
  readonly spot: Spot;
}

export interface CheckedFile {
  readonly networks: number;
  readonly multiplexers: readonly MuxConf[];
}

/** Whether a value looks like a CNI configuration. */
export function isCniConfig(value: unknown): value is JsonObject {
  return isJsonObject(value) && (typeOf(value) !== undefined || Array.isArray(value["plugins"]));
}

/** Checks a configuration file; `lists` are the names of all lists, whose folders hold plugins without a name. */
export function checkCniFile({ json, spot }: CniFile, lists: ReadonlySet<string>, report: Report): CheckedFile {
  const type = typeOf(json);
  if (type !== undefined && multiplexerTypes.has(type)) return counted(checkMultiplexer(json, spot, report), 0);
  const isList = type === undefined;
  if (isList !== (extname(spot.file) === ".conflist") && hasCniName(spot.file)) {
    report(
      "error",
      spot,
      isList
        ? "it is a list of plugins, which is read from a file that ends in .conflist only"
        : "it is a single plugin, expected a list in a file that ends in .conflist",
    );
    return { networks: 0, multiplexers: [] };
  }
  return isList ? checkList(json, spot, report) : checkSingle(json, spot, lists, report);
}

function checkSingle(json: JsonObject, spot: Spot, lists: ReadonlySet<string>, report: Report): CheckedFile {
  const isPart = json["name"] === undefined && lists.has(basename(dirname(spot.file)));
  const network = refused(json, spot, report, () => {
    if (!isPart) return parseSinglePlugin(json, "it");
    return {
      name: "part",
      cniVersion: newestVersion,
      plugins: [parseNetworkPlugin(json, "it")],
      disableCheck: false,
      disableGC: false,
      loadOnlyInlinedPlugins: false,
    };
  });
  if (network === undefined) return { networks: 0, multiplexers: [] };
  checkName(network.name, spot, report);
  checkPlugins(
    { ...network, cniVersion: network.cniVersion || impliedVersion },
    { json: undefined, context: { spot, report, trusted: true, isPart } },
  );
  return { networks: 1, multiplexers: [] };
}

/** A list may run the multiplexer as one of its plugins: runtimes read it so too. */
function checkList(json: JsonObject, spot: Spot, report: Report): CheckedFile {
  const list = refused(json, spot, report, () => parseNetworkList(json, "it"));
  if (list === undefined) return { networks: 0, multiplexers: [] };
  // Its folder may hold its only plugins, and may be on another machine.
  const network =
    list.plugins.length > 0 ? refused(json, spot, report, () => finishNetwork(list, [], "it")) : undefined;
  checkName(list.name, spot, report);
  if (network === undefined) return { networks: 1, multiplexers: [] };
  const ours = network.plugins
    .map((plugin, index) => ({ plugin, index }))
    .filter(({ plugin }) => multiplexerTypes.has(plugin.type));
  const multiplexers = ours.flatMap(({ plugin, index }) => {
    const config = checkMultiplexer(
      { ...plugin, name: network.name, cniVersion: network.cniVersion },
      spot.at("plugins", index),
      report,
    );
    return config === undefined ? [] : [config];
  });
  const types = [...multiplexerTypes];
  checkPlugins(
    { ...network, cniVersion: network.cniVersion || impliedVersion },
    { json, context: { spot, report, trusted: true, execute: types } },
  );
  return { networks: ours.length > 0 ? 0 : 1, multiplexers };
}

function checkName(name: string, spot: Spot, report: Report): void {
  if (!isIdentifier(name))
    report(
      "error",
      spot.at("name"),
      `it is ${JSON.stringify(name)}, expected a letter or digit, then letters, digits, "_", "." or "-"`,
    );
}

function counted(config: MuxConf | undefined, networks: number): CheckedFile {
  return { networks, multiplexers: config === undefined ? [] : [config] };
}

function hasCniName(file: string): boolean {
  return [".conf", ".conflist", ".json"].includes(extname(file));
}

function typeOf(json: JsonObject): string | undefined {
  const [, type] = Object.entries(json).findLast(([key]) => key.toLowerCase() === "type") ?? [];
  return typeof type === "string" && type !== "" ? type : undefined;
}
