// src/dhcp/message.ts and datagram.ts: bytes of RFC 2131, RFC 2132 and RFC 3396, and back.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { DhcpMessage } from "../../src/dhcp/index.ts";
import {
  clientPort, decodeDatagram, decodeMessage, DhcpError, encodeDatagram, encodeMessage, serverPort,
} from "../../src/dhcp/index.ts";
import { parseAddress } from "../../src/net/index.ts";

const discover: DhcpMessage = {
  op: "request", xid: 0x3903f326, secs: 2, broadcast: true, ciaddr: parseAddress("0.0.0.0"),
  yiaddr: parseAddress("0.0.0.0"), chaddr: "02:00:5e:00:00:01",
  options: new Map([[53, new Uint8Array([1])], [61, new Uint8Array([0, 0x61])]]),
};
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

const message = suite("a DHCP message");

message("has the bytes of RFC 2131, figure 1", () => {
  const bytes = encodeMessage(discover);
  assert.is(bytes.length, 300);
  assert.is(hex(bytes.subarray(0, 12)), [
    "01010600", // op BOOTREQUEST, htype Ethernet, hlen 6, hops
    "3903f326", // xid
    "00028000", // secs 2, flags BROADCAST
  ].join(""));
  assert.is(hex(bytes.subarray(12, 28)), "00".repeat(16));
  assert.is(hex(bytes.subarray(28, 44)), `02005e000001${"00".repeat(10)}`);
  assert.is(hex(bytes.subarray(236, 248)), [
    "63825363", // magic cookie
    "350101", // option 53, DISCOVER
    "3d020061", // option 61
    "ff",
  ].join(""));
});

message("is read as it was written, ciaddr and yiaddr included", () => {
  const whole = { ...discover, op: "reply" as const, ciaddr: parseAddress("10.1.2.3"),
    yiaddr: parseAddress("10.1.2.4") };
  assert.equal(decodeMessage(encodeMessage(whole)), whole);
});

message("of an option longer than 255 bytes has it in pieces, which are one again", () => {
  const long = new Uint8Array(600).map((_, i) => i);
  const bytes = encodeMessage({ ...discover, options: new Map([[121, long]]) });
  assert.is(hex(bytes.subarray(240, 242)), "79ff");
  assert.is(hex(bytes.subarray(240 + 257, 240 + 259)), "79ff");
  assert.is(hex(bytes.subarray(240 + 514, 240 + 516)), "795a");
  assert.equal(decodeMessage(bytes).options.get(121), long);
});

message("takes options from file and sname where option 52 says so", () => {
  const bytes = encodeMessage({ ...discover, options: new Map([[53, new Uint8Array([2])], [52,
    new Uint8Array([3])]]) });
  bytes.set([3, 4, 10, 0, 0, 1, 255], 108);
  bytes.set([0, 0, 15, 2, 0x61, 0x62, 255], 44);
  const { options } = decodeMessage(bytes);
  assert.equal([...options.keys()], [53, 3, 15]);
  assert.is(hex(options.get(15) ?? new Uint8Array()), "6162");
});

const whole = encodeMessage(discover);
const changed = (at: number, ...bytes: number[]): Uint8Array => {
  const copy = whole.slice();
  copy.set(bytes, at);
  return copy;
};
for (const [what, bytes, says] of [
  ["is empty", new Uint8Array(), "of 0 bytes"],
  ["is cut before its options", whole.subarray(0, 239), "of 239 bytes"],
  ["has another cookie", changed(236, 1), "its cookie is 0x1825363"],
  ["has op 3", changed(0, 3), "its op is 3"],
  ["is not of Ethernet", changed(1, 6), "its hardware type is 6"],
  ["has an option that is cut", changed(297, 12, 200), "option 12 is cut, expected its 200 bytes"],
  ["ends behind the code of an option", changed(299, 12), "option 12 is cut, expected its length"],
] as const) {
  message(`that ${what} is refused`, () => {
    // The end mark is in the way of what stands behind it.
    const copy = bytes.slice();
    if (copy.length === 300) for (let i = 240; i < 297; i++) copy[i] = 0;
    assert.throws(() => decodeMessage(copy), (error: unknown) => error instanceof DhcpError
      && error.message.includes(says));
  });
}

message("that is cut anywhere is refused or read without its end, never an error of ours", () => {
  for (let length = 0; length < whole.length; length++) {
    try {
      decodeMessage(whole.subarray(0, length));
    } catch (error) {
      assert.instance(error, DhcpError);
    }
  }
});

message.run();

const datagram = suite("a datagram");
const sent = {
  source: parseAddress("0.0.0.0"), destination: parseAddress("255.255.255.255"), sourcePort: clientPort,
  destinationPort: serverPort, payload: new Uint8Array([1, 2, 3]),
};

datagram("has an IPv4 and a UDP header with their checksums", () => {
  assert.is(hex(encodeDatagram(sent)), [
    "4500001f", "00000000", // version, length 31, no fragment
    "40117acf", // ttl 64, UDP, checksum
    "00000000", "ffffffff", // from 0.0.0.0 to 255.255.255.255
    "00440043", "000bfb4f", // 68 to 67, length 11, checksum
    "010203",
  ].join(""));
});

datagram("is read as it was written", () => assert.equal(decodeDatagram(encodeDatagram(sent)), sent));

datagram("is read behind IPv4 options, and without what stands behind it", () => {
  const plain = encodeDatagram(sent);
  const withOptions = new Uint8Array([...plain.subarray(0, 20), 1, 1, 1, 0, ...plain.subarray(20), 9, 9]);
  withOptions[0] = 0x46;
  new DataView(withOptions.buffer).setUint16(2, plain.length + 4);
  assert.equal(decodeDatagram(withOptions)?.payload, sent.payload);
});

for (const [what, at, byte] of [
  ["IPv6", 0, 0x65], ["TCP", 9, 6], ["a fragment", 6, 0x20], ["longer than it is", 3, 200],
  ["of a UDP length that is too small", 25, 7], ["of a UDP length beyond it", 25, 99], ["damaged", 30, 0xff],
] as const) {
  datagram(`that is ${what} is none`, () => {
    const bytes = encodeDatagram(sent);
    bytes[at] = byte;
    assert.is(decodeDatagram(bytes), undefined);
  });
}

datagram("with a checksum that a sender on this machine has left to a network card is read", () => {
  const bytes = encodeDatagram(sent);
  bytes[26] = 0x12;
  assert.is(decodeDatagram(bytes), undefined);
  bytes.set([0x00, 0x1c], 26); // 0.0.0.0 to 255.255.255.255, protocol 17, length 11, added up
  assert.equal(decodeDatagram(bytes)?.payload, sent.payload);
});

datagram("of any length below its own is none", () => {
  const bytes = encodeDatagram(sent);
  for (let length = 0; length < bytes.length; length++) assert.is(decodeDatagram(bytes.subarray(0, length)), undefined);
});

datagram.run();
