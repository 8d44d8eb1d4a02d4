/** Address reservations of this machine and of stores that it shares, with the containers that have them. */
import { readdirSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import type { KeptForClaim, ListedLease, Reclaimable } from "../../ipam/index.ts";
import type { Address } from "../../net/index.ts";
import { formatAddress, isIdentifier } from "../../net/index.ts";
import { bootId } from "../../os/index.ts";
import { openFileLeases } from "../../store/index.ts";
import { configurationFiles, isReadable } from "../machine/configuration.ts";
import { confDirs } from "../machine/directories.ts";
import type { Remembered, StateOptions } from "../machine/known.ts";
import { namespaceState, rememberedAttachments, shortId } from "../machine/known.ts";
import type { OptionTable } from "../options.ts";
import type { Output, ProcessEnvironment } from "../output.ts";
import type { Pool, ScopeOfMachine } from "./pools.ts";
import { poolsOf, poolsOfAttached, sharedScopes } from "./pools.ts";

export const usualDataDirectory = "/var/lib/cni/networks";

export const dataDirOption = {
  "data-dir": {
    kind: "text",
    value: "DIRECTORY",
    help: `where reservations in files are (ipam.dataDir); default: ${usualDataDirectory}`,
  },
} as const satisfies OptionTable;

export interface Reservations {
  readonly dataDir: string;
  /** By their stores; those in files by the networks that have any. */
  readonly scopes: readonly ScopeOfMachine[];
}

interface Machine extends Pick<Output, "warn"> {
  readonly environment: ProcessEnvironment;
}

interface Places {
  readonly "data-dir"?: string | undefined;
  readonly "conf-dir"?: string | undefined;
}

/**
 * Networks whose reservations nodes share are known by this machine's configurations, and by containers that have them:
 * definitions of a cluster stand in no file.
 */
export function openReservations(options: Places & StateOptions, machine: Machine): Reservations {
  const files = fileReservations(options), attached = rememberedAttachments(options, machine.environment);
  const pools = [...poolsOfMachine(options), ...poolsOfAttached(attached)];
  return { ...files, scopes: [...files.scopes, ...sharedScopes(pools, machine)] };
}

export function fileReservations({ "data-dir": dataDir = usualDataDirectory }: Places): Reservations {
  return { dataDir, scopes: fileScopes(dataDir) };
}

export function poolsOfMachine({ "conf-dir": confDir }: Places): readonly Pool[] {
  return configurationFiles(confDirs({ "conf-dir": confDir })).filter(isReadable)
    .flatMap(({ configuration }) => poolsOf(configuration));
}

function fileScopes(dataDir: string): readonly ScopeOfMachine[] {
  return networksIn(dataDir).map((name) => fileScope(name, dataDir));
}

/** What a network has in files, if anything. */
export function fileScope(name: string, dataDir = usualDataDirectory): ScopeOfMachine {
  const store = openFileLeases({ dataDir, node: { name: hostname(), bootId: bootId() } });
  return { scope: name, networks: [name], store, node: "", kubeconfig: "" };
}

/** Those of the scopes that a network has; all of them without a name. */
export function withNetworks({ dataDir, scopes }: Reservations, names: readonly string[]): Reservations {
  if (names.length === 0) return { dataDir, scopes };
  return { dataDir, scopes: scopes.filter(({ networks }) => networks.some((one) => names.includes(one))) };
}

export function namesOf({ scopes }: Reservations): readonly string[] {
  return [...new Set(scopes.flatMap(({ networks }) => networks))].sort();
}

/** With reservations, or with ranges in a configuration of this machine. */
export function knownNamesOf(all: Reservations, options: Places): readonly string[] {
  return [...new Set([...namesOf(all), ...poolsOfMachine(options).map(({ network }) => network)])].sort();
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
   * attached it. elsewhere: it is on another node. kept: no container has it, it waits for an IPAMClaim.
   */
  readonly state: "in use" | "gone" | "unknown" | "elsewhere" | "kept";
  /** Where nodes share the store: whose it is. */
  readonly node?: string;
  readonly at: Address;
  /** As the store has it. */
  readonly what: Pick<Reclaimable, "leases" | "kept">;
  readonly of: ScopeOfMachine;
}

/** What people and programs are told of one. */
export function toldOf({ at: _, what: __, of: ___, ...told }: Reservation): Omit<Reservation, "at" | "what" | "of"> {
  return told;
}

/** Whether it is of one of the networks; what is kept for a claim is of all that share the scope. */
export function isOfNetwork({ network, state, of }: Reservation, names: readonly string[]): boolean {
  return names.includes(network) || (state === "kept" && of.networks.some((one) => names.includes(one)));
}

/** In the order of scopes and addresses. */
export async function reservationsOf(
  { scopes }: Reservations,
  known: readonly Remembered[],
): Promise<readonly Reservation[]> {
  const listed = await Promise.all(scopes.map(async (of) => {
    const survey = await of.store.survey?.(of.scope), leases = survey?.leases ?? await of.store.list(of.scope);
    return [
      ...leases.map((lease) => toReservation(of, lease, known)),
      ...(survey?.kept ?? []).map((kept) => toKept(of, kept)),
    ];
  }));
  return listed.flat();
}

function toKept(of: ScopeOfMachine, kept: KeptForClaim): Reservation {
  const { address: at, claim } = kept;
  return { network: of.scope, address: formatAddress(at), container: `IPAMClaim ${claim}`, containerId: "",
    interface: "-", state: "kept", at, what: { kept: [kept] }, of };
}

function toReservation(of: ScopeOfMachine, lease: ListedLease, known: readonly Remembered[]): Reservation {
  const { containerId, ifName, pod, node, network = of.scope } = lease.owner;
  const isElsewhere = of.node !== "" && node !== of.node;
  const owner = isElsewhere ? undefined : known.find((one) => one.containerId === containerId);
  const named = pod === undefined ? undefined : join(pod.namespace, pod.name);
  const here = owner === undefined ? "unknown" : namespaceState(owner.netns) === "there" ? "in use" : "gone";
  return {
    network, containerId, of, at: lease.address, what: { leases: [lease] },
    address: formatAddress(lease.address),
    container: owner?.label ?? named ?? shortId(containerId),
    interface: ifName,
    state: isElsewhere ? "elsewhere" : here,
    ...(of.node === "" ? {} : { node }),
  };
}
