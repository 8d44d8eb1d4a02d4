import type { Observer, Surroundings } from "../call/index.ts";
import { openLog } from "../call/index.ts";
import type { Delegate } from "../mux/index.ts";
import { networksOfAdd, parseMuxConf } from "../mux/index.ts";
import type { Attachment } from "../plugins/index.ts";
import type { JsonObject } from "../schema/index.ts";
import { muxCommand } from "./multiplexer.ts";

export interface Foreseeing extends Surroundings {
  readonly attachment: Attachment;
  readonly observer?: Observer | undefined;
}

/**
 * The networks that an ADD would attach the container to, the default one first, and nothing done to them.
 *
 * @param conf  the multiplexer's
 * @throws CniError as the ADD would: for a configuration, an annotation or a network that is refused or not there
 */
export async function foreseenNetworks(
  conf: JsonObject, { attachment, observer, ...surroundings }: Foreseeing,
): Promise<readonly Delegate[]> {
  const parsed = parseMuxConf(conf, { invokedAs: conf["type"] === "multus" ? "multus" : "polynic", verb: "ADD" });
  const log = openLog(parsed.log, surroundings.tell);
  const command = muxCommand({ conf: parsed, attachment, log, surroundings, warm: undefined, observer });
  return await networksOfAdd(command, log);
}
