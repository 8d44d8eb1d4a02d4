import type { Result } from "../cni/index.ts";
import { compareVersions, parseJson, parseResult } from "../cni/index.ts";
import type { Attachment } from "../plugins/index.ts";
import type { CachedAttachment } from "../store/index.ts";
import { loadResult } from "../store/index.ts";
import { formatArgPairs } from "../cni/index.ts";
import type { MuxConfig } from "./config.ts";
import { parseDelegate } from "./delegate.ts";
import type { Network } from "./network.ts";
import { pluginPath, resultKey } from "./network.ts";

/** Versions from here on get the ADD's result at CHECK and DEL. */
const prevResultSince = "0.4.0";

/**
 * What the ADD of this network answered; undefined when nothing is cached or the version is too old to be told.
 *
 * @throws CniError 6 when the cache file is damaged, 1 when its version is unknown
 */
export function cachedResult(cniDir: string, network: Network): Result | undefined {
  const { cniVersion } = network.delegate.network;
  if (compareVersions(cniVersion, prevResultSince) < 0) return undefined;
  const cached = loadResult(cniDir, resultKey(network));
  if (cached?.result === undefined) return undefined;
  return parseResult(cached.result, cniVersion, `the cached result of network "${network.delegate.displayName}"`);
}

/** The network with the capability arguments of its ADD where the runtime gave none now. */
export function withCachedArgs(cniDir: string, network: Network): Network {
  if (Object.keys(network.capabilityArgs).length > 0) return network;
  const cached = loadResult(cniDir, resultKey(network));
  return cached === undefined ? network : { ...network, capabilityArgs: cached.capabilityArgs };
}

/**
 * A network out of its cache entry alone; undefined when the entry holds no configuration that can be read.
 *
 * @param netns  "" to delete without a namespace, whatever the entry says
 */
export function networkFromCache(entry: CachedAttachment, netns: string, config: MuxConfig, path: Attachment["path"]): Network | undefined {
  if (entry.config === "") return undefined;
  try {
    const subject = `the cached configuration of network "${entry.networkName}"`;
    const delegate = parseDelegate(parseJson(entry.config, subject), { subject, defaultVersion: config.cniVersion });
    return {
      delegate: { ...delegate, config: entry.config },
      attachment: { containerId: entry.containerId, netns, ifName: entry.ifName, args: formatArgPairs(entry.cniArgs), path: pluginPath({ path }, config) },
      argPairs: entry.cniArgs,
      capabilityArgs: entry.capabilityArgs,
    };
  } catch {
    return undefined;
  }
}
