/** IP addresses, prefixes, hardware addresses and interface names as values. */
export * from "./address.ts";
