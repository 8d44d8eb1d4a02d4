/** Address reservations of this machine, with the containers that have them. */
import { readdirSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import type { LeaseStore, ListedLease } from "../../ipam/index.ts";
import { formatAddress, isIdentifier } from "../../net/index.ts";
import { bootId } from "../../os/index.ts";
import { openFileLeases } from "../../store/index.ts";
import type { Remembered } from "../machine/known.ts";
import { namespaceState, shortId } from "../machine/known.ts";
import type { OptionTable } from "../options.ts";

export const usualDataDirectory = "/var/lib/cni/networks";

export const dataDirOption = {
  "data-dir": {
    kind: "text",
    value: "DIRECTORY",
    help: `where reservations are (ipam.dataDir); default: ${usualDataDirectory}`,
  },
} as const satisfies OptionTable;

export interface Reservations {
  readonly dataDir: string;
  readonly store: LeaseStore;
  /** Names of networks that have any. */
  readonly networks: readonly string[];
}

export function openReservations({ "data-dir": dataDir = usualDataDirectory }: {
  readonly "data-dir": string | undefined;
}): Reservations {
  const node = { name: hostname(), bootId: bootId() };
  return { dataDir, store: openFileLeases({ dataDir, node }), networks: networksIn(dataDir) };
}

function networksIn(dataDir: string): readonly string[] {
  try {
    return readdirSync(dataDir, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && isIdentifier(entry.name))
      .map(({ name }) => name)
      .sort();
  } catch (error) {
    // A machine that has given out nothing has no such directory.
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}

export interface Reservation {
  readonly network: string;
  readonly address: string;
  /** What people call it; its id where nothing else is known. */
  readonly container: string;
  readonly containerId: string;
  readonly interface: string;
  /**
   * in use: its container is there. gone: it is not, and polynic gc takes the address away. unknown: polynic has not
   * attached it.
   */
  readonly state: "in use" | "gone" | "unknown";
  readonly lease: ListedLease;
}

/** In the order of networks and addresses. */
export async function reservationsOf(
  { store, networks }: Reservations,
  known: readonly Remembered[],
): Promise<readonly Reservation[]> {
  const listed = await Promise.all(
    networks.map(async (network) => (await store.list(network)).map((lease) => toReservation(network, lease, known))),
  );
  return listed.flat();
}

function toReservation(network: string, lease: ListedLease, known: readonly Remembered[]): Reservation {
  const { containerId, ifName, pod } = lease.owner;
  const owner = known.find((one) => one.containerId === containerId);
  const named = pod === undefined ? undefined : join(pod.namespace, pod.name);
  return {
    network, containerId, lease,
    address: formatAddress(lease.address),
    container: owner?.label ?? named ?? shortId(containerId),
    interface: ifName,
    state: owner === undefined ? "unknown" : namespaceState(owner.netns) === "there" ? "in use" : "gone",
  };
}
