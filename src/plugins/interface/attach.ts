/** The beginning and the end of ADD that plugins with one link in the container share. */
import type { Interface, Result } from "../../cni/index.ts";
import { CniError, code } from "../../cni/index.ts";
import type { Link, Namespace, NewLink } from "../../kernel/index.ts";
import { hasErrno } from "../contract/errno.ts";
import type { Ipam } from "../contract/ipam.ts";
import type { AddContext, Attachment } from "../contract/plugin.ts";
import { configureInterface } from "./configure.ts";
import { deleteLinkNamed } from "./delete.ts";

/**
 * Makes the link in the container under its final name, still down, and reads it back: the kernel has given it a MAC.
 *
 * @param told  the kernel's refusal with what is to be said beside it
 * @throws CniError 7 when the container has an interface of that name
 */
export function makeInterface(
  link: NewLink, { container, undo }: Pick<AddContext, "container" | "undo">, told = (refusal: unknown) => refusal,
): Link {
  try {
    container.links.add(link);
  } catch (error) {
    // Of some kinds EEXIST may also speak of what stands on the master.
    const isTaken = hasErrno(error, "EEXIST") && container.links.find(link.name) !== undefined;
    throw isTaken ? takenName(link.name, container, error) : told(error);
  }
  undo.add(`delete the interface "${link.name}"`, () => deleteLinkNamed(container, link.name));
  return container.links.get(link.name);
}

export function takenName(ifName: string, container: Namespace, cause?: unknown): CniError {
  return new CniError(
    code.invalidConfig,
    `Cannot create interface "${ifName}" in ${container.path}: the container has one of that name already`,
    { cause },
  );
}

/** A link in the container, and where its addresses come from; undefined for none (layer 2). */
export interface Attaching {
  readonly link: Link;
  readonly attachment: Pick<Attachment, "netns">;
  readonly ipam: Ipam | undefined;
  /** Neighbours learn of the addresses at once, instead of by asking. */
  readonly announce?: boolean;
}

/** Leases addresses, puts them on the link, sets it up and adds the routes; the result lists this one interface. */
export async function attachInterface(
  { link, attachment, ipam, announce = false }: Attaching,
  context: AddContext,
): Promise<Result> {
  const { container } = context;
  const interfaces = [containerEntry(link, attachment)];
  if (ipam === undefined) {
    container.links.set(link.index, { up: true });
    return { interfaces, ips: [], routes: [], dns: {} };
  }
  const { ips, routes, dns } = await ipam.add(context);
  if (announce) announceAddresses(container, link.name);
  await configureInterface({ link, ips, routes }, context);
  return { interfaces, ips: ips.map((ip) => ({ ...ip, interface: 0 })), routes, dns };
}

/** A link in the container as a result lists it. */
export function containerEntry({ name, mac }: Link, { netns }: Pick<Attachment, "netns">): Interface {
  return { name, ...(mac === undefined ? {} : { mac }), sandbox: netns };
}

/** Without these settings neighbours learn by asking. */
function announceAddresses(container: Namespace, ifName: string): void {
  container.sysctl.setPossible({
    [`net/ipv4/conf/${ifName}/arp_notify`]: "1", [`net/ipv6/conf/${ifName}/ndisc_notify`]: "1",
  });
}
