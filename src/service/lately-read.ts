import type { PluginRequestInput } from "../cni/index.ts";
import { parsePluginRequest } from "../cni/index.ts";
import type { MuxConf } from "../mux/index.ts";
import { parseMuxConf } from "../mux/index.ts";
import { deeplyFrozen, madeOnce } from "../schema/index.ts";

/** Runtimes send the same text for each container of a network; a node has a few. */
const textsMost = 32, textCharsMost = 16 * 1024;

/**
 * Configurations by the text that was read lately, for a process that serves many calls. They are frozen, so that what
 * is made of them can be kept as well, see `madeOnce`. What is refused is read anew.
 */
export class LatelyRead {
  /** Oldest first. */
  readonly #known = new Map<string, PluginRequestInput>();
  readonly #byCaller = madeOnce((_conf: PluginRequestInput["conf"]) => new Map<string, MuxConf>());

  /** As `parsePluginRequest`. */
  request(text: string): PluginRequestInput {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const input = parsePluginRequest(text);
    // One that holds a result is of one container.
    if (text.length > textCharsMost || input.prevResult !== undefined) return input;
    const [oldest = ""] = this.#known.keys();
    if (this.#known.size >= textsMost) this.#known.delete(oldest);
    this.#known.set(text, deeplyFrozen(input));
    return input;
  }

  /** As `parseMuxConf`. */
  muxConf(conf: PluginRequestInput["conf"], how: { readonly invokedAs: string; readonly verb: string }): MuxConf {
    const byCaller = this.#byCaller(conf), caller = `${how.verb} ${how.invokedAs}`, known = byCaller.get(caller);
    if (known !== undefined) return known;
    const parsed = deeplyFrozen(parseMuxConf(conf, how));
    byCaller.set(caller, parsed);
    return parsed;
  }
}
