/** The link of the host, or of the container, that a container's link stands on: its master, as the field says. */
import { CniError, code } from "../../cni/index.ts";
import type { Link, Namespace, NewLink } from "../../kernel/index.ts";
import { RT_TABLE_MAIN } from "../../netlink/index.ts";
import type { Handles } from "../contract/plugin.ts";

export interface MasterConf {
  readonly master?: string;
  /** The master is in the container, and the link beside it. */
  readonly linkInContainer?: boolean;
}

/** A master and the namespace it is in. */
export interface Master {
  readonly link: Link;
  readonly namespace: Namespace;
}

/**
 * The master named, else the link of the first default route.
 *
 * @throws CniError 7 when there is none
 */
export function findMaster(
  { master = "", linkInContainer = false }: MasterConf,
  handles: Pick<Handles, "host" | "container">,
): Master {
  const namespace = linkInContainer ? handles.container : handles.host;
  const where = linkInContainer ? "the container" : "the host";
  const link = master === "" ? defaultRouteLink(namespace) : namespace.links.find(master);
  if (link?.loopback === true)
    throw new CniError(
      code.invalidConfig,
      `Cannot use master "${link.name}": it is the loopback link, expected a link that leads to other nodes`,
    );
  if (link !== undefined) return { link, namespace };
  throw new CniError(
    code.invalidConfig,
    master === ""
      ? `Cannot choose a master: ${where} has no default route, expected "master" in the configuration`
      : `Cannot use master "${master}": ${where} has no link of that name`,
  );
}

function defaultRouteLink(namespace: Namespace): Link | undefined {
  const index = defaultRouteIndex(namespace, 4) ?? defaultRouteIndex(namespace, 6);
  return index === undefined ? undefined : namespace.links.get(index);
}

function defaultRouteIndex(namespace: Namespace, family: 4 | 6): number | undefined {
  return namespace.routes
    .list(family, { table: RT_TABLE_MAIN })
    .find(({ dst, index }) => dst.prefixBits === 0 && index !== undefined)?.index;
}

/**
 * For STATUS: no ADD works without the master. One in the container is known to ADD only.
 *
 * @returns undefined for one in the container
 * @throws CniError 7 when there is none, or its MTU is too low
 */
export function refuseMissingMaster(
  conf: MasterConf & { readonly mtu?: number },
  handles: Pick<Handles, "host" | "container">,
): Master | undefined {
  if (conf.linkInContainer === true) return undefined;
  const master = findMaster(conf, handles);
  refuseMtuAbove(master.link, conf.mtu);
  return master;
}

/**
 * A link whose frames somebody else takes cannot hand them to links on it, which the kernel says by EBUSY.
 *
 * @throws CniError 7
 */
export function refusePort({ link: { name, master }, namespace }: Master): void {
  const above = master === undefined ? undefined : namespace.links.find(master);
  if (above === undefined || !takers.has(above.kind ?? "")) return;
  throw new CniError(
    code.invalidConfig,
    `Cannot use master "${name}": it is a port of ${above.kind} "${above.name}", which takes what arrives there, ` +
      `expected "${above.name}" or a link that is no port`,
  );
}

/** Kinds that take their ports' frames (netdev_rx_handler_register in their drivers). */
const takers: ReadonlySet<string> = new Set(["bridge", "bond", "team", "openvswitch"]);

/** What every link on a master is asked to be. Without an MTU the kernel takes the master's. */
export function linkOn(
  { link: { index }, namespace }: Master,
  name: string,
  { mtu = 0, linkInContainer = false }: Pick<MasterConf, "linkInContainer"> & { readonly mtu?: number },
): Omit<NewLink, "info"> {
  return {
    name,
    parent: index,
    ...(linkInContainer ? {} : { parentNamespace: namespace }),
    ...(mtu <= 0 ? {} : { mtu }),
  };
}

/** What the kernel said to a link on that master, and which one it is. */
export function refusedOn({ link }: Master, refusal: unknown): unknown {
  if (!(refusal instanceof Error) || !("errnoName" in refusal)) return refusal;
  return new CniError(code.kernel, `${refusal.message}; its master is "${link.name}"`, { cause: refusal });
}

/** A link on that master, in whatever network namespace, that is as described; in words. */
export function shownOnMaster(
  { link: { index }, namespace }: Master, matches: (link: Link) => boolean,
): string | undefined {
  const own = namespace.links.list().filter(({ parent, parentNamespaceId }) => (
    parent === index && parentNamespaceId === undefined)).find(matches);
  if (own !== undefined) return `link "${own.name}"`;
  const other = namespace.findElsewhere(index, matches);
  return other && `link "${other.link.name}" of network namespace "${other.path}"`;
}

/** @throws CniError 7; the kernel refuses such a link, but does not say why */
export function refuseMtuAbove(master: Pick<Link, "name" | "mtu">, mtu = 0): void {
  if (mtu <= master.mtu) return;
  throw new CniError(
    code.invalidConfig,
    `Cannot use mtu ${mtu}: master "${master.name}" has ${master.mtu}, expected 0 to ${master.mtu}`,
  );
}
