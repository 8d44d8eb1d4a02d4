import { CniError, code } from "../../cni/index.ts";
import type { Claimant, EtcdServers, KubernetesServer, StoreChoice } from "../../ipam/index.ts";
import type { AddContext, AddressClaim, Attachment, StepRequest } from "../contract/plugin.ts";
import type { HostLocalConf } from "./conf.ts";
import { ownerOf } from "./owner.ts";

const defaultDataDir = "/var/lib/cni/networks";

type Conf = Pick<HostLocalConf, "ipam">;

/** Where the network's reservations are kept. */
export function storeOf({ ipam }: Conf, { trusted = false }: Pick<StepRequest, "trusted">): StoreChoice {
  const { type = "files", ...keys } = ipam?.store ?? {};
  switch (type) {
    case "etcd": return { type, trusted, servers: serversIn(keys) };
    case "kubernetes":
      return { type, trusted, servers: keys.kubeconfig ? { kubeconfig: keys.kubeconfig } : undefined };
    default: return { type: "files", dataDir: ipam?.dataDir || defaultDataDir, trusted };
  }
}

/** undefined where the configuration names none. */
function serversIn(
  { endpoints = [], kubeconfig: _, ...rest }: Partial<EtcdServers & KubernetesServer>,
): EtcdServers | undefined {
  return endpoints.length === 0 && Object.keys(rest).length === 0 ? undefined : { endpoints, ...rest };
}

/**
 * Inside which an address has one owner: the network's name, or the one that several networks share. Files know of no
 * other: ADD refuses the key, and DEL has nothing under it.
 */
export function scopeOf({ ipam: { scope, store: { type = "files" } = {} } = {} }: Conf, network: string): string {
  return type === "files" ? network : scope || network;
}

/**
 * Who has the addresses of an interface; with its network where others may share the scope.
 *
 * @param claim  known to ADD alone: what is there says itself that it is a claim's
 */
export function claimantOf(conf: Conf, network: string, attachment: Attachment, claim?: AddressClaim): Claimant {
  return {
    ...ownerOf(attachment), ...(scopeOf(conf, network) === network ? {} : { network }),
    ...(claim === undefined ? {} : { claim: claim.key }),
  };
}

/** The claim that the addresses are kept for. Files are of one node, where a virtual machine does not stay. */
export function claimIn(
  { ipam }: Conf, { claim, withoutEffect }: Pick<AddContext, "claim" | "withoutEffect">,
): AddressClaim | undefined {
  if (claim === undefined || (ipam?.store?.type ?? "files") !== "files") return claim;
  withoutEffect(
    `Cannot keep addresses for IPAMClaim "${claim.key}": they are reserved in files of this node, expected ` +
      "ipam.store of type etcd or kubernetes",
  );
  return undefined;
}

/**
 * @throws CniError 7 for keys that would have no effect: files know nothing of networks that share a scope, and only
 *   they have a `dataDir`
 */
export function refuseIdleStoreKeys({ ipam }: Conf, network: string): void {
  const { store: { type = "files", ...keys } = {}, scope = "", dataDir = "" } = ipam ?? {};
  const given = [
    ...Object.keys(keys).map((key) => `ipam.store.${key}`),
    ...(scope === "" ? [] : ["ipam.scope"]), ...(dataDir === "" ? [] : ["ipam.dataDir"]),
  ];
  const idle = given.find((key) => !usedKeys[type].includes(key));
  if (idle === undefined) return;
  const expected = idle === "ipam.scope" ? "a store that nodes share (ipam.store.type)" : "no such key";
  throw new CniError(
    code.invalidConfig,
    `Cannot use ${idle} of network "${network}": its reservations are kept in ${type}, expected ${expected}`,
  );
}

/** Keys that mean something, by the type of store. */
const usedKeys = {
  files: ["ipam.dataDir"],
  etcd: ["ipam.scope", ...["endpoints", "prefix", "caFile", "certFile", "keyFile"].map((key) => `ipam.store.${key}`)],
  kubernetes: ["ipam.scope", "ipam.store.kubeconfig"],
};
