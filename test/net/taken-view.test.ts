// src/net/taken-view.ts: names into views, runs and bitmaps of one state.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Span } from "../../src/net/index.ts";
import {
  AddressList, addAddressName, addOffset, addressToInteger, formatAddress, parseAddress, takenBitmap, takenRuns,
  takenView, viewHolds,
} from "../../src/net/index.ts";
import { random } from "../helpers/random.ts";

const span = (first: string, last: string): Span => ({ first: parseAddress(first), last: parseAddress(last) });

function listOf(family: 4 | 6, names: readonly string[]): AddressList {
  const list = new AddressList(1);
  for (const name of names) addAddressName(list, family, name);
  return list;
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex").replace(/.{32}(?=.)/g, "$& ");

const names = suite("addAddressName");
for (const name of ["0.0.0.0", "10.1.2.3", "255.255.255.255", "192.168.100.1", "::", "::1", "1::", "2001:db8::1",
  "fe80::1:2:3:4", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8",
  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"]) {
  names(`reads ${name}`, () => {
    const address = parseAddress(name);
    const list = listOf(address.family, [name]);
    assert.is(list.count, 1);
    const value = [0, 1, 2, 3].reduce((sum, word) => (sum << 32n) | BigInt(list.word(0, word)), 0n);
    assert.is(value, addressToInteger(address));
    assert.is(listOf(address.family === 4 ? 6 : 4, [name]).count, 0, "not of the other family");
  });
}
for (const name of ["", "lock", "last_reserved_ip.0", ".polynic-1-2.tmp", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4",
  "1.2.3.4 ", "1..2.3", ".1.2.3", "1.2.3.", ":", ":::", "1:2:3", "1:2:3:4:5:6:7:8:9", "1::2::3", "::12345",
  "1:2:3:4:5:6:7:", ":1:2:3:4:5:6:7", "g::", "::1%eth0", "::ffff:1.2.3.4", "1:2:3:4:5:6:7:8::"]) {
  names(`leaves ${JSON.stringify(name)} alone`, () => {
    assert.is(listOf(4, [name]).count + listOf(6, [name]).count, 0);
  });
}
names.run();

const view = suite("takenView");

view("of neighbours is one run, whatever their order", () => {
  const taken = takenView(span("10.0.0.1", "10.255.255.254"),
    listOf(4, ["10.0.0.5", "10.0.0.3", "10.0.0.4", "10.0.0.3", "9.0.0.1", "11.0.0.0", "lock"]));
  assert.is(taken.kind, 0);
  assert.is(taken.count, 1);
  // high u64, low u64 of 10.0.0.3; the same of 10.0.0.5
  assert.is(hex(taken.bytes), "00000000000000000300000a00000000 00000000000000000500000a00000000");
});

view("of addresses far apart in a /64 is sorted by all 128 bits", () => {
  const taken = takenView(span("2001:db8::", "2001:db8::ffff:ffff:ffff:ffff"),
    listOf(6, ["2001:db8::ffff:ffff:ffff:ffff", "2001:db8::", "2001:db8::8000:0:0:1", "2001:db8::8000:0:0:2"]));
  assert.is(taken.count, 3);
  assert.is(hex(taken.bytes.subarray(32, 64)), "00000000b80d01200100000000000080 00000000b80d01200200000000000080");
});

view("of many scattered addresses in a small range is a bitmap", () => {
  const taken = takenView(span("10.0.0.0", "10.0.0.99"), listOf(4, ["10.0.0.0", "10.0.0.9", "10.0.0.99"]));
  assert.equal({ kind: taken.kind, count: taken.count, bytes: taken.bytes.length }, { kind: 1, count: 100, bytes: 16 });
  assert.is(hex(taken.bytes), "01020000000000000000000008000000");
});

view("says the same in both forms, of random states", () => {
  const any = random();
  for (let i = 0; i < 300; i++) {
    const first = parseAddress(any.pick(["10.0.0.1", "0.0.0.0", "255.255.254.0", "2001:db8::", "2001:db8::ffff:fff0",
      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fe00"]));
    const size = 1 + any.below(500);
    const last = addOffset(first, size - 1) ?? first;
    const texts = Array.from({ length: size }, (_, offset) => formatAddress(addOffset(first, offset) ?? first));
    const taken = new Set(texts.filter(() => any.once(3)));
    const list = listOf(first.family, [...taken].sort(() => any.below(3) - 1));
    const forms = [takenRuns({ first, last }, list), takenBitmap({ first, last }, list),
      takenView({ first, last }, list)];
    for (const text of texts) {
      for (const form of forms) assert.is(viewHolds(form, { first, last }, parseAddress(text)), taken.has(text),
        `seed ${any.seed}: ${text}`);
    }
  }
});

view.run();
