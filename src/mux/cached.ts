import type { Result } from "../cni/index.ts";
import { compareVersions, formatArgPairs, parseJson, parseResult } from "../cni/index.ts";
import type { Attachment } from "../plugins/index.ts";
import type { CachedAttachment } from "../store/index.ts";
import { loadResult } from "../store/index.ts";
import type { MuxConfig } from "./config.ts";
import { parseDelegate } from "./delegate.ts";
import type { Network } from "./network.ts";
import { pluginPath, resultKey } from "./network.ts";

/** Versions from here on get the ADD's result at CHECK and DEL. */
const prevResultSince = "0.4.0";

/** A network and what its ADD left in the cache. */
export interface Recalled {
  /** With those capability arguments of its ADD that it was not given now. */
  readonly network: Network;
  /** What the ADD answered; undefined when nothing is cached or the version is too old to be told. */
  readonly prevResult: Result | undefined;
}

/** @throws CniError 6 when the cache file is damaged, 1 when its version is unknown */
export function recall(cniDir: string, network: Network): Recalled {
  const cached = loadResult(cniDir, resultKey(network));
  if (cached === undefined) return { network, prevResult: undefined };
  const { cniVersion } = network.delegate.network;
  const isTold = cached.result !== undefined && compareVersions(cniVersion, prevResultSince) >= 0;
  return {
    network: { ...network, capabilityArgs: { ...cached.capabilityArgs, ...network.capabilityArgs } },
    prevResult: isTold ? parseResult(cached.result, cniVersion, `the cached result of network "${network.delegate.displayName}"`) : undefined,
  };
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
    const delegate = parseDelegate(parseJson(entry.config, subject), { subject, defaultVersion: config.cniVersion, trusted: entry.trusted ?? false });
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
