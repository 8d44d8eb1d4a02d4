import { withContext } from "../../call/index.ts";
import type { Result } from "../../cni/index.ts";
import { withGateways } from "../../nad/index.ts";
import type { Handles } from "../../plugins/index.ts";
import type { Network } from "../networks/network.ts";
import { describe } from "../networks/network.ts";
import { applyGateways } from "./gateways.ts";

/** Makes the default routes of a network's interface what the pod wants, in the kernel and in the result. */
export function withDefaultRoutes(network: Network, result: Result, handles: Handles): Result {
  const { gateways } = network.delegate;
  if (gateways === undefined || (result.interfaces.length === 0 && result.ips.length === 0)) return result;
  try {
    applyGateways(handles, network.attachment.ifName, gateways);
  } catch (error) {
    throw withContext(error, `Cannot add ${describe(network)}`);
  }
  return withGateways(result, gateways);
}
