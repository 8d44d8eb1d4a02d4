import type { Result, WireResult } from "../../cni/index.ts";
import { compareVersions, formatArgPairs, parseJson, parseResult, toWireResult } from "../../cni/index.ts";
import type { Attachment } from "../../plugins/index.ts";
import type { CachedAttachment, Multiplexer } from "../../store/index.ts";
import { loadResult, saveResult } from "../../store/index.ts";
import type { MuxCommand } from "../command.ts";
import type { MuxConf } from "../conf.ts";
import { parseDelegate } from "../networks/delegate.ts";
import type { Network } from "../networks/network.ts";
import { pluginPath, resultKey } from "../networks/network.ts";

/** Versions from here on get the ADD's result at CHECK and DEL. */
const prevResultSince = "0.4.0";

/** A network and what its ADD left in the cache. */
export interface Recalled {
  /** With those capability arguments of its ADD that it was not given now. */
  readonly network: Network;
  /** What the ADD answered; undefined when nothing is cached or the version is too old to be told. */
  readonly prevResult: Result | undefined;
}

/** What a network's entries say of who made them. */
export function multiplexerOf({ conf, attachment }: Pick<MuxCommand, "conf" | "attachment">): Multiplexer {
  return { network: conf.name, ifName: attachment.ifName, netns: attachment.netns, args: attachment.args };
}

/**
 * Caches what CHECK, DEL and GC need of a network.
 *
 * @param result  of its ADD; undefined when that did not get so far, or is forgotten
 * @throws CniError 5 naming the path
 */
export function remember(cniDir: string, network: Network, result: Result | undefined, multiplexer: Multiplexer): void {
  const { attachment, argPairs, capabilityArgs, delegate } = network;
  saveResult(cniDir, {
    ...resultKey(network),
    netns: attachment.netns,
    cniArgs: argPairs,
    capabilityArgs,
    confText: delegate.confText,
    result: result === undefined ? undefined : toCache(result, delegate.network.cniVersion),
    multiplexer,
    trusted: delegate.trusted,
  });
}

/**
 * Plugins before 0.3.0 may answer with nothing at all, which their results have no words for; nobody asks for it again.
 */
function toCache(result: Result, cniVersion: string): WireResult | undefined {
  const isNothing = result.interfaces.length === 0 && result.ips.length === 0;
  return isNothing && compareVersions(cniVersion, "0.3.0") < 0 ? undefined : toWireResult(result, cniVersion);
}

/** @throws CniError 6 when the cache file is damaged, 1 when its version is unknown */
export function recall(cniDir: string, network: Network): Recalled {
  const cached = loadResult(cniDir, resultKey(network));
  if (cached === undefined) return { network, prevResult: undefined };
  const { cniVersion } = network.delegate.network;
  const isTold = cached.result !== undefined && compareVersions(cniVersion, prevResultSince) >= 0;
  return {
    network: { ...network, capabilityArgs: { ...cached.capabilityArgs, ...network.capabilityArgs } },
    prevResult: isTold
      ? parseResult(cached.result, cniVersion, `the cached result of network "${network.delegate.displayName}"`)
      : undefined,
  };
}

/**
 * A network out of its cache entry alone; undefined when the entry holds no configuration that can be read.
 *
 * @param netns  "" to delete without a namespace, whatever the entry says
 */
export function networkFromCache(
  entry: CachedAttachment,
  netns: string,
  conf: MuxConf,
  path: Attachment["path"],
): Network | undefined {
  if (entry.confText === "") return undefined;
  try {
    const subject = `the cached configuration of network "${entry.networkName}"`;
    const delegate = parseDelegate(parseJson(entry.confText, subject), {
      subject,
      defaultVersion: conf.cniVersion,
      trusted: entry.trusted ?? false,
    });
    return {
      delegate: { ...delegate, confText: entry.confText },
      attachment: {
        containerId: entry.containerId,
        netns,
        ifName: entry.ifName,
        args: formatArgPairs(entry.cniArgs),
        path: pluginPath({ path }, conf),
      },
      argPairs: entry.cniArgs,
      capabilityArgs: entry.capabilityArgs,
    };
  } catch {
    return undefined;
  }
}
