/**
 * tuning: sets sysctls of the container's network, and properties of an interface that a plugin before it made.
 *
 * ADD    writes the sysctls, notes what the interface is like, then sets MAC, promiscuous mode, MTU, all-multicast and
 *        the length of its queue, each where asked for.
 * DEL    gives the interface back what was noted; whatever is gone is success. Sysctls go with the container.
 * GC     forgets what was noted of attachments that are no longer valid.
 * CHECK  compares all of it with the configuration.
 * STATUS whether the node's allowlist.conf holds the sysctls.
 * Refuses (7) a sysctl outside the container's network, and what the node's allowlist.conf does not hold.
 */
import type { Interface, Result } from "../../cni/index.ts";
import { allVersions, CniError, code, confSchema, parseJsonObject } from "../../cni/index.ts";
import type { Link, LinkChanges, Namespace } from "../../kernel/index.ts";
import { definePlugin } from "../contract/define.ts";
import { hasErrno } from "../contract/errno.ts";
import type { AddContext, Handles } from "../contract/plugin.ts";
import { throwAll } from "../contract/several-errors.ts";
import { chainedResult } from "../interface/chained.ts";
import { broken, requirePrevResult } from "../interface/check.ts";
import type { AskedMac } from "../interface/mac.ts";
import { bytesOfMac, refuseUnfitMac } from "../interface/mac.ts";
import type { LinkSettings, SysctlSetting } from "./settings.ts";
import { linkSettings, presentSettings, refuseForbidden, sysctlSettings, tunedMac } from "./settings.ts";

interface TuningPlan {
  readonly sysctls: readonly SysctlSetting[];
  /** The MAC as typed. */
  readonly link: LinkSettings;
  readonly mac: AskedMac | undefined;
  readonly dataDir: string;
}

/** The reference's. */
const defaultDataDir = "/run/cni/tuning", allowlist = "/etc/cni/tuning/allowlist.conf";

export const tuning = definePlugin({
  type: "tuning",
  versions: allVersions,
  schema: confSchema("tuning"),
  ipam: "none",
  isChained: true,

  read({ attachment: { ifName, args }, conf, trusted }): TuningPlan {
    refuseForeignDirectory(conf.dataDir, trusted);
    const dataDir = dataDirOf(conf, trusted);
    const mac = tunedMac(conf, args);
    return { sysctls: sysctlSettings(conf, ifName), link: linkSettings(conf, args), mac, dataDir };
  },

  async add({ attachment, network, plan, prevResult }, context) {
    refuseUnlisted(plan, context);
    const result = chainedResult(prevResult, "tuning", network), isLeft = Object.keys(plan.link).length === 0;
    // As podman's networks have it: the container's namespace is not even opened.
    if (isLeft && plan.sysctls.length === 0) return result;
    const { container, undo } = context;
    const link = isLeft ? undefined : container.links.get(attachment.ifName);
    if (plan.mac !== undefined && link?.mac !== undefined) refuseUnfitMac(plan.mac, bytesOfMac(link.mac));
    for (const one of plan.sysctls) setSysctl(container, one, undo);
    if (link === undefined) return result;
    const files = context.attachmentFiles(plan.dataDir);
    const before = presentSettings(link, plan.link);
    // The reference's note, and whose it is.
    files.save(attachment, JSON.stringify({ ...before, network }, null, 1));
    undo.add(`forget what interface "${link.name}" was like`, () => files.remove(attachment));
    undo.add(`give interface "${link.name}" its settings back`, () => restore(container, link.index, before));
    for (const change of changesTo(wantedOf(plan))) container.links.set(link.index, change);
    return plan.link.mac === undefined ? result : withMac(result, attachment.ifName, plan.link.mac);
  },

  status({ plan }, handles) {
    if (plan !== undefined) refuseUnlisted(plan, handles);
  },

  async del({ attachment, conf, trusted }, { containerIfPresent: container, attachmentFiles }) {
    const link = container?.links.find(attachment.ifName);
    const files = attachmentFiles(dataDirOf(conf, trusted)), text = files.load(attachment);
    if (text === undefined) return;
    const before = noted(text);
    if (container !== undefined && link !== undefined && before !== undefined) restore(container, link.index, before);
    files.remove(attachment);
  },

  async check({ attachment: { ifName }, network, plan, prevResult }, { container }) {
    requirePrevResult(prevResult, network);
    for (const { key, file, value } of plan.sysctls) {
      const present = container.sysctl.get(file);
      if (present !== value)
        throw broken(
          `Cannot accept sysctl ${key}: it is ${JSON.stringify(present)}, expected ${JSON.stringify(value)}`,
        );
    }
    const link = container.links.find(ifName);
    if (link === undefined) throw broken(`Cannot find interface "${ifName}": it is gone`);
    requireSettings(link, wantedOf(plan));
  },

  async gc({ conf, network, trusted, validAttachments }, { attachmentFiles }) {
    if (validAttachments === undefined) return;
    for (const file of attachmentFiles(dataDirOf(conf, trusted)).list()) {
      const isValid = validAttachments.some(({ containerID, ifname }) => (
        file.isOf({ containerId: containerID, ifName: ifname })));
      if (!isValid && networkOf(file.text) === network) file.remove();
    }
  },
});

/** @throws CniError 7 for a sysctl that the node's list, where there is one, does not hold */
function refuseUnlisted({ sysctls }: TuningPlan, { readTextIfPresent }: Pick<Handles, "readTextIfPresent">): void {
  const list = sysctls.length === 0 ? undefined : readTextIfPresent(allowlist);
  if (list !== undefined) refuseForbidden(sysctls, list, allowlist);
}

/** Where anybody who may write a definition could have a file made, only the node may choose. */
function refuseForeignDirectory(dataDir = "", trusted: boolean): void {
  if (trusted || dataDir === "" || dataDir === defaultDataDir) return;
  throw new CniError(
    code.invalidConfig,
    `Cannot use dataDir "${dataDir}": only the node's own configuration may choose it, expected none`,
  );
}

function dataDirOf({ dataDir = "" }: { readonly dataDir?: string }, trusted: boolean): string {
  return trusted && dataDir !== "" ? dataDir : defaultDataDir;
}

function setSysctl(container: Namespace, { key, file, value }: SysctlSetting, undo: AddContext["undo"]): void {
  try {
    const before = container.sysctl.swap(file, value);
    undo.add(`set sysctl ${key} back`, () => container.sysctl.set(file, before));
  } catch (error) {
    const [, is, expected] = sysctlRefusals.find(([errno]) => hasErrno(error, errno)) ?? [];
    if (is === undefined) throw error;
    throw new CniError(
      code.invalidConfig,
      `Cannot set sysctl ${JSON.stringify(key)} to ${JSON.stringify(value)}: ${is}, expected ${expected}`,
      { cause: error },
    );
  }
}

/** What the kernel says to a sysctl that is wrong, in words. */
const sysctlRefusals = [
  ["ENOENT", "this kernel has none of that name", "one that it has"],
  ["ENOTDIR", "a part of its name is a sysctl itself", "one that the kernel has"],
  ["EISDIR", "it is a directory of sysctls", "one of those in it"],
  ["EINVAL", "the kernel does not take that value (EINVAL)", "one of its values"],
  ["ERANGE", "the kernel does not take that value (ERANGE)", "one of its values"],
  ["EACCES", "it can only be read, or only be written", "one that can be set"],
  ["EPERM", "it may not be written in this network namespace", "one that can be set"],
] as const;

/** What the link is to be, its MAC as the kernel prints it. */
function wantedOf({ link, mac }: TuningPlan): LinkSettings {
  return mac === undefined ? link : { ...link, mac: mac.mac };
}

/** One request each, in the reference's order: the kernel may refuse one of them alone. */
function changesTo({ mac, promisc, mtu, allmulti, txQLen }: LinkSettings): readonly LinkChanges[] {
  return [
    ...(mac === undefined ? [] : [{ mac }]),
    ...(promisc === undefined ? [] : [{ promiscuous: promisc }]),
    ...(mtu === undefined ? [] : [{ mtu }]),
    ...(allmulti === undefined ? [] : [{ allMulticast: allmulti }]),
    ...(txQLen === undefined ? [] : [{ txQueueLength: txQLen }]),
  ];
}

/** Everything is tried; the note stays when something could not be given back. */
function restore(container: Namespace, index: number, before: LinkSettings): void {
  const errors: unknown[] = [];
  for (const change of changesTo(before)) {
    try {
      container.links.set(index, change);
    } catch (error) {
      errors.push(error);
    }
  }
  throwAll(errors);
}

/** Whose note it is; undefined of one that the reference wrote. */
function networkOf(text: string): unknown {
  try {
    return parseJsonObject(text, "the note")["network"];
  } catch {
    return undefined;
  }
}

/** What ADD noted, also the reference's; undefined when it cannot be read. */
function noted(text: string): LinkSettings | undefined {
  try {
    const { mac, promisc, mtu, allmulti, txQLen } = parseJsonObject(text, "the note");
    return {
      ...(typeof mac === "string" && mac !== "" ? { mac: mac.toLowerCase() } : {}),
      ...(typeof promisc === "boolean" ? { promisc } : {}),
      ...(typeof mtu === "number" && mtu > 0 ? { mtu } : {}), ...(typeof allmulti === "boolean" ? { allmulti } : {}),
      ...(typeof txQLen === "number" ? { txQLen } : {}),
    };
  } catch {
    return undefined;
  }
}

/** Runtimes compare the MAC they asked for with the one they are told. */
function withMac(result: Result, ifName: string, mac: string): Result {
  return {
    ...result,
    interfaces: result.interfaces.map((one): Interface => (one.name === ifName ? { ...one, mac } : one)),
  };
}

function requireSettings(link: Link, wanted: LinkSettings): void {
  const present = { ...presentSettings(link, wanted), promisc: link.promiscuity > 0 };
  const all = { promisc: false, ...wanted };
  for (const key of ["mac", "promisc", "mtu", "allmulti", "txQLen"] as const) {
    if (!(key in all) || all[key] === present[key]) continue;
    throw broken(
      `Cannot accept interface "${link.name}": its ${key} is ${String(present[key])}, expected ${String(all[key])}`,
    );
  }
}
