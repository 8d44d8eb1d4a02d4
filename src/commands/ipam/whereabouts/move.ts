/** What a move from whereabouts, or back, works with: its objects, our store, and the networks of this machine. */
import { openBlocks } from "../../../call/index.ts";
import { confSchema, readConf } from "../../../cni/index.ts";
import type { BlockEngine } from "../../../ipam/index.ts";
import type { Inventory } from "../../../kube/index.ts";
import { openInventory } from "../../../kube/index.ts";
import { leaseStoresOf } from "../../../mux/index.ts";
import { UsageError } from "../../errors.ts";
import { configurationFiles, isReadable, multiplexerIn } from "../../machine/configuration.ts";
import { confDirOption, confDirs } from "../../machine/directories.ts";
import { jsonOption } from "../../options.ts";
import type { OptionTable, OptionValues } from "../../options.ts";
import type { ProcessEnvironment } from "../../output.ts";
import type { Pool } from "../pools.ts";
import { poolsOf } from "../pools.ts";

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
  readonly ofMachine: readonly Pool[];
}

/** @throws UsageError where nobody says how the cluster is reached */
export async function openMove(options: OptionValues<typeof moveOptions>, env: ProcessEnvironment): Promise<Move> {
  const configurations = configurationFiles(confDirs(options)).filter(isReadable)
    .map(({ configuration }) => configuration);
  const settings = configurations.map(multiplexerIn).find((one) => one !== undefined) ?? {};
  const written = readConf(confSchema("multiplexer"), settings, { lenient: true });
  const named = options.kubeconfig === undefined ? written : { ...written, kubeconfig: options.kubeconfig };
  const known = leaseStoresOf(named), { kubeconfig = "" } = named;
  const stores = options.kubeconfig === undefined ? known : { ...known, kubernetes: { kubeconfig } };
  const inventory = openInventory({ kubeconfig, env });
  if (inventory === undefined)
    throw new UsageError(
      "Cannot reach a cluster: no configuration of this machine names a kubeconfig, expected --kubeconfig",
    );
  const type = options.store === "etcd" ? "etcd" : options.store === "kubernetes" ? "kubernetes"
    : known.whereabouts ?? "kubernetes";
  return {
    inventory, ofMachine: configurations.flatMap(poolsOf),
    engine: await openBlocks({ type, trusted: true, servers: undefined }, { stores, env }),
  };
}
