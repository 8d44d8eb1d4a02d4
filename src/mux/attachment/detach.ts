import type { FailedStep } from "../../call/index.ts";
import { teardownGroup, withContext } from "../../call/index.ts";
import type { CniError } from "../../cni/index.ts";
import { giveWay } from "../../os/index.ts";
import type { Handles } from "../../plugins/index.ts";
import type { Multiplexer } from "../../store/index.ts";
import { removeResult } from "../../store/index.ts";
import { describe, logged, resultKey } from "../networks/network-attachment.ts";
import { remember } from "./cached.ts";
import { delNetwork } from "./chain.ts";
import { forgetDevice } from "./device-info.ts";
import type { KnownNetwork } from "./known.ts";
import { prevResultOf } from "./known.ts";

/** A network that could not be taken off, or not wholly. */
export interface FailedDetachment {
  readonly network: KnownNetwork;
  readonly error: CniError;
}

/**
 * Takes the container off all of these networks: last one first, past errors, the links of all in one request. What a
 * network needed is forgotten once it is gone.
 *
 * @returns what failed, in the order it was done; [] when nothing is left
 */
export async function detachNetworks(
  networks: readonly KnownNetwork[],
  handles: Handles,
  cniDir: string,
): Promise<readonly FailedDetachment[]> {
  const group = teardownGroup();
  const attempts: { network: KnownNetwork; failures: FailedStep[] }[] = [];
  for (const network of networks.toReversed()) {
    const { attachment, damage } = network, failures: FailedStep[] = [];
    attempts.push({ network, failures });
    if (damage !== undefined)
      handles.log.warn(`${damage.message}; ${describe(attachment)} is deleted without it`);
    await delNetwork(attachment, prevResultOf(network), { handles, teardown: group.for(failures), failures });
    await giveWay();
  }
  await group.finish();
  return attempts.flatMap(({ network, failures }) => {
    const { attachment } = network, { network: { name }, confText } = attachment.delegate;
    attempt("remove the description of its device", () => forgetDevice(attachment), failures);
    if (failures.length === 0)
      attempt("forget the result", () => removeResult(cniDir, resultKey(attachment)), failures);
    if (failures.length === 0)
      handles.log.verbose(() => `Del: ${logged(attachment, name)} ${confText}`);
    return failures.map(({ what, error }) => ({
      network,
      error: withContext(error, `Cannot ${what} of ${describe(attachment)}`),
    }));
  });
}

/**
 * Keeps what a later DEL or GC needs of networks that could not be deleted, in the cache, where nothing else removes
 * it.
 *
 * @returns why that cannot be, in the order it was tried
 */
export function keepForLater(
  cniDir: string,
  failed: readonly FailedDetachment[],
  multiplexer: Multiplexer,
): readonly CniError[] {
  return [...new Set(failed.map(({ network }) => network))].flatMap(({ attachment, isCached }) => {
    if (isCached) return [];
    try {
      remember(cniDir, attachment, undefined, multiplexer);
      return [];
    } catch (error) {
      return [withContext(error, `Cannot keep what is left of ${describe(attachment)} for later`)];
    }
  });
}

function attempt(what: string, work: () => void, failures: FailedStep[]): void {
  try {
    work();
  } catch (error) {
    failures.push({ what, error });
  }
}
