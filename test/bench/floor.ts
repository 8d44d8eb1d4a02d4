// The floor: what the kernel alone takes for plain bridge networks. The requests an ADD and a DEL send, written
// beforehand and sent back to back: no plugin, no IPAM, no files but those of /proc/sys.
import { closeSync, openSync, writeFileSync } from "node:fs";
import { openOwnNamespace } from "../../src/kernel/index.ts";
import {
  addressBody,
  IFF_UP,
  linkBody,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REQUEST,
  NLMSG_ERROR,
  Output,
  RTEXT_FILTER_SKIP_STATS,
  RTM_DELLINK,
  RTM_GETLINK,
  RTM_NEWADDR,
  RTM_NEWLINK,
  RTM_SETLINK,
  writeMessage,
} from "../../src/netlink/index.ts";
import type { Body } from "../../src/netlink/index.ts";
import { AF_NETLINK, receive, send, socket } from "../../src/os/libc.ts";
import { enterNetworkNamespace } from "../../src/os/network-calls.ts";

export interface Floor {
  /** Sends everything an ADD of the networks sends. */
  add(): void;
  del(): void;
  close(): void;
}

type Step = () => void;

const NETLINK_ROUTE = 0;
/**
 * Interface indexes we choose, so that no request waits for the answer of another: far from those the kernel gives out.
 */
const firstIndex = 1_000_000;
const group = 0x7062_6e63;
const ENODEV = 19;

/** @param bridges  that exist, one a network */
export function openFloor(netns: string, bridges: readonly string[]): Floor {
  const container = openSync(netns, "r"), host = openSync("/proc/thread-self/ns/net", "r");
  const inContainer = (work: Step): void => {
    enterNetworkNamespace(container);
    try {
      work();
    } finally {
      enterNetworkNamespace(host);
    }
  };
  let inside = -1;
  inContainer(() => { inside = socket(AF_NETLINK, NETLINK_ROUTE); });
  const outside = socket(AF_NETLINK, NETLINK_ROUTE);
  const own = openOwnNamespace();
  const masters = bridges.map((name) => own.links.get(name).index);
  own.close();

  const add: Step[] = bridges.map((_, i) => getLink(inside, ifName(i), ENODEV));
  for (const [i, bridge] of bridges.entries()) {
    const hostEnd = { index: firstIndex + i }, containerEnd = { index: 2 * firstIndex + i };
    const hostName = `floor${i}`, address = Uint8Array.of(10, 200 + i, 0, 2);
    const peer = { ...containerEnd, name: ifName(i), netnsFd: container };
    add.push(
      getLink(outside, bridge), setting(`ipv6/conf/${bridge}/accept_ra`, "0"),
      request(outside, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, linkBody, hostEnd,
        { name: hostName, txQueueLength: 0, master: masters[i], linkInfo: { kind: "veth", data: { peer } } }),
      getLink(inside, ifName(i)), setting(`ipv6/conf/${hostName}/accept_ra`, "0"),
      request(outside, RTM_SETLINK, 0, linkBody, { ...hostEnd, flags: IFF_UP, change: IFF_UP }, {}),
      () => inContainer(setting(`ipv6/conf/${ifName(i)}/accept_dad`, "0")),
      () => inContainer(setting(`ipv4/conf/${ifName(i)}/arp_notify`, "1")),
      request(inside, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, addressBody,
        { family: 2, prefixBits: 24, ...containerEnd },
        { local: address, address, broadcast: Uint8Array.of(10, 200 + i, 0, 255) }),
      request(inside, RTM_SETLINK, 0, linkBody, { ...containerEnd, flags: IFF_UP, change: IFF_UP }, {}),
      getLink(outside, hostName), getLink(outside, bridge),
    );
  }
  const ends = bridges.map((_, i) => ({ index: 2 * firstIndex + i }));
  const del: Step[] = [
    ...bridges.map((_, i) => getLink(inside, ifName(i))),
    ...ends.map((header) => request(inside, RTM_SETLINK, 0, linkBody, header, { group })),
    request(inside, RTM_DELLINK, 0, linkBody, {}, { group }),
  ];
  return {
    add: () => { for (const step of add) step(); },
    del: () => { for (const step of del) step(); },
    close: () => { for (const fd of [inside, outside, container, host]) closeSync(fd); },
  };
}

function ifName(index: number): string {
  return index === 0 ? "eth0" : `net${index}`;
}

function getLink(fd: number, name: string, expected = 0): Step {
  return prepared(fd, RTM_GETLINK, 0, linkBody, {}, { name, extMask: RTEXT_FILTER_SKIP_STATS }, expected);
}

function request<H, A>(fd: number, type: number, flags: number, body: Body<H, A>, header: Partial<H>,
  attributes: A): Step {
  return prepared(fd, type, flags | NLM_F_ACK, body, header, attributes, 0);
}

function setting(name: string, value: string): Step {
  return () => writeFileSync(`/proc/sys/net/${name}`, value);
}

const received = new Uint8Array(32 * 1024);

function prepared<H, A>(fd: number, type: number, flags: number, body: Body<H, A>, header: Partial<H>, attributes: A,
  expected: number): Step {
  const output = new Output(1024);
  writeMessage(output, { type, flags: NLM_F_REQUEST | flags, sequence: 1 }, body, { header, attributes });
  const { bytes, length } = output;
  return () => {
    send(fd, bytes, length);
    if (receive(fd, received) === undefined) throw new Error("the kernel gave no answer");
    const view = new DataView(received.buffer);
    const errno = view.getUint16(4, true) === NLMSG_ERROR ? -view.getInt32(16, true) : 0;
    if (errno !== expected) throw new Error(`the kernel answered request ${type} with errno ${errno}, expected ` +
      `${expected}`);
  };
}
