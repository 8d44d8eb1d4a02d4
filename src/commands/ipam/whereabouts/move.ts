/** What a move from whereabouts, or back, works with: its objects, our store, and the networks of this machine. */
import { openBlocks } from "../../../call/index.ts";
import { confSchema, readConf } from "../../../cni/index.ts";
import type { BlockEngine } from "../../../ipam/index.ts";
import type { Inventory } from "../../../kube/index.ts";
import { openInventory } from "../../../kube/index.ts";
import { leaseStoresOf } from "../../../mux/index.ts";
import { CommandError } from "../../errors.ts";
import { configurationFiles, isReadable, multiplexerIn } from "../../machine/configuration.ts";
import { confDirOption, confDirs } from "../../machine/directories.ts";
import { jsonOption } from "../../options.ts";
import type { OptionTable, OptionValues } from "../../options.ts";
import type { Output, ProcessEnvironment } from "../../output.ts";
import type { Cell, Table } from "../../table.ts";
import { poolsOf } from "../pools.ts";
import type { Snapshot } from "./snapshot.ts";
import { readSnapshot } from "./snapshot.ts";

export const moveOptions = {
  "dry-run": { kind: "switch", help: "tell what would be written; write nothing" },
  store: { kind: "text", value: "TYPE", choices: ["kubernetes", "etcd"],
    help: "what keeps our reservations; default: leaseStores.whereabouts of this machine, else kubernetes" },
  kubeconfig: { kind: "text", value: "FILE", completes: "file",
    help: "the cluster, with rights of your own; default: this machine's" },
  namespace: { kind: "text", help: "where whereabouts' objects are; default: where there are any, else kube-system" },
  ...confDirOption, ...jsonOption,
} as const satisfies OptionTable;

export const moveParameters = {
  program: { count: "one", choices: ["whereabouts"], help: "whose objects: whereabouts" },
} as const;

export interface Move {
  readonly inventory: Inventory;
  readonly engine: BlockEngine;
  readonly snapshot: Snapshot;
  /** Nothing is to be written. */
  readonly isDry: boolean;
}

/** What came of a move: a row for each pool, and what is left to a person. */
export interface Moved<Row> {
  readonly rows: readonly Row[];
  readonly problems: readonly string[];
  /** The same for programs. */
  readonly json: object;
}

/** One way or the other. */
export interface Moving<Row> {
  move(move: Move): Promise<Moved<Row>>;
  readonly columns: Table["columns"];
  cellsOf(row: Row, isDry: boolean): readonly Cell[];
  /** What is said where there is nothing to move. */
  readonly nothing: string;
}

interface Machine extends Pick<Output, "say" | "json" | "table"> {
  readonly environment: ProcessEnvironment;
}

/** A command that moves pool by pool: opens both sides, tells what came of it, and closes them again. */
export async function runMove<Row>(
  options: OptionValues<typeof moveOptions>,
  { environment, say, json, table }: Machine,
  { move, columns, cellsOf, nothing }: Moving<Row>,
): Promise<0 | 1> {
  const { inventory, engine, ofMachine } = await openMove(options, environment), isDry = options["dry-run"] ?? false;
  try {
    const snapshot = await readSnapshot(inventory, ofMachine, options.namespace);
    const moved = await move({ inventory, engine, snapshot, isDry }), { rows, problems } = moved;
    if (options.json === true) json(moved.json);
    else if (rows.length === 0 && problems.length === 0) say(nothing);
    else table({ columns, rows: rows.map((row) => cellsOf(row, isDry)) });
    if (options.json !== true) for (const problem of problems) say(problem);
    return problems.length > 0 ? 1 : 0;
  } finally {
    inventory.close();
  }
}

/** @throws CommandError where nobody says how the cluster is reached */
async function openMove(options: OptionValues<typeof moveOptions>, env: ProcessEnvironment) {
  const configurations = configurationFiles(confDirs(options)).filter(isReadable)
    .map(({ configuration }) => configuration);
  const settings = configurations.map(multiplexerIn).find((one) => one !== undefined) ?? {};
  const written = readConf(confSchema("multiplexer"), settings, { lenient: true });
  const named = options.kubeconfig === undefined ? written : { ...written, kubeconfig: options.kubeconfig };
  const known = leaseStoresOf(named), { kubeconfig = "" } = named;
  const stores = options.kubeconfig === undefined ? known : { ...known, kubernetes: { kubeconfig } };
  const inventory = openInventory({ kubeconfig, env });
  if (inventory === undefined)
    throw new CommandError(
      "Cannot reach a cluster: no configuration of this machine names a kubeconfig, expected --kubeconfig",
    );
  const type = options.store === "etcd" ? "etcd" : options.store === "kubernetes" ? "kubernetes"
    : known.whereabouts ?? "kubernetes";
  return {
    inventory, ofMachine: configurations.flatMap(poolsOf),
    engine: await openBlocks({ type, trusted: true, servers: undefined }, { stores, env }),
  };
}
