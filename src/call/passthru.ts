import { allVersions } from "../cni/index.ts";
import type { Plugin } from "../plugins/index.ts";

/**
 * passthru: does nothing and answers with an empty result; the head of an auxiliary chain, whose other plugins find a
 * pod's network made.
 */
export const passthru: Plugin = {
  type: "passthru",
  versions: allVersions,
  ipam: "none",
  step: () => ({ add: async (prevResult) => prevResult ?? { interfaces: [], ips: [], routes: [], dns: {} } }),
  del: async () => {},
  check: async () => {},
  status: async () => {},
  gc: async () => {},
};
