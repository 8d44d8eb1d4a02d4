import { withContext } from "../../call/index.ts";
import type { Result } from "../../cni/index.ts";
import { withGateways } from "../../nad/index.ts";
import type { Handles } from "../../plugins/index.ts";
import type { NetworkAttachment } from "../networks/network-attachment.ts";
import { describe } from "../networks/network-attachment.ts";
import { applyGateways } from "./gateways.ts";

/** Makes the default routes of a network's interface what the pod wants, in the kernel and in the result. */
export function withDefaultRoutes(attachment: NetworkAttachment, result: Result, handles: Handles): Result {
  const { gateways } = attachment.delegate;
  if (gateways === undefined || (result.interfaces.length === 0 && result.ips.length === 0)) return result;
  try {
    applyGateways(handles, attachment.ifName, gateways);
  } catch (error) {
    throw withContext(error, `Cannot add ${describe(attachment)}`);
  }
  return withGateways(result, gateways);
}
