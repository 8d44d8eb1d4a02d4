/** The configuration of portmap, and what follows from it: which backend, which mappings, which address. */
import type { ConfParts, Confs, Result } from "../../cni/index.ts";
import { CniError, code } from "../../cni/index.ts";
import type { Address, Prefix } from "../../net/index.ts";
import { isUnspecified, parseAddress, parsePrefix } from "../../net/index.ts";
import type { FirewallBackend } from "../packet-rules/backend.ts";
import { parseFirewallBackend } from "../packet-rules/backend.ts";
import { strayWord } from "./nft-words.ts";
import { toolOption } from "./tool-options.ts";

export type PortmapConf = Confs["portmap"];

export type MappingConf = ConfParts["portmap#/definitions/mapping"];

export type MappedProtocol = "tcp" | "udp" | "udplite" | "sctp" | "dccp";

/** One host port that leads into the container. */
export interface PortMapping {
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: MappedProtocol;
  /** The only host address it is for; its family limits the mapping even when it is `0.0.0.0` or `::`. */
  readonly hostAddress?: Address;
}

/** Everything the rules of one attachment are made from, apart from the container's addresses. */
export interface PortForwarding {
  readonly network: string;
  readonly containerId: string;
  readonly mappings: readonly PortMapping[];
  /** Hairpin and localhost traffic is masqueraded. */
  readonly snat: boolean;
  /** iptables only: traffic from anywhere is. */
  readonly masqAll: boolean;
  /** iptables only: the bit that marks what is to be masqueraded. */
  readonly markBit: number;
  /** iptables only: another program's chain that marks it, instead of ours. */
  readonly externalSetMarkChain?: string;
  readonly conditions: Readonly<Record<4 | 6, readonly string[]>>;
}

/** The configuration as ADD and CHECK act on it. */
export interface PortmapPlan {
  /** Absent: iptables, unless only nftables can be used here. */
  readonly backend: FirewallBackend | undefined;
  readonly forwarding: PortForwarding;
}

const defaultMarkBit = 13;
/** XT_EXTENSION_MAXNAMELEN (linux/netfilter/x_tables.h) is 29 and counts the closing zero byte. */
const chainNameBytesMax = 28;

/**
 * Checks what the schema cannot.
 *
 * @throws CniError 7
 */
export function readForwarding(
  conf: PortmapConf, owner: { readonly network: string; readonly containerId: string },
): PortmapPlan {
  const { markMasqBit, externalSetMarkChain } = conf;
  if (externalSetMarkChain !== undefined && markMasqBit !== undefined) {
    throw refused("Cannot use both markMasqBit and externalSetMarkChain: expected one of them");
  }
  if (externalSetMarkChain !== undefined && Buffer.byteLength(externalSetMarkChain) > chainNameBytesMax) {
    throw refused(
      `Cannot use externalSetMarkChain ${JSON.stringify(externalSetMarkChain)}: expected at most ` +
        `${chainNameBytesMax} bytes`,
    );
  }
  if (markMasqBit !== undefined && (markMasqBit < 0 || markMasqBit > 31)) {
    throw refused(`Cannot use markMasqBit ${markMasqBit}: expected 0 to 31`);
  }
  return {
    backend: parseFirewallBackend("backend", conf.backend),
    forwarding: {
      ...owner,
      mappings: (conf.runtimeConfig?.portMappings ?? []).map(toMapping),
      snat: conf.snat ?? true,
      masqAll: conf.masqAll ?? false,
      markBit: markMasqBit ?? defaultMarkBit,
      conditions: { 4: conf.conditionsV4 ?? [], 6: conf.conditionsV6 ?? [] },
      ...(externalSetMarkChain === undefined ? {} : { externalSetMarkChain }),
    },
  };
}

/** Refuses (7) what the backend that was chosen cannot do. */
export function refuseUnfit(backend: FirewallBackend, forwarding: PortForwarding): void {
  refuseForeignStyle(backend, forwarding);
  const { length } = forwarding.mappings;
  if (backend === "nftables" && length > nftablesMappingsMax) {
    throw refused(
      `Cannot use runtimeConfig.portMappings with backend nftables: it has ${length} entries, expected at most ` +
        `${nftablesMappingsMax}`,
    );
  }
}

/** The rules of a container are one transaction: with the longest addresses and container id, 4 MiB hold this many. */
const nftablesMappingsMax = 6000;

/** Refuses keys that are written in the words of the other backend, naming all of them. */
function refuseForeignStyle(
  backend: FirewallBackend,
  { externalSetMarkChain, conditions }: PortForwarding,
): void {
  const styles = [
    { key: "externalSetMarkChain", style: externalSetMarkChain === undefined ? undefined : "iptables" },
    { key: "conditionsV4", style: styleOf(conditions[4]) },
    { key: "conditionsV6", style: styleOf(conditions[6]) },
  ];
  const foreign = styles.filter(({ style }) => style !== undefined && style !== backend).map(({ key }) => key);
  if (foreign.length > 0) {
    const expected =
      backend === "iptables"
        ? "iptables options such as -s 10.0.0.0/8"
        : "nftables matches such as ip saddr 10.0.0.0/8";
    throw refused(
      `Cannot use ${foreign.join(", ")} with backend ${backend}: written for the other one, expected ${expected}`,
    );
  }
  if (backend === "iptables") refuseToolOptions(conditions);
  else refuseStrayWords(conditions);
}

function refuseToolOptions(conditions: PortForwarding["conditions"]): void {
  for (const family of [4, 6] as const) {
    const option = toolOption(conditions[family]);
    if (option !== undefined) {
      throw refused(
        `Cannot use ${JSON.stringify(option)} in conditionsV${family}: it is an option of the iptables tool itself, ` +
          "expected what a packet must match",
      );
    }
  }
}

function refuseStrayWords(conditions: PortForwarding["conditions"]): void {
  for (const family of [4, 6] as const) {
    const stray = strayWord(conditions[family]);
    if (stray !== undefined) {
      throw refused(
        `Cannot use ${JSON.stringify(stray)} in conditionsV${family}: it would end the rule or do more than match, ` +
          "expected what a packet must match",
      );
    }
  }
}

/** iptables options start with `-`, or with `!` for what they negate. */
function styleOf([first = ""]: readonly string[]): FirewallBackend | undefined {
  if (first === "") return undefined;
  return first.startsWith("-") || first.startsWith("!") ? "iptables" : "nftables";
}

/** The mappings that apply to a family: those without a host address of the other one. */
export function mappingsOf(family: 4 | 6, mappings: readonly PortMapping[]): readonly PortMapping[] {
  return mappings.filter(({ hostAddress }) => hostAddress === undefined || hostAddress.family === family);
}

/** The host address a packet must be for; undefined for every one, which is also what `0.0.0.0` and `::` mean. */
export function matchedHostAddress({ hostAddress }: PortMapping): Address | undefined {
  return hostAddress === undefined || isUnspecified(hostAddress) ? undefined : hostAddress;
}

/**
 * The container's address of each family, IPv4 first: the first one that belongs to no interface we know, or to the
 * container's interface of that name.
 */
export function containerAddresses(result: Result, ifName: string): readonly Prefix[] {
  const own = result.ips.filter(({ interface: index }) => {
    const owner = index === undefined ? undefined : result.interfaces[index];
    return owner === undefined || (owner.name === ifName && owner.sandbox !== undefined && owner.sandbox !== "");
  }).map(({ address }) => parsePrefix(address));
  return ([4, 6] as const).flatMap((family) => own.filter(({ address }) => address.family === family).slice(0, 1));
}

function toMapping({ hostPort, containerPort, protocol, hostIP }: MappingConf): PortMapping {
  // The schema admits these, in any case.
  const mapping = { hostPort, containerPort, protocol: protocol.toLowerCase() as MappedProtocol };
  return hostIP === undefined || hostIP === "" ? mapping : { ...mapping, hostAddress: parseHostIp(hostIP) };
}

function parseHostIp(hostIP: string): Address {
  try {
    return parseAddress(hostIP);
  } catch (cause) {
    throw new CniError(
      code.invalidConfig,
      `Cannot use hostIP ${JSON.stringify(hostIP)}: expected an IPv4 or IPv6 address`,
      { cause },
    );
  }
}

function refused(message: string): CniError {
  return new CniError(code.invalidConfig, message);
}
