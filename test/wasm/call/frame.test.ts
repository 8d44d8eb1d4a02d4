// src/wasm/call/frame.ts: one request, byte by byte.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { AddressList, parseAddress, takenRuns } from "../../../src/net/index.ts";
import { encodeFrame, frameLimitBytes } from "../../../src/wasm/call/frame.ts";
import { openModules } from "../../../src/wasm/index.ts";
import { throws } from "../../helpers/errors.ts";
import { builtModules } from "../../helpers/wasm.ts";

const words = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex").match(/.{1,16}/g);

const frame = suite("encodeFrame");

frame("lays out header, range, JSON and view", () => {
  const first = parseAddress("10.0.0.1");
  const list = new AddressList(1);
  list.addAddress(first);
  const range = { set: 3, first, last: parseAddress("10.0.0.9"), cursor: parseAddress("10.0.0.4"), gateway: first,
    prefixBits: 24 };
  assert.equal(words(encodeFrame("{}", [{ ...range, view: takenRuns(range, list) }])), [
    "434e494601000100", "0200000088000000", // "CNIF", ABI 1, one range; 2 bytes of JSON, 136 in all
    "0000000000000000", "0100000a00000000", // first: high, low
    "0000000000000000", "0900000a00000000", // last
    "0000000000000000", "0400000a00000000", // cursor
    "0000000000000000", "0100000a00000000", // gateway
    "0400180003000000", "0100000068000000", // family 4, /24, set 3, runs; one run at 104
    "7b7d000000000000",                     // {} and padding
    "0000000000000000", "0100000a00000000", // the run: from
    "0000000000000000", "0100000a00000000", // to
  ]);
});

frame("has first - 1 where nothing was handed out yet, and zero without a gateway", () => {
  for (const [first, last, cursor] of [
    ["10.0.0.1", "10.0.0.9", ["0000000000000000", "0000000a00000000"]],
    ["2001:db8:0:1::", "2001:db8:0:1::9", ["00000000b80d0120", "ffffffffffffffff"]],
    ["::", "::9", ["ffffffffffffffff", "ffffffffffffffff"]],
  ] as const) {
    const range = { set: 0, first: parseAddress(first), last: parseAddress(last), prefixBits: 64 };
    const encoded = words(encodeFrame("", [{ ...range, view: takenRuns(range, new AddressList(1)) }])) ?? [];
    assert.equal(encoded.slice(6, 8), cursor, first);
    assert.equal(encoded.slice(8, 10), ["0000000000000000", "0000000000000000"]);
  }
});

frame("is refused beyond its limit", () => {
  assert.throws(() => encodeFrame("x".repeat(frameLimitBytes), []), /expected at most 8388608/);
});

frame("has no more ranges than its header can count, and the error says so before any module is called", () => {
  const span = { first: parseAddress("10.0.0.1"), last: parseAddress("10.0.0.9") };
  const range = { set: 0, ...span, prefixBits: 24, subnet: "10.0.0.0/24", view: takenRuns(span, new AddressList(0)) };
  const encoded = encodeFrame("", Array.from({ length: 65_535 }, () => range));
  assert.is(new DataView(encoded.buffer).getUint16(6, true), 65_535);
  const ranges = Array.from({ length: 65_536 }, () => range);
  assert.throws(() => encodeFrame("", ranges), /Cannot encode a request of 65536 ranges: expected at most 65535/);
  const request = { attempt: 0, attachment: { containerId: "c1", ifName: "eth0", network: "mynet", mac: null },
    config: {}, requested: [], mine: [], ranges };
  assert.match(throws(() => openModules(builtModules).allocate("host-local", request), 7).message, /65536 ranges/);
});

frame.run();
