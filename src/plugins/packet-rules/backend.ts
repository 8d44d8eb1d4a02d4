/** Which of the two firewall interfaces a plugin uses: the configured one, else iptables unless only nftables works. */
import { CniError, code } from "../../cni/index.ts";
import type { Handles } from "../contract/plugin.ts";

export type FirewallBackend = "iptables" | "nftables";

type BackendHandles = Pick<Handles, "host" | "iptables">;

/**
 * The configured value, checked; undefined when absent. Code 7 when unknown; `key` is its place in the configuration.
 */
export function parseFirewallBackend(key: string, value: string | undefined): FirewallBackend | undefined {
  if (value === undefined || value === "iptables" || value === "nftables") return value;
  throw new CniError(code.invalidConfig, `Cannot use ${key} ${JSON.stringify(value)}: expected iptables or nftables`);
}

/**
 * Does the work with the backend that is configured, else with the default.
 *
 * Whether iptables is usable is not asked beforehand, which would cost a process: work that succeeds has shown it. Only
 * when it fails is the question worth asking; the work is done over with nftables when that is the one that works here.
 */
export async function withBackend<T>(
  handles: BackendHandles, configured: FirewallBackend | undefined, work: (backend: FirewallBackend) => Promise<T>,
): Promise<T> {
  if (configured !== undefined) return await work(configured);
  try {
    return await work("iptables");
  } catch (error) {
    if (await onlyNftables(handles)) return await work("nftables");
    throw error;
  }
}

/**
 * Why the backend cannot be used here, or neither where none is configured, in words; undefined when it can. May start
 * a process.
 */
export async function whyUnusable(
  { host, iptables }: BackendHandles, configured: FirewallBackend | undefined,
): Promise<string | undefined> {
  switch (configured) {
    case "iptables":
      return await iptables.usable(4) ? undefined : "iptables cannot be used, expected the iptables package";
    case "nftables":
      return host.nftables.usable() ? undefined : "nftables cannot be used, expected a kernel with nf_tables";
    case undefined:
      return host.nftables.usable() || await iptables.usable(4) ? undefined
        : "neither iptables nor nftables can be used, expected the iptables package";
  }
}

/** iptables cannot be used here and nftables can; starts a process when the program is there. */
async function onlyNftables({ host, iptables }: BackendHandles): Promise<boolean> {
  return !(await iptables.usable(4)) && host.nftables.usable();
}
