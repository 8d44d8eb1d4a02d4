/**
 * MAC spoof check (`macspoofchk`): frames that enter the bridge through a container's port with another source MAC are
 * dropped.
 *
 * The port's frames take a jump from the base chain of table `bridge nat` to a chain of the attachment's own, and from
 * there to a second one that returns for the right MAC and drops the rest. Every rule is found again by its comment.
 */
import type { Namespace, Nftables, NftRule } from "../../kernel/index.ts";
import { parseMac } from "../../net/index.ts";
import type { ChainName, NftChange } from "../../netlink/index.ts";
import { nft } from "../../netlink/index.ts";
import type { Undo } from "../contract/plugin.ts";
import { throwAll } from "../contract/several-errors.ts";
import { ruleComment } from "../packet-rules/rule-comment.ts";

/** Whose frames are checked: `hostLink` is the name of the bridge port, `mac` the only source it may use. */
export interface SpoofCheck {
  readonly containerId: string;
  readonly ifName: string;
  readonly hostLink: string;
  readonly mac: string;
}

type Owner = Pick<SpoofCheck, "containerId" | "ifName">;

const family = "bridge";
const table = "nat";
const commentStart = "macspoofchk-";
const prerouting: ChainName = { family, table, chain: "PREROUTING" };

/** Drops frames that enter the bridge through `hostLink` with another source MAC; registers its own undo. */
export async function setupSpoofCheck(nftables: Nftables, check: SpoofCheck, undo: Undo): Promise<void> {
  undo.add("delete the MAC spoof check", () => teardownSpoofCheck(nftables, check));
  await nftables.update(() => spoofCheckSetup(nftables.rules(prerouting), check));
}

/** Missing is success. Throws what went wrong, joined, after having tried everything; DEL logs it and goes on. */
export async function teardownSpoofCheck(nftables: Nftables, owner: Owner): Promise<void> {
  const { iface, mac } = chainsOf(owner);
  const jumps = () => entriesOf(nftables.rules(prerouting) ?? [], owner);
  const chains = () => removal(nftables, [iface, mac]);
  try {
    // In one, so that a kill leaves no chain that nothing leads to.
    await nftables.update(() => [...jumps(), ...chains()]);
  } catch {
    const errors: unknown[] = [];
    for (const plan of [jumps, chains]) await nftables.update(plan).catch((error: unknown) => errors.push(error));
    throwAll(errors);
  }
}

/**
 * Takes away the checks of bridge ports that are gone, as after a kill. Those that others have made do not say whose
 * they are in a way that can be listed, and stay.
 */
export async function collectSpoofChecks({ links, nftables }: Namespace): Promise<void> {
  const plan = (): readonly NftChange[] => {
    const dead = (nftables.rules(prerouting) ?? []).filter(({ comment, mark }) => (
      comment?.startsWith(commentStart) === true && mark !== undefined && links.find(mark) === undefined));
    const chains = dead.flatMap(({ jump }) => (jump === undefined ? [] : [jump, `${jump}-mac`]))
      .map((chain) => ({ family, table, chain } as const));
    return [...dead.map(deletion), ...removal(nftables, chains)];
  };
  await nftables.update(plan).catch((error: unknown) => {
    // Without nftables there is none.
    if (nftables.usable()) throw error;
  });
}

/** The changes that empty those of the chains that are there and then delete them: the first jumps to the second. */
function removal(nftables: Nftables, chains: readonly ChainName[]): readonly NftChange[] {
  const present = chains.filter((chain) => nftables.rules(chain) !== undefined);
  return [
    ...present.map((chain) => change("flush chain", chain)),
    ...present.map((chain) => change("delete chain", chain)),
  ];
}

/**
 * The transaction that makes the objects, empties what the attachment had before and adds its rules.
 *
 * @param existing  rules of the base chain; undefined when there is none yet (see fixed-chain.ts why that matters)
 */
export function spoofCheckSetup(existing: readonly NftRule[] | undefined, check: SpoofCheck): readonly NftChange[] {
  const { iface, mac } = chainsOf(check);
  const comment = ruleComment(commentOf(check));
  return [
    { do: "add table", family, table },
    ...(existing !== undefined
      ? []
      : [
          {
            do: "add chain",
            ...prerouting,
            base: { type: "filter", hook: "prerouting", priority: -300, policy: "accept" },
          } as const,
        ]),
    { do: "add chain", ...iface },
    { do: "add chain", ...mac },
    ...entriesOf(existing ?? [], check),
    { do: "flush chain", ...iface },
    { do: "flush chain", ...mac },
    {
      do: "add rule",
      ...prerouting,
      comment,
      mark: check.hostLink,
      expressions: nft.rule(family, nft.iifname("==", check.hostLink), nft.jump(iface.chain)),
    },
    { do: "add rule", ...iface, comment, expressions: nft.rule(family, nft.jump(mac.chain)) },
    {
      do: "add rule",
      ...mac,
      comment,
      expressions: nft.rule(family, nft.etherSaddr("==", parseMac(check.mac)), nft.returnVerdict()),
    },
    { do: "add rule", ...mac, comment, expressions: nft.rule(family, nft.drop()) },
  ];
}

function entriesOf(rules: readonly NftRule[], owner: Owner): readonly NftChange[] {
  const comment = commentOf(owner);
  return rules.filter((one) => one.comment === comment).map(deletion);
}

function deletion({ handle }: NftRule): NftChange {
  return { do: "delete rule", ...prerouting, handle };
}

function change(act: "flush chain" | "delete chain", chain: ChainName): NftChange {
  return { do: act, ...chain };
}

function chainsOf({ containerId, ifName }: Owner): { readonly iface: ChainName; readonly mac: ChainName } {
  const chain = `cni-br-iface-${containerId}-${ifName}`;
  return { iface: { family, table, chain }, mac: { family, table, chain: `${chain}-mac` } };
}

function commentOf({ containerId, ifName }: Owner): string {
  return `${commentStart}${containerId}-${ifName}`;
}
