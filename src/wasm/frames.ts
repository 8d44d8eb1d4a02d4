import type { Result } from "../cni/index.ts";
import { CniError, code } from "../cni/index.ts";
import { allocateJson } from "./allocate.ts";
import type { FrameRange } from "./frame.ts";
import { encodeFrame } from "./frame.ts";
import { mergeJson } from "./merge.ts";
import type { AllocateRequest, AttachmentRequest, MergeInput, ReviewRequest } from "./modules.ts";
import { checkJson, releaseJson } from "./release.ts";
import { reviewJson } from "./review.ts";

/** Requests as the bytes a module is handed. All throw CniError 7 for a request larger than 8 MiB. */
export function allocateFrame(request: AllocateRequest): Uint8Array {
  return frameOf(allocateJson(request), request.ranges);
}

export function releaseFrame(request: AttachmentRequest): Uint8Array {
  return frameOf(releaseJson(request));
}

export function checkFrame(request: AttachmentRequest & { readonly prevResult: Result | undefined }): Uint8Array {
  return frameOf(checkJson(request));
}

export function mergeFrame(inputs: readonly MergeInput[], config: object = {}): Uint8Array {
  return frameOf(mergeJson(inputs, config));
}

export function reviewFrame(request: ReviewRequest): Uint8Array {
  return frameOf(reviewJson(request));
}

function frameOf(json: string, ranges: readonly FrameRange[] = []): Uint8Array {
  try {
    return encodeFrame(json, ranges);
  } catch (cause) {
    throw new CniError(code.invalidConfig, cause instanceof Error ? cause.message : String(cause), { cause });
  }
}
