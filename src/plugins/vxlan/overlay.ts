/** A network on this node: a bridge with a VXLAN link as port, made by the first container and gone with the last. */
import type { Link, Namespace, NewLink } from "../../kernel/index.ts";
import { broken } from "../interface/check.ts";
import { deleteLinkNamed } from "../interface/delete.ts";
import { ignoreRouterAdvertisements } from "../interface/veth.ts";
import type { VxlanSettings } from "./conf.ts";
import { attachmentNote, isUnfinished, noteOf } from "./note.ts";
import type { AttachmentName } from "./note.ts";
import { forwardingChanges, setForwarding, shownEntry, tunnelDifference, tunnelInfo } from "./tunnel.ts";
import type { Place } from "./underlay.ts";
import { refuseTaken } from "./underlay.ts";

/** The name of the lock under which links of overlays are made, joined and taken away. */
export const overlayLock = "vxlan";

/**
 * Bridge and VXLAN link, made where they are missing, and as the configuration has them by now. Under the lock.
 *
 * @returns the bridge
 */
export async function ensureOverlay(
  host: Namespace, network: string, settings: VxlanSettings, place: Place,
): Promise<Link> {
  refuseTaken(settings, network, host);
  const note = noteOf(network);
  const bridge = await ensureOwn(host, note, { name: settings.bridge, info: { kind: "bridge" } });
  const info = tunnelInfo(settings, place);
  const present = host.links.list().filter(({ name, kind, alias }) => (
    kind === "vxlan" && (name === settings.device || alias === note)));
  for (const link of present) {
    // One of another name or with other settings is in the way, and nothing in it is worth keeping.
    if (link.name !== settings.device || tunnelDifference(link, info) !== undefined)
      await host.links.delete(link.index);
  }
  const device = await ensureOwn(host, note, {
    name: settings.device, info, mtu: place.mtu, master: bridge.index,
  });
  if (device.mtu !== place.mtu || device.master !== bridge.index)
    host.links.set(device.index, { mtu: place.mtu, master: bridge.index });
  setForwarding(host, device, settings);
  return bridge;
}

/** The link of that name, up and with our note; somebody else's bridge stays as it is, and theirs. */
async function ensureOwn(host: Namespace, note: string, wanted: NewLink): Promise<Link> {
  const present = host.links.find(wanted.name);
  if (present === undefined) return await makeOwn(host, note, wanted);
  if (present.alias === note || isUnfinished(present)) setOwn(host, note, present);
  else if (!present.up) host.links.set(present.index, { up: true });
  return present;
}

/** Without its note nobody would know that the link is to go again. */
async function makeOwn(host: Namespace, note: string, wanted: NewLink): Promise<Link> {
  host.links.add(wanted);
  try {
    const link = host.links.get(wanted.name);
    setOwn(host, note, link);
    return link;
  } catch (error) {
    await deleteLinkNamed(host, wanted.name);
    throw error;
  }
}

function setOwn(host: Namespace, note: string, { index, name, up, alias }: Link): void {
  if (up && alias === note) return;
  ignoreRouterAdvertisements(host, name);
  host.links.set(index, { up: true, alias: note });
}

/**
 * Takes away what is left of a network that no container of this node is on. Under the lock.
 *
 * @param names  of bridge and VXLAN link, which a killed ADD may have made and put no note on
 */
export async function removeUnused(host: Namespace, network: string, names: readonly string[]): Promise<void> {
  const all = host.links.list(), note = noteOf(network);
  if (hostEnds(all, network).length > 0) return;
  const own = all.filter((link) => link.alias === note || (names.includes(link.name) && isUnfinished(link)));
  const indexes = new Set(own.map(({ index }) => index));
  // A bridge that somebody has joined with other links goes on serving them.
  const gone = own.filter(({ kind, index }) => kind === "vxlan"
    || (kind === "bridge" && all.every((port) => port.master !== index || indexes.has(port.index))));
  if (gone.length > 0) await host.links.deleteAll(gone.map(({ index }) => index));
}

/** The host's ends of the containers' pairs; of one attachment where it is named. */
export function hostEnds(all: readonly Link[], network: string, attachment?: AttachmentName): readonly Link[] {
  const note = attachment === undefined ? `${noteOf(network)} ` : attachmentNote(network, attachment);
  return all.filter(({ kind, alias = "" }) => kind === "veth"
    && (attachment === undefined ? alias.startsWith(note) : alias === note));
}

/** @throws CniError 111 when bridge, VXLAN link or its entries are not as an ADD would leave them */
export function checkOverlay(host: Namespace, settings: VxlanSettings, place: Place): Link {
  const bridge = host.links.find(settings.bridge), device = host.links.find(settings.device);
  if (bridge === undefined) throw broken(`Cannot find bridge "${settings.bridge}": it is gone`);
  if (bridge.kind !== "bridge")
    throw broken(`Cannot accept bridge "${bridge.name}": its kind is ${bridge.kind ?? "physical"}, expected bridge`);
  if (device === undefined) throw broken(`Cannot find VXLAN link "${settings.device}": it is gone`);
  const { missing: [missing], stale: [stale] } = forwardingChanges(host, device, settings);
  const problem = tunnelDifference(device, tunnelInfo(settings, place))
    ?? (device.mtu === place.mtu ? undefined : `its MTU is ${device.mtu}, expected ${place.mtu}`)
    ?? (device.master === bridge.index ? undefined : `it is no port of bridge "${bridge.name}", expected it there`)
    ?? (device.up && bridge.up ? undefined : `${device.up ? `bridge "${bridge.name}"` : "it"} is down, expected it up`)
    ?? (missing && `it has no ${shownEntry(missing)}, expected that`)
    ?? (stale && `it has ${shownEntry(stale)}, expected none`);
  if (problem !== undefined) throw broken(`Cannot accept VXLAN link "${device.name}": ${problem}`);
  return bridge;
}
