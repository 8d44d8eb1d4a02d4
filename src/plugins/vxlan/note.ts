/** Aliases that say whose a link of the host is: what we make is told from others', and outlives the process. */
import type { Link } from "../../kernel/index.ts";
import type { Attachment } from "../contract/plugin.ts";
import { refused } from "./conf.ts";

/** Of the bridge and the VXLAN link. */
export function noteOf(network: string): string {
  return `${prefix}${network}`;
}

/** Of the host's end of a container's pair. */
export function attachmentNote(network: string, { containerId, ifName }: AttachmentName): string {
  return `${noteOf(network)} ${containerId.slice(0, idMax)} ${ifName}`;
}

export type AttachmentName = Pick<Attachment, "containerId" | "ifName">;

const prefix = "polynic vxlan ";
/** With the longest name of a network and of an interface this is what IFALIASZ leaves (linux/if.h). */
const idMax = 120;
const networkMax = 100;

/** @throws CniError 7 when the name does not fit into a note */
export function refuseLongName(network: string): void {
  if (network.length <= networkMax) return;
  throw refused(`Cannot use name: it has ${network.length} characters, expected at most ${networkMax} for a VXLAN`);
}

/** A link that somebody, killed meanwhile, has made and not put a note on: those of others are up, or have one. */
export function isUnfinished({ alias, up, kind }: Pick<Link, "alias" | "up" | "kind">): boolean {
  return alias === undefined && !up && (kind === "vxlan" || kind === "bridge");
}
