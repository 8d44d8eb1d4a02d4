import type { Result } from "../../cni/index.ts";
import { CniError, code } from "../../cni/index.ts";
import { declares } from "../../nad/index.ts";
import { canonicalMac, formatAddress, parseAddressOrPrefix, sameAddress } from "../../net/index.ts";
import type { NetworkAttachment } from "../networks/network-attachment.ts";
import { describe } from "../networks/network-attachment.ts";

/**
 * What a pod asked of a network and did not get. Address and MAC reach plugins in CNI_ARGS too, so that one which
 * declares no capability may have heard of them all the same: the result tells.
 *
 * @returns undefined when nothing was asked, a plugin was handed it as a capability argument, or the result is as asked
 */
export function unmetRequest(attachment: NetworkAttachment, result: Result): CniError | undefined {
  const { ips = [], mac } = attachment.delegate.requests;
  const missing = isHandedOn(attachment, "ips")
    ? []
    : ips.filter((ip) => !result.ips.some(({ address }) => isSameAddress(address, ip)));
  if (missing.length > 0) return unmet(attachment, `address ${missing.join(", ")}`, "ips");
  const unkept = unmetClaim(attachment, result);
  if (unkept !== undefined) return unkept;
  if (mac === undefined || isHandedOn(attachment, "mac")) return undefined;
  return result.interfaces.some((one) => one.mac !== undefined && isSameMac(one.mac, mac))
    ? undefined
    : unmet(attachment, `MAC ${mac}`, "mac");
}

/** A virtual machine goes on with the addresses that it has, whatever its pod is given. */
function unmetClaim(attachment: NetworkAttachment, result: Result): CniError | undefined {
  const { claim, requests: { ips = [] } } = attachment.delegate;
  if (claim === undefined || ips.length > 0) return undefined;
  const missing = claim.addresses.map(formatAddress)
    .filter((text) => !result.ips.some(({ address }) => isSameAddress(address, text)));
  if (missing.length === 0) return undefined;
  return new CniError(
    code.invalidConfig,
    `Cannot give ${describe(attachment)} address ${missing.join(", ")} of IPAMClaim "${claim.key}": its plugins gave ` +
      `${result.ips.map(({ address }) => address).join(", ") || "none"}, expected an IPAM whose ranges have it and ` +
      "which keeps it for the claim",
  );
}

/** The default network gets no capability arguments of its selection, whatever it declares. */
function isHandedOn({ delegate: { network, capabilityArgs } }: NetworkAttachment, capability: string): boolean {
  return capability in capabilityArgs && declares(network.plugins, capability);
}

function unmet(attachment: NetworkAttachment, what: string, capability: string): CniError {
  return new CniError(
    code.invalidConfig,
    `Cannot give ${describe(attachment)} the ${what} that the pod asks for: its plugins did not take it, expected a ` +
      `plugin that declares "capabilities": {"${capability}": true} or reads CNI_ARGS`,
  );
}

/** Addresses alone count: a plugin knows its subnet better than a pod. */
function isSameAddress(left: string, right: string): boolean {
  return sameAddress(parseAddressOrPrefix(left).address, parseAddressOrPrefix(right).address);
}

function isSameMac(left: string, right: string): boolean {
  try {
    return canonicalMac(left) === canonicalMac(right);
  } catch {
    return left.toLowerCase() === right.toLowerCase(); // not of an Ethernet
  }
}
