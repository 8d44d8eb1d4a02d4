import { sameAddress } from "../../net/index.ts";
import type { Prefix } from "../../net/index.ts";
import {
  addressBody,
  IFA_F_DADFAILED,
  IFA_F_NODAD,
  IFA_F_NOPREFIXROUTE,
  IFA_F_PERMANENT,
  IFA_F_TENTATIVE,
  NLM_F_CREATE,
  NLM_F_EXCL,
  RTM_DELADDR,
  RTM_GETADDR,
  RTM_NEWADDR,
} from "../../netlink/index.ts";
import type { ValueOf } from "../../netlink/index.ts";
import { described, familyNumber, toIp, toPrefix } from "./ip.ts";
import type { LinkNames } from "./link-names.ts";
import type { Addresses, AddressOptions, LinkAddress } from "../namespace.ts";
import type { NetlinkSocket } from "../socket.ts";

/** Any family: everything is listed. */
const AF_UNSPEC = 0;

/** The addresses of the namespace a socket was opened in. */
export function addressesOf(socket: () => NetlinkSocket, names: LinkNames): Addresses {
  return {
    list(index) {
      const operation = index === undefined ? "list addresses" : `list addresses of ${names.shown(index)}`;
      const header = { family: AF_UNSPEC, index: index ?? 0 };
      return socket().dump(
        { operation, type: RTM_GETADDR, body: addressBody, header, attributes: {} },
        addressBody,
        toAddress,
      );
    },

    add(index, prefix, options = {}) {
      const { scope = 0, label } = options;
      socket().execute({
        operation: `add address ${described(prefix)} to ${names.shown(index)}`,
        type: RTM_NEWADDR,
        flags: NLM_F_CREATE | NLM_F_EXCL,
        body: addressBody,
        header: { ...headerOf(index, prefix), scope },
        attributes: {
          ...attributesOf(prefix, options.peer), label, broadcast: options.broadcast?.bytes, flags: flagsOf(options),
        },
      });
    },

    delete(index, prefix) {
      socket().execute({
        operation: `delete address ${described(prefix)} from ${names.shown(index)}`,
        type: RTM_DELADDR, body: addressBody, header: headerOf(index, prefix), attributes: attributesOf(prefix),
      });
    },
  };
}

function headerOf(index: number, { address, prefixBits }: Prefix) {
  return { family: familyNumber(address.family), prefixBits, index };
}

/** IPv4 wants IFA_LOCAL, and without IFA_ADDRESS would take it from there; IPv6 wants them equal or IFA_LOCAL alone. */
function attributesOf({ address }: Prefix, peer = address) {
  return { local: address.bytes, address: peer.bytes };
}

function flagsOf({ noDad, noPrefixRoute }: AddressOptions): number | undefined {
  const flags = (noDad === true ? IFA_F_NODAD : 0) | (noPrefixRoute === true ? IFA_F_NOPREFIXROUTE : 0);
  return flags === 0 ? undefined : flags;
}

function toAddress({ header, attributes }: ValueOf<typeof addressBody>): LinkAddress | undefined {
  const { label } = attributes;
  const address = toIp(header.family, attributes.local ?? attributes.address);
  if (address === undefined) return undefined;
  const other = toIp(header.family, attributes.address);
  const peer = other === undefined || sameAddress(other, address) ? undefined : other;
  const broadcast = toIp(header.family, attributes.broadcast);
  const flags = attributes.flags ?? header.flags;
  return {
    index: header.index,
    ...toPrefix(address, header.prefixBits),
    scope: header.scope,
    ...(peer === undefined ? {} : { peer }),
    ...(broadcast === undefined ? {} : { broadcast }),
    ...(label === undefined ? {} : { label }),
    tentative: (flags & IFA_F_TENTATIVE) !== 0,
    dadFailed: (flags & IFA_F_DADFAILED) !== 0,
    permanent: (flags & IFA_F_PERMANENT) !== 0,
    noDad: (flags & IFA_F_NODAD) !== 0,
    noPrefixRoute: (flags & IFA_F_NOPREFIXROUTE) !== 0,
  };
}
