import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CodecError, conntrackBody, nfgenmsg, Output } from "../../src/netlink/index.ts";

/** The first word of each line, four bytes as hex; the rest explains it. */
function words(annotated: string): string[] {
  return annotated.trim().split("\n").map((line) => line.trim().split(" ")[0] ?? "");
}

function hex(bytes: Uint8Array): string[] {
  return Array.from({ length: bytes.length / 4 }, (_, i) => Buffer.from(bytes.subarray(i * 4,
    i * 4 + 4)).toString("hex"));
}

const entry = {
  header: { family: 2, version: 0, resourceId: 0 },
  attributes: {
    original: {
      addresses: { v4Source: Uint8Array.of(10, 0, 0, 1), v4Destination: Uint8Array.of(10, 0, 0, 2) },
      protocol: { number: 17, sourcePort: 1000, destinationPort: 53 },
    },
    id: 0x9c92e9cc,
  },
};

const entryWire = words(`
  02000000 AF_INET, NFNETLINK_V0, res_id 0
  34000180 CTA_TUPLE_ORIG, nested, 48 bytes
  14000180 CTA_TUPLE_IP, nested
  08000100 CTA_IP_V4_SRC
  0a000001 10.0.0.1
  08000200 CTA_IP_V4_DST
  0a000002 10.0.0.2
  1c000280 CTA_TUPLE_PROTO, nested
  05000100 CTA_PROTO_NUM, 1 byte
  11000000 IPPROTO_UDP
  06000200 CTA_PROTO_SRC_PORT, 2 bytes
  03e80000 1000
  06000300 CTA_PROTO_DST_PORT
  00350000 53
  08000c00 CTA_ID
  9c92e9cc
`);

const body = suite("conntrackBody");

body("of an entry has its tuple and id", () => {
  const out = new Output(256);
  conntrackBody.write(out, entry);
  assert.equal(hex(out.bytes.subarray(0, out.length)), entryWire);
});

body("reads back what it writes", () => {
  const out = new Output(256);
  conntrackBody.write(out, entry);
  assert.equal(conntrackBody.read(out.view, 0, out.length), entry);
});

body("refuses every truncation inside its tuple", () => {
  const bytes = Uint8Array.from(Buffer.from(entryWire.join(""), "hex"));
  for (let end = nfgenmsg.bytes + 4; end < 56; end += 4) {
    assert.throws(() => conntrackBody.read(new DataView(bytes.buffer), 0, end),
      (error: Error) => error instanceof CodecError, `${end} bytes`);
  }
});

body.run();

const header = suite("nfgenmsg");
header("is as long as struct nfgenmsg", () => assert.is(nfgenmsg.bytes, 4));
header.run();
