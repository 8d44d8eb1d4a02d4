import type { FailedStep } from "../../call/index.ts";
import { toCniError, withContext, teardownGroup } from "../../call/index.ts";
import type { CniError } from "../../cni/index.ts";
import type { Handles } from "../../plugins/index.ts";
import type { Multiplexer } from "../../store/index.ts";
import { loadResult, removeResult } from "../../store/index.ts";
import type { Network } from "../networks/network.ts";
import { describe, resultKey } from "../networks/network.ts";
import type { Recalled } from "./cached.ts";
import { recall, remember } from "./cached.ts";
import { delNetwork } from "./chain.ts";
import { forgetDevice } from "./device-info.ts";

/**
 * Takes the container off all of these networks: last one first, past errors, the links of all in one request. What a
 * network needed is forgotten once it is gone.
 *
 * @returns what failed, in the order it was done; [] when nothing is left
 */
export async function detachNetworks(
  networks: readonly Network[],
  handles: Handles,
  cniDir: string,
): Promise<readonly { network: Network; error: CniError }[]> {
  const group = teardownGroup();
  const attempts: { network: Network; failures: FailedStep[] }[] = [];
  for (const planned of networks.toReversed()) {
    const failures: FailedStep[] = [];
    const { network, prevResult } = remembered(cniDir, planned, handles);
    attempts.push({ network, failures });
    await delNetwork(network, prevResult, { handles, teardown: group.for(failures), failures });
  }
  await group.finish();
  return attempts.flatMap(({ network, failures }) => {
    attempt("remove the description of its device", () => forgetDevice(network), failures);
    if (failures.length === 0) attempt("forget the result", () => removeResult(cniDir, resultKey(network)), failures);
    return failures.map(({ what, error }) => ({
      network,
      error: withContext(error, `Cannot ${what} of ${describe(network)}`),
    }));
  });
}

/**
 * Keeps what a later DEL or GC needs of networks that could not be deleted, in the cache, where nothing else removes
 * it.
 */
export function keepForLater(cniDir: string, networks: readonly Network[], multiplexer: Multiplexer): void {
  for (const network of new Set(networks)) {
    if (!isCached(cniDir, network)) remember(cniDir, network, undefined, multiplexer);
  }
}

/** What the cache knows of a network. A damaged entry is no reason to leave the network standing. */
function remembered(cniDir: string, network: Network, handles: Handles): Recalled {
  try {
    return recall(cniDir, network);
  } catch (error) {
    handles.log.warn(`${toCniError(error).message}; ${describe(network)} is deleted without it`);
    return { network, prevResult: undefined };
  }
}

function attempt(what: string, work: () => void, failures: FailedStep[]): void {
  try {
    work();
  } catch (error) {
    failures.push({ what, error });
  }
}

function isCached(cniDir: string, network: Network): boolean {
  try {
    const cached = loadResult(cniDir, resultKey(network));
    return cached !== undefined && cached.confText !== "";
  } catch {
    return false;
  }
}
