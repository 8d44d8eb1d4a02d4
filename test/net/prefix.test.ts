import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  AddressError, bitsOf, broadcastOf, contains, formatAddress, formatPrefix, lastOf, networkOf, overlaps, parseAddress,
  hostPrefix, parseAddressOrPrefix, parsePrefix, prefixKey, samePrefix,
} from "../../src/net/index.ts";

const parsing = suite("parsePrefix");

for (const [text, canonical] of [
  ["10.1.2.5/24", "10.1.2.5/24"],
  ["10.1.2.5/0", "10.1.2.5/0"],
  ["10.1.2.5/32", "10.1.2.5/32"],
  ["2001:DB8:0::1/64", "2001:db8::1/64"],
  ["::/0", "::/0"],
  ["10.1.2.5/024", "10.1.2.5/24"],
  ["::1/128", "::1/128"],
  ["::ffff:10.0.0.1/120", "10.0.0.1/24"],
  ["::ffff:10.0.0.1/96", "10.0.0.1/0"],
] as const) {
  parsing(`reads ${text} and keeps its host bits`, () => assert.is(formatPrefix(parsePrefix(text)), canonical));
}

for (const text of [
  "", "/", "/24", "10.1.2.5", "10.1.2.5/", "10.1.2.5/33", "10.1.2.5/-1", "10.1.2.5/+24", "10.1.2.5/24 ",
    "10.1.2.5/24/8",
  "10.1.2.5/255.255.255.0", "10.1.2/24", "10.01.2.5/24", "::/129", "::1", "::ffff:10.0.0.1/24", "fe80::1%eth0/64",
    "10.1.2.5/1e1",
]) {
  parsing(`refuses ${JSON.stringify(text)}`, () => {
    assert.throws(() => parsePrefix(text), (error: unknown) => error instanceof AddressError
      && error.message.includes(JSON.stringify(text)));
  });
}

parsing("says which lengths the family has", () => {
  assert.throws(() => parsePrefix("10.1.2.5/33"),
    'Cannot read prefix "10.1.2.5/33": expected a prefix length from 0 to 32');
});

parsing.run();

const either = suite("parseAddressOrPrefix");

either("takes a lone address for a prefix of its full length", () => {
  const { hasLength, ...prefix } = parseAddressOrPrefix("10.0.0.1");
  assert.is(formatPrefix(prefix), "10.0.0.1/32");
  assert.is(hasLength, false);
  assert.is(formatPrefix(parseAddressOrPrefix("::1")), "::1/128");
});

either("keeps a given length", () => {
  assert.is(parseAddressOrPrefix("10.0.0.1/24").hasLength, true);
  assert.is(parseAddressOrPrefix("10.0.0.1/24").prefixBits, 24);
});

either.run();

const edges = suite("networkOf");

for (const [text, network, last, broadcast] of [
  ["10.1.2.5/24", "10.1.2.0/24", "10.1.2.255", "10.1.2.255"],
  ["10.1.2.5/23", "10.1.2.0/23", "10.1.3.255", "10.1.3.255"],
  ["10.1.2.5/30", "10.1.2.4/30", "10.1.2.7", "10.1.2.7"],
  ["10.1.2.5/31", "10.1.2.4/31", "10.1.2.5", undefined],
  ["10.1.2.5/32", "10.1.2.5/32", "10.1.2.5", undefined],
  ["10.1.2.5/0", "0.0.0.0/0", "255.255.255.255", "255.255.255.255"],
  ["2001:db8::1234/116", "2001:db8::1000/116", "2001:db8::1fff", undefined],
  ["2001:db8::1/0", "::/0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", undefined],
] as const) {
  edges(`of ${text} is ${network}, up to ${last}`, () => {
    const prefix = parsePrefix(text);
    assert.is(formatPrefix(networkOf(prefix)), network);
    assert.is(formatAddress(lastOf(prefix)), last);
    const brd = broadcastOf(prefix);
    assert.is(brd && formatAddress(brd), broadcast);
    assert.is(formatPrefix(prefix), text);
  });
}

edges.run();

const containment = suite("contains");

for (const [prefix, address, inside] of [
  ["10.1.2.5/24", "10.1.2.255", true],
  ["10.1.2.5/24", "10.1.3.0", false],
  ["0.0.0.0/0", "255.255.255.255", true],
  ["0.0.0.0/0", "::", false],
  ["::/0", "10.0.0.1", false],
  ["10.0.0.1/32", "10.0.0.1", true],
  ["10.0.0.1/32", "10.0.0.2", false],
  ["2001:db8::/33", "2001:db8:7fff::1", true],
  ["2001:db8::/33", "2001:db8:8000::1", false],
] as const) {
  containment(`${prefix} ${inside ? "holds" : "does not hold"} ${address}`,
    () => assert.is(contains(parsePrefix(prefix), parseAddress(address)), inside));
}

containment("overlaps looks both ways", () => {
  assert.is(overlaps(parsePrefix("10.0.0.0/8"), parsePrefix("10.1.0.0/16")), true);
  assert.is(overlaps(parsePrefix("10.1.0.0/16"), parsePrefix("10.0.0.0/8")), true);
  assert.is(overlaps(parsePrefix("10.1.0.0/16"), parsePrefix("10.2.0.0/16")), false);
});

containment("hostPrefix holds one address alone", () => {
  for (const text of ["10.1.2.5/32", "2001:db8::5/128"])
    assert.is(formatPrefix(hostPrefix(parsePrefix(text).address)), text);
});
containment("samePrefix minds host bits and length", () => {
  assert.is(samePrefix(parsePrefix("10.1.2.5/24"), parsePrefix("10.1.2.5/24")), true);
  assert.is(samePrefix(parsePrefix("10.1.2.5/24"), parsePrefix("10.1.2.6/24")), false);
  assert.is(samePrefix(parsePrefix("10.1.2.5/24"), parsePrefix("10.1.2.5/25")), false);
});

containment("bitsOf is the family's length", () => {
  assert.is(bitsOf(parseAddress("10.0.0.1")), 32);
  assert.is(bitsOf(parseAddress("::1")), 128);
});

containment.run();

const keys = suite("prefixKey");
keys("is equal for equal prefixes only, in any spelling", () => {
  const texts = ["10.1.2.5/24", "10.1.2.5/25", "10.1.2.0/24", "::/0", "0.0.0.0/0", "::10.1.2.5/24", "2001:db8::1/64"];
  assert.is(new Set(texts.map((text) => prefixKey(parsePrefix(text)))).size, texts.length);
  assert.is(prefixKey(parsePrefix("2001:DB8:0::1/64")), prefixKey(parsePrefix("2001:db8::1/64")));
});
keys.run();
