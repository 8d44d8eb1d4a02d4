import type { Confs, IpConfig } from "../../cni/index.ts";
import { CniError, code } from "../../cni/index.ts";
import type { Address, Prefix } from "../../net/index.ts";
import { contains, formatAddress, formatPrefix, isAddress, parseAddress, parsePrefix } from "../../net/index.ts";

/** One address of the configuration; host bits are kept. */
export interface StaticAddress {
  readonly address: Prefix;
  readonly gateway?: Address;
}

/** `ipam.addresses`. */
export function configuredAddresses(
  confs: NonNullable<Confs["static"]["ipam"]>["addresses"] = [],
): readonly StaticAddress[] {
  return confs.map(({ address = "", gateway = "" }, index) => ({
    address: cidr(`ipam.addresses[${index}].address`, address),
    ...(gateway === "" ? {} : { gateway: ip(`ipam.addresses[${index}].gateway`, gateway) }),
  }));
}

/** Those of CNI_ARGS. */
export function gatewaysIn(GATEWAY: string): readonly Address[] {
  return listed(GATEWAY).map((text) => ip("CNI_ARGS GATEWAY", text, code.invalidEnvironment));
}

/** An address with the last gateway that its subnet contains. */
export function withGateway(address: Prefix, gateways: readonly Address[]): StaticAddress {
  const gateway = gateways.findLast((candidate) => contains(address, candidate));
  return { address, ...(gateway === undefined ? {} : { gateway }) };
}

export function toIpConfig({ address, gateway }: StaticAddress): IpConfig {
  return { address: formatPrefix(address), ...(gateway === undefined ? {} : { gateway: formatAddress(gateway) }) };
}

/** `a,b`. */
export function listed(text: string): readonly string[] {
  return text === "" ? [] : text.split(",").map((entry) => entry.trim());
}

/** @throws CniError naming the place; 7 unless it is another */
export function cidr(where: string, text: string, number: number = code.invalidConfig): Prefix {
  try {
    return parsePrefix(text);
  } catch (cause) {
    throw new CniError(
      number,
      `Cannot use ${where}: ${JSON.stringify(text)} is no CIDR, expected one such as 10.1.2.3/24`,
      { cause },
    );
  }
}

function ip(where: string, text: string, number: number = code.invalidConfig): Address {
  if (isAddress(text)) return parseAddress(text);
  throw new CniError(
    number,
    `Cannot use ${where}: ${JSON.stringify(text)} is no address, expected one such as 10.1.2.1`,
  );
}
