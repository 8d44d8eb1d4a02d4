import { CniError, code } from "../../cni/index.ts";
import type { Link, Namespace, NewLink } from "../../kernel/index.ts";
import { hasErrno } from "../contract/errno.ts";
import { ignoreRouterAdvertisements } from "../interface/veth.ts";
import type { BridgeSettings } from "./conf.ts";
import { portVlans } from "./conf.ts";

/**
 * The bridge of that name, created when missing, and up. An existing one keeps its MTU and VLAN filtering.
 *
 * There is no undo step: the bridge is shared, and between its creation and a later failure another container may have
 * become its port. The next ADD reuses it as it is.
 *
 * @throws CniError 7 when a link of that name is no bridge
 */
export function ensureBridge(host: Namespace, settings: BridgeSettings): Link {
  const { bridge: name, promiscuous } = settings;
  const existing = host.links.find(name);
  const bridge = existing ?? createBridge(host, settings);
  refuseOtherKind(bridge);
  const promiscuousNow = promiscuous && bridge.promiscuity === 0;
  ignoreRouterAdvertisements(host, name);
  if (!bridge.up || promiscuousNow)
    host.links.set(bridge.index, { up: true, ...(promiscuousNow ? { promiscuous: true } : {}) });
  return bridge;
}

/** @throws CniError 7 when it is no bridge */
export function refuseOtherKind({ name, kind }: Pick<Link, "name" | "kind">): void {
  if (kind === "bridge") return;
  throw new CniError(
    code.invalidConfig,
    `Cannot use bridge "${name}": the host's link of that name is ${kind ?? "a physical one"}, expected a bridge`,
  );
}

export function bridgeLink({ bridge: name, mtu, vlanFiltering }: BridgeSettings): NewLink {
  return { name, info: { kind: "bridge", ...(vlanFiltering ? { vlanFiltering } : {}) }, ...(mtu <= 0 ? {} : { mtu }) };
}

function createBridge(host: Namespace, settings: BridgeSettings): Link {
  try {
    host.links.add(bridgeLink(settings));
  } catch (error) {
    // Another ADD was faster; its bridge is as good.
    if (!hasErrno(error, "EEXIST")) throw error;
  }
  return host.links.get(settings.bridge);
}

/** Makes a port a member of its VLANs; its earlier ones go, unless asked to stay. */
export function setPortVlans(
  host: Namespace,
  port: number,
  settings: Pick<BridgeSettings, "vlan" | "trunk" | "preserveDefaultVlan">,
): void {
  const vlans = portVlans(settings);
  if (vlans.length === 0) return;
  if (!settings.preserveDefaultVlan) {
    for (const { id } of host.bridgeVlans.list(port)) host.bridgeVlans.delete(port, id);
  }
  for (const vlan of vlans) host.bridgeVlans.add(port, vlan);
}
