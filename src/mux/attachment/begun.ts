import type { UndoSteps } from "../../call/index.ts";
import type { Result } from "../../cni/index.ts";
import type { NetworkAttachment } from "../networks/network-attachment.ts";

/** A network to which an ADD has begun to attach the container. */
export interface Begun {
  readonly attachment: NetworkAttachment;
  readonly undo: UndoSteps;
  /** What its configuration asked for without effect, in words for people. */
  readonly notices: string[];
  /** What its plugins answered. */
  answered?: Result;
  /** The same with the default routes as they are in the end: what is kept and told. */
  result?: Result;
  /** Its addresses are kept for the IPAMClaim that the pod refers to. */
  isKept?: boolean;
  /** The result is in the cache. */
  isCached?: boolean;
}
