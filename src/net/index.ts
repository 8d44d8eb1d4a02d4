/**
 * IP addresses, prefixes, hardware addresses and names as values. Text is read strictly: what the kernel or another
 * CNI program would read differently is refused with an AddressError. Only this room knows ipaddr.js.
 */
export {
  AddressError,
  addOffset,
  addressFromBytes, addressKey, addressOf,
  addressToInteger,
  compareAddresses,
  formatAddress,
  isAddress,
  isGlobalUnicast,
  isLinkLocalUnicast,
  isLoopback,
  isMulticast,
  isUnspecified,
  parseAddress,
  sameAddress,
} from "./address.ts";
export type { Address } from "./address.ts";
export { canonicalMac, formatMac, parseMac } from "./mac.ts";
export { interfaceNameProblem, isIdentifier, isInterfaceName, linkNameProblem } from "./name.ts";
export {
  bitsOf, broadcastOf, contains, formatPrefix, hostPrefix, lastOf, networkOf, overlaps, parseAddressOrPrefix,
  parsePrefix, prefixKey, samePrefix,
} from "./prefix.ts";
export type { Prefix } from "./prefix.ts";
export { AddressList, addAddressName } from "./address-list.ts";
export { takenBitmap, takenRuns, takenView, viewHolds, writeModuleAddress } from "./taken-view.ts";
export type { Span, TakenView } from "./taken-view.ts";
