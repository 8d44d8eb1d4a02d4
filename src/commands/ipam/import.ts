import { CniError } from "../../cni/index.ts";
import type { Entry, TakenOver } from "../../ipam/index.ts";
import { addressAt, takeOver } from "../../ipam/index.ts";
import { formatAddress } from "../../net/index.ts";
import { randomBytes, realWorld } from "../../os/index.ts";
import { command } from "../command.ts";
import { requireRoot } from "../errors.ts";
import { fateOf } from "./whereabouts/fates.ts";
import type { PlannedPool, PoolPlan } from "./whereabouts/import-plan.ts";
import { elsewhereIn, foreignIn, planPools } from "./whereabouts/import-plan.ts";
import type { Move, Moved } from "./whereabouts/move.ts";
import { moveOptions, moveParameters, runMove } from "./whereabouts/move.ts";

export const importCommand = command({
  about:
    "Reads IPPools and OverlappingRangeIPReservations, and writes who has which address into our store: containers " +
    "keep their addresses, and a DEL of one that whereabouts attached releases them. A pool is taken over whole or " +
    "not at all; whereabouts' objects stay as they are. Again does no harm: what came in between is added.\n\n" +
    "An address of a pod that is not there, or that tells of other addresses, is kept for a day and then free.",
  parameters: moveParameters,
  options: moveOptions,
  examples: [
    { line: "polynic ipam import whereabouts --dry-run --kubeconfig ~/.kube/config", help: "what is to be taken over" },
  ],
  statuses: { 1: "a pool was not taken over: two have an address, or an object cannot be read" },
  async run({ options, ...machine }) {
    requireRoot("take reservations over");
    return await runMove<Row>(options, machine, { move: takeOverAll, columns,
      nothing: "whereabouts has no pools: nothing is to be taken over",
      cellsOf: ({ pool, scope, taken, held, known, problems }, isDry) =>
        [pool, scope, String(taken.length), String(held.length), String(known.length),
          { text: problems.length > 0 ? "left as it is" : isDry ? "would be taken over" : "taken over",
            style: problems.length > 0 ? "yellow" : "green" }] });
  },
});

async function takeOverAll(move: Move): Promise<Moved<Row>> {
  const { snapshot } = move, rows: Row[] = [];
  for (const plan of planPools(snapshot)) rows.push(await take(plan, move));
  const ofPools = rows.flatMap((row) => row.problems.map((one) => `${row.pool}: ${one}`));
  return { rows, problems: [...snapshot.damaged, ...ofPools], json: { pools: rows, damaged: snapshot.damaged } };
}

const columns = [
  { title: "pool" }, { title: "scope" }, { title: "addresses", isRight: true },
  { title: "kept for a while", isRight: true }, { title: "there already", isRight: true }, { title: "state" },
] as const;

interface Row {
  readonly pool: string;
  readonly scope: string;
  readonly taken: readonly string[];
  /** Of nobody who is known to be there, and of IPAMClaims without a pod. */
  readonly held: readonly string[];
  readonly known: readonly string[];
  readonly problems: readonly string[];
}

async function take(plan: PoolPlan, move: Move): Promise<Row> {
  const nothing = { pool: plan.pool.name, scope: "", taken: [], held: [], known: [] };
  if ("problems" in plan) return { ...nothing, problems: plan.problems };
  const { scope } = plan.place;
  try {
    const { written, known, conflicts } = await takePool(plan, move);
    const told = (list: typeof written, state: Entry["state"]) =>
      list.filter(({ entry }) => entry.state === state).map(({ address }) => formatAddress(address));
    return {
      pool: plan.pool.name, scope, taken: told(written, "active"), held: told(written, "held"),
      known: known.map(({ address }) => formatAddress(address)), problems: conflicts.map(conflictText),
    };
  } catch (error) {
    if (!(error instanceof CniError)) throw error;
    return { ...nothing, scope, problems: [error.message] };
  }
}

async function takePool(plan: PlannedPool, { snapshot, engine, isDry }: Move): Promise<TakenOver> {
  const { place } = plan, { scope } = place, { pods, claims } = snapshot;
  const isElsewhere = elsewhereIn(await engine.readAll(scope), plan.pool.range, addressAt);
  const ticket = Buffer.from(randomBytes(12)).toString("hex"), nowMs = realWorld.wallMs();
  const entries = foreignIn(plan, { pods, claims, place, ticket, nowMs, isElsewhere });
  return await takeOver({ engine, scope, entries, isDry, decide: fateOf(pods), world: realWorld });
}

function conflictText({ foreign: { address, entry }, found }: TakenOver["conflicts"][number]): string {
  return `${formatAddress(address)} is ${ownerText(entry)} by whereabouts, and ${ownerText(found)} by our store`;
}

function ownerText(entry: Entry | undefined): string {
  switch (entry?.state) {
    case "active": {
      const { pod, containerId, node } = entry.owner;
      return `of ${pod === undefined ? containerId : `${pod.namespace}/${pod.name}`} on node "${node}"`;
    }
    case "held": case "left": return `kept for ${entry.key}`;
    case "unreadable": return "of nobody who can be read";
    case undefined: return "free";
  }
}
