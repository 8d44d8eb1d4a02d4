import type { UndoSteps } from "../../call/index.ts";
import type { Result } from "../../cni/index.ts";
import type { Network } from "../networks/network.ts";

/** A network that an ADD has begun. */
export interface Begun {
  readonly network: Network;
  readonly undo: UndoSteps;
  /** What its plugins answered. */
  answered?: Result;
  /** The same with the default routes as they are in the end: what is kept and told. */
  result?: Result;
  /** The result is in the cache. */
  isCached?: boolean;
}
