import { CniError, code, parseArgs } from "../cni/index.ts";
import { AddressError, canonicalMac } from "../net/index.ts";

/** Where a container's hardware address may be asked for. */
export interface MacSources {
  /** The plugin's own key, or `args.cni.mac`. */
  readonly configured?: string | undefined;
  /** CNI_ARGS verbatim; its key is MAC. */
  readonly args: string;
  readonly runtimeConfig?: string | undefined;
  /** Which of the first two counts when both are there; `runtimeConfig` always wins. */
  readonly stronger: "configured" | "args";
}

/**
 * The hardware address asked for, lower case; undefined when nobody asked, which leaves it to the kernel.
 *
 * @throws CniError 4 for CNI_ARGS that cannot be read, 7 for text that is no MAC
 */
export function requestedMac({ configured, args, runtimeConfig, stronger }: MacSources): string | undefined {
  const fromArgs = parseArgs(args, ["MAC"]).MAC;
  const texts = stronger === "configured" ? [fromArgs, configured, runtimeConfig] : [configured, fromArgs, runtimeConfig];
  const text = texts.findLast((candidate) => candidate !== undefined && candidate !== "");
  if (text === undefined) return undefined;
  try {
    return canonicalMac(text);
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    throw new CniError(code.invalidConfig, error.message, { cause: error });
  }
}
