/**
 * What is left of containers that are gone, after a crash, a reboot or a DEL that failed: found on disk and taken away
 * as a DEL of the runtime's would. By the daemon at its start, and by `polynic gc`.
 */
import { existsSync, readdirSync } from "node:fs";
import { hostname } from "node:os";
import type { Surroundings, Warm } from "../call/index.ts";
import { openLog } from "../call/index.ts";
import { newestVersion, parseJsonObject } from "../cni/index.ts";
import { openNamespaceIfPresent } from "../kernel/index.ts";
import type { KnownAttachment, MuxConf } from "../mux/index.ts";
import { del, knownAttachment, knownAttachments, parseMuxConf, toScratch, withContainerLock } from "../mux/index.ts";
import { isIdentifier } from "../net/index.ts";
import { bootId } from "../os/index.ts";
import type { JsonObject } from "../schema/index.ts";
import { isJsonObject } from "../schema/index.ts";
import { openFileLeases, setDamagedAside } from "../store/index.ts";
import { muxCommand } from "./multiplexer.ts";

/** A container's attachment, and where it is written down. */
export interface Remains extends KnownAttachment {
  readonly stateDir: string;
  /** What the node's configuration says by now; absent: nothing. Networks and names in it do not count. */
  readonly settings?: JsonObject | undefined;
}

export interface Repairing extends Surroundings {
  readonly warm?: Warm | undefined;
  /** Where executables are looked for. */
  readonly path: readonly string[];
}

/**
 * Every attachment that is written down in a directory, whether its container is there or not.
 *
 * @param settingsOf  the node's configuration of a multiplexed network, as it is now
 */
export function remainsIn(
  stateDir: string, path: readonly string[],
  settingsOf: (network: string | undefined) => Remains["settings"] = () => undefined,
): readonly Remains[] {
  if (!existsSync(stateDir)) return [];
  const conf = { cniDir: stateDir, binDir: "", cniVersion: newestVersion, runtimeConfigToAll: false };
  return knownAttachments(conf, path).map((known) =>
    ({ ...known, stateDir, settings: settingsOf(known.multiplexer?.network) }));
}

/** The container's namespace as its ADD had it; "" where nobody wrote it down. */
export function netnsOf({ multiplexer, networks }: KnownAttachment): string {
  return multiplexer?.netns || (networks[0]?.attachment.netns ?? "");
}

/**
 * What shows that a container is no more; undefined when nothing does. A namespace that cannot be looked at shows
 * nothing, nor does one that nobody wrote down.
 */
export function whyGone(known: KnownAttachment): string | undefined {
  const { multiplexer } = known, netns = netnsOf(known), boot = bootId();
  const made = multiplexer?.bootId ?? "";
  if (made !== "" && boot !== "" && made !== boot) return "the machine has been started anew since";
  if (netns === "") return undefined;
  try {
    const namespace = openNamespaceIfPresent(netns);
    namespace?.close();
    return namespace === undefined ? `${netns} is no network namespace any more` : undefined;
  } catch {
    return undefined;
  }
}

/** Servers, names and places that a network which is not the node's own does not say itself. */
const nodeKeys = [
  "binDir", "dataDirs", "execute", "leaseStores", "moduleDir", "moduleLimits", "nodeIndex", "nodeName", "policyAllow",
];

/** Of a multiplexer's configuration what is the node's; its cluster counts for stores alone: nobody else is asked. */
function nodeSettings(conf: JsonObject): JsonObject {
  const own = Object.fromEntries(nodeKeys.filter((key) => key in conf).map((key) => [key, conf[key]]));
  const { leaseStores, kubeconfig = "" } = conf, stores = isJsonObject(leaseStores) ? leaseStores : {};
  return kubeconfig === "" ? own : { ...own, leaseStores: { kubernetes: { kubeconfig }, ...stores } };
}

/**
 * Takes a container off what is remembered of it, which stays remembered, of its namespace by now: the scratch file
 * alone, as of an ADD that was killed before it had attached anything. A kill at any point leaves it, too.
 *
 * @param netns  of what was attached; "" where the path may lead to another container by now
 * @param next   the container's by now
 * @throws CniError as DEL does
 */
export async function detachRemembered(
  remains: Remains,
  { netns, next }: { readonly netns: string; readonly next: string },
  { env, tell, warm, path }: Repairing,
): Promise<void> {
  const { containerId, ifName, multiplexer, networks, source } = remains;
  const conf = parseMuxConf(confOf(remains), { invokedAs: "polynic", verb: "DEL" });
  const attachment = { containerId, ifName, netns, args: multiplexer?.args ?? "", path };
  const log = openLog(conf.log, tell);
  // Beside a scratch file the cache may hold what an earlier DEL could not take away.
  const kept = networks.filter((network) => network.source === source);
  const keeps = multiplexer === undefined || kept.length === 0 ? undefined : {
    multiplexer: { ...multiplexer, netns: next, bootId: bootId() },
    delegates: kept.map(({ attachment: { delegate } }) => toScratch(delegate)),
  };
  await del({ ...muxCommand({ conf, attachment, log, surroundings: { env, tell }, warm }), keeps });
}

/** What a call about it is configured with: what the node says, and all else as it is remembered. */
export function confOf({ multiplexer, networks, stateDir, settings = {} }: Remains): JsonObject {
  const [first] = networks;
  const texts = networks.map(({ attachment }) => attachment.delegate.confText).filter((text) => text !== "");
  return {
    ...nodeSettings(settings),
    cniVersion: newestVersion,
    name: multiplexer?.network ?? first?.attachment.delegate.network.name ?? "polynic",
    type: "polynic",
    cniDir: stateDir,
    delegates: texts.map((text) => parseJsonObject(text, "what is remembered of it")),
  };
}

/**
 * A DEL of a container that is gone, with its lock: whoever attaches it at this moment comes before or after, and what
 * shows that it is gone is looked at once more. What fails stays written down for the next time.
 *
 * @param isGone  asked again, with what is known by then
 * @returns whether anything was taken away
 * @throws CniError as DEL does
 */
export async function removeRemains(
  remains: Remains, isGone: (known: KnownAttachment) => boolean, { env, tell, warm, path }: Repairing,
): Promise<boolean> {
  const { containerId, ifName, multiplexer } = remains;
  // An error is told and its files stay, whoever wrote them.
  const conf: MuxConf = {
    ...parseMuxConf(confOf(remains), { invokedAs: "polynic", verb: "DEL" }), retryDeleteOnError: true,
  };
  // Without a namespace: by now the path may lead to another container's.
  const attachment = { containerId, ifName, netns: "", args: multiplexer?.args ?? "", path };
  const log = openLog({ ...conf.log, toStderr: true }, tell);
  const command = muxCommand({ conf, attachment, log, surroundings: { env, tell }, warm });
  let isRemoved = false;
  await del({
    ...command,
    exclusively: (id, work) => command.exclusively(id, async () => {
      const now = knownAttachment({ ...attachment, netns: netnsOf(remains) }, conf);
      isRemoved = now !== undefined && isGone(now);
      // True because DEL's work gives nothing back.
      return isRemoved ? await work() : (undefined as Awaited<ReturnType<typeof work>>);
    }),
  });
  return isRemoved;
}

/**
 * Moves a container's scratch file out of the way where it is damaged; what the cache knows is what is known then.
 *
 * @returns where it is now; undefined when nothing had to be done
 */
export async function setAside({ containerId, ifName, stateDir }: Remains): Promise<string | undefined> {
  return await withContainerLock({ cniDir: stateDir, containerId }, async () =>
    setDamagedAside(stateDir, { containerId, ifName }));
}

/**
 * Gives up addresses that interfaces held before the machine was started last and that no attachment accounts for, as
 * those of plugins without the multiplexer.
 *
 * @param dataDir  a directory for every network
 * @returns how many
 */
export async function releaseEarlierBoots(dataDir: string): Promise<number> {
  const node = { name: hostname(), bootId: bootId() };
  if (node.bootId === "" || !existsSync(dataDir)) return 0;
  const store = openFileLeases({ dataDir, node });
  let count = 0;
  for (const entry of readdirSync(dataDir, { withFileTypes: true })) {
    if (!entry.isDirectory() || !isIdentifier(entry.name)) continue;
    const isValid = ({ owner }: { readonly owner: { readonly bootId: string } }): boolean =>
      owner.bootId === "" || owner.bootId === node.bootId;
    const listed = (await store.list(entry.name)).filter((lease) => !isValid(lease));
    if (listed.length > 0) count += (await store.collect(entry.name, listed, isValid)).length;
  }
  return count;
}
