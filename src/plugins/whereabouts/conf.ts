import type { Confs } from "../../cni/index.ts";
import { CniError, code, confSchema, messageOf, parseJsonObject, readConf } from "../../cni/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import type { Handles } from "../contract/plugin.ts";
import type { WhereaboutsIpam } from "./pools.ts";

/** What whereabouts reads of its network. */
export type WhereaboutsConf = Confs["whereabouts"];

export const whereaboutsSchema = confSchema("whereabouts");

/** Where whereabouts looks for the node's file, in order. */
const usualFiles = ["/etc/kubernetes/cni/net.d", "/etc/cni/net.d", "/host/etc/cni/net.d"].map((folder) =>
  `${folder}/whereabouts.d/whereabouts.conf`);

interface Reading extends Pick<Handles, "readTextIfPresent"> {
  readonly network: string;
  readonly trusted: boolean;
}

/**
 * The `ipam` section of a network with what the node's file says besides: a flat object of the same keys, of which the
 * network's own count more.
 *
 * @throws CniError 5, 6 or 7 for a file that cannot be used, and for one that a network which is not the node's own
 *   names
 */
export function ipamWithFile({ ipam = {} }: WhereaboutsConf, reading: Reading): WhereaboutsIpam {
  const { configuration_path: named = "" } = ipam, { readTextIfPresent, network } = reading;
  if (named !== "") refuseStrangersFile(named, reading);
  for (const path of named === "" ? usualFiles : [named]) {
    const text = readTextIfPresent(path);
    if (text === undefined) continue;
    const file = ipamIn(text, path);
    return { ...file, ...Object.fromEntries(Object.entries(ipam).filter(([, value]) => isSaid(value))) };
  }
  if (named === "") return ipam;
  throw new CniError(
    code.invalidConfig,
    `Cannot use network "${network}": there is no file ${named}, expected the one of ipam.configuration_path`,
  );
}

/** What of it can be had: DEL needs no file. */
export function ipamForDel(conf: Partial<WhereaboutsConf>, reading: Reading & Pick<Handles, "log">): WhereaboutsIpam {
  try {
    return ipamWithFile(conf, reading);
  } catch (error) {
    reading.log.warn(`${messageOf(error)}; addresses are released without it`);
    return conf.ipam ?? {};
  }
}

function ipamIn(text: string, path: string): WhereaboutsIpam {
  const json: JsonObject = parseJsonObject(text, path);
  return readConf(whereaboutsSchema, { ipam: json }, { subject: path }).ipam ?? {};
}

function isSaid(value: unknown): boolean {
  return value !== undefined && value !== "" && !(Array.isArray(value) && value.length === 0);
}

/** A file of the node's would be read for anybody who may write a definition. */
function refuseStrangersFile(path: string, { network, trusted }: Reading): void {
  if (trusted || usualFiles.includes(path)) return;
  throw new CniError(
    code.invalidConfig,
    `Cannot use network "${network}": it is not the node's own and ipam.configuration_path is ${path}, expected one ` +
      `of ${usualFiles.join(", ")}`,
  );
}

/** What is written and has no effect, in words; of `etcd_*` it has none in whereabouts either. */
export function idleKeys(ipam: WhereaboutsIpam): readonly string[] {
  const etcd = Object.keys(ipam).find((key) => key.startsWith("etcd_") && isSaid(Reflect.get(ipam, key)));
  return [
    ...(etcd === undefined ? [] : [`ipam.${etcd} has no effect: servers are named by ipam.store`]),
    ...(ipam.node_slice_size ? ["ipam.node_slice_size has no effect: each node has blocks of 64 addresses of its own " +
      "by itself"] : []),
  ];
}
