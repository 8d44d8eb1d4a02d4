/**
 * What is known of containers: the one reader of scratch files and cached results, for DEL, CHECK, GC and people.
 *
 * An ADD writes the scratch file before it attaches anything, and a cache entry for each network that it has attached.
 * The scratch file says which networks there are and in which order; the cache says what became of each, and stands in
 * for a scratch file that is gone or damaged.
 */
import { toCniError } from "../../call/index.ts";
import type { CniError, Result } from "../../cni/index.ts";
import { compareVersions, formatArgPairs, parseJson, parseResult, splitArgPairs } from "../../cni/index.ts";
import type { Attachment } from "../../plugins/index.ts";
import type { CachedAttachment, Multiplexer, ResultKey, Scratch } from "../../store/index.ts";
import { listResults, listScratch, loadResult, loadScratch } from "../../store/index.ts";
import type { MuxConf } from "../conf.ts";
import type { Delegate } from "../networks/delegate.ts";
import { delegateFromScratch, parseDelegate } from "../networks/delegate.ts";
import type { NetworkAttachment } from "../networks/network-attachment.ts";
import { planAttachments, pluginPath, resultKey } from "../networks/network-attachment.ts";

/** What is written down of one container's attachment to a multiplexed network. */
export interface KnownAttachment {
  readonly containerId: string;
  /** The interface that the runtime knows. */
  readonly ifName: string;
  /** Who made it, from where; undefined where another program did, which does not say. */
  readonly multiplexer: Multiplexer | undefined;
  /** Where the list of its networks is from. */
  readonly source: Source;
  /** Why its scratch file cannot be used. */
  readonly damage: CniError | undefined;
  /** The default one first, as far as that is known. */
  readonly networks: readonly KnownNetwork[];
  /** Cache entries of it that hold no configuration that can be read: nothing but the name is known. */
  readonly unreadable: readonly ResultKey[];
}

/** One of its networks. */
export interface KnownNetwork {
  /** With the capability arguments of its ADD, where none are given now. */
  readonly attachment: NetworkAttachment;
  readonly source: Source;
  /** What its ADD answered; undefined when none completed. */
  readonly result: Result | undefined;
  /** The cache holds what a later DEL needs. */
  readonly isCached: boolean;
  /** Why its cache entry cannot be used. */
  readonly damage: CniError | undefined;
}

type Source = "scratch" | "cache";

/** What of a configuration tells how to read what is known under it. */
export type KnownConf = Pick<MuxConf, "cniDir" | "binDir" | "cniVersion" | "runtimeConfigToAll">;

/** Versions from here on get the ADD's result at CHECK and DEL. */
const prevResultSince = "0.4.0";

/** The result that a network's plugins are told at CHECK and DEL. */
export function prevResultOf({ attachment, result }: KnownNetwork): Result | undefined {
  return compareVersions(attachment.delegate.network.cniVersion, prevResultSince) >= 0 ? result : undefined;
}

/**
 * What is known of one attachment, reached as the runtime says now: its namespace, its CNI_ARGS, and its capability
 * arguments where it gives any. Undefined when nothing is.
 */
export function knownAttachment(
  runtime: Attachment,
  conf: KnownConf & Pick<MuxConf, "name" | "runtimeConfig">,
): KnownAttachment | undefined {
  const { containerId, ifName } = runtime;
  const noted = readNoted(() => loadScratch(conf.cniDir, runtime), conf);
  const cached = noted?.delegates === undefined ? cachedOf(runtime, conf) : leftOf(runtime, conf);
  if (noted === undefined && cached.length === 0) return undefined;
  const given = Object.keys(conf.runtimeConfig).length > 0 ? conf.runtimeConfig : noted?.multiplexer?.runtimeConfig;
  return toKnown({ ...noted, containerId, ifName, cached }, { ...runtime, runtimeConfig: given ?? {} }, conf);
}

/**
 * What is known of every container, reached as it was written down. Files that are neither scratch nor cache are passed
 * over.
 *
 * @param path  where executables are looked for, beside `binDir`
 */
export function knownAttachments(conf: KnownConf, path: Attachment["path"] = []): readonly KnownAttachment[] {
  return allWritten(conf).map((written) => {
    const { multiplexer, cached } = written;
    const netns = multiplexer?.netns || (cached.find((entry) => entry.netns !== "")?.netns ?? "");
    const runtimeConfig = multiplexer?.runtimeConfig ?? {};
    return toKnown(written, { netns, args: multiplexer?.args ?? "", path, runtimeConfig }, conf);
  });
}

/**
 * A network that is not written down as one of the container's, but may have been attached: what the cache knows of it
 * counts all the same.
 */
export function knownOrPlanned(attachment: NetworkAttachment, { cniDir }: Pick<MuxConf, "cniDir">): KnownNetwork {
  try {
    return withEntry(attachment, loadResult(cniDir, resultKey(attachment)));
  } catch (error) {
    return { ...withEntry(attachment, undefined), damage: toCniError(error) };
  }
}

/** Interfaces of a container that its other multiplexed networks have: not those of the one that is asked about. */
export function interfacesOfOthers(
  { containerId, ifName }: Attachment,
  { cniDir, name }: Pick<MuxConf, "cniDir" | "name">,
): ReadonlySet<string> {
  const others = listResults(cniDir, containerId).filter(
    ({ multiplexer: by }) => by !== undefined && (by.network !== name || by.ifName !== ifName),
  );
  return new Set(others.map((entry) => entry.ifName));
}

/** What a scratch file says. */
interface Noted {
  readonly multiplexer?: Multiplexer | undefined;
  /** Absent when the file, or a network in it, cannot be read. */
  readonly delegates?: readonly Delegate[];
  readonly damage?: CniError;
}

/** The files of one attachment. */
interface Written extends Noted {
  readonly containerId: string;
  readonly ifName: string;
  /** Those that may hold more than the scratch file. */
  readonly cached: readonly CachedAttachment[];
}

interface Reach extends Pick<Attachment, "netns" | "args" | "path"> {
  readonly runtimeConfig: MuxConf["runtimeConfig"];
}

function toKnown(written: Written, reach: Reach, conf: KnownConf): KnownAttachment {
  const { containerId, ifName, multiplexer, delegates, damage, cached } = written;
  const { netns, args, path, runtimeConfig } = reach;
  const planned = planAttachments(
    delegates ?? [],
    { containerId, ifName, netns, args, path },
    { ...conf, runtimeConfig },
    splitArgPairs(args),
  );
  const isOf = ({ ifName: name, networkName }: CachedAttachment) => (one: NetworkAttachment): boolean =>
    one.ifName === name && one.delegate.network.name === networkName;
  // Most are among those that have just been read.
  const withItsEntry = (one: NetworkAttachment): KnownNetwork => {
    const entry = cached.find((each) => isOf(each)(one));
    return entry === undefined ? knownOrPlanned(one, conf) : withEntry(one, entry);
  };
  const read = cached
    .filter((entry) => !planned.some(isOf(entry)))
    .map((entry) => ({ entry, network: fromCache(entry, { netns, path }, conf) }));
  const others = read.flatMap(({ network }) => network ?? []);
  return {
    containerId, ifName, multiplexer, damage,
    source: delegates === undefined ? "cache" : "scratch",
    networks: [
      ...planned.map(withItsEntry),
      ...others.filter(({ attachment }) => attachment.ifName === ifName),
      ...others.filter(({ attachment }) => attachment.ifName !== ifName),
    ],
    unreadable: read.flatMap(({ entry, network }) => (network === undefined ? [entry] : [])),
  };
}

/** A network out of its cache entry alone; undefined where that holds no configuration that can be read. */
function fromCache(
  entry: CachedAttachment,
  { netns, path }: Pick<Attachment, "netns" | "path">,
  conf: KnownConf,
): KnownNetwork | undefined {
  const { containerId, ifName, networkName, confText, cniArgs: argPairs, capabilityArgs, trusted = false } = entry;
  if (confText === "") return undefined;
  const subject = `the cached configuration of network "${networkName}"`;
  try {
    const delegate = parseDelegate(parseJson(confText, subject), {
      subject,
      defaultVersion: conf.cniVersion,
      attached: true,
      trusted,
    });
    const attachment = {
      containerId, ifName, netns, argPairs, capabilityArgs,
      args: formatArgPairs(argPairs),
      path: pluginPath({ path }, conf),
      delegate: { ...delegate, confText },
    };
    return { ...withEntry(attachment, entry), source: "cache" };
  } catch {
    return undefined;
  }
}

function withEntry(attachment: NetworkAttachment, entry: CachedAttachment | undefined): KnownNetwork {
  return {
    attachment: { ...attachment, capabilityArgs: { ...entry?.capabilityArgs, ...attachment.capabilityArgs } },
    source: "scratch",
    isCached: entry !== undefined && entry.confText !== "",
    ...readResult(entry?.result, attachment.delegate),
  };
}

/** A damaged entry is no reason to leave the network standing. */
function readResult(
  json: unknown,
  { displayName, network }: Delegate,
): Pick<KnownNetwork, "result" | "damage"> {
  if (json === undefined) return { result: undefined, damage: undefined };
  try {
    const result = parseResult(json, network.cniVersion, `the cached result of network "${displayName}"`);
    return { result, damage: undefined };
  } catch (error) {
    return { result: undefined, damage: toCniError(error) };
  }
}

function readNoted(read: () => Scratch | undefined, { cniVersion }: KnownConf): Noted | undefined {
  let multiplexer: Multiplexer | undefined;
  try {
    const scratch = read();
    if (scratch === undefined) return undefined;
    multiplexer = scratch.multiplexer;
    return { multiplexer, delegates: scratch.delegates.map((entry) => delegateFromScratch(entry, cniVersion)) };
  } catch (error) {
    return { multiplexer, damage: toCniError(error) };
  }
}

/** Entries of one attachment; those of other programs are of any. */
function cachedOf(
  { containerId, ifName }: Attachment,
  { cniDir, name }: Pick<MuxConf, "cniDir" | "name">,
): readonly CachedAttachment[] {
  return listResults(cniDir, containerId).filter(
    ({ multiplexer: by }) => by === undefined || (by.network === name && by.ifName === ifName),
  );
}

/** Beside a whole scratch file: what an earlier DEL of ours left. Unreadable, it keeps the rest from nothing. */
function leftOf(runtime: Attachment, conf: Pick<MuxConf, "cniDir" | "name">): readonly CachedAttachment[] {
  try {
    return cachedOf(runtime, conf).filter(({ multiplexer: by }) => by !== undefined);
  } catch {
    return [];
  }
}

/** Scratch files with the entries that belong to them, then the entries that have none. */
function allWritten(conf: KnownConf): readonly Written[] {
  const results = Map.groupBy(listResults(conf.cniDir), ({ containerId }) => containerId);
  const files = listScratch(conf.cniDir).map(({ load, ...key }) => ({ ...key, noted: readNoted(load, conf) ?? {} }));
  const isLost = ({ noted }: { readonly noted: Noted }): boolean =>
    noted.delegates === undefined && noted.multiplexer === undefined;
  const taken = new Set<CachedAttachment>();
  const noted = files.filter((file) => !isLost(file)).map(({ containerId, ifName: suffix, noted: one }): Written => {
    const named = one.multiplexer?.ifName ?? suffix;
    const cached = (results.get(containerId) ?? []).filter(
      ({ multiplexer: by }) => by === undefined || by.ifName === named,
    );
    for (const entry of cached) taken.add(entry);
    return { ...one, containerId, cached, ifName: named ?? firstInterface(cached, one.delegates?.[0]) };
  });
  const lost = new Map(files.filter(isLost).map((file) => [file.containerId, file]));
  const alone = [...results].flatMap(([containerId, all]) => {
    const left = Map.groupBy(
      all.filter((entry) => !taken.has(entry)),
      ({ multiplexer: by }) => (by === undefined ? "" : `${by.network} ${by.ifName}`),
    );
    const damaged = lost.get(containerId)?.noted ?? {};
    if (left.size > 0) lost.delete(containerId);
    return [...left.values()].map((cached): Written => {
      const multiplexer = cached[0]?.multiplexer;
      return { ...damaged, containerId, multiplexer, cached, ifName: multiplexer?.ifName ?? firstInterface(cached) };
    });
  });
  const empty = [...lost.values()].map(({ containerId, ifName, noted: one }): Written => ({
    ...one, containerId, ifName: ifName ?? firstInterface([]), cached: [],
  }));
  return [...noted, ...alone, ...empty];
}

/** The runtime's, where nobody wrote it down: of the default network, or named as no further network's is. */
function firstInterface(entries: readonly CachedAttachment[], first?: Delegate): string {
  const isFirst = ({ networkName }: CachedAttachment): boolean => networkName === first?.network.name;
  const found = entries.find(isFirst) ?? entries.find(({ ifName }) => !/^net\d+$/.test(ifName));
  return first?.requests.ifName ?? found?.ifName ?? "eth0";
}
