import { formatAddress } from "../../net/index.ts";
import type { Address } from "../../net/index.ts";
import {
  AF_BRIDGE,
  neighbourBody,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_REPLACE,
  NTF_MASTER,
  NTF_SELF,
  NTF_USE,
  NUD_NOARP,
  NUD_PERMANENT,
  NUD_REACHABLE,
  RTM_DELNEIGH,
  RTM_GETNEIGH,
  RTM_NEWNEIGH,
} from "../../netlink/index.ts";
import type { ValueOf } from "../../netlink/index.ts";
import { familyNumber, toIp } from "./ip.ts";
import type { LinkNames } from "./link-names.ts";
import type { NetlinkSocket } from "../socket.ts";

/** Who has an address on a link: what ARP and IPv6 neighbour discovery find out, or was written by hand. */
export interface Neighbour {
  readonly address: Address;
  /** Absent while it is not known. */
  readonly mac?: string;
  /** NUD_*: 0x80 is permanent, 0x02 reachable. */
  readonly state: number;
}

/** Whether it has answered a moment ago, or needs no asking. */
export function isReachable({ state }: Neighbour): boolean {
  return (state & (NUD_REACHABLE | NUD_PERMANENT | NUD_NOARP)) !== 0;
}

/** Behind which port, or which remote end of a tunnel, a MAC is found. */
export interface ForwardingEntry {
  /** 00:00:00:00:00:00 of a vxlan: where to send what is for all, or for a MAC that is not known. */
  readonly mac: string;
  /** The remote end; of vxlan links only. */
  readonly remote?: Address;
  /** Of a bridge with VLAN filtering. */
  readonly vlan?: number;
}

export interface ListedForwardingEntry extends ForwardingEntry {
  /** Written by hand, and so never forgotten. */
  readonly permanent: boolean;
}

/** Whose table: the link's own (a vxlan's), or that of the bridge it is a port of. */
export type ForwardingTable = "self" | "master";

export interface Neighbours {
  list(index: number, family: 4 | 6): readonly Neighbour[];
  /** A permanent entry, in place of what is there. */
  replace(index: number, neighbour: { readonly address: Address; readonly mac: string }): void;
  /** ENOENT when there is none. */
  delete(index: number, address: Address): void;
  /** Has the kernel look for it, by ARP or neighbour discovery: three tries in three seconds. */
  seek(index: number, address: Address): void;
  listForwarding(index: number, table: ForwardingTable): readonly ListedForwardingEntry[];
  /**
   * A permanent entry. A vxlan may have several remote ends for the MAC that stands for all; the same one twice is
   * once.
   */
  addForwarding(index: number, table: ForwardingTable, entry: ForwardingEntry): void;
  deleteForwarding(index: number, table: ForwardingTable, entry: ForwardingEntry): void;
}

/** Neighbours and forwarding entries of the namespace a socket was opened in. */
export function neighboursOf(socket: () => NetlinkSocket, names: LinkNames): Neighbours {
  return {
    list: (index, family) => socket().dump(
      {
        operation: `list IPv${family} neighbours of ${names.shown(index)}`,
        type: RTM_GETNEIGH, body: neighbourBody, header: { family: familyNumber(family) }, attributes: { index },
      },
      neighbourBody,
      (message) => (message.header.index === index ? toNeighbour(message) : undefined),
    ),

    replace(index, { address, mac }) {
      socket().execute({
        operation: `write neighbour ${formatAddress(address)} of ${names.shown(index)}`,
        type: RTM_NEWNEIGH, flags: NLM_F_CREATE | NLM_F_REPLACE, body: neighbourBody,
        header: { family: familyNumber(address.family), index, state: NUD_PERMANENT },
        attributes: { dst: address.bytes, mac },
      });
    },

    delete(index, address) {
      socket().execute({
        operation: `delete neighbour ${formatAddress(address)} of ${names.shown(index)}`,
        type: RTM_DELNEIGH, body: neighbourBody,
        header: { family: familyNumber(address.family), index }, attributes: { dst: address.bytes },
      });
    },

    seek: (index, address) => socket().execute(
      { operation: `look for neighbour ${formatAddress(address)} on ${names.shown(index)}`, ...sought(index, address) },
    ),

    listForwarding: (index, table) => socket().dump(
      {
        operation: `list forwarding entries of ${names.shown(index)}`,
        type: RTM_GETNEIGH, body: neighbourBody, header: { family: AF_BRIDGE }, attributes: { index },
      },
      neighbourBody,
      (message) => (message.header.index === index && tableOf(message) === table
        ? toForwardingEntry(message) : undefined),
    ),

    addForwarding(index, table, entry) {
      socket().execute({
        ...forwardingRequest(`add ${shownEntry(entry)} to ${names.shown(index)}`, index, table, entry),
        type: RTM_NEWNEIGH,
        // Only a vxlan's entry may have several ends, and only one appended keeps those it has.
        flags: NLM_F_CREATE | (entry.remote === undefined ? 0 : NLM_F_APPEND),
      });
    },

    deleteForwarding(index, table, entry) {
      const operation = `delete ${shownEntry(entry)} from ${names.shown(index)}`;
      socket().execute({ ...forwardingRequest(operation, index, table, entry), type: RTM_DELNEIGH });
    },
  };
}

/** The kernel finds out who it is. */
function sought(index: number, { family, bytes }: Address) {
  return {
    type: RTM_NEWNEIGH, flags: NLM_F_CREATE, body: neighbourBody,
    header: { family: familyNumber(family), index, flags: NTF_USE }, attributes: { dst: bytes },
  };
}

const tableFlags: Readonly<Record<ForwardingTable, number>> = { self: NTF_SELF, master: NTF_MASTER };

function forwardingRequest(
  operation: string,
  index: number,
  table: ForwardingTable,
  { mac, remote, vlan }: ForwardingEntry,
) {
  return {
    operation,
    body: neighbourBody,
    header: { family: AF_BRIDGE, index, state: NUD_NOARP | NUD_PERMANENT, flags: tableFlags[table] },
    attributes: { mac, dst: remote?.bytes, vlan },
  };
}

function shownEntry({ mac, remote, vlan }: ForwardingEntry): string {
  const where = remote === undefined ? "" : ` at ${formatAddress(remote)}`;
  return `forwarding entry ${mac}${where}${vlan === undefined ? "" : ` of VLAN ${vlan}`}`;
}

function toNeighbour({ header, attributes }: ValueOf<typeof neighbourBody>): Neighbour | undefined {
  const address = toIp(header.family, attributes.dst);
  if (address === undefined) return undefined;
  const { mac = "" } = attributes;
  return { address, ...(mac === "" ? {} : { mac }), state: header.state };
}

/** What is listed of a bridge's table says which bridge, and has no flag for it. */
function tableOf({ header }: ValueOf<typeof neighbourBody>): ForwardingTable {
  return (header.flags & NTF_SELF) === 0 ? "master" : "self";
}

function toForwardingEntry({ header, attributes }: ValueOf<typeof neighbourBody>): ListedForwardingEntry {
  const { mac = "", dst, vlan } = attributes;
  const remote = remoteIn(dst);
  return {
    mac,
    ...(remote === undefined ? {} : { remote }),
    ...(vlan === undefined ? {} : { vlan }),
    permanent: (header.state & NUD_PERMANENT) !== 0,
  };
}

/** The family of a remote end is told by its length alone. */
function remoteIn(bytes: Uint8Array | undefined): Address | undefined {
  if (bytes?.length === 4) return { family: 4, bytes };
  return bytes?.length === 16 ? { family: 6, bytes } : undefined;
}
