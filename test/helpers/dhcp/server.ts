/** A DHCP server of the tests' own, for leases of seconds and for what real servers do on a bad day only. */
import { decodeDatagram, decodeMessage, encodeDatagram, encodeMessage, messageType } from "../../../src/dhcp/index.ts";
import type { DhcpMessage } from "../../../src/dhcp/index.ts";
import { openNamespace, udpPortFilter } from "../../../src/kernel/index.ts";
import { parseAddress } from "../../../src/net/index.ts";
import type { TestNetns } from "../netns.ts";

export interface OwnServer {
  /** What is done with a REQUEST; an offer is answered always but by "silent". */
  mode: "ack" | "nak" | "silent";
  leaseSeconds: number;
  /** After how long it is to be renewed, so that a lease is as long as a busy machine needs. */
  renewSeconds: number;
  /** The address that is given. */
  address: string;
  /** The address for a MAC; absent: `address`. */
  addressOf?: (mac: string) => string;
  /** Types of messages that came, by their names, in order. */
  readonly heard: readonly string[];
  close(): void;
}

const port = 67, clientPort = 68;

/** Listens on e0 of that namespace as 10.77.0.1. */
export function startOwnServer(netns: TestNetns): OwnServer {
  const namespace = openNamespace(netns.path), { index } = namespace.links.get("e0");
  const socket = namespace.openPacketSocket({ index, etherType: 0x0800, filter: udpPortFilter(port) });
  namespace.close();
  const heard: string[] = [], source = parseAddress("10.77.0.1");
  let isOpen = true;
  const server: OwnServer = {
    mode: "ack", leaseSeconds: 600, renewSeconds: 300, address: "10.77.0.50", heard,
    close() {
      isOpen = false;
      socket.close();
    },
  };
  const answer = (message: DhcpMessage, type: number): void => {
    const yiaddr = parseAddress(type === messageType.nak ? "0.0.0.0"
      : server.addressOf?.(message.chaddr) ?? server.address);
    const options = new Map([
      [53, new Uint8Array([type])], [54, source.bytes],
      ...(type === messageType.nak ? [[56, new TextEncoder().encode("not yours")] as const]
        : [[1, new Uint8Array([255, 255, 255, 0])] as const, [51, seconds(server.leaseSeconds)] as const,
          [58, seconds(server.renewSeconds)] as const]),
    ]);
    const payload = encodeMessage({ ...message, op: "reply", yiaddr, options });
    const destination = parseAddress("255.255.255.255");
    socket.send(encodeDatagram({ source, destination, sourcePort: port, destinationPort: clientPort, payload }),
      "ff:ff:ff:ff:ff:ff");
  };
  void (async () => {
    while (isOpen) {
      const received = await socket.receive(60_000), datagram = received && decodeDatagram(received.packet);
      if (datagram === undefined) continue;
      const message = decodeMessage(datagram.payload), type = message.options.get(53)?.[0];
      heard.push(Object.entries(messageType).find(([, number]) => number === type)?.[0] ?? "?");
      if (server.mode === "silent") continue;
      if (type === messageType.discover) answer(message, messageType.offer);
      if (type === messageType.request) answer(message, messageType[server.mode]);
    }
  })();
  return server;
}

function seconds(value: number): Uint8Array {
  return new Uint8Array([value >>> 24, value >>> 16, value >>> 8, value]);
}
