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

/** A hardware address, lower case, and the key that it was asked for by. */
export interface AskedMac {
  readonly key: string;
  readonly mac: string;
}

/**
 * The hardware address asked for, lower case; undefined when nobody asked, which leaves it to the kernel.
 *
 * @throws CniError 4 for CNI_ARGS that cannot be read or hold no MAC, 7 for a configuration that holds none
 */
export function requestedMac(sources: MacSources): string | undefined {
  return askedMac(sources)?.mac;
}

/** The same for a link of Ethernet; also refuses (7) what no such link can have. */
export function requestedEthernetMac(sources: MacSources): string | undefined {
  const asked = askedMac(sources);
  if (asked !== undefined) refuseUnfitMac(asked);
  return asked?.mac;
}

function askedMac({ configured = "", args, runtimeConfig = "", stronger }: MacSources): AskedMac | undefined {
  const fromArgs = parseArgs(args, ["MAC"]).MAC ?? "";
  if (runtimeConfig !== "") return parsed("runtimeConfig.mac", runtimeConfig);
  if (fromArgs !== "" && (stronger === "args" || configured === "")) return parsed(argsKey, fromArgs);
  return configured === "" ? undefined : parsed("mac", configured);
}

/** What the variable's key is called in messages. */
export const argsKey = "CNI_ARGS MAC";

function parsed(key: string, text: string): AskedMac {
  return { key, mac: parseMacOf(key, text, key === argsKey ? code.invalidEnvironment : code.invalidConfig) };
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

const ethernetBytes = 6;

/**
 * The kernel cuts an address that is longer than a link's, and says EADDRNOTAVAIL to what is no single interface's.
 *
 * @param bytes  how long a link's address is
 * @throws CniError 7
 */
export function refuseUnfitMac({ key, mac }: AskedMac, bytes = ethernetBytes): void {
  const given = bytesOfMac(mac);
  if (given !== bytes) {
    throw new CniError(
      code.invalidConfig,
      `Cannot use ${key}: ${mac} has ${given} bytes, expected ${bytes} as such a link's address has`,
    );
  }
  // linux/etherdevice.h, is_valid_ether_addr
  const isGroup = (Number.parseInt(mac, 16) & 1) === 1, isZero = /^[0:]*$/.test(mac);
  if (bytes !== ethernetBytes || !(isGroup || isZero)) return;
  throw new CniError(
    code.invalidConfig,
    `Cannot use ${key}: ${mac} is ${isZero ? "nobody's" : "a group's"}, expected the address of a single interface ` +
      "such as 02:00:5e:10:00:01",
  );
}

export function bytesOfMac(mac: string): number {
  return mac.split(":").length;
}
