/** What is left of containers that are gone, and of writes that were killed. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { listResults } from "../../store/index.ts";
import { fileReservations, reservationsOf } from "../ipam/leases.ts";
import type { StateOptions } from "../machine/known.ts";
import { namespaceState, rememberedAttachments, shortId, stateDirs } from "../machine/known.ts";
import type { ProcessEnvironment } from "../output.ts";
import type { Finding } from "./finding.ts";

/** Where runtimes that use the CNI library keep theirs. */
const libraryDirectory = "/var/lib/cni";

export interface StateWords extends StateOptions {
  readonly "data-dir": string | undefined;
}

export async function stateFindings(
  options: StateWords,
  environment: ProcessEnvironment,
): Promise<readonly Finding[]> {
  const known = rememberedAttachments(options, environment);
  const gone = known.filter(({ netns }) => namespaceState(netns) === "gone");
  const library = existsSync(libraryDirectory) ? listResults(libraryDirectory) : [];
  const libraryGone = library.filter(({ netns }) => netns !== "" && namespaceState(netns) === "gone");
  return [
    ...gone.map(({ label, ifName, stateDir, isByHand }): Finding => ({
      severity: "warning", about: stateDir,
      what: `container ${label} (${ifName}) is gone, and what it was given is still kept for it`,
      fix: isByHand ? `polynic gc ${label}, or start it and polynic attach --again ${label}` : `polynic gc ${label}`,
    })),
    ...libraryGone.map(({ containerId, ifName, networkName }): Finding => ({
      severity: "warning", about: join(libraryDirectory, "results"),
      what: `container ${shortId(containerId)} (${ifName} on ${networkName}) is gone, and its runtime has not taken ` +
        "its network away",
      fix: "remove the container with its runtime, or have the runtime ask for GC",
    })),
    ...(await reservationFindings(options, known, new Set(library.map(({ containerId }) => containerId)))),
    ...temporaryFindings(options),
  ];
}

/** Addresses that nobody will give back. */
async function reservationFindings(
  options: StateWords,
  known: ReturnType<typeof rememberedAttachments>,
  ofLibrary: ReadonlySet<string>,
): Promise<readonly Finding[]> {
  const reservations = fileReservations(options);
  const lost = (await reservationsOf(reservations, known))
    .filter(({ state, containerId }) => state === "unknown" && !ofLibrary.has(containerId));
  return lost.map(({ network, address, container }): Finding => ({
    severity: "warning", about: join(reservations.dataDir, network),
    what: `${address} is reserved for ${container}, which neither polynic nor a runtime's cache knows`,
    fix: `polynic ipam free ${network} ${address}, once no container has it`,
  }));
}

const temporary = /^\.polynic-\d+-[\da-f]+\.tmp$/;
/** A write takes a moment; what is older was killed. */
const oldMs = 60_000;

function temporaryFindings(options: StateOptions): readonly Finding[] {
  const directories = stateDirs(options).flatMap((directory) => [directory, join(directory, "results")]);
  return directories.filter((directory) => existsSync(directory)).flatMap((directory) => {
    const old = readdirSync(directory).filter((name) => temporary.test(name) && isOld(join(directory, name)));
    if (old.length === 0) return [];
    return [{
      severity: "note", about: directory,
      what: `${old.length} temporary files of writes that were killed`,
      fix: "nothing: later calls take them away",
    } as const];
  });
}

function isOld(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat !== undefined && Date.now() - stat.mtimeMs > oldMs;
}
