/**
 * Addresses as the kernel lists them, whole: written back on the same link or on another one they are what they were,
 * lifetimes, flags and the metric of their route included.
 */
import {
  addressBody,
  CodecError,
  IFA_F_HOMEADDRESS,
  IFA_F_MANAGETEMPADDR,
  IFA_F_MCAUTOJOIN,
  IFA_F_NODAD,
  IFA_F_NOPREFIXROUTE,
  IFA_F_PERMANENT,
  NLM_F_CREATE,
  NLM_F_REPLACE,
  RTM_DELADDR,
  RTM_GETADDR,
  RTM_NEWADDR,
} from "../../netlink/index.ts";
import type { Address } from "../../net/index.ts";
import type { NetlinkSocket } from "../socket.ts";
import { described, toIp, toPrefix } from "./ip.ts";
import type { LinkNames } from "./link-names.ts";
import { readHex, writtenHex } from "./whole-message.ts";

/** struct ifaddrmsg and its attributes, in hex: JSON can hold it. */
export type WholeAddress = string;

export interface WholeAddressFacts {
  readonly address: Address;
  readonly prefixBits: number;
  /** IPv4 only. */
  readonly label?: string;
  /** It has no lifetime. */
  readonly isPermanent: boolean;
}

export interface WholeAddresses {
  /** Of one link, in the order in which they have to be added. */
  list(index: number): readonly WholeAddress[];
  /** Adds it, or gives the one that is there its lifetimes. */
  put(address: WholeAddress, place: { readonly index: number; readonly label?: string | undefined }): void;
  /** EADDRNOTAVAIL when it is not there. */
  delete(address: WholeAddress, index: number): void;
}

/** What can be said of a new address; the kernel finds out the other flags. */
const settable =
  IFA_F_NODAD | IFA_F_HOMEADDRESS | IFA_F_MANAGETEMPADDR | IFA_F_NOPREFIXROUTE | IFA_F_MCAUTOJOIN;

export function wholeAddressesOf(socket: () => NetlinkSocket, names: LinkNames): WholeAddresses {
  return {
    list(index) {
      const all = socket().dump(
        {
          operation: `list addresses of ${names.shown(index)}`,
          type: RTM_GETADDR, body: addressBody, header: { index }, attributes: {},
        },
        addressBody,
        (message) => writtenHex(addressBody, message),
      );
      // Of IPv6 the newest stands first.
      const byFamily = Map.groupBy(all, (one) => factsOfAddress(one).address.family);
      return [...(byFamily.get(4) ?? []), ...(byFamily.get(6)?.toReversed() ?? [])];
    },

    put(whole, { index, label }) {
      const { header, attributes } = readHex(addressBody, whole);
      const flags = (attributes.flags ?? header.flags) & settable;
      socket().execute({
        operation: `add address ${shown(whole)} to ${names.shown(index)}`,
        type: RTM_NEWADDR, flags: NLM_F_CREATE | NLM_F_REPLACE, body: addressBody,
        header: { ...header, index, flags: flags & 0xff }, attributes: { ...attributes, label, flags },
      });
    },

    delete(whole, index) {
      const { header, attributes: { address, local } } = readHex(addressBody, whole);
      socket().execute({
        operation: `delete address ${shown(whole)} from ${names.shown(index)}`,
        type: RTM_DELADDR, body: addressBody, header: { ...header, index }, attributes: { address, local },
      });
    },
  };
}

export function factsOfAddress(whole: WholeAddress): WholeAddressFacts {
  const { header, attributes } = readHex(addressBody, whole);
  const address = toIp(header.family, attributes.local ?? attributes.address);
  if (address === undefined)
    throw new CodecError("decode", "address", `expected one of IPv4 or IPv6, found family ${header.family}`);
  const { label, flags = header.flags } = attributes;
  return {
    ...toPrefix(address, header.prefixBits), isPermanent: (flags & IFA_F_PERMANENT) !== 0,
    ...(label === undefined ? {} : { label }),
  };
}

function shown(whole: WholeAddress): string {
  return described(factsOfAddress(whole));
}
