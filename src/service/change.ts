import { openLog } from "../call/index.ts";
import type { ChangeOutcome } from "../mux/index.ts";
import { changeNetworks, parseMuxConf } from "../mux/index.ts";
import type { JsonObject } from "../schema/index.ts";
import { muxCommand } from "./multiplexer.ts";
import type { Remains, Repairing } from "./reconcile.ts";
import { netnsOf, whyGone } from "./reconcile.ts";

/**
 * Makes the networks of a running container those that its pod asks for by now, with the container's lock.
 *
 * @param conf  of the multiplexed network that it is part of, as the node has it now
 * @returns undefined when there is nobody whose networks could be changed
 * @throws CniError when nothing could be looked at, or what the pod has cannot be published
 */
export async function changeRunning(
  remains: Remains, conf: JsonObject, { env, tell, warm, path }: Repairing,
): Promise<ChangeOutcome | undefined> {
  const { containerId, ifName, multiplexer, stateDir } = remains, netns = netnsOf(remains);
  // A process id is given out anew: by now the path may lead to another container.
  if (whyGone(remains) !== undefined || netns === "" || netns.startsWith("/proc/")) return undefined;
  const invokedAs = conf["type"] === "multus" ? "multus" : "polynic";
  const parsed = { ...parseMuxConf(conf, { invokedAs, verb: "ADD" }), cniDir: stateDir };
  const attachment = { containerId, ifName, netns, args: multiplexer?.args ?? "", path };
  const own = { ...parsed, runtimeConfig: multiplexer?.runtimeConfig ?? {} };
  return await changeNetworks(muxCommand({
    conf: own, attachment, log: openLog(own.log, tell), surroundings: { env, tell }, warm,
  }));
}
