import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  attrs, body, CodecError, findMessage, i32, Output, readAck, struct, u16, u8, writeMessage,
} from "../../src/netlink/index.ts";
import { bytesOf, hex, wire } from "../helpers/wire.ts";

const view = (annotated: string): DataView => new DataView(bytesOf(wire(annotated)).buffer);
const head = struct("head", 2, { family: [0, u8] });
const content = body(head, attrs({ id: [1, u16], index: [2, i32] }));

const write = suite("writeMessage");
write("puts messages end to end, each with its length and aligned", () => {
  const out = new Output(200);
  writeMessage(out, { type: 0x12, flags: 0x305, sequence: 7 }, content,
    { header: { family: 2 }, attributes: { id: 9 } });
  writeMessage(out, { type: 0x13, flags: 1, sequence: 8 }, content, { header: {}, attributes: {} });
  assert.is(hex(out.bytes.slice(0, out.length)), wire(`
    1c 00 00 00  nlmsg_len 28
    12 00 05 03  nlmsg_type, nlmsg_flags
    07 00 00 00  nlmsg_seq
    00 00 00 00  nlmsg_pid
    02 00 00 00  header of two bytes, aligned
    06 00 01 00  nla_len 6, type 1
    09 00 00 00  9, padding
    14 00 00 00  nlmsg_len 20
    13 00 01 00
    08 00 00 00
    00 00 00 00
    00 00 00 00`));
});
write.run();

const find = suite("findMessage");
const two = `
  12 00 00 00  nlmsg_len 18: not aligned
  12 00 02 00  NLM_F_MULTI
  07 00 00 00
  00 00 00 00
  aa bb 00 00
  10 00 00 00
  03 00 00 00  NLMSG_DONE
  07 00 00 00
  00 00 00 00`;

find("walks from message to message", () => {
  const input = view(two);
  const first = findMessage(input, 0, input.byteLength);
  assert.equal(first, { type: 0x12, flags: 2, sequence: 7, start: 16, end: 18, next: 20 });
  assert.equal(findMessage(input, first.next, input.byteLength),
    { type: 3, flags: 0, sequence: 7, start: 36, end: 36, next: 36 });
});

find("refuses messages that do not lie within", () => {
  const input = view(two);
  for (const end of [0, 15, 17]) assert.throws(() => findMessage(input, 0, end),
    (error: unknown) => error instanceof CodecError);
  assert.throws(() => findMessage(view("08 00 00 00\n00 00 00 00\n00 00 00 00\n00 00 00 00"), 0, 16),
    "Cannot decode nlmsghdr: expected 8 bytes, found 16");
});
find.run();

const ack = suite("readAck");
const read = (annotated: string) => {
  const input = view(annotated);
  return readAck(input, findMessage(input, 0, input.byteLength));
};

ack("0 is success", () => {
  assert.equal(read(`
    24 00 00 00
    02 00 00 01  NLMSG_ERROR, NLM_F_CAPPED
    07 00 00 00
    00 00 00 00
    00 00 00 00  error
    20 00 00 00  the request's header
    10 00 05 00
    07 00 00 00
    00 00 00 00`), { errno: 0 });
});

const sentence = `
  09 00 01 00  NLMSGERR_ATTR_MSG
  6f 6f 70 73  oops
  00 00 00 00
  08 00 02 00  NLMSGERR_ATTR_OFFS
  2c 00 00 00`;

ack("an error has the kernel's sentence and the offset, after the request's header", () => {
  assert.equal(read(`
    38 00 00 00
    02 00 00 03  NLMSG_ERROR, NLM_F_CAPPED | NLM_F_ACK_TLVS
    07 00 00 00
    00 00 00 00
    ef ff ff ff  -17
    20 00 00 00
    10 00 05 00
    07 00 00 00
    00 00 00 00${sentence}`), { errno: 17, text: "oops", offset: 44 });
});

ack("or after the whole request, when the kernel quotes it", () => {
  assert.equal(read(`
    3c 00 00 00
    02 00 00 02  NLMSG_ERROR, NLM_F_ACK_TLVS
    07 00 00 00
    00 00 00 00
    ef ff ff ff
    13 00 00 00  nlmsg_len 19: aligned to 20
    10 00 05 00
    07 00 00 00
    00 00 00 00
    aa bb cc 00${sentence}`), { errno: 17, text: "oops", offset: 44 });
});

ack("the end of a dump may carry an error, or nothing", () => {
  assert.equal(read(`
    28 00 00 00
    03 00 02 02  NLMSG_DONE, NLM_F_MULTI | NLM_F_ACK_TLVS
    07 00 00 00
    00 00 00 00
    ed ff ff ff  -19${sentence}`), { errno: 19, text: "oops", offset: 44 });
  assert.equal(read("10 00 00 00\n03 00 00 00\n07 00 00 00\n00 00 00 00"), { errno: 0 });
});

ack("a short one is refused", () => {
  assert.throws(() => read("12 00 00 00\n02 00 00 00\n07 00 00 00\n00 00 00 00\n00 00 00 00"),
    "Cannot decode i32: expected 4 bytes, found 2");
});
ack.run();
