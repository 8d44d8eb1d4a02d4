import type { Link, Namespace } from "../../kernel/index.ts";
import type { Attachment, DelContext } from "../contract/plugin.ts";

/**
 * DEL of a link of the plugin's own: it goes with those of the other networks. Its addresses are released afterwards,
 * so that nobody else gets them while the link still answers to them.
 *
 * @returns the link, or undefined when it or the whole namespace is gone
 */
export function deleteInterface(
  { ifName }: Attachment,
  { containerIfPresent, teardown }: DelContext,
): Link | undefined {
  const link = containerIfPresent?.links.find(ifName);
  if (containerIfPresent !== undefined && link !== undefined) teardown.deleteLink(containerIfPresent, link);
  return link;
}

/** An undo step's way to delete what may be gone already. */
export async function deleteLinkNamed(namespace: Namespace, name: string): Promise<void> {
  const link = namespace.links.find(name);
  if (link !== undefined) await namespace.links.delete(link.index);
}
