/** One call served: by the multiplexer, or by one plugin alone. */
export { changeRunning } from "./change.ts";
export { foreseenNetworks } from "./foreseen.ts";
export { PodContainers } from "./pod-containers.ts";
export { serve } from "./serve.ts";
export type { Answer, CallFacts, ServedCall } from "./serve.ts";
export {
  confOf, detachRemembered, netnsOf, releaseEarlierBoots, remainsIn, removeRemains, setAside, whyGone,
} from "./reconcile.ts";
export type { Remains } from "./reconcile.ts";
