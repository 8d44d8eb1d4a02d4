import { CniError, code } from "../../cni/index.ts";
import type { Link, Namespace, NewLink } from "../../kernel/index.ts";
import { hasErrno } from "../contract/errno.ts";
import type { AddContext } from "../contract/plugin.ts";
import { takenName } from "./attach.ts";
import { deleteLinkNamed } from "./delete.ts";

/** A pair to make: the container end under its final name, the host end under a random one. */
export interface VethPair {
  readonly ifName: string;
  /** Of both ends; absent, 0 or less: the kernel's. */
  readonly mtu?: number | undefined;
  /** Of the container end. */
  readonly mac?: string | undefined;
  /** ifindex of the bridge the host end becomes a port of. */
  readonly master?: number;
}

/** Both ends; of the host end only what needs no second look. */
export interface MadeVeth {
  readonly containerLink: Link;
  readonly hostName: string;
  readonly hostIndex: number;
}

/**
 * Makes the pair in one request: the host end (a bridge port already, where asked), its peer in the container.
 * The host end is set up, the container end is left down for whoever puts addresses on it.
 *
 * @throws CniError 7 when the container has an interface of that name
 */
export function createVeth(
  pair: VethPair,
  { host, container, undo }: Pick<AddContext, "host" | "container" | "undo">,
): MadeVeth {
  const hostName = addUnderSpareName(
    host,
    (name) => hostEnd(pair, name, container),
    () => {
      if (container.links.find(pair.ifName) !== undefined) throw takenName(pair.ifName, container);
    },
  );
  undo.add(`delete the interface "${pair.ifName}"`, () => deleteLinkNamed(host, hostName));

  const containerLink = container.links.get(pair.ifName);
  // The kernel names the other end of a veth pair in IFLA_LINK, by its index in its own namespace.
  const hostIndex = containerLink.parent ?? host.links.get(hostName).index;
  setHostEndUp(host, hostName, hostIndex);
  return { containerLink, hostName, hostIndex };
}

/** When to look, counted from the first look. The kernel takes well under a millisecond once both ends are up. */
const looksMs = [0, 1, 2, 5, 10, 20, 50, 100, 250, 550, 1550, 2550];

/**
 * The host end with carrier: without it its bridge drops what the container sends first.
 *
 * @throws CniError 11 when it gets none
 */
export async function waitUntilUp(
  { hostIndex, hostName }: MadeVeth,
  { host, sleep }: Pick<AddContext, "host" | "sleep">,
): Promise<Link> {
  let waitedMs = 0;
  for (const lookMs of looksMs) {
    if (lookMs > waitedMs) await sleep(lookMs - waitedMs);
    waitedMs = lookMs;
    const link = host.links.get(hostIndex);
    if (link.operState === "up") return link;
  }
  throw new CniError(
    code.tryAgainLater,
    `Cannot use bridge port "${hostName}": still without carrier after ${waitedMs} ms, expected it up`,
  );
}

/** The request for the pair. Only the host end has no transmit queue: the reference gives its pairs that shape. */
export function hostEnd(
  { ifName, mtu, mac, master }: VethPair,
  name: string,
  container: Namespace | undefined,
): NewLink {
  const size = mtu === undefined || mtu <= 0 ? {} : { mtu };
  const peer = { name: ifName, netnsFd: container?.fd, ...size, mac };
  return {
    name,
    info: { kind: "veth", peer },
    txQueueLength: 0,
    ...size,
    ...(master === undefined ? {} : { master, mac: highMac() }),
  };
}

/**
 * A random MAC, above nearly all others: a bridge takes the lowest of its ports' for its own, and its own must not
 * change when a container joins.
 */
function highMac(): string {
  return ["fe", ...Array.from({ length: 5 }, () => randomByte())].join(":");
}

function randomByte(): string {
  return Math.floor(Math.random() * 256).toString(16).padStart(2, "0");
}

/** How often a taken random name is answered by another one. */
const mostAttempts = 10;

/**
 * Creates a link under a random name `vethXXXXXXXX`, and says which.
 *
 * @param refuse  gets the kernel's EEXIST, and throws when another name than the random one is taken
 */
export function addUnderSpareName(
  namespace: Namespace,
  link: (name: string) => NewLink,
  refuse: (taken: unknown) => void,
): string {
  for (let attempt = 1; ; attempt++) {
    const name = spareName();
    try {
      namespace.links.add(link(name));
      return name;
    } catch (error) {
      if (!hasErrno(error, "EEXIST") || attempt === mostAttempts) throw error;
      refuse(error);
    }
  }
}

/** The host must not configure addresses from what containers advertise to it. */
export function setHostEndUp(host: Namespace, name: string, index: number): void {
  ignoreRouterAdvertisements(host, name);
  host.links.set(index, { up: true });
}

/** accept_ra off; a host without IPv6 has no such setting, which is as good. */
export function ignoreRouterAdvertisements(host: Namespace, name: string): void {
  try {
    host.sysctl.set(`net/ipv6/conf/${name}/accept_ra`, "0");
  } catch {
    // Absent, or a read-only /proc/sys: nothing depends on it.
  }
}

/**
 * `veth` and eight hexadecimal digits. A clash is tried again, so this needs no secret source, whose loading takes 12
 * ms.
 */
function spareName(): string {
  return `veth${Math.floor(Math.random() * 2 ** 32).toString(16).padStart(8, "0")}`;
}
