import type { Result } from "../../cni/index.ts";
import type { AttachmentRequest, ReviewRequest } from "../modules.ts";
import { frameOf, resultsFrame } from "./frames.ts";
import { checkJson, releaseJson } from "./release.ts";
import { reviewJson } from "./review.ts";

/**
 * Requests that no built-in module is sent, as the bytes a module is handed. All throw CniError 7 for one larger than 8
 * MiB.
 */
export function releaseFrame(request: AttachmentRequest): Uint8Array {
  return frameOf(releaseJson(request));
}

export function checkFrame(request: AttachmentRequest & { readonly prevResult: Result | undefined }): Uint8Array {
  return frameOf(checkJson(request));
}

export function reviewFrame(request: ReviewRequest): Uint8Array {
  return resultsFrame(reviewJson(request), "have a policy review the result");
}
