import { CniError, code } from "../../cni/index.ts";
import type { Claimant, EtcdServers, StoreChoice } from "../../ipam/index.ts";
import type { Attachment, StepRequest } from "../contract/plugin.ts";
import type { HostLocalConf } from "./conf.ts";
import { ownerOf } from "./owner.ts";

const defaultDataDir = "/var/lib/cni/networks";

type Conf = Pick<HostLocalConf, "ipam">;

/** Where the network's reservations are kept. */
export function storeOf({ ipam }: Conf, { trusted = false }: Pick<StepRequest, "trusted">): StoreChoice {
  const { type = "files", ...keys } = ipam?.store ?? {};
  switch (type) {
    case "etcd": return { type, trusted, servers: serversIn(keys) };
    default: return { type: "files", dataDir: ipam?.dataDir || defaultDataDir, trusted };
  }
}

/** undefined where the configuration names none. */
function serversIn({ endpoints = [], ...rest }: Partial<EtcdServers>): EtcdServers | undefined {
  return endpoints.length === 0 && Object.keys(rest).length === 0 ? undefined : { endpoints, ...rest };
}

/** Inside which an address has one owner: the network's name, or the one that several networks share. */
export function scopeOf({ ipam }: Conf, network: string): string {
  return ipam?.scope || network;
}

/** Who has the addresses of an interface; with its network where others may share the scope. */
export function claimantOf(conf: Conf, network: string, attachment: Attachment): Claimant {
  return { ...ownerOf(attachment), ...(scopeOf(conf, network) === network ? {} : { network }) };
}

/**
 * @throws CniError 7 for keys that would have no effect: files know nothing of networks that share a scope, and only
 *   they have a `dataDir`
 */
export function refuseIdleStoreKeys({ ipam }: Conf, network: string): void {
  const { store: { type = "files", ...keys } = {}, scope = "", dataDir = "" } = ipam ?? {};
  const idle = type === "files"
    ? (scope === "" ? undefined : "ipam.scope") ?? firstOf(keys)
    : (dataDir === "" ? undefined : "ipam.dataDir");
  if (idle === undefined) return;
  const expected = type === "files" ? "a store that nodes share (ipam.store.type etcd)" : "no such key";
  throw new CniError(
    code.invalidConfig,
    `Cannot use ${idle} of network "${network}": its reservations are kept in ${type}, expected ${expected}`,
  );
}

function firstOf(keys: object): string | undefined {
  const [key] = Object.keys(keys);
  return key === undefined ? undefined : `ipam.store.${key}`;
}
