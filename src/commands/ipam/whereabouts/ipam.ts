/** What networks of this machine say whose `ipam.type` is whereabouts. */
import { existsSync } from "node:fs";
import { readConf } from "../../../cni/index.ts";
import { readBoundedText } from "../../../os/index.ts";
import type { WhereaboutsIpam } from "../../../plugins/index.ts";
import { whereaboutsIpamOf, whereaboutsSchema, whereaboutsType } from "../../../plugins/index.ts";
import type { JsonObject } from "../../../schema/index.ts";

export function isWhereabouts({ type }: JsonObject): boolean {
  return type === whereaboutsType;
}

/** With the node's file, as far as both can be read. */
export function whereaboutsIpamIn(
  { network, ipam }: { readonly network: string; readonly ipam: JsonObject },
): WhereaboutsIpam {
  const conf = readConf(whereaboutsSchema, { name: network, ipam }, { lenient: true });
  const silent = { error() {}, warn() {}, verbose() {}, debug() {} };
  return whereaboutsIpamOf(conf, { network, trusted: true, log: silent,
    readTextIfPresent: (path) => (existsSync(path) ? readBoundedText(path, fileBytesMax) : undefined) });
}

const fileBytesMax = 1024 * 1024;
