import { suite } from "uvu";
import * as assert from "uvu/assert";
import { AddressError, canonicalMac, formatMac, parseMac } from "../../src/net/index.ts";

const mac = suite("parseMac");

const infiniband = "00:00:00:00:fe:80:00:00:00:00:00:00:02:00:5e:10:00:00:00:01";

for (const [text, canonical] of [
  ["02:00:5E:10:00:01", "02:00:5e:10:00:01"],
  ["02-00-5e-10-00-01", "02:00:5e:10:00:01"],
  ["0200.5e10.0001", "02:00:5e:10:00:01"],
  ["02:00:5e:10:00:00:00:01", "02:00:5e:10:00:00:00:01"],
  ["0200.5E10.0000.0001", "02:00:5e:10:00:00:00:01"],
  [infiniband, infiniband],
  ["0000.0000.fe80.0000.0000.0000.0200.5e10.0000.0001", infiniband],
] as const) {
  mac(`reads ${text}`, () => {
    assert.is(canonicalMac(text), canonical);
    assert.is(formatMac(parseMac(text)), canonical);
  });
}

for (const text of [
  "", "02", "02:00:5e:10:00", "02:00:5e:10:00:01:02", "02:00-5e:10:00:01", "2:0:5e:10:0:1", "02005e100001",
    "0200:5e10:0001",
  "02:00:5e:10:00:0g", " 02:00:5e:10:00:01", "02:00:5e:10:00:01:", "0200.5e10", "02.00.5e.10.00.01", `${infiniband}:00`,
]) {
  mac(`refuses ${JSON.stringify(text)}`, () => assert.throws(() => parseMac(text),
    (error: unknown) => error instanceof AddressError));
}

mac.run();
