import { attrs } from "../codec/attrs.ts";
import type { Payload } from "../codec/payload.ts";
import { i32, u32, u32be, u8 } from "../codec/scalars.ts";
import { struct } from "../codec/struct.ts";
import { actions } from "./mirred.ts";

/** TC_U32_TERMINAL (linux/pkt_cls.h): a packet that matches goes no further. */
const TC_U32_TERMINAL = 1;

/** struct tc_u32_key: the packet's 32 bits at `offset`, masked, must be `value`. */
const u32Key = struct("tc_u32_key", 16, {
  mask:   [0, u32be],
  value:  [4, u32be],
  offset: [8, i32],
});

/** struct tc_u32_sel, before its keys. */
const u32Selector = struct("tc_u32_sel", 16, {
  flags:    [0, u8],
  keyCount: [2, u8],
});

export interface U32Key {
  readonly mask: number;
  readonly value: number;
  readonly offset: number;
}

/** A selector as the list of its keys, which must all match. */
const u32Keys: Payload<readonly U32Key[]> = {
  write(out, keys) {
    u32Selector.write(out, { flags: TC_U32_TERMINAL, keyCount: keys.length });
    for (const key of keys) u32Key.write(out, key);
  },
  read(input, start, end) {
    const { keyCount } = u32Selector.read(input, start, end);
    return Array.from({ length: keyCount }, (_, i) => u32Key.read(
      input, start + u32Selector.bytes + i * u32Key.bytes, end));
  },
};

/** TCA_U32_* (linux/pkt_cls.h). */
const u32Attrs = attrs({
  class:   [1, u32],     // TCA_U32_CLASSID: a handle
  keys:    [5, u32Keys], // TCA_U32_SEL
  actions: [7, actions], // TCA_U32_ACT
});

/** TCA_OPTIONS by TCA_KIND: a new filter is its table and one row here. */
export const filterKinds = {
  u32: u32Attrs,
};
