import { CniError, code } from "../../cni/index.ts";
import type { Link, LinkChanges, Namespace, NewLink } from "../../kernel/index.ts";
import { hasErrno } from "../contract/errno.ts";
import type { AddContext, StatusContext } from "../contract/plugin.ts";
import { ignoreRouterAdvertisements } from "../interface/veth.ts";
import type { BridgeSettings } from "./conf.ts";
import { portVlans } from "./conf.ts";

/** Alias of a bridge that we have made, whose VLAN filtering is then ours to switch on. */
const ownAlias = "made by polynic";

/**
 * The bridge of that name, created when missing, and up. An existing one keeps its MTU.
 *
 * There is no undo step: the bridge is shared, and between its creation and a later failure another container may have
 * become its port. The next ADD reuses it as it is.
 *
 * @throws CniError 7 when a link of that name is no bridge, or separates no VLANs although it is to
 */
export async function ensureBridge(
  settings: BridgeSettings, context: Pick<AddContext, "host" | "withoutEffect" | "sleep">,
): Promise<Link> {
  const { host } = context;
  const { bridge: name, promiscuous } = settings;
  const existing = host.links.find(name);
  const isNew = existing === undefined && createBridge(host, settings);
  const found = existing ?? host.links.get(name);
  refuseOtherKind(found);
  const bridge = isNew || !settings.vlanFiltering || settings.mayFilter ? found : await whenMade(found, context);
  if (settings.vlanFiltering) ensureFiltering(bridge, settings, context);
  ignoreRouterAdvertisements(host, bridge.name);
  const changes: LinkChanges = {
    ...(bridge.up ? {} : { up: true }),
    ...(promiscuous && bridge.promiscuity === 0 ? { promiscuous: true } : {}),
    ...(isNew ? { alias: ownAlias } : {}),
  };
  if (Object.keys(changes).length > 0) host.links.set(bridge.index, changes);
  return bridge;
}

/** From a bridge's creation to its mark are two requests of its maker; after that time it is somebody else's. */
const makingMs = 500;
const pauseMs = 5;

/**
 * The bridge once its maker, another ADD of this moment, has marked it, which the kernel does not take with its
 * creation: as long as it is neither up nor marked it may be about to be. The mark and being up come in one request.
 */
async function whenMade(bridge: Link, { host, sleep }: Pick<AddContext, "host" | "sleep">): Promise<Link> {
  for (let waitedMs = 0; waitedMs < makingMs; waitedMs += pauseMs) {
    const now = host.links.get(bridge.index);
    const isFiltering = now.info?.kind === "bridge" && now.info.vlanFiltering === true;
    if (now.up || now.alias !== undefined || isFiltering) return now;
    await sleep(pauseMs);
  }
  return host.links.get(bridge.index);
}

/** @throws CniError 7 when it is no bridge */
function refuseOtherKind({ name, kind }: Pick<Link, "name" | "kind">): void {
  if (kind === "bridge") return;
  throw new CniError(
    code.invalidConfig,
    `Cannot use bridge "${name}": the host's link of that name is ${kind ?? "a physical one"}, expected a bridge`,
  );
}

export function bridgeLink({ bridge: name, mtu, vlanFiltering }: BridgeSettings): NewLink {
  return { name, info: { kind: "bridge", ...(vlanFiltering ? { vlanFiltering } : {}) }, ...(mtu <= 0 ? {} : { mtu }) };
}

/** @returns false when another ADD was faster; its bridge is as good */
function createBridge(host: Namespace, settings: BridgeSettings): boolean {
  try {
    host.links.add(bridgeLink(settings));
    return true;
  } catch (error) {
    if (hasErrno(error, "EEXIST")) return false;
    if (settings.vlanFiltering && hasErrno(error, "EOPNOTSUPP")) throw noFiltering(settings, error);
    throw error;
  }
}

/** Without filtering the bridge lets every frame through to every port, whatever VLANs its ports are members of. */
function ensureFiltering(
  bridge: Link, settings: BridgeSettings, context: Pick<AddContext, "host" | "withoutEffect">,
): void {
  if (isToFilter(bridge, settings, context))
    context.host.links.setInfo(bridge.index, { kind: "bridge", vlanFiltering: true });
}

/** Whether its filtering is to be switched on; one that nobody switches on is told. */
function isToFilter(
  { alias, info }: Link, settings: BridgeSettings, { withoutEffect }: Pick<StatusContext, "withoutEffect">,
): boolean {
  const { bridge, mayFilter } = settings;
  const { vlanFiltering = false, vlanProtocol } = info?.kind === "bridge" ? info : {};
  if (vlanFiltering) return false;
  // Only a kernel that has it says for which protocol.
  if (vlanProtocol === undefined) throw noFiltering(settings);
  if (mayFilter || alias === ownAlias) return true;
  if (portVlans(settings).length === 0) return false;
  withoutEffect(
    `Cannot separate ${shownVlans(settings)} on bridge "${bridge}": its VLAN filtering is off, expected it on (ip ` +
      `link set ${bridge} type bridge vlan_filtering 1), or "vlanFiltering": true in the configuration`,
  );
  return false;
}

/** For STATUS: what an ADD would refuse of a bridge that is there. One that is just being made is passed over. */
export function refuseUnfitBridge(
  bridge: Link, settings: BridgeSettings, context: Pick<StatusContext, "withoutEffect">,
): void {
  refuseOtherKind(bridge);
  if (settings.vlanFiltering && (bridge.up || bridge.alias !== undefined)) isToFilter(bridge, settings, context);
}

function noFiltering(settings: BridgeSettings, cause?: unknown): CniError {
  return new CniError(
    code.kernel,
    `Cannot separate ${shownVlans(settings)} on bridge "${settings.bridge}": this kernel has no VLAN filtering, ` +
      "expected one with CONFIG_BRIDGE_VLAN_FILTERING, or neither vlan nor vlanTrunk",
    { cause },
  );
}

function shownVlans({ vlan }: BridgeSettings): string {
  return vlan === 0 ? "VLANs" : `VLAN ${vlan}`;
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
