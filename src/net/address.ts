/** An IP address: its family and its bytes in network order (4 or 16 of them). IPv4-mapped IPv6 is held as IPv4. */
export interface Address {
  readonly family: 4 | 6;
  readonly bytes: Uint8Array;
}

/** An address with a prefix length; the host bits are kept (`10.1.2.5/24` stays an address plus mask). */
export interface Prefix {
  readonly address: Address;
  readonly prefixBits: number;
}
