/**
 * Letting through with iptables, table filter. Chains and rules that all containers share are never removed:
 *
 *   CNI-FORWARD             from FORWARD; first to the operator's own chain, then two rules for each address
 *   CNI-ISOLATION-STAGE-1   from FORWARD, before that: what comes from a bridge with an ingress policy
 *   CNI-ISOLATION-STAGE-2   what came from one such bridge and would go to another: dropped
 *
 * A container's rules hold nothing but its addresses, by which they are found again.
 */
import type { IptablesChange } from "../../exec/index.ts";
import type { Address } from "../../net/index.ts";
import type { ChainName } from "../../netlink/index.ts";
import type { Handles, Undo } from "../contract/plugin.ts";
import type { ChainRule } from "../packet-rules/iptables-rule.ts";
import { ruleText } from "../packet-rules/iptables-rule.ts";
import { missingRule as missingChainRule } from "../packet-rules/missing-rule.ts";
import type { SavedTable } from "../packet-rules/saved-table.ts";
import { savedTable } from "../packet-rules/saved-table.ts";
import { addressRuleReader } from "./address-rule.ts";
import type { Allowance } from "./conf.ts";
import { hostText } from "./conf.ts";

export type FilterHandles = Pick<Handles, "host" | "iptables">;

type Rules = Pick<Allowance, "addresses" | "adminChain" | "ingress">;

/** A rule as `iptables-save` prints it, and whether it goes to the end of its chain or to its top. */
interface Rule extends ChainRule {
  readonly at: "top" | "end";
}

const table = "filter";
const ownChain = "CNI-FORWARD", stage1 = "CNI-ISOLATION-STAGE-1", stage2 = "CNI-ISOLATION-STAGE-2";

/** The rules every container shares, in the order they are made; each by itself goes where it belongs. */
export function sharedRules({ addresses, adminChain, ingress }: Rules): readonly Rule[] {
  return [
    ...(addresses.length === 0 ? [] : [
      top("FORWARD", [], "CNI firewall plugin rules", ownChain),
      top(ownChain, [], "CNI firewall plugin admin overrides", adminChain),
    ]),
    ...(ingress === undefined ? [] : isolationRules(ingress)),
  ];
}

function isolationRules({ policy, bridge }: NonNullable<Rules["ingress"]>): readonly Rule[] {
  const both = "CNI firewall plugin rules (ingressPolicy: same-bridge|isolated)";
  const one = `CNI firewall plugin rules (ingressPolicy: ${policy})`;
  return [
    top("FORWARD", [], both, stage1),
    top(stage1, ["-i", bridge, "!", "-o", bridge], one, stage2),
    ...(policy === "isolated" ? [top(stage1, ["-i", bridge, "-o", bridge], one, "DROP")] : []),
    { ...top(stage1, [], both, "RETURN"), at: "end" },
    top(stage2, ["-o", bridge], both, "DROP"),
    { ...top(stage2, [], both, "RETURN"), at: "end" },
  ];
}

/** The two rules of an address. */
export function addressRules(address: Address): readonly Rule[] {
  const host = hostText(address);
  return [
    {
      chain: ownChain, at: "end",
      words: ["-d", host, "-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED", "-j", "ACCEPT"],
    },
    { chain: ownChain, at: "end", words: ["-s", host, "-j", "ACCEPT"] },
  ];
}

function chainsOf({ addresses, adminChain, ingress }: Rules): readonly string[] {
  return [
    ...(addresses.length === 0 ? [] : [ownChain, adminChain]),
    ...(ingress === undefined ? [] : [stage1, stage2]),
  ];
}

/** What the table lacks of the rules, as lines that add it. */
export function missingLines(saved: SavedTable, rules: Rules): readonly string[] {
  const all = [...sharedRules(rules), ...rules.addresses.flatMap(addressRules)];
  return [
    ...chainsOf(rules).filter((chain) => !saved.hasChain(chain)).map((chain) => `-N ${chain}`),
    ...all.filter(({ chain, words }) => !saved.hasRule(chain, words)).map(added),
  ];
}

/** Adds what is absent for the addresses of one family, in one batch; its undo takes their own rules away again. */
export async function letThrough(
  handles: FilterHandles, family: 4 | 6, rules: Rules, undo: Undo,
): Promise<void> {
  const guess = guessedLines(handles, family, rules);
  let addedFor: readonly Address[] = guess === undefined ? [] : rules.addresses;
  undo.add("delete the rules of the addresses", async () => void await deleteAddressRules(handles, family, addedFor));
  const change: IptablesChange = {
    family, table, guess,
    decide(saved) {
      const held = savedTable(saved);
      addedFor = rules.addresses.filter((address) =>
        addressRules(address).some(({ chain, words }) => !held.hasRule(chain, words)));
      return missingLines(held, rules);
    },
  };
  await handles.iptables.change(change);
}

/**
 * Where nf_tables tells that either all of the shared chains are there or none, and no rule speaks of the addresses,
 * the lines that are right then, and fail otherwise; so the table need not be read.
 */
function guessedLines(handles: FilterHandles, family: 4 | 6, rules: Rules): readonly string[] | undefined {
  if (handles.iptables.legacyTables(family).includes(table)) return undefined;
  try {
    const { nftables } = handles.host, chains = chainsOf(rules), shared = sharedRules(rules);
    const present = chains.filter((chain) => nftables.exists(inTable(family, chain))).length;
    const own = rules.addresses.flatMap(addressRules).map(added);
    if (present === 0) return [...chains.map((chain) => `-N ${chain}`), ...shared.map(added), ...own];
    const listed = nftables.wholeRules(inTable(family, ownChain)) ?? [];
    const read = addressRuleReader(rules.addresses);
    if (present < chains.length || listed.some((rule) => read(rule).length > 0)) return undefined;
    return [...shared.map(({ chain, words }) => `-C ${ruleText(chain, words)}`), ...own];
  } catch {
    return undefined; // no nf_tables: only a hint is lost
  }
}

/**
 * Deletes the rules of addresses, whichever iptables made them; missing is success.
 *
 * Those in nf_tables we find and delete ourselves: two messages instead of two processes. The tool is needed for those
 * in the older kernel interface, and where a rule speaks of an address in a way of which only the tool can say whether
 * it is ours.
 *
 * @returns whether there were any
 */
export async function deleteAddressRules(
  { host, iptables }: FilterHandles, family: 4 | 6, addresses: readonly Address[],
): Promise<boolean> {
  if (addresses.length === 0) return false;
  let found = 0, unclear = false;
  const chain = inTable(family, ownChain), read = addressRuleReader(addresses);
  if (holdsRules(host.nftables, chain)) {
    await host.nftables.update(() => {
      const listed = (host.nftables.wholeRules(chain) ?? []).map((rule) => ({ handle: rule.handle, is: read(rule) }));
      const ours = listed.filter(({ is }) => is.includes("ours"));
      found = ours.length;
      unclear = listed.some(({ is }) => is.includes("another's"));
      return ours.map(({ handle }) => ({ do: "delete rule", ...chain, handle }) as const);
    });
  }
  if (!unclear && !iptables.legacyTables(family).includes(table)) return found > 0;
  const own = new Set(addresses.flatMap(addressRules).map(({ words }) => textOf(words)));
  await iptables.change({
    family, table,
    decide(saved) {
      const lines = savedTable(saved).rulesOf(ownChain).filter(({ words }) => own.has(textOf(words)));
      found += lines.length;
      return lines.map(({ text }) => `-D ${text}`);
    },
  });
  return found > 0;
}

/** A kernel without nf_tables has none. */
function holdsRules(nftables: FilterHandles["host"]["nftables"], chain: ChainName): boolean {
  try {
    return nftables.exists(chain);
  } catch (error) {
    if (nftables.usable()) throw error;
    return false;
  }
}

/** The first rule that is not there, as text; undefined when all are. */
export async function missingRule(
  { iptables }: FilterHandles, family: 4 | 6, rules: Rules,
): Promise<string | undefined> {
  return await missingChainRule(iptables, { family, table },
    [...sharedRules(rules), ...rules.addresses.flatMap(addressRules)]);
}

/** No word of a rule holds a NUL. */
function textOf(words: readonly string[]): string {
  return words.join("\0");
}

function top(chain: string, match: readonly string[], comment: string, target: string): Rule {
  return { chain, at: "top", words: [...match, "-m", "comment", "--comment", comment, "-j", target] };
}

function added({ chain, words, at }: Rule): string {
  return at === "top" ? `-I ${ruleText(chain, ["1", ...words])}` : `-A ${ruleText(chain, words)}`;
}

function inTable(family: 4 | 6, chain: string): ChainName {
  return { family: family === 4 ? "ip" : "ip6", table, chain };
}
