import type { Address } from "../../net/index.ts";
import { conntrackBody, conntrackMessage, filterField, NLM_F_ACK } from "../../netlink/index.ts";
import type { conntrackAttrs, ValueOf } from "../../netlink/index.ts";
import type { NetlinkSocket } from "../socket.ts";

/** Connection tracking entries of one namespace (nfnetlink, ctnetlink). */
export interface Conntrack {
  /**
   * Deletes entries whose original direction has this protocol number and one of the destination ports, if any are
   * said; says how many. The whole list is read once.
   */
  deleteByOriginalPorts(entries: OriginalPorts): number;
}

export interface OriginalPorts {
  readonly family: 4 | 6;
  /** IPPROTO_*: 17 is UDP. */
  readonly protocol: number;
  /** Absent: any. */
  readonly destinationPorts?: ReadonlySet<number>;
  /** Only entries whose destination was translated: to this address, or with true to any. */
  readonly translatedTo?: Address | true;
}

/**
 * Connection tracking of the namespace that `socket` opens its NETLINK_NETFILTER socket in. It is asked at every use
 * and stays the owner of what it returns.
 */
export function openConntrack(socket: () => NetlinkSocket): Conntrack {
  return {
    deleteByOriginalPorts: (entry) => {
      const opened = socket();
      return deleteEntries(opened, entry, list(opened, entry));
    },
  };
}

type Entry = ValueOf<typeof conntrackAttrs>;

/** So many requests, 100 bytes each, go into one datagram; the answers fit into the receive buffer. */
const deletesPerDatagram = 256;

/** linux/socket.h AF_INET, AF_INET6. */
const addressFamily = { 4: 2, 6: 10 } as const;

function describe({ protocol, destinationPorts }: OriginalPorts): string {
  const [port] = destinationPorts ?? [], others = (destinationPorts?.size ?? 0) - 1;
  const ports = port === undefined ? "" : ` to port ${port}${others > 0 ? ` or ${others} others` : ""}`;
  return `of protocol ${protocol}${ports}`;
}

function list(socket: NetlinkSocket, entry: OriginalPorts): readonly Entry[] {
  const { family, protocol, destinationPorts } = entry;
  // The kernel looks for one port at most.
  const [destinationPort] = destinationPorts?.size === 1 ? destinationPorts : [];
  const port = destinationPort === undefined ? {} : { destinationPort };
  return socket.dump(
    {
      operation: `list connections ${describe(entry)}`,
      type: conntrackMessage.get, body: conntrackBody, header: { family: addressFamily[family] },
      attributes: {
        original: { protocol: { number: protocol, ...port } },
        filter: {
          originalFlags: filterField.protocol | (destinationPort === undefined ? 0 : filterField.destinationPort),
          replyFlags: 0,
        },
      },
    },
    conntrackBody,
    // Kernels before 5.8 list everything.
    ({ header, attributes }) => header.family === addressFamily[family]
      && attributes.original?.protocol?.number === protocol
      && (destinationPorts === undefined || destinationPorts.has(attributes.original.protocol.destinationPort ?? -1))
      && isTranslated(attributes, entry) ? attributes : undefined,
  );
}

/** Answers come from where the packets really go. */
function isTranslated({ original, reply }: Entry, { family, translatedTo }: OriginalPorts): boolean {
  if (translatedTo === undefined) return true;
  const [asked, really] = family === 4
    ? [original?.addresses?.v4Destination, reply?.addresses?.v4Source]
    : [original?.addresses?.v6Destination, reply?.addresses?.v6Source];
  if (asked === undefined || really === undefined || Buffer.compare(asked, really) === 0) return false;
  return translatedTo === true || Buffer.compare(translatedTo.bytes, really) === 0;
}

/** Entries that went away since they were listed are not counted. */
function deleteEntries(
  socket: NetlinkSocket,
  entry: OriginalPorts,
  entries: readonly Entry[],
): number {
  let deleted = 0;
  for (let start = 0; start < entries.length; start += deletesPerDatagram) {
    const errors = socket.executeAll(entries.slice(start, start + deletesPerDatagram).map(({ original, id, zone }) => ({
      operation: `delete a connection ${describe(entry)}`,
      type: conntrackMessage.delete, flags: NLM_F_ACK, body: conntrackBody,
      header: { family: addressFamily[entry.family] }, attributes: { original, id, zone },
    })));
    const refusal = errors.find((error) => error !== undefined && error.errnoName !== "ENOENT");
    if (refusal !== undefined) throw refusal;
    deleted += errors.filter((error) => error === undefined).length;
  }
  return deleted;
}
