import type { Result, WireResult } from "../../cni/index.ts";
import { compareVersions, toWireResult } from "../../cni/index.ts";
import { bootId } from "../../os/index.ts";
import type { Multiplexer } from "../../store/index.ts";
import { saveResult } from "../../store/index.ts";
import type { MuxCommand } from "../command.ts";
import type { NetworkAttachment } from "../networks/network-attachment.ts";
import { resultKey } from "../networks/network-attachment.ts";

/** What is kept beside each network of an attachment about the whole of it. */
export function multiplexerOf({ conf, attachment }: Pick<MuxCommand, "conf" | "attachment">): Multiplexer {
  const { ifName, netns, args } = attachment, boot = bootId();
  return { network: conf.name, ifName, netns, args, ...(boot === "" ? {} : { bootId: boot }) };
}

/**
 * Caches what CHECK, DEL and GC need of a network.
 *
 * @param result  of its ADD; undefined when that did not get so far, or is forgotten
 * @throws CniError 5 naming the path
 */
export function remember(
  cniDir: string,
  attachment: NetworkAttachment,
  result: Result | undefined,
  multiplexer: Multiplexer,
): void {
  const { netns, argPairs, capabilityArgs, delegate } = attachment;
  saveResult(cniDir, {
    ...resultKey(attachment),
    netns,
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
