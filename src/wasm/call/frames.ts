import { CniError, code, messageOf } from "../../cni/index.ts";
import type { AllocateRequest } from "../../ipam/index.ts";
import type { MergeInput } from "../modules.ts";
import { allocateJson } from "./allocate.ts";
import type { FrameRange } from "./frame.ts";
import { encodeFrame } from "./frame.ts";
import { mergeJson } from "./merge.ts";

/**
 * Requests of built-in modules as the bytes a module is handed. Both throw CniError 7 for one larger than 8 MiB, or of
 * too many ranges.
 */
export function allocateFrame(request: AllocateRequest): Uint8Array {
  return frameOf(allocateJson(request), request.ranges);
}

export function mergeFrame(inputs: readonly MergeInput[], config: object = {}): Uint8Array {
  return frameOf(mergeJson(inputs, config));
}

/** A request of any op. */
export function frameOf(json: string, ranges: readonly FrameRange[] = []): Uint8Array {
  try {
    return encodeFrame(json, ranges);
  } catch (cause) {
    throw new CniError(code.invalidConfig, messageOf(cause), { cause });
  }
}
