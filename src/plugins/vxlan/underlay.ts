/** What the node has for a tunnel to stand on, and what of it is somebody else's; nothing is touched. */
import type { Link, Namespace } from "../../kernel/index.ts";
import { formatAddress, isLinkLocalUnicast, sameAddress } from "../../net/index.ts";
import type { Address } from "../../net/index.ts";
import { findMaster } from "../interface/master.ts";
import type { Handles } from "../contract/plugin.ts";
import type { VxlanSettings } from "./conf.ts";
import { mtuMin, refused, refuseOwnAddresses } from "./conf.ts";
import { isUnfinished, noteOf } from "./note.ts";
import type { Underlay } from "./tunnel.ts";
import { hasVni, tunnelMtu } from "./tunnel.ts";

/** A tunnel's place on this node. */
export interface Place extends Underlay {
  /** Of the VXLAN link, and of the containers' interfaces. */
  readonly mtu: number;
}

/**
 * The link and address that the tunnel runs over, and the MTU that it leaves.
 *
 * @throws CniError 7 for a configuration that this node cannot do, with the key named
 */
export function placeOf(settings: VxlanSettings, handles: Pick<Handles, "host" | "container">): Place {
  const { host } = handles, { family, device, bridge } = settings;
  const own = host.addresses.list().filter(({ address }) => address.family === family);
  refuseOwnAddresses(settings, own.map(({ address }) => address));
  const parent = parentOf(settings, own, handles);
  if (parent.name === device || parent.name === bridge || parent.loopback) {
    const what = parent.loopback ? "the loopback link"
      : `this network's own ${parent.name === device ? "device" : "bridge"}`;
    throw refused(`Cannot use master "${parent.name}": it is ${what}, expected a link that leads to the other nodes`);
  }
  const local = settings.local ?? firstAddress(own.filter(({ index }) => index === parent.index));
  if (local === undefined) {
    throw refused(
      `Cannot use master "${parent.name}": it has no IPv${family} address to send from, expected one, or "local" in ` +
        "the configuration",
    );
  }
  return { parent, local, mtu: mtuOf(settings, { parent, local }) };
}

interface OwnAddress {
  readonly index: number;
  readonly address: Address;
}

function parentOf(
  { master, local }: VxlanSettings, own: readonly OwnAddress[], handles: Pick<Handles, "host" | "container">,
): Link {
  const holder = local && own.find(({ address }) => sameAddress(address, local));
  if (local !== undefined && holder === undefined)
    throw refused(`Cannot use local: ${formatAddress(local)} is no address of this node, expected one that it has`);
  return master === "" && holder !== undefined ? handles.host.links.get(holder.index)
    : findMaster({ master }, handles).link;
}

/** Link-local ones serve where there is no other. */
function firstAddress(own: readonly OwnAddress[]): Address | undefined {
  return (own.find(({ address }) => !isLinkLocalUnicast(address)) ?? own[0])?.address;
}

function mtuOf(settings: VxlanSettings, underlay: Underlay): number {
  const { parent } = underlay, most = tunnelMtu(settings, underlay);
  if (most < mtuMin) {
    throw refused(
      `Cannot use master "${parent.name}": its MTU ${parent.mtu} leaves ${most}, expected ${mtuMin} or more`,
    );
  }
  if (settings.mtu <= most) return settings.mtu <= 0 ? most : settings.mtu;
  throw refused(
    `Cannot use mtu ${settings.mtu}: master "${parent.name}" has ${parent.mtu}, which leaves ${most} to a VXLAN over ` +
      `IPv${settings.family}, expected 0 to ${most}`,
  );
}

/**
 * Device, bridge and VNI are free, or this network's already.
 *
 * @throws CniError 7 with the key and whose it is
 */
export function refuseTaken(settings: VxlanSettings, network: string, { links }: Pick<Namespace, "links">): void {
  const { device, bridge, vni, port } = settings, note = noteOf(network);
  for (const link of links.list()) {
    const shown = `"${link.name}"${link.alias === undefined ? "" : ` (${link.alias})`}`;
    const ours = link.alias === note || isUnfinished(link);
    if (link.name === device && !(link.kind === "vxlan" && ours))
      throw refused(`Cannot use device "${device}": the host has a link of that name, ${shown}, expected another name`);
    if (link.name === bridge && link.kind !== "bridge") {
      throw refused(
        `Cannot use bridge "${bridge}": the host's link of that name is ${link.kind ?? "a physical one"}, expected a ` +
          "bridge",
      );
    }
    if (link.name === bridge && link.alias !== note && link.alias?.startsWith(noteOf("")) === true)
      throw refused(`Cannot use bridge "${bridge}": it is another network's, ${shown}, expected one of its own`);
    if (link.name !== device && link.alias !== note && hasVni(link, settings)) {
      throw refused(
        `Cannot use vni ${vni}: link ${shown} of the host has it on port ${port}, expected a VNI that is free`,
      );
    }
  }
}
