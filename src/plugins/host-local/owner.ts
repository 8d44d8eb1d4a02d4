import type { Owner } from "../../ipam/index.ts";
import type { Attachment } from "../contract/plugin.ts";

/** Who has the addresses of an interface. */
export function ownerOf({ containerId, ifName }: Attachment): Owner {
  return { containerId, ifName };
}
