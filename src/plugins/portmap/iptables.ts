/**
 * Port mappings with iptables. Three chains of the nat table are shared by all containers and never removed:
 *
 *   CNI-HOSTPORT-DNAT     from PREROUTING and OUTPUT, for packets to this host; jumps to the containers' chains
 *   CNI-HOSTPORT-SETMARK  marks what is to be masqueraded
 *   CNI-HOSTPORT-MASQ     from POSTROUTING, masquerades what is marked
 *
 * Each (network, container) has one of its own, which marks hairpin and localhost traffic and translates the
 * destination.
 */
import type { IptablesChange } from "../../exec/index.ts";
import type { Prefix } from "../../net/index.ts";
import { formatAddress, formatPrefix, hostPrefix, networkOf } from "../../net/index.ts";
import type { ValidAttachment } from "../contract/plugin.ts";
import type { ChainRule, SavedRule } from "../packet-rules/iptables-rule.ts";
import { jumpOf, optionOf, ruleText } from "../packet-rules/iptables-rule.ts";
import { missingRule } from "../packet-rules/missing-rule.ts";
import type { NatHandles } from "../packet-rules/nat-chain.ts";
import { deleteNatChain, mayHaveChain, mayHoldChains, natChainsTeardown } from "../packet-rules/nat-chain.ts";
import type { SavedTable } from "../packet-rules/saved-table.ts";
import { savedTable } from "../packet-rules/saved-table.ts";
import { sha512Hex } from "../packet-rules/sha512.ts";
import type { PortForwarding, PortMapping } from "./conf.ts";
import { mappingsOf, matchedHostAddress } from "./conf.ts";
import { dnatChain, entriesOf, portsOf, unclearRules } from "./entries.ts";

type Owner = Pick<PortForwarding, "network" | "containerId">;

const setMarkChain = "CNI-HOSTPORT-SETMARK";
const masqueradeChain = "CNI-HOSTPORT-MASQ";
/** Of releases before 0.8: source translation, a container's chain under its shared one. */
const legacySnatChain = "CNI-HOSTPORT-SNAT";

/** XT_MULTI_PORTS (linux/netfilter/xt_multiport.h). */
const portsPerRuleMax = 15;
/** XT_MAX_COMMENT_LEN is 256 (linux/netfilter/xt_comment.h) and counts the closing zero byte. */
const commentBytesMax = 255;

/** `CNI-DN-` and 21 hex digits. */
export function containerChain({ network, containerId }: Owner): string {
  return `CNI-DN-${sha512Hex(network + containerId, 21)}`;
}

/** `dnat name: "..." id: "..."`, cut as the reference does; the tools drop the last dot. */
export function entryComment({ network, containerId }: Owner): string {
  const comment = `dnat name: ${JSON.stringify(network)} id: ${JSON.stringify(containerId)}`;
  return comment.length <= commentBytesMax ? comment : `${comment.slice(0, commentBytesMax - 2)}...`;
}

/**
 * Adds what is absent, in one batch. While the shared chains are whole and the container is new, or nothing at all is
 * there yet (`sharedAbsent`, an optimistic hint), that is known by trying, and the table need not be read.
 */
export function portmapChange(address: Prefix, forwarding: PortForwarding, sharedAbsent: boolean): IptablesChange {
  const own = containerRules(address, forwarding);
  const shared = sharedRules(forwarding);
  const chain = containerChain(forwarding);
  const appended = own.map(append);
  return {
    family: address.address.family, table: "nat",
    guess: [
      ...(sharedAbsent
        ? [...sharedChains(forwarding).map((name) => `-N ${name}`), ...shared.map(added)]
        : shared.map(present)),
      `-N ${chain}`,
      ...appended,
    ],
    decide(saved) {
      const table = savedTable(saved), earlier = entriesOf(table, chain);
      return [
        ...[...sharedChains(forwarding), chain].filter((name) => !table.hasChain(name)).map((name) => `-N ${name}`),
        ...shared.filter((rule) => !table.hasRule(rule.chain, rule.words)).map(added),
        ...own.flatMap((rule) => (rule.chain === chain ? lacking(table, rule) : renewed(earlier, rule))),
      ];
    },
  };
}

/** The chains every container shares, in the order they are made. */
export function sharedChains({ snat, externalSetMarkChain }: PortForwarding): readonly string[] {
  return snat && externalSetMarkChain === undefined ? [setMarkChain, masqueradeChain, dnatChain] : [dnatChain];
}

/** The rules every container shares: what marks and masquerades, and the ways in. */
export function sharedRules(forwarding: PortForwarding): readonly ChainRule[] {
  const mark = `0x${(2 ** forwarding.markBit).toString(16)}`;
  const local = ["-m", "addrtype", "--dst-type", "LOCAL", "-j", dnatChain];
  const marking = [
    {
      chain: setMarkChain,
      words: [
        "-m",
        "comment",
        "--comment",
        "CNI portfwd masquerade mark",
        "-j",
        "MARK",
        "--set-xmark",
        `${mark}/${mark}`,
      ],
    },
    { chain: masqueradeChain, words: ["-m", "mark", "--mark", `${mark}/${mark}`, "-j", "MASQUERADE"] },
    {
      chain: "POSTROUTING",
      words: ["-m", "comment", "--comment", "CNI portfwd requiring masquerade", "-j", masqueradeChain],
    },
  ];
  return [
    ...(forwarding.snat && forwarding.externalSetMarkChain === undefined ? marking : []),
    { chain: "PREROUTING", words: local },
    { chain: "OUTPUT", words: local },
  ];
}

/** The container's own chain and then the entries that lead to it. */
export function containerRules(address: Prefix, forwarding: PortForwarding): readonly ChainRule[] {
  const { family } = address.address;
  const chain = containerChain(forwarding);
  const rules = mappingsOf(family, forwarding.mappings)
    .flatMap((mapping) => mappingRules(address, mapping, forwarding));
  // A mapping that is listed twice is added once, as if its second rule had been looked for first.
  const different = [...new Map(rules.map((words) => [words.join(" "), words])).values()];
  return [...different.map((words) => ({ chain, words })), ...entryRules(family, forwarding)];
}

function mappingRules(
  address: Prefix,
  mapping: PortMapping,
  { snat, masqAll, externalSetMarkChain }: PortForwarding,
): readonly (readonly string[])[] {
  const { family } = address.address;
  const { protocol, hostPort, containerPort } = mapping;
  const hostAddress = matchedHostAddress(mapping);
  // In the order the tool prints: source, destination, protocol.
  const matching = (...source: readonly string[]): readonly string[] => [
    ...source,
    ...(hostAddress === undefined
      ? []
      : ["-d", formatPrefix(hostPrefix(hostAddress))]),
    "-p",
    protocol,
    "-m",
    protocol,
    "--dport",
    `${hostPort}`,
  ];
  const mark = ["-j", externalSetMarkChain ?? setMarkChain];
  const container = formatAddress(address.address);
  const rules: (readonly string[])[] = [];
  if (snat) rules.push([...matching(...(masqAll ? [] : ["-s", formatPrefix(networkOf(address))])), ...mark]);
  if (snat && family === 4 && !masqAll) rules.push([...matching("-s", "127.0.0.1/32"), ...mark]);
  rules.push([
    ...matching(),
    "-j",
    "DNAT",
    "--to-destination",
    `${family === 4 ? container : `[${container}]`}:${containerPort}`,
  ]);
  return rules;
}

/** By protocol, so many ports at a time; those whose host address is of the other family are listed all the same. */
function entryRules(family: 4 | 6, forwarding: PortForwarding): readonly ChainRule[] {
  const comment = entryComment(forwarding);
  const chain = containerChain(forwarding);
  const protocols = [...new Set(forwarding.mappings.map(({ protocol }) => protocol))].sort();
  return protocols.flatMap((protocol) => {
    const ports = forwarding.mappings
      .filter((mapping) => mapping.protocol === protocol)
      .map(({ hostPort }) => hostPort);
    return groups(ports, portsPerRuleMax).map((some) => ({
      chain: dnatChain,
      words: [
        "-p", protocol, "-m", "comment", "--comment", comment, "-m", "multiport", "--dports", some.join(","),
        ...forwarding.conditions[family], "-j", chain,
      ],
    }));
  });
}

function groups<T>(list: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, i) => list.slice(i * size, (i + 1) * size));
}

function lacking(table: SavedTable, rule: ChainRule): readonly string[] {
  return table.hasRule(rule.chain, rule.words) ? [] : [append(rule)];
}

/** An entry for the same ports is replaced, since users' conditions are not printed as they were written. */
function renewed(earlier: ReadonlyMap<string, readonly SavedRule[]>, rule: ChainRule): readonly string[] {
  return [...(earlier.get(portsOf(rule)) ?? []).map(({ text }) => `-D ${text}`), append(rule)];
}

/** What masquerades goes before all others' rules: once a packet was accepted there, the mark would be overlooked. */
function added(rule: ChainRule): string {
  return rule.chain === "POSTROUTING" ? `-I ${ruleText(rule.chain, ["1", ...rule.words])}` : append(rule);
}

function append({ chain, words }: ChainRule): string {
  return `-A ${ruleText(chain, words)}`;
}

function present({ chain, words }: ChainRule): string {
  return `-C ${ruleText(chain, words)}`;
}

/** Installs the rules of one family. */
export async function addPortmapRules(
  { host, iptables }: NatHandles,
  address: Prefix,
  forwarding: PortForwarding,
): Promise<void> {
  const family = address.address.family === 4 ? "ip" : "ip6";
  const usable = (chain: string): boolean => {
    try {
      return host.nftables.rules({ family, table: "nat", chain }) !== undefined;
    } catch {
      return false; // no nf_tables: only a hint is lost
    }
  };
  await iptables.change(portmapChange(address, forwarding, !sharedChains(forwarding).some(usable)));
}

/** Whether it is worth deleting, as far as that is known without a process. */
export function mayHoldPortmapRules(handles: NatHandles, family: 4 | 6, owner: Owner): boolean {
  return mayHaveChain(handles, { family, chain: containerChain(owner) });
}

/** Deletes the container's chain with its entries, and what releases before 0.8 left of it. */
export async function deletePortmapRules(handles: NatHandles, family: 4 | 6, owner: Owner): Promise<void> {
  await deleteNatChain(handles, { family, chain: containerChain(owner), entryChains: [dnatChain] });
  try {
    await deleteNatChain(handles, {
      family,
      chain: containerChain(owner).replace("CNI-DN-", "CNI-SN-"),
      entryChains: [legacySnatChain],
    });
  } catch {
    return; // nothing made in this decade is in it, and no packet is translated by it any more
  }
}

/** The first rule on the way to the container that is not there, as text; undefined when all are. */
export async function missingPortmapRule(
  { iptables }: NatHandles,
  address: Prefix,
  forwarding: PortForwarding,
): Promise<string | undefined> {
  const table = { family: address.address.family, table: "nat" }, chain = containerChain(forwarding);
  const rules = [...sharedRules(forwarding), ...containerRules(address, forwarding)];
  return await missingRule(iptables, table, rules, (saved, all) => unclearRules(saved, all, chain));
}

/** Deletes chains of this network whose container has no valid attachment left. */
export async function collectPortmapChains(
  handles: NatHandles, family: 4 | 6, network: string, valid: readonly ValidAttachment[],
): Promise<void> {
  if (!mayHoldChains(handles, family, dnatChain, "CNI-DN-")) return;
  const stale = stalePortmapChains(await handles.iptables.save(family, "nat"), network, valid);
  if (stale.length === 0) return;
  await handles.iptables.change({
    family,
    table: "nat",
    decide: (now) => natChainsTeardown(now, stale),
  });
}

/**
 * The comment names network and container; a cut one names neither surely. The chain's name, made from both, proves it.
 */
export function stalePortmapChains(
  saved: readonly string[],
  network: string,
  valid: readonly ValidAttachment[],
): readonly string[] {
  const kept = new Set(valid.map(({ containerID }) => containerID));
  const stale = savedTable(saved).rulesOf(dnatChain).flatMap((rule) => {
    const [, named = "", containerId = ""] =
      /^dnat name: "([^"\\]*)" id: "([^"\\]*)"$/.exec(optionOf(rule, "--comment") ?? "") ?? [];
    const chain = jumpOf(rule);
    return named === network && !kept.has(containerId) && chain === containerChain({ network, containerId })
      ? [chain]
      : [];
  });
  return [...new Set(stale)];
}
