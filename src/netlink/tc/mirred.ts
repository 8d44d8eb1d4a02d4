import { attrs } from "../codec/attrs.ts";
import { i32, stringz, u32 } from "../codec/scalars.ts";
import { struct } from "../codec/struct.ts";

/** TC_ACT_STOLEN (linux/pkt_cls.h): the packet is somebody else's now. What a redirection ends with. */
export const TC_ACT_STOLEN = 4;

/** struct tc_mirred (linux/tc_act/tc_mirred.h). */
const tcMirred = struct("tc_mirred", 28, {
  action:    [8, i32],  // TC_ACT_*: what becomes of the packet here
  direction: [20, i32], // TCA_EGRESS_REDIR and the like
  index:     [24, u32], // ifindex of the other link
});

/** TCA_EGRESS_REDIR: the packet leaves by the other link. */
export const TCA_EGRESS_REDIR = 1;

/** TCA_MIRRED_*. */
const mirredAttrs = attrs({
  parameters: [2, tcMirred], // TCA_MIRRED_PARMS
});

/** TCA_ACT_* (linux/pkt_cls.h) of a mirred: it hands packets to another link. */
const mirredAction = attrs({
  kind:    [1, stringz],     // TCA_ACT_KIND
  options: [2, mirredAttrs], // TCA_ACT_OPTIONS
});

/** The actions of a filter, by their place in the order; of ours there is one. */
export const actions = attrs({
  first: [1, mirredAction],
});
