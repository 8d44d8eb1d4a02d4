import type { Result } from "../cni/index.ts";
import type { Attachment } from "../plugins/index.ts";

/**
 * The answer for a container whose pod is gone: a success, because the runtime is about to remove the container anyway
 * and would only try again. Multus answers so; the address is one that nothing can have.
 */
export function placeholder({ ifName, netns }: Pick<Attachment, "ifName" | "netns">): Result {
  return {
    interfaces: [{ name: ifName, sandbox: netns }],
    ips: [{ interface: 0, address: "0.0.0.0/0", gateway: "0.0.0.0" }],
    routes: [],
    dns: {},
  };
}
