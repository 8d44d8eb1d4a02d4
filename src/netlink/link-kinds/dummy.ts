import { attrs } from "../codec/attrs.ts";

/** IFLA_INFO_DATA when IFLA_INFO_KIND is "dummy": a dummy link, which drops what it is given, has no settings. */
export const dummyAttrs = attrs({});
