import type { Owner } from "../../store/index.ts";
import type { Attachment } from "../plugin.ts";

/** Who has the addresses of an interface. */
export function ownerOf({ containerId, ifName }: Attachment): Owner {
  return { containerId, ifName };
}
