/**
 * Port mappings with nftables: in table `cni_hostport` of each family, one chain translates destinations for all
 * containers and one masquerades. A container's rules are found again by their comment, which is its id; ours tell in
 * their mark which of its networks they are of.
 */
import { CniError, code, messageOf } from "../../cni/index.ts";
import type { Namespace, Nftables, NftRule } from "../../kernel/index.ts";
import type { Address, Prefix } from "../../net/index.ts";
import { networkOf } from "../../net/index.ts";
import type { BaseChain, ChainName, NftChange } from "../../netlink/index.ts";
import { nft } from "../../netlink/index.ts";
import type { FixedRule } from "../packet-rules/fixed-chain.ts";
import { fixedChain, madeChain } from "../packet-rules/fixed-chain.ts";
import type { Handles, ValidAttachment } from "../contract/plugin.ts";
import { hasErrno } from "../contract/errno.ts";
import { ruleComment } from "../packet-rules/rule-comment.ts";
import type { PortForwarding } from "./conf.ts";
import { mappingsOf, matchedHostAddress } from "./conf.ts";
import { containerChain } from "./iptables.ts";

const table = "cni_hostport";

/** The chains that hold containers' rules; older releases put those with a host address apart. */
const containerChains = ["hostports", "hostip_hostports", "masquerading"] as const;

type FamilyName = "ip" | "ip6";

/** The hooks whose chains lead to everybody's mappings, under the conditions of whoever came last. */
const hooks = ["prerouting", "output"] as const;
const natPriority = -100;
const tableComment = "CNI port mappings";
/** What a packet must match in any case, and where it goes then. */
const entryText = "fib daddr type local jump hostports_all";

/** Conditions that we have no expressions for are left to the nft tool, whose one transaction comes before ours. */
export async function addPortmapRules(
  handles: Pick<Handles, "host" | "nftTool">, address: Prefix, forwarding: PortForwarding,
): Promise<void> {
  const { host } = handles;
  const family = familyName(address);
  const conditions = parseConditions(family, forwarding);
  if (conditions instanceof nft.NftExpressionError) await makeEntries(handles.nftTool, family, forwarding, conditions);
  const wanted: Wanted = {
    forwarding, conditions, neighbours: answersPass(host, address) ? "answer through the host" : "answer directly",
  };
  await host.nftables.update(() => portmapSetup(host.nftables, address, wanted));
}

/**
 * Has nft make the chains at the hooks. It does so at every ADD: what the words name, such as the link of `iif`, may be
 * another one by now, which the rule would not tell.
 */
async function makeEntries(
  nftTool: Handles["nftTool"], family: FamilyName, { conditions }: PortForwarding, unknown: nft.NftExpressionError,
): Promise<void> {
  const version = family === "ip" ? 4 : 6;
  const words = conditions[version].join(" ");
  const refusal = (errorCode: number, why: string, cause: unknown) =>
    new CniError(errorCode, `Cannot use conditionsV${version} "${words}": ${why}`, { cause });
  if (!nftTool.present()) {
    throw refusal(code.invalidConfig, `polynic itself has no expression for "${unknown.token}" there, and the ` +
      "program nft, which other words need, is not on PATH", unknown);
  }
  try {
    await nftTool.run(entryLines(family, words));
  } catch (error) {
    throw refusal(error instanceof CniError ? error.code : code.kernel, messageOf(error), error);
  }
}

function entryLines(family: FamilyName, words: string): readonly string[] {
  const place = `${family} ${table}`;
  return [
    `add table ${place} { comment "${tableComment}" ; }`,
    `add chain ${place} hostports_all`,
    ...hooks.flatMap((hook) => [
      `add chain ${place} ${hook} { type nat hook ${hook} priority ${natPriority} ; }`,
      `flush chain ${place} ${hook}`,
      `add rule ${place} ${hook} ${words} ${entryText}`,
    ]),
  ];
}

interface Wanted {
  readonly forwarding: PortForwarding;
  readonly conditions: ReturnType<typeof parseConditions>;
  readonly neighbours: Neighbours;
}

/**
 * The transaction that makes the skeleton, with the conditions of this attachment, and appends its rules. The chains at
 * the hooks are left alone where the conditions are in words that only nft knows.
 */
export function portmapSetup(
  nftables: Pick<Nftables, "rules" | "exists">, address: Prefix, { forwarding, conditions, neighbours }: Wanted,
): readonly NftChange[] {
  const family = familyName(address);
  const chain = chainsOf(family);
  const { containerId, snat } = forwarding;
  const comment = ruleComment(containerId), mark = containerChain(forwarding);
  const entries: readonly FixedRule[] = conditions instanceof nft.NftExpressionError ? [] : [{
    text: [...forwarding.conditions[address.address.family], entryText].join(" "),
    expressions: () => nft.rule(family, ...conditions, nft.fibDaddrType("==", "local"), nft.jump("hostports_all")),
  }];
  const jumpTo = (name: string): FixedRule => (
    { text: `jump ${name}`, expressions: () => nft.rule(family, nft.jump(name)) });
  const filled = (name: string, rules: readonly FixedRule[], base?: BaseChain) =>
    fixedChain(chain(name), nftables.rules(chain(name)), rules, base);
  const made = (name: string, base?: BaseChain) => madeChain(nftables, chain(name), base);
  const all = nftables.rules(chain("hostports_all"));
  // A chain that a rule jumps to is there.
  const isJumpedTo = (name: string): boolean => all?.some(({ jump }) => jump === name) === true;
  return [
    { do: "add table", family, table, comment: tableComment },
    ...["hostports", "hostip_hostports"].filter((name) => !isJumpedTo(name)).flatMap((name) => made(name)),
    ...fixedChain(chain("hostports_all"), all, [jumpTo("hostip_hostports"), jumpTo("hostports")]),
    ...(entries.length === 0 ? [] : hooks).flatMap((hook) =>
      filled(hook, entries, { type: "nat", hook, priority: natPriority }),
    ),
    ...(snat ? made("masquerading", { type: "nat", hook: "postrouting", priority: 100 }) : []),
    ...translations(address, forwarding).map((expressions): NftChange => ({
      do: "add rule",
      ...chain("hostports"),
      expressions,
      comment, mark,
    })),
    ...(snat ? masquerades(address, forwarding, neighbours) : []).map((expressions): NftChange => ({
      do: "add rule",
      ...chain("masquerading"),
      expressions,
      comment, mark,
    })),
  ];
}

function translations(address: Prefix, { mappings }: PortForwarding): readonly (readonly nft.Expression[])[] {
  const family = familyName(address);
  return mappingsOf(address.address.family, mappings).map((mapping) => {
    const hostAddress = matchedHostAddress(mapping);
    return nft.rule(family,
      ...(hostAddress === undefined ? [] : [nft.daddr("==", hostAddress)]),
      nft.dport(mapping.protocol, "==", mapping.hostPort),
      nft.dnat(address.address, mapping.containerPort));
  });
}

/** Where containers of one network answer each other. */
type Neighbours = "answer through the host" | "answer directly";

/** Whether answers from one port of a bridge to another pass through this host's connection tracking. */
function answersPass({ sysctl }: Pick<Namespace, "sysctl">, { address: { family } }: Prefix): boolean {
  try {
    return sysctl.get(`net/bridge/bridge-nf-call-ip${family === 4 ? "" : "6"}tables`) === "1";
  } catch (error) {
    // Without the module br_netfilter.
    if (hasErrno(error, "ENOENT")) return false;
    throw error;
  }
}

/**
 * Hairpin, and for IPv4 what comes from localhost. Answers to a neighbour on the same bridge would go straight to it,
 * from an address that it never called, unless the host sees them: then it keeps its own. What came to the container's
 * address itself is left alone; without masqAll so is what comes from elsewhere.
 */
function masquerades(
  { address, prefixBits }: Prefix, { masqAll }: PortForwarding, neighbours: Neighbours,
): readonly (readonly nft.Expression[])[] {
  const family = familyName({ address });
  const to = nft.daddr("==", address), translated = nft.ctStatus("==", "dnat");
  if (masqAll) return [nft.rule(family, to, translated, nft.masquerade())];
  const hairpin = neighbours === "answer directly"
    ? nft.rule(family, nft.saddr("==", networkOf({ address, prefixBits })), to, translated, nft.masquerade())
    : nft.rule(family, nft.saddr("==", address), to, nft.masquerade());
  return address.family === 4
    ? [hairpin, nft.rule(family, nft.saddr("==", localhost), to, nft.masquerade())]
    : [hairpin];
}

const localhost: Address = { family: 4, bytes: Uint8Array.of(127, 0, 0, 1) };

type Owner = Pick<PortForwarding, "network" | "containerId">;

/**
 * Deletes the container's rules in one family. Those of other programs do not tell the network, so they go whichever of
 * its networks they are of.
 */
export async function deletePortmapRules(nftables: Nftables, family: 4 | 6, owner: Owner): Promise<void> {
  await deleteRules(nftables, family === 4 ? "ip" : "ip6", ownedBy(owner));
}

/** Deletes the rules of this network whose container has no valid attachment left; only ours tell their network. */
export async function collectPortmapRules(
  nftables: Nftables, network: string, valid: readonly ValidAttachment[],
): Promise<void> {
  const kept = new Set(valid.map(({ containerID }) => containerID)), known = new Map<string, string>();
  const markOf = (containerId: string): string => {
    const mark = known.get(containerId) ?? containerChain({ network, containerId });
    known.set(containerId, mark);
    return mark;
  };
  const isStale = ({ comment, mark }: NftRule): boolean =>
    comment !== undefined && !kept.has(comment) && mark === markOf(comment);
  for (const family of ["ip", "ip6"] as const)
    if (holdsRules(nftables, family, isStale)) await deleteRules(nftables, family, isStale);
}

async function deleteRules(nftables: Nftables, family: FamilyName, wanted: (rule: NftRule) => boolean): Promise<void> {
  const chain = chainsOf(family);
  await nftables.update(() => containerChains.flatMap((name) => (nftables.rules(chain(name)) ?? [])
    .filter(wanted)
    .map(({ handle }) => ({ do: "delete rule", ...chain(name), handle }) as const)));
}

/** Whether any rule is the container's. */
export function holdsPortmapRules(nftables: Nftables, owner: Owner): boolean {
  const isOwn = ownedBy(owner);
  return (["ip", "ip6"] as const).some((family) => holdsRules(nftables, family, isOwn));
}

function holdsRules(nftables: Nftables, family: FamilyName, wanted: (rule: NftRule) => boolean): boolean {
  const chain = chainsOf(family);
  return containerChains.some((name) => nftables.rules(chain(name))?.some(wanted) === true);
}

function ownedBy(owner: Owner): (rule: NftRule) => boolean {
  const own = containerChain(owner);
  return ({ comment, mark }) => comment === owner.containerId && (mark === undefined || mark === own);
}

/**
 * Which chain has fewer of the container's rules than there should be, or does not lead to them, in words; undefined
 * when none.
 */
export function missingPortmapRules(
  nftables: Nftables,
  address: Prefix,
  forwarding: PortForwarding,
): string | undefined {
  const family = familyName(address);
  const wanted = {
    hostports: mappingsOf(address.address.family, forwarding.mappings).length,
    masquerading: forwarding.snat ? masquerades(address, forwarding, "answer directly").length : 0,
  };
  for (const name of ["hostports", "masquerading"] as const) {
    if (wanted[name] === 0) continue;
    const count = countRules(nftables, chainsOf(family)(name), forwarding);
    if (count < wanted[name])
      return `chain "${family} ${table} ${name}" has ${count} rules for it, expected ${wanted[name]}`;
  }
  return wanted.hostports === 0 ? undefined : missingWay(nftables, family);
}

/** What a packet goes through before it meets a container's rules. */
const ways = [...hooks.map((hook) => [hook, "hostports_all"] as const), ["hostports_all", "hostports"] as const];

function missingWay(nftables: Nftables, family: FamilyName): string | undefined {
  const chain = chainsOf(family);
  const lost = ways.find(([from, to]) => nftables.rules(chain(from))?.some(({ jump }) => jump === to) !== true);
  return lost && `chain "${family} ${table} ${lost[0]}" has no rule that leads to "${lost[1]}"`;
}

function countRules(nftables: Nftables, chain: ChainName, owner: Owner): number {
  return (nftables.rules(chain) ?? []).filter(ownedBy(owner)).length;
}

/** The error, not thrown, is of words that our codec does not know. */
function parseConditions(
  family: FamilyName, { conditions }: PortForwarding,
): readonly nft.RulePart[] | nft.NftExpressionError {
  try {
    return nft.parseMatch(conditions[family === "ip" ? 4 : 6], family);
  } catch (error) {
    if (error instanceof nft.NftExpressionError) return error;
    throw error;
  }
}

function familyName({ address }: { readonly address: Prefix["address"] }): FamilyName {
  return address.family === 4 ? "ip" : "ip6";
}

function chainsOf(family: FamilyName): (chain: string) => ChainName {
  return (chain) => ({ family, table, chain });
}
