/**
 * Masquerade with iptables: a chain of the nat table for each (network, container), reached from POSTROUTING for every
 * address of the container. Inside, the container's own network is accepted as it is and all else but multicast
 * masqueraded.
 */
import type { IptablesChange } from "../../../exec/index.ts";
import type { Prefix } from "../../../net/index.ts";
import { formatPrefix, hostPrefix, networkOf } from "../../../net/index.ts";
import type { ValidAttachment } from "../../contract/plugin.ts";
import { jumpOf, optionOf, ruleText } from "../iptables-rule.ts";
import type { NatHandles } from "../nat-chain.ts";
import { deleteNatChain, mayHoldChains, natChainsTeardown } from "../nat-chain.ts";
import type { SavedTable } from "../saved-table.ts";
import { savedTable } from "../saved-table.ts";
import { sha512Hex } from "../sha512.ts";
import type { Masquerade } from "./masquerade.ts";

type Owner = Pick<Masquerade, "network" | "containerId">;

const entryChain = "POSTROUTING";
const multicast = { 4: "224.0.0.0/4", 6: "ff00::/8" } as const;

/**
 * `CNI-` and 24 hex digits: 28 characters, the longest a chain's name may have (XT_EXTENSION_MAXNAMELEN,
 * linux/netfilter/x_tables.h).
 */
export function masqueradeChain({ network, containerId }: Owner): string {
  return `CNI-${sha512Hex(network + containerId, 24)}`;
}

export function masqueradeComment({ network, containerId }: Owner): string {
  return `name: ${JSON.stringify(network)} id: ${JSON.stringify(containerId)}`;
}

/**
 * Adds what is absent, in one batch; `addresses` are all of that family. A new container's chain needs no look at the
 * table.
 */
export function masqueradeChange(family: 4 | 6, masquerade: Masquerade): IptablesChange {
  const rules = masqueradeRules(family, masquerade);
  return {
    family, table: "nat",
    guess: [`-N ${rules.chain}`, ...masqueradeLines(savedTable([]), rules)],
    decide(saved) {
      const table = savedTable(saved);
      const chain = table.hasChain(rules.chain) ? [] : [`-N ${rules.chain}`];
      return [...chain, ...masqueradeLines(table, rules)];
    },
  };
}

/** The rules of one family in words, as `iptables-save` prints them. */
export interface MasqueradeRules {
  readonly chain: string;
  readonly accept: readonly (readonly string[])[];
  readonly masquerade: readonly string[];
  readonly entries: readonly (readonly string[])[];
}

export function masqueradeRules(family: 4 | 6, masquerade: Masquerade): MasqueradeRules {
  const chain = masqueradeChain(masquerade);
  const comment = ["-m", "comment", "--comment", masqueradeComment(masquerade)];
  const host = ({ address }: Prefix) => formatPrefix(hostPrefix(address));
  return {
    chain,
    accept: masquerade.addresses.map((address) => ["-d", formatPrefix(networkOf(address)), ...comment, "-j", "ACCEPT"]),
    masquerade: ["!", "-d", multicast[family], ...comment, "-j", "MASQUERADE"],
    entries: masquerade.addresses.map((address) => ["-s", host(address), ...comment, "-j", chain]),
  };
}

/**
 * What the table lacks of them. A further network is put in front: behind the masquerade rule it would never be looked
 * at.
 */
function masqueradeLines(
  saved: SavedTable,
  { chain, accept, masquerade, entries }: MasqueradeRules,
): readonly string[] {
  const masqueraded = saved.hasRule(chain, masquerade);
  const absent = (name: string) => (words: readonly string[]) => !saved.hasRule(name, words);
  return [
    ...unique(accept)
      .filter(absent(chain))
      .map((words) => (masqueraded ? `-I ${ruleText(chain, ["1", ...words])}` : `-A ${ruleText(chain, words)}`)),
    ...(masqueraded ? [] : [`-A ${ruleText(chain, masquerade)}`]),
    ...unique(entries).filter(absent(entryChain)).map((words) => `-A ${ruleText(entryChain, words)}`),
  ];
}

/** Two addresses of one network need it accepted once. */
function unique(rules: readonly (readonly string[])[]): readonly (readonly string[])[] {
  return [...new Map(rules.map((words) => [words.join(" "), words])).values()];
}

/** Deletes the chain and every jump to it, which covers rules of older releases that matched address and prefix. */
export async function deleteMasqueradeChain(handles: NatHandles, family: 4 | 6, owner: Owner): Promise<void> {
  await deleteNatChain(handles, { family, chain: masqueradeChain(owner), entryChains: [entryChain] });
}

/** Deletes chains of this network whose container has no valid attachment left. */
export async function collectMasqueradeChains(
  handles: NatHandles, family: 4 | 6, network: string, valid: readonly ValidAttachment[],
): Promise<void> {
  if (!mayHoldChains(handles, family, entryChain, "CNI-")) return;
  const saved = await handles.iptables.save(family, "nat");
  const stale = staleMasqueradeChains(saved, network, valid);
  if (stale.length === 0) return;
  await handles.iptables.change({
    family,
    table: "nat",
    decide: (now) => natChainsTeardown(now, stale),
  });
}

/** The comment names network and container; that it is ours is proven by the chain's name, which is made from both. */
export function staleMasqueradeChains(
  saved: readonly string[],
  network: string,
  valid: readonly ValidAttachment[],
): readonly string[] {
  const kept = new Set(valid.map(({ containerID }) => containerID));
  const stale = savedTable(saved).rulesOf(entryChain).flatMap((rule) => {
    const { network: named, containerId } = parseComment(optionOf(rule, "--comment") ?? "");
    const chain = jumpOf(rule);
    const ours = named === network && !kept.has(containerId) && chain === masqueradeChain({ network, containerId });
    return ours ? [chain] : [];
  });
  return [...new Set(stale)];
}

/** Empty strings when the comment is another's. */
function parseComment(comment: string): Owner {
  const [, network = "", containerId = ""] = /^name: "([^"\\]*)" id: "([^"\\]*)"$/.exec(comment) ?? [];
  return { network, containerId };
}
