import type { Link, Namespace } from "../../kernel/index.ts";
import type { Ipam } from "../contract/ipam.ts";
import type { Attachment, DelContext } from "../contract/plugin.ts";

/**
 * DEL's two halves that all plugins with a link of their own share: the link goes with those of the other networks,
 * its addresses are released afterwards, so that nobody else gets them while the link still answers to them.
 *
 * @returns the link, or undefined when it or the whole namespace is gone
 */
export function deleteInterface({ ifName }: Attachment, ipam: Ipam | undefined, context: DelContext): Link | undefined {
  const { teardown } = context;
  // Registered first: neither a bad namespace nor a link that cannot be looked up keeps the addresses.
  if (ipam !== undefined) teardown.after(`release the addresses of interface "${ifName}"`, () => ipam.del(context));
  const { containerIfPresent: container } = context;
  const link = container?.links.find(ifName);
  if (container !== undefined && link !== undefined) teardown.deleteLink(container, link);
  return link;
}

/** An undo step's way to delete what may be gone already. */
export function deleteLinkNamed(namespace: Namespace, name: string): void {
  const link = namespace.links.find(name);
  if (link !== undefined) namespace.links.delete(link.index);
}
