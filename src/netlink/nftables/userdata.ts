/**
 * Comments. The kernel keeps a string of bytes with each object for user space; libnftnl fills it with entries of
 * type (1 byte), length (1 byte) and value, and `nft` shows the entry of type 0 (NFTNL_UDATA_RULE_COMMENT,
 * NFTNL_UDATA_TABLE_COMMENT, NFTNL_UDATA_CHAIN_COMMENT in libnftnl/udata.h) as `comment "..."`. Its NUL is part of the
 * value. Entries of types it does not know it passes over: a rule's mark is one of those.
 */
import { CodecError } from "../codec/payload.ts";
import type { Output, Payload } from "../codec/payload.ts";
import { stringz } from "../codec/scalars.ts";

/** What nft itself accepts (NFTNL_UDATA_COMMENT_MAXLEN). */
export const maxCommentBytes = 128;

const commentType = 0;
/** Ours: above what libnftnl counts up from 0 (enum nftnl_udata_rule_types). */
const markType = 0xe0;

/** What user space keeps with a rule. */
export interface RuleUserdata {
  readonly comment?: string;
  /** Words that only we look at; `nft` does not show them. */
  readonly mark?: string;
}

/** Userdata that holds a comment and nothing else; reads as undefined when there is none. */
export const commentUserdata: Payload<string | undefined> = {
  write: (out, value = "") => writeText(out, commentType, "comment", value),
  read: (input, start, end) => readText(input, start, end, commentType),
};

export const ruleUserdata: Payload<RuleUserdata> = {
  write(out, { comment, mark }) {
    if (comment !== undefined) writeText(out, commentType, "comment", comment);
    if (mark !== undefined) writeText(out, markType, "mark", mark);
  },
  read(input, start, end) {
    const comment = readText(input, start, end, commentType), mark = readText(input, start, end, markType);
    return { ...(comment === undefined ? {} : { comment }), ...(mark === undefined ? {} : { mark }) };
  },
};

function writeText(out: Output, type: number, name: string, value: string): void {
  const at = out.reserve(2), isText = !value.includes("\0");
  if (isText) stringz.write(out, value);
  const count = out.length - at - 3;
  if (!isText || count > maxCommentBytes) {
    const found = new TextEncoder().encode(value).length;
    throw new CodecError("encode", name, `expected at most ${maxCommentBytes} bytes without NUL, found ${found} bytes`);
  }
  out.bytes[at] = type;
  out.bytes[at + 1] = count + 1;
}

function readText(input: DataView, start: number, end: number, type: number): string | undefined {
  for (let at = start; at + 2 <= end; ) {
    const stop = at + 2 + input.getUint8(at + 1);
    if (stop > end) return undefined;
    if (input.getUint8(at) === type) return stringz.read(input, at + 2, stop);
    at = stop;
  }
  return undefined;
}
