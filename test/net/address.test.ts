import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  AddressError, addOffset, addressFromBytes, addressToInteger, compareAddresses, formatAddress, isAddress,
  isGlobalUnicast, isLinkLocalUnicast, isLoopback, isMulticast, isUnspecified, parseAddress, sameAddress,
} from "../../src/net/index.ts";

const parsing = suite("parseAddress");

for (const [text, canonical] of [
  ["0.0.0.0", "0.0.0.0"],
  ["10.1.2.3", "10.1.2.3"],
  ["255.255.255.255", "255.255.255.255"],
  ["::", "::"],
  ["::1", "::1"],
  ["0:0:0:0:0:0:0:1", "::1"],
  ["2001:DB8::000A", "2001:db8::a"],
  ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
  ["1:0:0:2:0:0:3:4", "1::2:0:0:3:4"],
  ["1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"],
  ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
  ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
  ["::1.2.3.4", "::102:304"],
  ["1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"],
  ["::ffff:10.1.2.3", "10.1.2.3"],
  ["::ffff:a01:203", "10.1.2.3"],
  ["::FFFF:0A01:0203", "10.1.2.3"],
] as const) {
  parsing(`reads ${text} as ${canonical}`, () => {
    assert.is(formatAddress(parseAddress(text)), canonical);
    assert.is(isAddress(text), true);
  });
}

for (const text of [
  "", " ", "10", "10.1", "10.1.2", "10.1.2.3.4", "10.1.2.256", "10.01.2.3", "010.1.2.3", "0x0a.1.2.3", "10.1.2.0x3",
  "4294967295", " 10.1.2.3", "10.1.2.3 ", "10.1.2.3\n", "10.1.2.-3", "10.1.2.3/24", "1e1.1.2.3", "１0.1.2.3",
  ":", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2:3:4:5:6:7:8", "12345::", "g::", "fe80::1%eth0",
    "fe80::1%1",
  "::ffff:010.1.2.3", "::ffff:10.1.2", "::10.1.2.3:1", "1:2:3:4:5:6:7:1.2.3.4", "10.1.2.3::", "::1/64", "[::1]",
  `${"0".repeat(5000)}::1`, ":".repeat(5000), "1:".repeat(5000),
]) {
  parsing(`refuses ${JSON.stringify(text.slice(0, 30))}`, () => {
    assert.is(isAddress(text), false);
    assert.throws(() => parseAddress(text), (error: unknown) => error instanceof AddressError && error.text === text
      && error.message.length < 250);
  });
}

parsing("names the text and what is expected", () => {
  assert.throws(() => parseAddress("10.01.2.3"),
    'Cannot read address "10.01.2.3": expected an IPv4 or IPv6 address such as 10.1.2.3 or 2001:db8::1');
});

parsing.run();

const bytes = suite("addressFromBytes");

bytes("copies what it is given", () => {
  const source = Uint8Array.of(10, 0, 0, 1);
  const address = addressFromBytes(source);
  source[3] = 9;
  assert.is(formatAddress(address), "10.0.0.1");
});

bytes("holds an IPv4-mapped address as IPv4", () => {
  assert.is(addressFromBytes(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, 1)).family, 4);
});

bytes("refuses other lengths", () => {
  assert.throws(() => addressFromBytes(new Uint8Array(5)), "expected 4 or 16");
});

bytes.run();

const order = suite("compareAddresses");

order("puts IPv4 before IPv6 and compares by value", () => {
  const sorted = ["::", "10.0.0.10", "9.255.255.255", "10.0.0.9", "fe80::1",
    "::1"].map(parseAddress).sort(compareAddresses);
  assert.equal(sorted.map(formatAddress), ["9.255.255.255", "10.0.0.9", "10.0.0.10", "::", "::1", "fe80::1"]);
});

order("is what sameAddress asks", () => {
  assert.is(sameAddress(parseAddress("::ffff:1.2.3.4"), parseAddress("1.2.3.4")), true);
  assert.is(sameAddress(parseAddress("::"), parseAddress("0.0.0.0")), false);
});

order.run();

const offset = suite("addOffset");

for (const [from, by, to] of [
  ["10.0.0.0", 1, "10.0.0.1"],
  ["10.0.0.255", 1, "10.0.1.0"],
  ["10.0.1.0", -1, "10.0.0.255"],
  ["255.255.255.255", 1, undefined],
  ["0.0.0.0", -1, undefined],
  ["2001:db8::ffff", 1, "2001:db8::1:0"],
  ["::", 1n << 64n, "0:0:0:1::"],
  ["ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 1, undefined],
] as const) {
  offset(`from ${from} by ${by} is ${to ?? "nothing"}`, () => {
    const moved = addOffset(parseAddress(from), by);
    assert.is(moved && formatAddress(moved), to);
  });
}

offset("agrees with addressToInteger", () => {
  assert.is(addressToInteger(parseAddress("10.0.0.1")), 0x0a000001n);
  assert.is(addressToInteger(parseAddress("::1:0:0")), 1n << 32n);
});

offset.run();

const kinds = suite("isGlobalUnicast");

for (const [text, kind] of [
  ["10.1.2.3", "global"], ["8.8.8.8", "global"], ["2001:db8::1", "global"], ["fd00::1", "global"],
  ["0.0.0.0", "unspecified"], ["::", "unspecified"],
  ["127.0.0.1", "loopback"], ["127.255.0.1", "loopback"], ["::1", "loopback"],
  ["224.0.0.1", "multicast"], ["239.1.1.1", "multicast"], ["ff02::1", "multicast"],
  ["169.254.1.1", "link-local"], ["fe80::1", "link-local"], ["febf::1", "link-local"],
  ["255.255.255.255", "broadcast"], ["fec0::1", "global"],
] as const) {
  kinds(`takes ${text} for ${kind}`, () => {
    const address = parseAddress(text);
    assert.is(isGlobalUnicast(address), kind === "global");
    assert.is(isUnspecified(address), kind === "unspecified");
    assert.is(isLoopback(address), kind === "loopback");
    assert.is(isMulticast(address), kind === "multicast");
    assert.is(isLinkLocalUnicast(address), kind === "link-local");
  });
}

kinds.run();
