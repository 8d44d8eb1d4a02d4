/** A DHCP server of the tests' own, for leases of seconds and for what real servers do on a bad day only. */
import { decodeDatagram, decodeMessage, encodeDatagram, encodeMessage, messageType } from "../../../src/dhcp/index.ts";
import type { DhcpMessage } from "../../../src/dhcp/index.ts";
import { openNamespace, udpPortFilter } from "../../../src/kernel/index.ts";
import { formatAddress, parseAddress, sameAddress } from "../../../src/net/index.ts";
import type { TestNetns } from "../netns.ts";

export interface OwnServer {
  /** What is done with a REQUEST, by "deaf" if it is broadcast. DISCOVER is answered always but by "silent". */
  mode: "ack" | "nak" | "silent" | "deaf";
  leaseSeconds: number;
  /** After how long it is to be renewed, so that a lease is as long as a busy machine needs. */
  renewSeconds: number;
  /** After how long any server is to be asked; undefined: it does not say. */
  rebindSeconds: number | undefined;
  /** The address that is given. */
  address: string;
  /** The address for a MAC; absent: `address`. */
  addressOf?: (mac: string) => string;
  /** Types of messages that came, by their names, in order. */
  readonly heard: readonly string[];
  /** The same with where they were sent: `request 255.255.255.255`. */
  readonly addressed: readonly string[];
  close(): void;
}

const port = 67, clientPort = 68, everybody = parseAddress("255.255.255.255");

/** Listens on e0 of that namespace, as 10.77.0.1 unless told otherwise. */
export function startOwnServer(netns: TestNetns, own = "10.77.0.1"): OwnServer {
  const namespace = openNamespace(netns.path), { index } = namespace.links.get("e0");
  const socket = namespace.openPacketSocket({ index, etherType: 0x0800, filter: udpPortFilter(port) });
  namespace.close();
  const heard: string[] = [], addressed: string[] = [], source = parseAddress(own);
  let isOpen = true;
  const server: OwnServer = {
    mode: "ack", leaseSeconds: 600, renewSeconds: 300, rebindSeconds: undefined, address: "10.77.0.50",
    heard, addressed,
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
          [58, seconds(server.renewSeconds)] as const,
          ...(server.rebindSeconds === undefined ? [] : [[59, seconds(server.rebindSeconds)] as const])]),
    ]);
    const payload = encodeMessage({ ...message, op: "reply", yiaddr, options });
    const datagram = { source, destination: everybody, sourcePort: port, destinationPort: clientPort, payload };
    socket.send(encodeDatagram(datagram), "ff:ff:ff:ff:ff:ff");
  };
  void (async () => {
    while (isOpen) {
      const received = await socket.receive(60_000), datagram = received && decodeDatagram(received.packet);
      if (datagram === undefined) continue;
      const message = decodeMessage(datagram.payload), type = message.options.get(53)?.[0];
      const name = Object.entries(messageType).find(([, number]) => number === type)?.[0] ?? "?";
      heard.push(name);
      addressed.push(`${name} ${formatAddress(datagram.destination)}`);
      const isToAll = sameAddress(datagram.destination, everybody);
      if (server.mode === "silent" || server.mode === "deaf" && !isToAll) continue;
      if (type === messageType.discover) answer(message, messageType.offer);
      if (type === messageType.request) answer(message, messageType[server.mode === "nak" ? "nak" : "ack"]);
    }
  })();
  return server;
}

function seconds(value: number): Uint8Array {
  return new Uint8Array([value >>> 24, value >>> 16, value >>> 8, value]);
}
