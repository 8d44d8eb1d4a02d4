/** Everything that a move looks at, read once: books first, and only then who is there. */
import type { Inventory, Resource } from "../../../kube/index.ts";
import type { JsonObject } from "../../../schema/index.ts";
import { CommandError } from "../../errors.ts";
import type { Pool } from "../pools.ts";
import type { MeantPool } from "./networks.ts";
import { meantPools } from "./networks.ts";
import type { PoolObject, ReservationObject, Slice } from "./objects.ts";
import { DamagedObject, nameOf, parsePool, parseReservation, resources, slicesIn } from "./objects.ts";
import type { KnownPods } from "./pods.ts";
import { podsIn } from "./pods.ts";

export interface Snapshot {
  /** Of whereabouts' objects. */
  readonly namespace: string;
  readonly pools: readonly PoolObject[];
  readonly reservations: readonly ReservationObject[];
  /** What cannot be read, in words. */
  readonly damaged: readonly string[];
  readonly slices: readonly Slice[];
  readonly meant: readonly MeantPool[];
  readonly pods: KnownPods;
  /** `namespace/name`; undefined: the cluster has no such objects. */
  readonly claims: ReadonlySet<string> | undefined;
}

/** Where whereabouts keeps its objects unless its kubeconfig says otherwise. */
const usualNamespace = "kube-system";

/**
 * @param ofMachine  networks of this machine's files
 * @throws CommandError where whereabouts has never been, or its objects are in several namespaces
 */
export async function readSnapshot(
  inventory: Inventory, ofMachine: readonly Pool[], namespace: string | undefined,
): Promise<Snapshot> {
  const all = await inventory.list(resources.pools);
  if (all === undefined)
    throw new CommandError(
      `Cannot look at IPPools of ${inventory.place}: it has no such objects, expected a cluster that whereabouts is ` +
        "installed in",
    );
  const within = namespace ?? namespaceOf(all), own = (object: JsonObject) => nameOf(object).namespace === within;
  const list = async (resource: Resource) => await inventory.list(resource) ?? [];
  const reservations = (await list(resources.reservations)).filter(own);
  const slices = (await list(resources.slices)).flatMap(slicesIn);
  const meant = meantPools(await list(resources.networks), ofMachine);
  const damaged: string[] = [];
  const read = <T>(objects: readonly JsonObject[], parse: (object: JsonObject) => T): readonly T[] =>
    objects.flatMap((object) => {
      try {
        return [parse(object)];
      } catch (error) {
        if (!(error instanceof DamagedObject)) throw error;
        damaged.push(error.message);
        return [];
      }
    });
  const books = { pools: read(all.filter(own), parsePool), reservations: read(reservations, parseReservation) };
  const claims = await inventory.list(resources.claims);
  return {
    namespace: within, ...books, damaged, slices, meant,
    pods: podsIn(await list(resources.pods)),
    claims: claims && new Set(claims.map(nameOf).map((key) => `${key.namespace}/${key.name}`)),
  };
}

function namespaceOf(pools: readonly JsonObject[]): string {
  const [namespace = usualNamespace, ...others] = new Set(pools.map((pool) => nameOf(pool).namespace));
  if (others.length === 0) return namespace;
  throw new CommandError(
    `Cannot tell which IPPools are meant: there are some in ${[namespace, ...others].join(", ")}, expected ` +
      "--namespace with one of them",
  );
}
