import { CniError, code } from "../../cni/index.ts";
import type { Address } from "../../net/index.ts";
import { formatAddress } from "../../net/index.ts";
import { entryOf, idsOf, placing } from "./changes.ts";
import type { Seen } from "./changes.ts";
import type { BlockEngine, SeenBlock } from "./engine.ts";
import { pauseMs, triesMax } from "./engine.ts";
import type { Entry } from "./entry.ts";
import { entryToJson } from "./entry.ts";

/** An entry that another program kept, and the address that it is of. */
export interface Foreign {
  readonly address: Address;
  readonly entry: Entry;
}

/** What becomes of one of them. write: it is put in the place of what is there. known: it, or a newer one, is there. */
export type Fate = "write" | "known" | "conflict";

export interface TakingOver {
  readonly engine: BlockEngine;
  readonly scope: string;
  readonly entries: readonly Foreign[];
  /** Asked again whenever the block has changed meanwhile. */
  readonly decide: (foreign: Foreign, found: Entry | undefined) => Fate;
  /** Nothing is written. */
  readonly isDry?: boolean;
  readonly world: { random(): number; sleep(ms: number): Promise<void> };
}

export interface TakenOver {
  readonly written: readonly Foreign[];
  readonly known: readonly Foreign[];
  /** With what is there instead. As long as there is one, nothing is written. */
  readonly conflicts: readonly { readonly foreign: Foreign; readonly found: Entry | undefined }[];
}

/** An engine takes so many changes in one step: etcd has 128 operations. */
const writtenAtOnce = 32;

/**
 * Takes over entries that another program kept, all or none: what was written before a conflict, or before the engine
 * refused, is put back. Others may take and release addresses of the same blocks meanwhile.
 *
 * @throws CniError of the engine; 11 where blocks never rest
 */
export async function takeOver(request: TakingOver): Promise<TakenOver> {
  const { engine, scope, entries, isDry = false } = request;
  const seen = toSeen(await engine.readSome(scope, idsOf(entries.map(({ address }) => address))));
  const sorted = sort(request, seen, entries);
  if (sorted.conflicts.length > 0) return { ...sorted, written: [] };
  if (isDry) return sorted;
  const written: Written[] = [], known = [...sorted.known];
  try {
    for (const part of partsOf(sorted.written)) {
      const outcome = await writePart(request, part);
      if (outcome.conflicts.length > 0) {
        await putBack(request, written);
        return { written: [], known, conflicts: outcome.conflicts };
      }
      written.push(...outcome.written);
      known.push(...outcome.known);
    }
  } catch (error) {
    // The engine may be away altogether: then the error says so, and the next try finds what is there.
    await putBack(request, written).catch(() => undefined);
    throw error;
  }
  return { written: written.map(({ foreign }) => foreign), known, conflicts: [] };
}

interface Written {
  readonly foreign: Foreign;
  readonly before: Entry | undefined;
}

function sort({ decide }: TakingOver, seen: Seen, entries: readonly Foreign[]) {
  const fates = entries.map((foreign) => {
    const found = entryOf(seen, foreign.address);
    return { foreign, found, fate: decide(foreign, found) };
  });
  const of = (wanted: Fate) => fates.filter(({ fate }) => fate === wanted);
  return {
    written: of("write").map(({ foreign }) => foreign),
    known: of("known").map(({ foreign }) => foreign),
    conflicts: of("conflict").map(({ foreign, found }) => ({ foreign, found })),
  };
}

/** Of one block each, as far as it goes: a block is written seldom then. */
function partsOf(entries: readonly Foreign[]): readonly (readonly Foreign[])[] {
  const blocks = Map.groupBy(entries, ({ address }) => idsOf([address])[0]);
  return [...blocks.values()].flatMap((own) =>
    Array.from({ length: Math.ceil(own.length / writtenAtOnce) }, (_, index) =>
      own.slice(index * writtenAtOnce, (index + 1) * writtenAtOnce)));
}

/** Reads first: an earlier part, or somebody else, may have written the block since. */
async function writePart(request: TakingOver, part: readonly Foreign[]) {
  const { engine, scope, world } = request, ids = idsOf(part.map(({ address }) => address));
  for (let tries = 0; tries < triesMax; tries++) {
    const seen = toSeen(await engine.readSome(scope, ids));
    const { written, known, conflicts } = sort(request, seen, part);
    if (conflicts.length > 0) return { written: [], known, conflicts };
    if (written.length === 0 || await engine.write(scope, placing(seen, written)))
      return { known, conflicts, written: written.map((foreign): Written =>
        ({ foreign, before: entryOf(seen, foreign.address) })) };
    await world.sleep(world.random() * pauseMs);
  }
  throw restless(engine, part);
}

/** Only where our entry is still there: it may have been released since. */
async function putBack(request: TakingOver, written: readonly Written[]): Promise<void> {
  const { engine, scope, world } = request, before = new Map(written.map((one) => [one.foreign, one.before]));
  for (const part of partsOf(written.map(({ foreign }) => foreign))) {
    for (let tries = 0; ; tries++) {
      const seen = toSeen(await engine.readSome(scope, idsOf(part.map(({ address }) => address))));
      const ours = part.filter(({ address, entry }) => isSame(entryOf(seen, address), entry));
      const places = ours.map((foreign) => ({ address: foreign.address, entry: before.get(foreign) }));
      if (ours.length === 0 || await engine.write(scope, placing(seen, places))) break;
      if (tries === triesMax) throw restless(engine, part);
      await world.sleep(world.random() * pauseMs);
    }
  }
}

function isSame(one: Entry | undefined, other: Entry): boolean {
  return one !== undefined && one.state !== "unreadable" && other.state !== "unreadable" &&
    JSON.stringify(entryToJson(one)) === JSON.stringify(entryToJson(other));
}

function toSeen(blocks: readonly SeenBlock[]): Seen {
  return new Map(blocks.map((block) => [block.id, block]));
}

function restless({ place }: BlockEngine, part: readonly Foreign[]): CniError {
  const [first] = part;
  return new CniError(
    code.tryAgainLater,
    `Cannot take over ${first === undefined ? "" : formatAddress(first.address)} and others of its block: others ` +
      `have changed it in ${place} each of ${triesMax} times, expected a quieter moment`,
  );
}
