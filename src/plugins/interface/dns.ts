import type { Dns } from "../../cni/index.ts";

/**
 * The dns of a bridge or ptp result: the configuration's in place of IPAM's as soon as it says anything, an empty list
 * included.
 */
export function configuredOrLeasedDns(configured: Dns | undefined, leased: Dns): Dns {
  if (configured === undefined) return leased;
  const { nameservers, domain, search, options } = configured;
  const says =
    nameservers !== undefined ||
    search !== undefined ||
    options !== undefined ||
    (domain !== undefined && domain !== "");
  return says ? configured : leased;
}
