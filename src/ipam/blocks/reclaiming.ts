import { CniError, code } from "../../cni/index.ts";
import type { KeptForClaim, ListedLease, Reclaimable, Reclaimed, Survey } from "../leases.ts";
import { claimOfKey } from "../leases.ts";
import { addressAt } from "./block.ts";
import type { Seen } from "./changes.ts";
import { dropping, entryOf, idsOf } from "./changes.ts";
import type { BlockChange, BlockEngine, SeenBlock } from "./engine.ts";
import { pauseMs, triesMax } from "./engine.ts";
import type { Entry, HeldEntry } from "./entry.ts";
import { withoutEnd } from "./entry.ts";
import { activeIn, toListed } from "./sight.ts";

/** What keeps what is reclaimed. */
export interface Reclaiming {
  readonly engine: BlockEngine;
  readonly scope: string;
  readonly world: { wallMs(): number; random(): number; sleep(ms: number): Promise<void> };
}

/** An engine takes so many changes in one step: etcd has 128 operations. */
const atOnce = 32;

export function surveyOf(blocks: readonly SeenBlock[]): Survey {
  return {
    leases: activeIn(blocks).map(toListed),
    kept: blocks.flatMap((block) => [...block.entries].flatMap(([offset, entry]) => {
      const claim = claimIn(entry);
      return claim === undefined ? []
        : [{ address: addressAt(block, offset), claim, version: versionOf(entry) }];
    })),
    blocks: blocks.filter(({ node }) => node !== "").map(({ first, node }) => ({ first, node })),
  };
}

/** The claim that an entry waits for, without an end. */
function claimIn(entry: Entry): string | undefined {
  return entry.state === "held" && entry.untilMs === withoutEnd ? claimOfKey(entry.key) : undefined;
}

/** Another one whenever somebody writes the entry anew; "" for what cannot be told apart. */
function versionOf(entry: Entry | undefined): string {
  switch (entry?.state) {
    case "active": return entry.ticket;
    case "held": return heldVersion(entry);
    default: return "";
  }
}

function heldVersion({ key, untilMs, atMs }: HeldEntry): string {
  return JSON.stringify([key, untilMs, atMs]);
}

/**
 * Gives up leases of whichever node, what waits for claims, and then blocks of nodes of which no lease is left: all of
 * it only where it is still as it was surveyed.
 *
 * @throws CniError of the engine; 11 where blocks never rest
 */
export async function reclaim(reclaiming: Reclaiming, what: Reclaimable): Promise<Reclaimed> {
  const { leases = [], kept = [], nodes = [] } = what, entries = [...leases, ...kept];
  const addresses: Reclaimed["addresses"][number][] = [], blocks: Reclaimed["blocks"][number][] = [];
  for (let from = 0; from < entries.length; from += atOnce)
    addresses.push(...await reclaimEntries(reclaiming, entries.slice(from, from + atOnce)));
  for (const node of nodes) blocks.push(...await reclaimNode(reclaiming, node));
  return { addresses, blocks };
}

async function reclaimEntries(
  { engine, scope, world }: Reclaiming, entries: readonly (ListedLease | KeptForClaim)[],
): Promise<Reclaimed["addresses"]> {
  const ids = idsOf(entries.map(({ address }) => address));
  return await untilWritten({ engine, world }, `give up ${entries.length} addresses`, async () => {
    const seen = toSeen(await engine.readSome(scope, ids));
    const same = entries.flatMap(({ address, version }) => {
      const entry = entryOf(seen, address);
      return entry !== undefined && version !== "" && versionOf(entry) === version ? [{ address, entry }] : [];
    });
    const isWritten = same.length === 0 || await engine.write(scope, dropping(seen, same, world.wallMs()));
    return isWritten ? same.map(({ address }) => address) : undefined;
  });
}

/** Its blocks become nobody's, unless it has taken an address meanwhile. */
async function reclaimNode({ engine, scope, world }: Reclaiming, node: string): Promise<Reclaimed["blocks"]> {
  const given: Reclaimed["blocks"][number][] = [];
  const all = await engine.readAll(scope);
  if (isLeft(all, node)) return given;
  const ids = all.filter((block) => block.node === node).map(({ id }) => id);
  for (let from = 0; from < ids.length; from += atOnce) {
    const some = ids.slice(from, from + atOnce);
    given.push(...await untilWritten({ engine, world }, `give back blocks of node "${node}"`, async () => {
      const own = (await engine.readSome(scope, some)).filter((block) => block.node === node);
      const changes = own.filter((block) => !isLeft([block], node)).map((before): BlockChange =>
        ({ before, after: { ...before, node: "", cursors: {} } }));
      const isWritten = changes.length === 0 || await engine.write(scope, changes);
      return isWritten ? changes.map(({ after }) => after.first) : undefined;
    }));
  }
  await engine.forget?.(scope, node);
  return given;
}

function isLeft(blocks: readonly SeenBlock[], node: string): boolean {
  return activeIn(blocks).some(({ entry }) => entry.owner.node === node);
}

async function untilWritten<T>(
  { engine, world }: Pick<Reclaiming, "engine" | "world">, act: string, attempt: () => Promise<T | undefined>,
): Promise<T> {
  for (let tries = 0; tries < triesMax; tries++) {
    const outcome = await attempt();
    if (outcome !== undefined) return outcome;
    await world.sleep(world.random() * pauseMs);
  }
  throw new CniError(
    code.tryAgainLater,
    `Cannot ${act}: others have changed the same blocks in ${engine.place} each of ${triesMax} times, expected a ` +
      "quieter moment",
  );
}

function toSeen(blocks: readonly SeenBlock[]): Seen {
  return new Map(blocks.map((block) => [block.id, block]));
}
