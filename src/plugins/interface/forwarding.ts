import type { Namespace } from "../../kernel/index.ts";

/** The host passes packets of a family on, as a gateway of containers has to; it stays so. */
export function enableForwarding(host: Namespace, family: 4 | 6): void {
  const name = family === 4 ? "net/ipv4/ip_forward" : "net/ipv6/conf/all/forwarding";
  // Reading first: where forwarding is on already, /proc/sys may be read-only.
  if (host.sysctl.get(name) !== "1") host.sysctl.set(name, "1");
}
