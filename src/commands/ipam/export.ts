import { CniError } from "../../cni/index.ts";
import { command } from "../command.ts";
import { CommandError, requireRoot } from "../errors.ts";
import type { MergedPool, Outgoing, Target } from "./whereabouts/export-plan.ts";
import { mergePool, poolObject, reservationChanges, sortScope, targetsOf } from "./whereabouts/export-plan.ts";
import type { Move, Moved } from "./whereabouts/move.ts";
import { moveOptions, moveParameters, runMove } from "./whereabouts/move.ts";
import { DamagedObject, parsePool, resources } from "./whereabouts/objects.ts";

export const exportCommand = command({
  about:
    "The way back: writes who has which address in our store into IPPools and OverlappingRangeIPReservations, so " +
    "that whereabouts goes on from there. A pool is written whole or not at all; our store stays as it is. " +
    "Allocations of pods that are not there, or have another address by now, go.",
  parameters: moveParameters,
  options: moveOptions,
  examples: [{ line: "polynic ipam export whereabouts --dry-run", help: "what whereabouts would be told" }],
  statuses: { 1: "a pool was not written, or an address has no pool to go into" },
  async run({ options, ...machine }) {
    requireRoot("hand reservations over");
    return await runMove<Row>(options, machine, { move: handOver, columns,
      nothing: "no network has its addresses by whereabouts' configuration: there is nothing to hand over",
      cellsOf: ({ pool, scope, written, kept, dropped, state }, isDry) =>
        [pool, scope, String(written.length), String(kept.length), String(dropped.length),
          { text: words[isDry ? "dry" : "done"][state], style: state === "left" ? "yellow" : "green" }] });
  },
});

async function handOver(move: Move): Promise<Moved<Row>> {
  const { snapshot, engine } = move, { targets, problems: unplaced } = targetsOf(snapshot);
  const problems = [...snapshot.damaged, ...unplaced], rows: Row[] = [];
  for (const scope of new Set(targets.map((target) => target.scope))) {
    const sorted = sortScope(scope, await engine.readAll(scope), targets);
    problems.push(...sorted.problems);
    for (const [target, ours] of sorted.byTarget) rows.push(await hand(target, ours, move));
  }
  problems.push(...rows.flatMap((row) => row.problems.filter((one) => !snapshot.damaged.includes(one))
    .map((one) => `${row.pool}: ${one}`)));
  return { rows, problems, json: { pools: rows, problems } };
}

const columns = [
  { title: "pool" }, { title: "scope" }, { title: "addresses", isRight: true },
  { title: "whereabouts' own", isRight: true }, { title: "gone", isRight: true }, { title: "state" },
] as const;

const words = {
  done: { written: "written", same: "as it was", left: "left as it is" },
  dry: { written: "would be written", same: "as it was", left: "left as it is" },
} as const;

interface Row {
  readonly pool: string;
  readonly scope: string;
  /** Addresses of ours. */
  readonly written: readonly string[];
  readonly kept: readonly string[];
  readonly dropped: readonly string[];
  readonly state: "written" | "same" | "left";
  readonly problems: readonly string[];
}

/** Whoever else writes a pool does so in a moment. */
const triesMax = 5;

async function hand(target: Target, ours: readonly Outgoing[], move: Move): Promise<Row> {
  const { snapshot, inventory } = move;
  let current = target;
  try {
    for (let tries = 0; tries < triesMax; tries++) {
      const merged = mergePool(current.known, ours, snapshot.pods);
      if (merged.conflicts.length > 0) return toRow(current, merged, "left");
      const state = await writePool(current, merged, move);
      if (state !== undefined) return toRow(current, merged, state);
      const object = await inventory.get(resources.pools, { namespace: snapshot.namespace, name: target.name });
      current = { ...target, known: object === undefined ? undefined : parsePool(object) };
    }
    throw new CommandError(`Cannot write IPPool "${target.name}": others have changed it each of ${triesMax} times`);
  } catch (error) {
    if (!isTold(error)) throw error;
    return { ...toRow(current, none, "left"), problems: [error.message] };
  }
}

/** Of one pool, and said of it: others are handed over all the same. */
function isTold(error: unknown): error is Error {
  return error instanceof CniError || error instanceof CommandError || error instanceof DamagedObject;
}

const none: MergedPool = { allocations: new Map(), kept: [], dropped: new Map(), conflicts: [] };

function toRow({ name, scope }: Target, merged: MergedPool, state: Row["state"]): Row {
  const { kept, dropped, conflicts, allocations } = merged, isKept = new Set(kept);
  return {
    pool: name, scope, state, kept, problems: conflicts, dropped: [...dropped.keys()],
    written: state === "left" ? [] : [...allocations.keys()].filter((address) => !isKept.has(address)),
  };
}

/**
 * The pool first: an address that stands there is given to nobody else of it. Reservations that a crash leaves out are
 * written by the next export.
 *
 * @returns undefined: somebody has changed the pool since it was read
 */
async function writePool(
  target: Target, merged: MergedPool, { snapshot, inventory, isDry }: Move,
): Promise<"written" | "same" | undefined> {
  const object = poolObject(target, merged, snapshot.namespace);
  const { written, removed } = reservationChanges(target, merged, snapshot);
  const state = object === undefined && written.length === 0 && removed.length === 0 ? "same" : "written";
  if (isDry || state === "same") return state;
  if (object !== undefined && !(await inventory.write(resources.pools, object))) return undefined;
  for (const one of written)
    if (!(await inventory.write(resources.reservations, one)))
      throw new CommandError(
        `Cannot write a reservation of IPPool "${target.name}": somebody has written it at the same time, expected ` +
          "whereabouts to rest, and another export",
      );
  for (const { namespace, name } of removed) await inventory.remove(resources.reservations, { namespace, name });
  return state;
}
