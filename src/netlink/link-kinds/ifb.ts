import { attrs } from "../codec/attrs.ts";

/** IFLA_INFO_DATA when IFLA_INFO_KIND is "ifb": where received packets are redirected to be queued; no settings. */
export const ifbAttrs = attrs({});
