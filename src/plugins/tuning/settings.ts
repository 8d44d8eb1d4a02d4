import { CniError, code, parseArgs } from "../../cni/index.ts";
import type { Link } from "../../kernel/index.ts";
import { isInterfaceName } from "../../net/index.ts";
import type { AskedMac } from "../interface/mac.ts";
import { argsKey, parseMacOf } from "../interface/mac.ts";
import { refuseMtu } from "../interface/mtu.ts";

/** What a link can be tuned to, by the reference's names; absent is left as it is. */
export interface LinkSettings {
  /** As typed; the kernel's is in lower case. */
  readonly mac?: string;
  readonly promisc?: boolean;
  readonly mtu?: number;
  readonly allmulti?: boolean;
  readonly txQLen?: number;
}

export interface TuningConf extends LinkSettings {
  readonly sysctl?: Readonly<Record<string, string>>;
  readonly runtimeConfig?: { readonly mac?: string };
  readonly args?: { readonly cni?: LinkSettings & { readonly sysctl?: Readonly<Record<string, string>> } };
}

/** A sysctl as its file below /proc/sys, and as it was called. */
export interface SysctlSetting {
  readonly key: string;
  readonly file: string;
  readonly value: string;
}

/** As ETH_MIN_MTU has it (linux/if_ether.h); the loopback link has most (drivers/net/loopback.c). */
const mtuOfAny = { min: 68, max: 65_536 };

/**
 * The settings of the link: those of `args.cni` go before the configuration's; of MACs, the runtime's before that of
 * CNI_ARGS, and `args.cni.mac` before all.
 *
 * @throws CniError 4 for CNI_ARGS that cannot be read, 7 for an MTU that no link can have
 */
export function linkSettings(conf: TuningConf, args: string): LinkSettings {
  const asked = conf.args?.cni ?? {}, mac = macSource(conf, args)?.text;
  const promisc = asked.promisc ?? conf.promisc ?? false, mtu = asked.mtu ?? conf.mtu ?? 0;
  const allmulti = asked.allmulti ?? conf.allmulti, txQLen = asked.txQLen ?? conf.txQLen;
  refuseMtu(mtu, mtuOfAny);
  return {
    ...(mac === undefined ? {} : { mac }), ...(promisc ? { promisc } : {}), ...(mtu === 0 ? {} : { mtu }),
    ...(allmulti === undefined ? {} : { allmulti }), ...(txQLen === undefined ? {} : { txQLen }),
  };
}

/** The MAC that is asked for, as the kernel prints it, and by which key; undefined when there is none. */
export function tunedMac(conf: TuningConf, args: string): AskedMac | undefined {
  const source = macSource(conf, args);
  if (source === undefined) return undefined;
  const { key, text } = source;
  return { key, mac: parseMacOf(key, text, key === argsKey ? code.invalidEnvironment : code.invalidConfig) };
}

function macSource(conf: TuningConf, args: string): { readonly key: string; readonly text: string } | undefined {
  const sources = [
    ["args.cni.mac", conf.args?.cni?.mac], ["runtimeConfig.mac", conf.runtimeConfig?.mac],
    [argsKey, parseArgs(args, ["MAC"]).MAC], ["mac", conf.mac],
  ] as const;
  const [key, text = ""] = sources.find(([, text = ""]) => text !== "") ?? [];
  return key === undefined ? undefined : { key, text };
}

/** Of what will be changed, what it is now. */
export function presentSettings(link: Link, wanted: LinkSettings): LinkSettings {
  return {
    ...("mac" in wanted ? { mac: link.mac ?? "" } : {}),
    ...("promisc" in wanted ? { promisc: link.promiscuity > 0 } : {}),
    ...("mtu" in wanted ? { mtu: link.mtu } : {}),
    ...("allmulti" in wanted ? { allmulti: link.allMulticast } : {}),
    ...("txQLen" in wanted ? { txQLen: link.txQueueLength ?? 0 } : {}),
  };
}

/**
 * The files of sysctls: every dot becomes a slash but those of an interface's name, the first IFNAME the interface's
 * name.
 *
 * @throws CniError 7 for one that is not below /proc/sys/net, which alone is the container's
 */
export function sysctlSettings(conf: TuningConf, ifName: string): readonly SysctlSetting[] {
  const merged = { ...conf.sysctl, ...conf.args?.cni?.sysctl };
  return Object.entries(merged).map(([key, value]) => {
    // The kernel is told nothing by it, and says that all is well.
    if (value === "") throw refused(key, "its value is empty, expected one");
    // What would lead up (..) has become slashes by then, and no interface is called so.
    const file = partsOf(key).replace("IFNAME", () => ifName).split("/").filter((part) => part !== "").join("/");
    if (file.startsWith("net/") && !file.includes("\0") && !file.includes("\n")) return { key, file, value };
    throw refused(key, `/proc/sys/${file} is not the container's own, expected one below net`);
  });
}

/** Directories with one of each interface's name. */
const ofInterface = /^(net[./](?:ipv4|ipv6|mpls)[./](?:conf|neigh)[./])(.+)([./][^./]+)$/;

/** Slashes between the parts; between `conf` and the last one stands an interface, whose name may have dots itself. */
function partsOf(key: string): string {
  const [, before = "", name = "", last = ""] = ofInterface.exec(key) ?? [];
  const ifName = name.replaceAll("/", ".");
  if (!isInterfaceName(ifName)) return key.replaceAll(".", "/");
  return `${before.replaceAll(".", "/")}${ifName}${last.replace(".", "/")}`;
}

function refused(key: string, is: string): CniError {
  return new CniError(code.invalidConfig, `Cannot set sysctl ${JSON.stringify(key)}: ${is}`);
}

/**
 * Refuses sysctls that no line of the node's list allows.
 *
 * @param list  lines, each a regular expression that may match anywhere
 * @throws CniError 7 for a sysctl that is not allowed, or a line that is no expression
 */
export function refuseForbidden(settings: readonly SysctlSetting[], list: string, path: string): void {
  const allowed = list
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .map((line) => expression(line, path));
  const forbidden = settings.find(({ key }) => !allowed.some((pattern) => pattern.test(key)));
  if (forbidden === undefined) return;
  throw refused(forbidden.key, `${path} does not allow it`);
}

function expression(line: string, path: string): RegExp {
  try {
    return new RegExp(line);
  } catch (cause) {
    throw new CniError(
      code.invalidConfig,
      `Cannot read ${path}: ${JSON.stringify(line)} is no regular expression`,
      { cause },
    );
  }
}
