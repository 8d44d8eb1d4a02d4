import { allVersions, confSchema, enabledArgs, readConf } from "../../cni/index.ts";
import type { MuxConf } from "../../mux/index.ts";
import { parseMuxConf } from "../../mux/index.ts";
import { isIdentifier } from "../../net/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";
import type { Report } from "./finding.ts";
import { checkNetwork, refused } from "./network.ts";
import type { Spot } from "./spot.ts";
import { keyTables, reportUnknownKeys } from "./unknown-keys.ts";

/** Checks the multiplexer's configuration and the networks written into it. */
export function checkMultiplexer(json: JsonObject, spot: Spot, report: Report): MuxConf | undefined {
  const config = refused(json, spot, report, () =>
    parseMuxConf(json, { invokedAs: String(json["type"]), verb: "ADD" }),
  );
  reportUnknownKeys({ ...json, delegates: [] }, keyTables(["multiplexer"]), spot, report);
  if (config === undefined) return undefined;
  if (!isIdentifier(config.name))
    report(
      "error",
      spot.at("name"),
      `it is ${config.name === "" ? "missing" : JSON.stringify(config.name)}, expected a letter or digit, then ` +
        `letters, digits, "_", "." or "-"`,
    );
  if (!allVersions.some((version) => version === config.cniVersion))
    report(
      "error",
      spot.at("cniVersion"),
      `it is ${JSON.stringify(config.cniVersion)}, expected one of ${allVersions.join(", ")}`,
    );
  if (config.clusterNetwork !== "" && Array.isArray(json["delegates"]))
    report("warning", spot.at("delegates"), "it is unused beside clusterNetwork, expected one of the two");
  const { hotPlug } = readConf(confSchema("multiplexer"), json, { lenient: true });
  if (hotPlug === true && config.cluster.kubeconfig === "") {
    report("warning", spot.at("hotPlug"),
      "nothing is watched before a call leads to a cluster, expected kubeconfig beside it");
  }
  config.delegates.forEach((delegate, index) => checkDelegate({ delegate, index, config, json, spot, report }));
  return config;
}

interface DelegateInput {
  readonly delegate: object;
  readonly index: number;
  readonly config: MuxConf;
  readonly json: JsonObject;
  readonly spot: Spot;
  readonly report: Report;
}

function checkDelegate({ delegate, index, config, json, spot, report }: DelegateInput): void {
  if (!isJsonObject(delegate)) return;
  const place = spot.at("delegates", index);
  const network = checkNetwork(delegate, {
    spot: place,
    report,
    trusted: true,
    execute: config.execute,
    defaultVersion: config.cniVersion,
  });
  if (network === undefined || (index > 0 && !config.runtimeConfigToAll)) return;
  network.network.plugins.forEach((plugin, position) => {
    const { capabilities } = plugin;
    const declared = isJsonObject(capabilities)
      ? Object.keys(enabledArgs(plugin, Object.fromEntries(Object.keys(capabilities).map((name) => [name, true]))))
      : [];
    const sent = isJsonObject(json["capabilities"]) ? json["capabilities"] : {};
    for (const name of declared.filter((one) => sent[one] !== true)) {
      report(
        "warning",
        (network.list ? place.at("plugins", position) : place).at("capabilities", name),
        `it is declared by the plugin only, so no runtime sends it: expected "capabilities": ` +
          `{${JSON.stringify(name)}: true} in the configuration of ${config.type} too`,
      );
    }
  });
}
