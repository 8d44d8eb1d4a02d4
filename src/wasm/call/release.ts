import type { Result } from "../../cni/index.ts";
import type { Hold } from "../../ipam/index.ts";
import { isAddress, parseAddress, sameAddress } from "../../net/index.ts";
import type { AttachmentRequest } from "../modules.ts";
import { mineJson } from "./allocate.ts";
import type { Answer } from "./answer.ts";
import { answerError, decisionError, isObject, listAt, refuseOtherKeys } from "./answer.ts";

/** The JSON of a `release` request. */
export function releaseJson(request: AttachmentRequest): string {
  const { attachment, config, pod = null } = request;
  return JSON.stringify({ op: "release", config, pod, attachment, mine: mineJson(request) });
}

/** The JSON of a `check` request. */
export function checkJson(request: AttachmentRequest & { readonly prevResult: Result | undefined }): string {
  const { attachment, config, pod = null, prevResult } = request;
  const result = prevResult === undefined ? null : { cniVersion: "1.1.0", ...prevResult };
  return JSON.stringify({ op: "check", config, pod, attachment, mine: mineJson(request), prevResult: result });
}

/** A year: longer holds are a mistake of units. */
const longestHoldSeconds = 366 * 24 * 3600;
const listLimit = 64;

/**
 * What to hold, each an address that is being released.
 *
 * @throws CniError 145 for a wrong shape, 146 for an address that is not the caller's
 */
export function checkRelease(name: string, answer: Answer, request: AttachmentRequest): readonly Hold[] {
  refuseOtherKeys(name, "the answer", answer, ["hold", "log"]);
  return (listAt(name, answer, "hold", listLimit) ?? []).map((entry) => {
    if (!isObject(entry)) throw answerError(name, "an entry of hold is not an object");
    refuseOtherKeys(name, "an entry of hold", entry, ["address", "seconds"]);
    const { address: text, seconds } = entry;
    if (typeof text !== "string" || !isAddress(text))
      throw answerError(name, `address is ${JSON.stringify(text)}, expected an IP address`);
    if (typeof seconds !== "number" || !Number.isInteger(seconds) || seconds < 0 || seconds > longestHoldSeconds) {
      throw answerError(
        name,
        `seconds is ${JSON.stringify(seconds)}, expected an integer from 0 to ${longestHoldSeconds}`,
      );
    }
    const address = parseAddress(text);
    if (!request.mine.some((mine) => sameAddress(mine, address)))
      throw decisionError(name, `address ${text} is to be held, but it is not the caller's`);
    return { address, seconds };
  });
}

/** An answer that says nothing but that all is well. */
export function checkChecked(name: string, answer: Answer): void {
  refuseOtherKeys(name, "the answer", answer, ["log"]);
}
