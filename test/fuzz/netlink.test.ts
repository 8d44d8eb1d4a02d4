// Answers of the kernel: those of this one, recorded, with something changed. Whatever comes, the caller gets values of
// the type that it asked for, or the kernel's error (110) with the name of what was asked.
import * as assert from "uvu/assert";
import { toCniError } from "../../src/call/index.ts";
import { code } from "../../src/cni/index.ts";
import { openConntrack } from "../../src/kernel/netfilter/conntrack.ts";
import { openNftables } from "../../src/kernel/netfilter/nftables.ts";
import { addressesOf } from "../../src/kernel/rtnetlink/addresses.ts";
import { bridgeVlansOf } from "../../src/kernel/rtnetlink/bridge-vlans.ts";
import { linkNames } from "../../src/kernel/rtnetlink/link-names.ts";
import { linksOf } from "../../src/kernel/rtnetlink/links.ts";
import { neighboursOf } from "../../src/kernel/rtnetlink/neighbours.ts";
import { qdiscsOf } from "../../src/kernel/rtnetlink/qdiscs.ts";
import { routesOf } from "../../src/kernel/rtnetlink/routes.ts";
import { rulesOf } from "../../src/kernel/rtnetlink/rules.ts";
import { factsOfAddress, wholeAddressesOf } from "../../src/kernel/rtnetlink/whole-addresses.ts";
import { factsOfRoute, wholeRoutesOf } from "../../src/kernel/rtnetlink/whole-routes.ts";
import { slowRequestsHere } from "../../src/kernel/slow-requests.ts";
import { NetlinkSocket } from "../../src/kernel/socket.ts";
import type { Transport } from "../../src/kernel/transport.ts";
import { NETLINK_NETFILTER, NETLINK_ROUTE, openTransport } from "../../src/kernel/transport.ts";
import { formatAddress } from "../../src/net/index.ts";
import { kernelSuite, run } from "../helpers/netns.ts";
import { fuzz, wrongRefusal } from "./frame.ts";
import type { Datagrams } from "./netlink-mutation.ts";
import { changedAnswer } from "./netlink-mutation.ts";

type Rooms = ReturnType<typeof roomsOf>;

/** What is asked of the kernel, and what is wrong with the value that comes of the answer. */
interface Question {
  readonly title: string;
  readonly protocol: number;
  /** Between a message's own header and its attributes. */
  readonly headerBytes: number;
  ask(rooms: Rooms): unknown;
  /** Of one entry. */
  wrong(entry: any): unknown;
}

const v0 = 10, v1 = 11;

/** ifi_index is an int of C: what the kernel says it is, we take. */
const isIndex = (value: unknown): boolean => Number.isSafeInteger(value);
const isNumber = (value: unknown): boolean => typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
const isIp = (value: any): boolean => value.bytes.length === (value.family === 4 ? 4 : 16)
  && formatAddress(value) !== "";
const isPrefix = ({ address, prefixBits }: any): boolean => isIp(address) && isNumber(prefixBits)
  && prefixBits <= 8 * address.bytes.length;

const questions: readonly Question[] = [
  { title: "links", protocol: NETLINK_ROUTE, headerBytes: 16, ask: ({ links }) => links.list(),
    wrong: ({ index, name, mtu }) => !isIndex(index) || typeof name !== "string" || !isNumber(mtu) },
  { title: "a link", protocol: NETLINK_ROUTE, headerBytes: 16, ask: ({ links }) => [links.get("br0")],
    wrong: ({ index, name, mtu }) => !isIndex(index) || typeof name !== "string" || !isNumber(mtu) },
  { title: "addresses", protocol: NETLINK_ROUTE, headerBytes: 8, ask: ({ addresses }) => addresses.list(v0),
    wrong: (one) => !isPrefix(one) },
  { title: "routes", protocol: NETLINK_ROUTE, headerBytes: 12, ask: ({ routes }) => routes.list(4),
    wrong: ({ dst, index }) => !isPrefix(dst) || !Number.isSafeInteger(index ?? 0) },
  { title: "rules", protocol: NETLINK_ROUTE, headerBytes: 12, ask: ({ rules }) => rules.list(4),
    wrong: ({ priority, table }) => !isNumber(priority) || !isNumber(table) },
  { title: "neighbours", protocol: NETLINK_ROUTE, headerBytes: 12, ask: ({ neighbours }) => neighbours.list(v0, 4),
    wrong: ({ address }) => !isIp(address) },
  { title: "forwarding entries", protocol: NETLINK_ROUTE, headerBytes: 12,
    ask: ({ neighbours }) => neighbours.listForwarding(v0, "self"), wrong: ({ mac }) => typeof mac !== "string" },
  { title: "a qdisc", protocol: NETLINK_ROUTE, headerBytes: 20, ask: ({ qdiscs }) => [qdiscs.find(v1, "root") ?? {}],
    wrong: ({ kind }) => kind !== undefined && typeof kind !== "string" },
  { title: "redirections", protocol: NETLINK_ROUTE, headerBytes: 20, ask: ({ qdiscs }) => qdiscs.redirections(v1),
    wrong: (one) => typeof one !== "object" },
  { title: "bridge VLANs", protocol: NETLINK_ROUTE, headerBytes: 16, ask: ({ bridgeVlans }) => bridgeVlans.list(v0),
    wrong: ({ vid }) => !isNumber(vid) || vid > 4095 },
  { title: "whole addresses", protocol: NETLINK_ROUTE, headerBytes: 8,
    ask: ({ wholeAddresses }) => wholeAddresses.list(v0).map(factsOfAddress), wrong: (facts) => !isPrefix(facts) },
  { title: "whole routes", protocol: NETLINK_ROUTE, headerBytes: 12,
    ask: ({ wholeRoutes }) => wholeRoutes.list().map(factsOfRoute), wrong: ({ dst, table }) => !isPrefix(dst)
      || !isNumber(table) },
  { title: "rules of nftables", protocol: NETLINK_NETFILTER, headerBytes: 4,
    ask: ({ nftables }) => nftables.rules({ family: "ip", table: "t", chain: "c" }) ?? [],
    wrong: ({ handle, comment = "", jump = "" }) => typeof handle !== "bigint" || typeof comment !== "string"
      || typeof jump !== "string" },
  { title: "rules of nftables with all they do", protocol: NETLINK_NETFILTER, headerBytes: 4,
    ask: ({ nftables }) => nftables.wholeRules({ family: "ip", table: "t", chain: "c" }) ?? [],
    wrong: ({ handle, expressions }) => typeof handle !== "bigint" || !Array.isArray(expressions) },
  { title: "a chain of nftables", protocol: NETLINK_NETFILTER, headerBytes: 4,
    ask: ({ nftables }) => [nftables.exists({ family: "ip", table: "t", chain: "c" })],
    wrong: (found) => typeof found !== "boolean" },
  { title: "connections", protocol: NETLINK_NETFILTER, headerBytes: 4,
    ask: ({ conntrack }) =>
      [conntrack.deleteByOriginalPorts({ family: 4, protocol: 17, destinationPorts: new Set([53]) })],
    wrong: (count) => !isNumber(count) },
];

function roomsOf(transport: Transport) {
  let nowMs = 0;
  // A list that is said to have changed is asked for again, for ten seconds of this clock.
  const socket = new NetlinkSocket(transport, { now: () => (nowMs += 5000), pause: () => {} });
  const get = (): NetlinkSocket => socket, slow = slowRequestsHere(get), names = linkNames();
  return {
    links: linksOf({ socket: get, slow, names, inside: (work) => work() }),
    addresses: addressesOf(get, names), routes: routesOf(get, names), rules: rulesOf(get),
    neighbours: neighboursOf(get, names), qdiscs: qdiscsOf(get, names), bridgeVlans: bridgeVlansOf(get, names),
    wholeAddresses: wholeAddressesOf(get, names), wholeRoutes: wholeRoutesOf(get, names),
    nftables: openNftables(get, slow), conntrack: openConntrack(get),
  };
}

/** What this kernel answers. */
function record({ protocol, ask }: Question): Datagrams {
  const transport = openTransport(protocol), datagrams: Uint8Array[] = [];
  const recording: Transport = {
    ...transport,
    receive(into) {
      const length = transport.receive(into);
      if (length !== undefined) datagrams.push(into.slice(0, length));
      return length;
    },
  };
  try {
    ask(roomsOf(recording));
    return datagrams;
  } finally {
    transport.close();
  }
}

/** The datagrams for whatever is asked, and nothing after them. */
function replayed(datagrams: Datagrams): Transport {
  let place = 0;
  return {
    send: () => {},
    sendAside: async () => {},
    receive(into) {
      const bytes = datagrams[place++];
      if (bytes === undefined) return undefined;
      into.set(bytes.subarray(0, into.length));
      return bytes.length;
    },
    close: () => {},
  };
}

const answers = kernelSuite("answers of the kernel", import.meta.url, { needs: ["nft_nat", "ipv6"] });
answers.before(() => {
  for (const line of [
    "link add br0 type bridge", `link add v0 index ${v0} type veth peer name v1 index ${v1}`, "link set v0 master br0",
    "link set br0 alias x", "link set lo up", "link set br0 up", "link set v0 up", "link set v1 up",
    "addr add 10.1.2.1/24 dev v0 label v0:1", "addr add fd00::1/64 dev v0 nodad", "addr add 10.1.3.1/24 dev v1",
    "route add 10.9.0.0/16 via 10.1.3.2 metric 5 mtu 1400", "route add unreachable 10.8.0.0/16",
    "route add 10.7.0.0/16 nexthop via 10.1.3.2 nexthop via 10.1.3.3", "-6 route add fd01::/64 via fd00::2 dev v0",
    "rule add from 10.1.2.0/24 table 100", "rule add fwmark 5/0xff oif v0 table 101 priority 7",
    "neigh add 10.1.2.9 lladdr 02:00:00:00:00:09 dev v0",
  ]) run("ip", ...line.split(" "));
  run("tc", "qdisc", "add", "dev", "v1", "root", "tbf", "rate", "1mbit", "burst", "32kbit", "latency", "25ms");
  for (const line of [
    "add table ip t", "add chain ip t c", "add chain ip t d",
    'add rule ip t c ip saddr 10.0.0.0/8 tcp dport { 80, 443 } counter jump d comment "hello"',
    'add rule ip t c iifname "eth*" meta mark 5 ct state new accept',
    "add rule ip t c fib daddr type local ip daddr != 127.0.0.0/8 return",
  ]) run("nft", line);
});

for (const question of questions) {
  answers(`for ${question.title} are values of their type, or an error of the kernel`, async () => {
    const recorded = record(question);
    assert.ok(recorded.length > 0);
    await fuzz<Datagrams>({
      title: `answers for ${question.title}`, seeds: [recorded],
      change: (datagrams, random) => changedAnswer(datagrams, question.headerBytes, random),
      show: (datagrams) => datagrams.map((bytes) => Buffer.from(bytes).toString("hex")).join(" "),
      accept(datagrams) {
        const found = question.ask(roomsOf(replayed(datagrams)));
        const wrong = Array.isArray(found) ? found.find((entry) => question.wrong(entry)) : found;
        return wrong === undefined ? undefined : `gives ${String(wrong)}`;
      },
      refuse: (error) =>
        wrongRefusal(error, { codes: [code.kernel], names: /Cannot (?:list|get|find|read|decode|delete)/ })
        ?? (toCniError(error).message.length < 500 ? undefined : "says too much"),
    });
  });
}
answers.run();
