import { attrs } from "./attrs.ts";
import { CodecError } from "./payload.ts";
import type { Output, Payload } from "./payload.ts";
import { i32, stringz, u16, u32 } from "./scalars.ts";
import { struct } from "./struct.ts";
import type { Struct } from "./struct.ts";

// Flags of every message and of requests (linux/netlink.h).
export const NLM_F_REQUEST = 0x01;
export const NLM_F_ACK = 0x04;
/** Tell the sender too what is announced to all who listen. */
export const NLM_F_ECHO = 0x08;
export const NLM_F_DUMP_INTR = 0x10;
/** NLM_F_ROOT | NLM_F_MATCH. */
export const NLM_F_DUMP = 0x300;
// Of NEW requests.
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;
/** Of acks: extended ack attributes follow. */
export const NLM_F_ACK_TLVS = 0x200;
/** Of acks: the request's payload is left out. */
export const NLM_F_CAPPED = 0x100;

// Message types below NLMSG_MIN_TYPE (0x10), common to all families.
export const NLMSG_NOOP = 1;
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
export const NLMSG_OVERRUN = 4;

/** struct nlmsghdr. `length` includes these 16 bytes. */
export const nlmsghdr = struct("nlmsghdr", 16, {
  length:   [0, u32],
  type:     [4, u16],
  flags:    [6, u16],
  sequence: [8, u32],
  port:     [12, u32], // nlmsg_pid: 0 is the kernel
});

/** NLMSGERR_ATTR_*: the extended ack. */
export const extendedAckAttrs = attrs({
  text:           [1, stringz], // NLMSGERR_ATTR_MSG: a sentence
  offset:         [2, u32],     // NLMSGERR_ATTR_OFFS: of the bad attribute, from the start of the request
  missingType:    [5, u32],     // NLMSGERR_ATTR_MISS_TYPE
  missingNest:    [6, u32],     // NLMSGERR_ATTR_MISS_NEST
});

/** A fixed header followed by attributes: what a message of most families holds after its nlmsghdr. */
export interface Body<H, A> extends Payload<Message<H, A>> {
  write(out: Output, value: { readonly header: Partial<H>; readonly attributes: A }): void;
}

export interface Message<H, A> {
  readonly header: H;
  readonly attributes: A;
}

export function body<H, A>(header: Struct<H>, attributes: Payload<A>): Body<H, A> {
  return {
    nested: true,
    write(out, value) {
      header.write(out, value.header);
      out.align();
      attributes.write(out, value.attributes);
    },
    read(input, start, end) {
      const attributesStart = start + ((header.bytes + 3) & ~3);
      return { header: header.read(input, start, end), attributes: attributes.read(input, attributesStart, end) };
    },
  };
}

/** Appends one message; `length` of its header is filled in afterwards. */
export function writeMessage<H, A>(
  out: Output,
  message: { readonly type: number; readonly flags: number; readonly sequence: number },
  content: Body<H, A>,
  value: { readonly header: Partial<H>; readonly attributes: A },
): void {
  const start = out.length;
  nlmsghdr.write(out, message);
  content.write(out, value);
  out.align();
  u32.put(out.view, start, out.length - start);
}

/** A message found in received bytes: its header, where its content lies and where the next one starts. */
export interface FoundMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly start: number;
  readonly end: number;
  readonly next: number;
}

/** The message at `at`, of `input` up to `end`. Throws CodecError when it does not lie within. */
export function findMessage(input: DataView, at: number, end: number): FoundMessage {
  const { length, type, flags, sequence } = nlmsghdr.read(input, at, end);
  if (length < nlmsghdr.bytes || at + length > end) {
    throw new CodecError("decode", "nlmsghdr", `expected ${length} bytes, found ${end - at}`);
  }
  return { type, flags, sequence, start: at + nlmsghdr.bytes, end: at + length, next: at + ((length + 3) & ~3) };
}

/** What the kernel says at the end: `errno` 0 is success. `text` and `offset` come with extended acks. */
export interface Ack {
  readonly errno: number;
  readonly text?: string | undefined;
  /** Of the attribute that is to blame, in bytes from the start of the request's nlmsghdr. */
  readonly offset?: number | undefined;
}

/** struct nlmsgerr up to its copy of the request: a negative errno or 0. */
const errorBytes = i32.bytes;

/** The content of an NLMSG_ERROR or NLMSG_DONE message. */
export function readAck(input: DataView, message: FoundMessage): Ack {
  // NLMSG_DONE of some families carries nothing at all.
  if (message.type === NLMSG_DONE && message.end - message.start < errorBytes) return { errno: 0 };
  const errno = 0 - i32.read(input, message.start, message.end);
  if ((message.flags & NLM_F_ACK_TLVS) === 0) return { errno };

  const { text, offset } = extendedAckAttrs.read(input, attributesOf(input, message), message.end);
  return { errno, text, offset };
}

/**
 * Where the extended ack begins: DONE has it after the errno, ERROR after the request it quotes, wholly or its header
 * only.
 */
function attributesOf(input: DataView, message: FoundMessage): number {
  const quoted = message.start + errorBytes;
  if (message.type === NLMSG_DONE) return quoted;
  const { length } = nlmsghdr.read(input, quoted, message.end);
  return quoted + ((message.flags & NLM_F_CAPPED) !== 0 ? nlmsghdr.bytes : (length + 3) & ~3);
}
