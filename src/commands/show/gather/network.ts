/** What is remembered of a container's network: its addresses, where these came from, its ports. */
import { CniError, confSchema, newestVersion, readConf } from "../../../cni/index.ts";
import { normaliseRangeSets } from "../../../ipam/index.ts";
import type { KnownNetwork } from "../../../mux/index.ts";
import { formatAddress, formatPrefix } from "../../../net/index.ts";
import type { JsonObject } from "../../../schema/index.ts";
import { isJsonObject } from "../../../schema/index.ts";
import { withKnownSubnets } from "../../machine/node-ranges.ts";
import type { IpamFacts, NetworkFacts, PortFacts, RangeFacts } from "../facts.ts";

export function networkFacts({ attachment, result, isCached }: KnownNetwork): NetworkFacts {
  const { delegate, ifName, capabilityArgs } = attachment;
  const { network, displayName } = delegate;
  return {
    name: displayName,
    ifName,
    plugins: network.plugins.map(({ type }) => type),
    addresses: result?.ips.map(({ address }) => address) ?? [],
    ipam: ipamFacts(network.plugins, network.name),
    // Without a plugin that asks for them nobody maps them.
    ports: network.plugins.some(mapsPorts) ? portFacts(capabilityArgs["portMappings"]) : [],
    isComplete: isCached && result !== undefined,
  };
}

function mapsPorts({ capabilities }: JsonObject): boolean {
  return isJsonObject(capabilities) && capabilities["portMappings"] === true;
}

const usualDataDirectory = "/var/lib/cni/networks";

function ipamFacts(plugins: readonly JsonObject[], network: string): IpamFacts | undefined {
  const all = plugins.map((plugin) => plugin["ipam"]).filter(isJsonObject);
  const ipam = all.find(({ type }) => typeof type === "string" && type !== "");
  if (ipam === undefined) return undefined;
  const type = String(ipam["type"]);
  if (type !== "host-local") return { type, ranges: [] };
  const { dataDir } = ipam;
  const store = typeof dataDir === "string" && dataDir !== "" ? dataDir : usualDataDirectory;
  return { type, scope: network, store: `${store}/${network}`, ranges: rangesIn(ipam, network) };
}

/** None of what no ADD would take. */
function rangesIn(ipam: JsonObject, name: string): readonly RangeFacts[] {
  try {
    const { ranges = [], ...direct } = readConf(confSchema("host-local"), { name, ipam }).ipam ?? {};
    const written = withKnownSubnets([...(direct.subnet ? [[direct]] : []), ...ranges]);
    const sets = normaliseRangeSets(written, newestVersion);
    return sets.flat().map(({ subnet, first, last }) => ({
      subnet: formatPrefix(subnet),
      range: `${formatAddress(first)}-${formatAddress(last)}`,
    }));
  } catch (error) {
    if (error instanceof CniError) return [];
    throw error;
  }
}

function portFacts(given: unknown): readonly PortFacts[] {
  if (!Array.isArray(given)) return [];
  return given.filter(isJsonObject).flatMap(({ hostPort, containerPort, protocol, hostIP }) => {
    if (typeof hostPort !== "number" || typeof containerPort !== "number") return [];
    const of = typeof protocol === "string" ? protocol.toLowerCase() : "tcp";
    return [{ hostPort, containerPort, protocol: of, hostAddress: typeof hostIP === "string" ? hostIP : "" }];
  });
}
