import { fstatSync } from "node:fs";
import type { Link, Namespace, PacketSocket } from "../../kernel/index.ts";
import { openNamespaceIfPresent, udpPortFilter } from "../../kernel/index.ts";
import { clientPort } from "../../dhcp/index.ts";

/** Where a link is looked for. */
export interface LinkPlace {
  /** A path, opened anew each time: a descriptor that is kept would keep the namespace of a container that is gone. */
  readonly netns: string;
  readonly ifName: string;
}

/** Which link was found there: the same path and name may stand for another one later. */
export interface LinkIdentity {
  /** Device and inode of the namespace. */
  readonly netnsId: string;
  /** ifindex. */
  readonly index: number;
  readonly mac: string;
}

/** There is no such link, or another one of that name. */
export class LinkGone extends Error {
  override readonly name = "LinkGone";
}

/** A link that is spoken through. Close it soon: it keeps the container's namespace. */
export interface OpenLink {
  readonly identity: LinkIdentity;
  /** Links beside it have the same MAC: the kernel tells them apart by addresses, of which there is none yet. */
  readonly sharesMac: boolean;
  readonly socket: PacketSocket;
}

const ETH_P_IP = 0x0800;

/** For the first words on a link: sets it up, and waits a moment for its carrier. */
export async function openLinkUp(place: LinkPlace): Promise<OpenLink> {
  const namespace = opened(place);
  try {
    const link = found(namespace, place);
    if (!link.up) namespace.links.set(link.index, { up: true });
    await waitForCarrier(namespace, link.index);
    return opening(namespace, link);
  } finally {
    namespace.close();
  }
}

/** @throws LinkGone when it is not the same link any more */
export function openLinkAgain(place: LinkPlace, identity: LinkIdentity): OpenLink {
  return withLink(place, identity, opening);
}

/** Nothing may be sent from an address that is not ours any more. @throws LinkGone */
export function setLinkDown(place: LinkPlace, identity: LinkIdentity): void {
  withLink(place, identity, (namespace, { index }) => namespace.links.set(index, { up: false }));
}

/** @throws LinkGone when it is not there, or another one is */
export function requireSameLink(place: LinkPlace, identity: LinkIdentity): void {
  withLink(place, identity, () => undefined);
}

function withLink<T>(place: LinkPlace, identity: LinkIdentity, work: (namespace: Namespace, link: Link) => T): T {
  const namespace = opened(place);
  try {
    const link = found(namespace, place), now = identityOf(namespace, link);
    if (now.netnsId !== identity.netnsId || now.index !== identity.index || now.mac !== identity.mac) {
      throw new LinkGone(`interface "${place.ifName}" in ${place.netns} is another one by now`);
    }
    return work(namespace, link);
  } finally {
    namespace.close();
  }
}

function opened({ netns }: LinkPlace): Namespace {
  const namespace = openNamespaceIfPresent(netns);
  if (namespace === undefined) throw new LinkGone(`there is no network namespace at "${netns}"`);
  return namespace;
}

function found({ links }: Namespace, { netns, ifName }: LinkPlace): Link {
  const link = links.find(ifName);
  if (link === undefined) throw new LinkGone(`there is no interface "${ifName}" in ${netns}`);
  return link;
}

function opening(namespace: Namespace, link: Link): OpenLink {
  const filter = udpPortFilter(clientPort);
  return {
    identity: identityOf(namespace, link),
    sharesMac: link.kind === "ipvlan",
    socket: namespace.openPacketSocket({ index: link.index, etherType: ETH_P_IP, filter }),
  };
}

function identityOf({ fd }: Namespace, { index, mac = "" }: Link): LinkIdentity {
  const { dev, ino } = fstatSync(fd, { bigint: true });
  return { netnsId: `${dev}:${ino}`, index, mac };
}

/** When to look, counted from the first look: what is sent before is lost, and waited for in vain. */
const looksMs = [0, 1, 2, 5, 10, 20, 50, 100, 200];

async function waitForCarrier({ links }: Namespace, index: number): Promise<void> {
  let waitedMs = 0;
  for (const lookMs of looksMs) {
    if (lookMs > waitedMs) await new Promise((resolve) => setTimeout(resolve, lookMs - waitedMs));
    waitedMs = lookMs;
    // Many kinds of link never say that they have carrier.
    if (["up", "unknown"].includes(links.get(index).operState)) return;
  }
}
