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
  return resultsFrame(mergeJson(inputs, config), `merge the results of ${inputs.length} networks`);
}

/** The default memory of a module, 16 MiB, has room for so much that is read and written again. */
const resultsBytesMax = 448 * 1024;

/**
 * A request that the answer repeats.
 *
 * @param act  what it is for, in the imperative
 * @throws CniError 7 when it is longer than a module can have read and written
 */
export function resultsFrame(json: string, act: string): Uint8Array {
  const frame = frameOf(json);
  if (frame.length <= resultsBytesMax) return frame;
  throw new CniError(
    code.invalidConfig,
    `Cannot ${act}: a module would have to read ${frame.length} bytes of addresses and routes, expected at most ` +
      `${resultsBytesMax}`,
  );
}

/** A request of any op. */
export function frameOf(json: string, ranges: readonly FrameRange[] = []): Uint8Array {
  try {
    return encodeFrame(json, ranges);
  } catch (cause) {
    throw new CniError(code.invalidConfig, messageOf(cause), { cause });
  }
}
