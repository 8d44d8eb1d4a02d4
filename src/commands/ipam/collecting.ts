/** Collection of what nobody has any more, and what there is to tell about it. */
import type { Address } from "../../net/index.ts";
import { formatAddress } from "../../net/index.ts";
import type { ScopeOfMachine } from "./pools.ts";
import type { Collecting, Verdicts } from "./verdicts.ts";
import { verdictsOn } from "./verdicts.ts";

export interface Row {
  readonly network: string;
  /** Or the block, as a prefix. */
  readonly address: string;
  readonly container: string;
  readonly node: string;
  readonly state: "freed" | "would be freed" | "given back" | "would be given back"
    | "put right" | "would be put right" | "stays";
  readonly why: string;
}

/** Frees what is nobody's any more; a dry run tells what it would, and of all else why it stays. */
export async function collectScope(
  of: ScopeOfMachine, { isDry, ...collecting }: Collecting & { readonly isDry: boolean },
): Promise<readonly Row[]> {
  const misfiled = await of.store.refile?.(of.scope, isDry) ?? [];
  const verdicts = await verdictsOn(of, collecting);
  const done = isDry ? undefined : await carryOut(of, verdicts);
  const rows = [...leaseRows(of, verdicts, done), ...keptRows(of, verdicts, done), ...blockRows(of, verdicts, done),
    ...misfiled.map((first) => misfiledRow(of, first, isDry))];
  return isDry ? rows : rows.filter(({ state }) => state !== "stays");
}

function misfiledRow({ scope }: ScopeOfMachine, first: Address, isDry: boolean): Row {
  return { network: scope, address: blockText(first), container: "", node: "",
    state: isDry ? "would be put right" : "put right", why: misfiledText };
}

export const misfiledText = "an edit has taken away what its addresses are found by, and DEL releases none of them";

export function blockText(first: Address): string {
  return `${formatAddress(first)}/${first.family === 4 ? 26 : 122}`;
}

interface Done {
  readonly addresses: ReadonlySet<string>;
  readonly blocks: ReadonlySet<string>;
}

async function carryOut({ store, scope, node }: ScopeOfMachine, { leases, kept, blocks }: Verdicts): Promise<Done> {
  const gone = leases.filter(({ isCollected }) => isCollected).map(({ lease }) => lease);
  const own = node === "" ? gone : gone.filter(({ owner }) => owner.node === node);
  const others = gone.filter((lease) => !own.includes(lease));
  const unclaimed = kept.filter(({ isCollected }) => isCollected).map((one) => one.kept);
  const nodes = [...new Set(blocks.filter(({ isGivenBack }) => isGivenBack).map(({ block }) => block.node))];
  const freed = own.length === 0 ? [] : await store.collect(scope, own, () => false);
  const isMore = others.length + unclaimed.length + nodes.length > 0;
  const more = isMore ? await store.reclaim?.(scope, { leases: others, kept: unclaimed, nodes }) : undefined;
  const texts = (list: readonly Address[] = []) => new Set(list.map(formatAddress));
  return { addresses: texts([...freed, ...more?.addresses ?? []]), blocks: texts(more?.blocks) };
}

function leaseRows({ scope }: ScopeOfMachine, { leases }: Verdicts, done: Done | undefined): readonly Row[] {
  return leases.map(({ lease: { address, owner }, isCollected, reason }) => ({
    network: owner.network ?? scope, address: formatAddress(address), container: owner.containerId, node: owner.node,
    state: stateOf(formatAddress(address), isCollected, done), why: reason,
  }));
}

function keptRows({ scope }: ScopeOfMachine, { kept }: Verdicts, done: Done | undefined): readonly Row[] {
  return kept.map(({ kept: { address }, isCollected, reason }) => ({
    network: scope, address: formatAddress(address), container: "", node: "",
    state: stateOf(formatAddress(address), isCollected, done), why: reason,
  }));
}

function stateOf(address: string, isCollected: boolean, done: Done | undefined): Row["state"] {
  if (!isCollected) return "stays";
  return done === undefined ? "would be freed" : done.addresses.has(address) ? "freed" : "stays";
}

function blockRows({ scope }: ScopeOfMachine, { blocks }: Verdicts, done: Done | undefined): readonly Row[] {
  return blocks.map(({ block: { first, node }, isGivenBack, reason }) => {
    const text = formatAddress(first), isDone = done?.blocks.has(text) === true;
    const state = !isGivenBack ? "stays" : done === undefined ? "would be given back" : isDone ? "given back" : "stays";
    return { network: scope, address: blockText(first), container: "", node, state, why: reason };
  });
}
