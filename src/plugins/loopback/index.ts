/**
 * loopback: brings the container's own `lo` up. CNI_IFNAME does not matter.
 *
 * ADD    sets lo up; the result is prevResult, else lo with its first address of each family.
 * DEL    sets lo down; a namespace that is gone is success.
 * CHECK  lo is up.
 * Refuses (111) a lo that holds an address beyond 127.0.0.0/8 and ::1.
 */
import type { IpConfig, Result } from "../../cni/index.ts";
import { allVersions, confSchema } from "../../cni/index.ts";
import type { LinkAddress } from "../../kernel/index.ts";
import { formatPrefix, isLoopback } from "../../net/index.ts";
import { definePlugin } from "../contract/define.ts";
import { broken } from "../interface/check.ts";

export const loopback = definePlugin<object>({
  type: "loopback",
  versions: allVersions,
  schema: confSchema("plugin-conf"),
  ipam: "none",

  async add({ attachment, prevResult }, { container, undo }) {
    const lo = container.links.get("lo");
    if (!lo.up) {
      undo.add("set lo down", () => container.links.set(lo.index, { up: false }));
      container.links.set(lo.index, { up: true });
    }
    const addresses = container.addresses.list(lo.index);
    const foreign = addresses.find(({ address }) => !isLoopback(address));
    if (foreign !== undefined)
      throw broken(`Cannot use interface "lo": it holds ${formatPrefix(foreign)}, expected loopback addresses only`);
    return prevResult ?? loopbackResult(addresses, attachment.netns);
  },

  async del(_, { containerIfPresent: container }) {
    const lo = container?.links.find("lo");
    if (lo?.up === true) container?.links.set(lo.index, { up: false });
  },

  async check(_, { container }) {
    if (!container.links.get("lo").up) throw broken('Cannot accept interface "lo": it is down, expected it up');
  },
});

/** The interface with its first IPv4 and its first IPv6 address. */
export function loopbackResult(
  addresses: readonly Pick<LinkAddress, "address" | "prefixBits">[],
  sandbox: string,
): Result {
  const firsts = [4, 6].map((family) => addresses.find(({ address }) => address.family === family));
  const ips = firsts
    .filter((first) => first !== undefined)
    .map((first): IpConfig => ({ interface: 0, address: formatPrefix(first) }));
  return { interfaces: [{ name: "lo", mac: "00:00:00:00:00:00", sandbox }], ips, routes: [], dns: {} };
}
