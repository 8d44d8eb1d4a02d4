import type { AllocateRequest } from "../../../ipam/index.ts";
import type { MergeInput, ReviewRequest } from "../../../wasm/index.ts";
import {
  allocateFrame,
  checkAllocation,
  checkMerge,
  checkReview,
  mergeFrame,
  op,
  readAnswer,
  reviewFrame,
} from "../../../wasm/index.ts";
import type { Trial } from "./check.ts";
import type { Random } from "./random.ts";
import { randomInputs, randomReview } from "./results.ts";
import { awkwardPools, randomState, requestOf } from "./state.ts";

/** One request of the module's kind, as bytes, and what the host would say to an answer. */
export interface Sample {
  readonly op: number;
  readonly frame: Uint8Array;
  /**
   * Throws CniError as the host does: from 140 on for what no module may answer, below for the module's own error.
   */
  accept(text: string): void;
}

export function randomSample(trial: Trial, any: Random): Sample {
  const config = any.pick(trial.configs);
  switch (trial.subject.metadata.kind) {
    case "ipam":
      return allocation(
        trial,
        requestOf(randomState(any, any.once(2) && trial.pools.length > 0 ? trial.pools : awkwardPools, config), "runs"),
      );
    case "merge":
      return merging(trial, randomInputs(any), config);
    case "policy":
      return review(trial, randomReview(any, config));
  }
}

export function allocation({ subject: { name, metadata } }: Trial, request: AllocateRequest): Sample {
  const { perSet } = metadata;
  return {
    op: op.allocate,
    frame: allocateFrame(request),
    accept: (text) => void checkAllocation(name, readAnswer(name, text), request, { perSet }),
  };
}

export function merging({ subject: { name } }: Trial, inputs: readonly MergeInput[], config: object): Sample {
  return {
    op: op.merge,
    frame: mergeFrame(inputs, config),
    accept: (text) => void checkMerge(name, readAnswer(name, text), inputs),
  };
}

/**
 * The host's node allows a policy nothing unless it says so; the kit asks whether an answer is one some node could
 * allow.
 */
const everything = ["routes", "dns", "ips-remove"] as const;

export function review({ subject: { name } }: Trial, request: ReviewRequest): Sample {
  return {
    op: op.review,
    frame: reviewFrame(request),
    accept: (text) => void checkReview(name, readAnswer(name, text), request, everything),
  };
}
