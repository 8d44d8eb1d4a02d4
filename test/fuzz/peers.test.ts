// Bytes of others on a wire or a socket: DHCP servers, Go's gob, the shim.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CallReader, MessageError } from "../../src/daemon/message.ts";
import { decodeDatagram, decodeMessage, DhcpError, encodeDatagram, encodeMessage, rpcClient, rpcServer,
} from "../../src/dhcp/index.ts";
import {
  addressesIn, classlessRoutesIn, domainSearchIn, option, prefixBitsIn, staticRoutesIn, textIn,
} from "../../src/dhcp/options.ts";
import { formatAddress, parseAddress } from "../../src/net/index.ts";
import { byteInputs, fuzz } from "./frame.ts";
import { result } from "./seeds.ts";

const refuse = (error: unknown): string | undefined => error instanceof DhcpError && error.message.length < 500
  ? undefined : `is refused with ${error instanceof Error ? error.stack : String(error)}`;

const text = (words: string): Uint8Array => new TextEncoder().encode(words);
const message = encodeMessage({
  op: "reply", xid: 7, secs: 3, broadcast: true, ciaddr: parseAddress("0.0.0.0"), yiaddr: parseAddress("10.1.2.3"),
  chaddr: "02:00:00:00:00:01",
  options: new Map([
    [option.messageType, Uint8Array.of(5)], [option.subnetMask, Uint8Array.of(255, 255, 255, 0)],
    [option.routers, Uint8Array.of(10, 1, 2, 1)], [option.domainNameServers, Uint8Array.of(10, 1, 2, 1, 10, 1, 2, 2)],
    [option.domainName, text("example.org")], [option.leaseTime, Uint8Array.of(0, 0, 14, 16)],
    [option.classlessRoutes, Uint8Array.of(0, 10, 1, 2, 1, 16, 10, 9, 10, 1, 2, 1)],
    [option.staticRoutes, Uint8Array.of(10, 9, 0, 0, 10, 1, 2, 1)], [option.message, text("no")],
    [option.domainSearch, Uint8Array.of(1, 97, 3, 99, 111, 109, 0, 1, 98, 0xc0, 2)],
    [option.serverIdentifier, Uint8Array.of(10, 1, 2, 1)],
  ]),
});

const dhcp = suite("a DHCP server's answer");
dhcp("is a message whose options have sense or are not there, or is refused", () => fuzz({
  ...byteInputs([message]), title: "DHCP message", weight: 2,
  accept(bytes) {
    const { xid, yiaddr, chaddr, options } = decodeMessage(bytes);
    if (!Number.isInteger(xid) || formatAddress(yiaddr) === "" || !/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(chaddr))
      return "has no address";
    const routes = [...(classlessRoutesIn(options) ?? []), ...staticRoutesIn(options)];
    if (routes.some(({ destination: { prefixBits } }) => prefixBits > 32)) return "has a route of more than 32 bits";
    const lists = [option.routers, option.domainNameServers].flatMap((code) => addressesIn(options, code));
    if (lists.some((one) => one.family !== 4)) return "has an address that is none";
    const name = domainSearchIn(options).find((one) => one.length > 253 || !/^[\w-]+(\.[\w-]+)*$/.test(one));
    if (name !== undefined) return `has the domain ${JSON.stringify(name)}`;
    const bits = prefixBitsIn(options) ?? 0, words = textIn(options, option.domainName) ?? "";
    return bits <= 32 && !/[\0-\x1f\x7f]/.test(words) ? undefined : `has ${bits} bits, ${JSON.stringify(words)}`;
  },
  refuse,
}));
dhcp("is in a datagram that is whole, or is none", () => fuzz({
  ...byteInputs([encodeDatagram({ source: parseAddress("10.1.2.1"), destination: parseAddress("255.255.255.255"),
    sourcePort: 67, destinationPort: 68, payload: Uint8Array.of(1, 2, 3) })]),
  title: "UDP datagram",
  accept(bytes) {
    const found = decodeDatagram(bytes);
    if (found === undefined) throw new DhcpError("none");
    return found.payload.length <= bytes.length - 28 && found.sourcePort <= 65535
      ? undefined : "has more than there is";
  },
  refuse,
}));
dhcp.run();

const request = { containerId: "pod-1", netns: "/run/netns/pod", ifName: "eth0", args: "A=1", path: "/opt/cni/bin",
  stdin: '{"name":"lan"}' };

const rpc = suite("Go's net/rpc");
rpc("to the daemon is a call whose parts are texts, or refused", () => {
  const { greeting, call } = rpcClient("DHCP.Allocate", request);
  return fuzz({
    ...byteInputs([Uint8Array.from(Buffer.concat([greeting, call]))]), title: "net/rpc to the daemon",
    accept(bytes) {
      const { calls } = rpcServer().push(bytes);
      if (calls.length === 0) throw new DhcpError("none");
      const wrong = calls.find(({ method, seq, request: asked }) => typeof method !== "string"
        || typeof seq !== "number"
        || Object.values(asked).some((one) => typeof one !== "string"));
      return wrong === undefined ? undefined : `gives ${JSON.stringify(wrong)}`;
    },
    refuse,
  });
});
rpc("from the daemon is a result or an error, or refused", () => {
  const { greeting, call } = rpcClient("DHCP.Allocate", request), { cniVersion: _, ...given } = result;
  const answers = [true, false].map((isGood) => {
    const server = rpcServer();
    const { greeting: back, calls: [first] } = server.push(Uint8Array.from(Buffer.concat([greeting, call])));
    assert.ok(first && back);
    return Uint8Array.from(Buffer.concat([back, isGood ? server.answer(first, given) : server.fail(first, "no more")]));
  });
  return fuzz({
    ...byteInputs(answers), title: "net/rpc from the daemon",
    accept(bytes) {
      const answer = rpcClient("DHCP.Allocate", request).push(bytes);
      if (answer === undefined) throw new DhcpError("none");
      if (typeof answer.error !== "string") return "has an error that is no text";
      const { ips = [], routes = [] } = answer.result ?? {};
      return [...ips.map(({ address }) => address), ...routes.map(({ dst }) => dst)].every((one) =>
        /^[\da-f.:]+\/\d+$/.test(one))
        ? undefined : `gives ${JSON.stringify(answer.result)}`;
    },
    refuse,
  });
});
rpc.run();

const shim = suite("a call of the shim");
const env = Buffer.from("CNI_COMMAND=ADD\0CNI_IFNAME=eth0\0");
const stdin = Buffer.from('{"name":"lan"}');
const head = Buffer.from(`polynic 1 0.1.0 bridge 1:2 1:3 1:4 1:5 ${env.length} ${stdin.length}\n`);
shim("is whole, or refused", () => fuzz({
  ...byteInputs([Uint8Array.from(Buffer.concat([head, env, stdin]))]), title: "call of the shim",
  accept(bytes) {
    const reader = new CallReader(), half = bytes.length >> 1;
    const call = [bytes.subarray(0, half), bytes.subarray(half)].map((part) =>
      reader.add(Buffer.from(part))).find(Boolean);
    if (call === undefined) throw new MessageError("none");
    const texts = [call.name, call.programVersion, call.stdin, ...Object.values(call.env)];
    return texts.every((one) => typeof one === "string") ? undefined : "has a part that is no text";
  },
  refuse: (error) => error instanceof MessageError ? undefined : `is refused with ${String(error)}`,
}));
shim.run();

