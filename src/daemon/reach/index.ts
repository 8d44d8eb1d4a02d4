/** Reach: pods of all nodes talk to each other, by routes that follow the cluster's nodes. docs/reach.md says how. */
export { removeReach } from "./reach.ts";
export { keepReach } from "./run.ts";
export type { ReachOptions, ReachRequest } from "./run.ts";
