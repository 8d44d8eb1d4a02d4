import { formatAddress } from "../net/index.ts";
import type { Address, Prefix } from "../net/index.ts";
import {
  addressBody,
  IFA_F_DADFAILED,
  IFA_F_TENTATIVE,
  NLM_F_CREATE,
  NLM_F_EXCL,
  RTM_DELADDR,
  RTM_GETADDR,
  RTM_NEWADDR,
} from "../netlink/index.ts";
import type { ValueOf } from "../netlink/index.ts";
import type { Addresses, LinkAddress } from "./namespace.ts";
import type { NetlinkSocket } from "./socket.ts";

/** The addresses of the namespace a socket was opened in. */
export function addressesOf(socket: () => NetlinkSocket): Addresses {
  return {
    list(index) {
      const operation = index === undefined ? "list addresses" : `list addresses of link ${index}`;
      const header = { family: AF_UNSPEC, index: index ?? 0 };
      return socket().dump(
        { operation, type: RTM_GETADDR, body: addressBody, header, attributes: {} },
        addressBody,
        toAddress,
      );
    },

    add(index, prefix, { broadcast, scope = 0 } = {}) {
      socket().execute({
        operation: `add address ${described(prefix)} to link ${index}`,
        type: RTM_NEWADDR,
        flags: NLM_F_CREATE | NLM_F_EXCL,
        body: addressBody,
        header: { ...headerOf(index, prefix), scope },
        attributes: { ...attributesOf(prefix), broadcast: broadcast?.bytes },
      });
    },

    delete(index, prefix) {
      socket().execute({
        operation: `delete address ${described(prefix)} from link ${index}`,
        type: RTM_DELADDR, body: addressBody, header: headerOf(index, prefix), attributes: attributesOf(prefix),
      });
    },
  };
}

// linux/socket.h
const AF_UNSPEC = 0;
export const AF_INET = 2;
export const AF_INET6 = 10;

export function familyNumber(family: 4 | 6): number {
  return family === 4 ? AF_INET : AF_INET6;
}

/** The address in these bytes of an attribute; undefined for families other than IP. */
export function toIp(family: number, bytes: Uint8Array | undefined): Address | undefined {
  if (bytes === undefined) return undefined;
  if (family === AF_INET && bytes.length === 4) return { family: 4, bytes };
  if (family === AF_INET6 && bytes.length === 16) return { family: 6, bytes };
  return undefined;
}

export function described({ address, prefixBits }: Prefix): string {
  return `${formatAddress(address)}/${prefixBits}`;
}

function headerOf(index: number, { address, prefixBits }: Prefix) {
  return { family: familyNumber(address.family), prefixBits, index };
}

/** IPv4 wants IFA_LOCAL, and without IFA_ADDRESS would take it from there; IPv6 wants them equal or IFA_LOCAL alone. */
function attributesOf({ address }: Prefix) {
  return { local: address.bytes, address: address.bytes };
}

function toAddress({ header, attributes }: ValueOf<typeof addressBody>): LinkAddress | undefined {
  const address = toIp(header.family, attributes.local ?? attributes.address);
  if (address === undefined) return undefined;
  const broadcast = toIp(header.family, attributes.broadcast);
  const flags = attributes.flags ?? header.flags;
  return {
    index: header.index,
    address,
    prefixBits: header.prefixBits,
    scope: header.scope,
    ...(broadcast === undefined ? {} : { broadcast }),
    tentative: (flags & IFA_F_TENTATIVE) !== 0,
    dadFailed: (flags & IFA_F_DADFAILED) !== 0,
  };
}
