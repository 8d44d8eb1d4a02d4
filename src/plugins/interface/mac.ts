import { CniError, code, parseArgs } from "../../cni/index.ts";
import { AddressError, canonicalMac } from "../../net/index.ts";

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
 * @throws CniError 4 for CNI_ARGS that cannot be read or hold no MAC, 7 for a configuration that holds none
 */
export function requestedMac({ configured = "", args, runtimeConfig = "", stronger }: MacSources): string | undefined {
  const fromArgs = parseArgs(args, ["MAC"]).MAC ?? "";
  if (runtimeConfig !== "") return parseMacOf("runtimeConfig.mac", runtimeConfig);
  if (fromArgs !== "" && (stronger === "args" || configured === ""))
    return parseMacOf("CNI_ARGS MAC", fromArgs, code.invalidEnvironment);
  return configured === "" ? undefined : parseMacOf("mac", configured);
}

/** The hardware address, lower case; `where` names its key in the message. */
export function parseMacOf(where: string, text: string, number: number = code.invalidConfig): string {
  try {
    return canonicalMac(text);
  } catch (cause) {
    if (!(cause instanceof AddressError)) throw cause;
    throw new CniError(
      number,
      `Cannot use ${where}: ${JSON.stringify(text)} is no MAC, expected 6, 8 or 20 bytes such as 02:00:5e:10:00:01`,
      { cause },
    );
  }
}
