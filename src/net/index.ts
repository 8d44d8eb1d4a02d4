/**
 * IP addresses, prefixes, hardware addresses and names as values. Text is read strictly: what the kernel or another
 * CNI program would read differently is refused with an AddressError. Only this room knows ipaddr.js.
 */
export {
  AddressError,
  addOffset,
  addressFromBytes,
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
export * from "./mac.ts";
export * from "./name.ts";
export * from "./prefix.ts";
export { AddressList, addAddressName } from "./address-list.ts";
export * from "./taken-view.ts";
