/**
 * Comments. The kernel keeps a string of bytes with each object for user space; libnftnl fills it with entries of
 * type (1 byte), length (1 byte) and value, and `nft` shows the entry of type 0 (NFTNL_UDATA_RULE_COMMENT,
 * NFTNL_UDATA_TABLE_COMMENT, NFTNL_UDATA_CHAIN_COMMENT in libnftnl/udata.h) as `comment "..."`. Its NUL is part of the value.
 */
import { CodecError, copyBytes, type Payload } from "../payload.ts";

/** What nft itself accepts (NFTNL_UDATA_COMMENT_MAXLEN). */
export const maxCommentBytes = 128;

const commentType = 0;

/** Userdata that holds a comment and nothing else; reads as undefined when there is none. */
export const commentUserdata: Payload<string | undefined> = {
  write(out, value = "") {
    const text = new TextEncoder().encode(value);
    if (text.length > maxCommentBytes || text.includes(0)) {
      throw new CodecError("encode", "comment", `expected at most ${maxCommentBytes} bytes without NUL, found ${text.length} bytes`);
    }
    const at = out.reserve(2 + text.length + 1);
    out.bytes.set([commentType, text.length + 1], at);
    out.bytes.set(text, at + 2);
  },

  read(input, start, end) {
    for (let at = start; at + 2 <= end; ) {
      const stop = at + 2 + input.getUint8(at + 1);
      if (stop > end) return undefined;
      if (input.getUint8(at) === commentType) {
        return new TextDecoder().decode(copyBytes(input, at + 2, stop)).replace(/\0.*$/su, "");
      }
      at = stop;
    }
    return undefined;
  },
};
