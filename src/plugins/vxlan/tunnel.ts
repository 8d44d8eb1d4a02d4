/**
 * A VXLAN link as the kernel has it: its settings, and its forwarding entries, which say behind which node a MAC is.
 * Nothing here knows of containers or of a bridge.        Source: linux/if_link.h, IFLA_VXLAN_*; RFC 7348
 */
import type { ForwardingEntry, Link, LinkSettings, Namespace } from "../../kernel/index.ts";
import type { Address } from "../../net/index.ts";
import { formatAddress } from "../../net/index.ts";

/** The tunnel of one network. */
export interface Tunnel {
  readonly vni: number;
  /** The link's name. */
  readonly device: string;
  /** Of the underlay. */
  readonly family: 4 | 6;
  readonly port: number;
  /** 0: the kernel's choice. */
  readonly ttl: number;
  readonly learning: boolean;
  /** Multicast: where to send what is for all. */
  readonly group: Address | undefined;
  /** The permanent entries, the group's own aside. */
  readonly entries: readonly ForwardingEntry[];
}

/** What a tunnel stands on. */
export interface Underlay {
  readonly parent: Pick<Link, "index" | "name" | "mtu">;
  /** The source of what is sent. */
  readonly local: Address;
}

/** Stands in a VXLAN link's table for every MAC that no other entry is for. */
export const toAll = "00:00:00:00:00:00";

/** What a frame is wrapped in: Ethernet 14, VXLAN 8, UDP 8, and IPv4 20 or IPv6 40 bytes. */
export function tunnelMtu({ family }: Pick<Tunnel, "family">, { parent: { mtu } }: Underlay): number {
  return mtu - (family === 4 ? 50 : 70);
}

export type TunnelInfo = { readonly kind: "vxlan" } & LinkSettings<"vxlan">;

/** The settings to make the link with. */
export function tunnelInfo(tunnel: Tunnel, { parent, local }: Underlay): TunnelInfo {
  const { vni: id, port, ttl, learning, group, family } = tunnel;
  return {
    kind: "vxlan", id, port, link: parent.index, learning,
    ...(ttl === 0 ? {} : { ttl }),
    ...(family === 4 ? { local } : { local6: local }),
    ...(group === undefined ? {} : family === 4 ? { group } : { group6: group }),
  };
}

/**
 * How a link differs from what it would be made as; undefined when it does not. The kernel can change few of these
 * settings, so that such a link is made anew.
 */
export function tunnelDifference({ kind, info }: Link, wanted: TunnelInfo): string | undefined {
  if (info?.kind !== "vxlan") return `its kind is ${kind ?? "physical"}, expected vxlan`;
  for (const key of ["id", "port", "link", "ttl", "learning"] as const) {
    const found = info[key] ?? 0, expected = wanted[key] ?? 0;
    if (found !== expected) return `its ${shownKeys[key]} is ${found}, expected ${expected}`;
  }
  for (const key of ["local", "local6", "group", "group6"] as const) {
    const found = shown(info[key]), expected = shown(wanted[key]);
    if (found !== expected) return `its ${key.replace("6", "")} is ${found}, expected ${expected}`;
  }
  return undefined;
}

const shownKeys = { id: "VNI", port: "port", link: "parent's index", ttl: "ttl", learning: "learning" } as const;

function shown(address: Address | undefined): string {
  return address === undefined ? "none" : formatAddress(address);
}

/** What is to change of a link's forwarding entries. */
export interface ForwardingChanges {
  readonly missing: readonly ForwardingEntry[];
  /** Permanent ones that nobody asks for, and learned ones in the way of a permanent one. */
  readonly stale: readonly ForwardingEntry[];
}

export function forwardingChanges(
  { neighbours }: Pick<Namespace, "neighbours">, { index }: Pick<Link, "index">, { entries, group }: Tunnel,
): ForwardingChanges {
  const wanted = group === undefined ? entries : [...entries, { mac: toAll, remote: group }];
  const present = neighbours.listForwarding(index, "self").filter(({ remote }) => remote !== undefined);
  const keys = new Set(wanted.map(keyOf)), macs = new Set(entries.map(({ mac }) => mac));
  const kept = present.filter((entry) => keys.has(keyOf(entry)) && entry.permanent);
  const keptKeys = new Set(kept.map(keyOf));
  return {
    missing: wanted.filter((entry) => !keptKeys.has(keyOf(entry))),
    stale: present.filter((entry) => !keptKeys.has(keyOf(entry)) && (entry.permanent || macs.has(entry.mac))),
  };
}

/** `peer 192.0.2.2`, or whose MAC is there. */
export function shownEntry({ mac, remote }: ForwardingEntry): string {
  return mac === toAll ? `peer ${shown(remote)}` : `neighbour ${mac} at ${shown(remote)}`;
}

function keyOf({ mac, remote }: ForwardingEntry): string {
  return `${mac} ${shown(remote)}`;
}

/** The link gets the tunnel's permanent entries, and no others; what was learned stays. */
export function setForwarding(host: Pick<Namespace, "neighbours">, link: Pick<Link, "index">, tunnel: Tunnel): void {
  const { missing, stale } = forwardingChanges(host, link, tunnel);
  // First those in the way: the entry of a MAC leads to one remote end, unless it stands for all.
  for (const entry of stale) host.neighbours.deleteForwarding(link.index, "self", entry);
  for (const entry of missing) host.neighbours.addForwarding(link.index, "self", entry);
}

/** Whether that link has the tunnel's VNI, which may be there once for a port. */
export function hasVni({ info }: Link, { vni, port, family }: Tunnel): boolean {
  if (info?.kind !== "vxlan" || info.id !== vni || info.port !== port) return false;
  const other = info.local6 ?? info.group6 ?? info.local ?? info.group;
  return other === undefined || other.family === family;
}
