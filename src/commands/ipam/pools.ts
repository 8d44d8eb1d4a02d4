/** Networks of this machine that give addresses, as configurations have them. */
import { confSchema, parseJsonObject, readConf } from "../../cni/index.ts";
import { openHandles } from "../../call/index.ts";
import type { LeaseStore, NodeStores } from "../../ipam/index.ts";
import { moduleDirectory } from "../../program/index.ts";
import { leaseStoresOf } from "../../mux/index.ts";
import {
  hostLocalSchema, scopeOf, storeOf, whereaboutsScopesOf, whereaboutsStoreOf,
} from "../../plugins/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";
import type { Configuration } from "../machine/configuration.ts";
import { multiplexerIn } from "../machine/configuration.ts";
import type { Remembered } from "../machine/known.ts";
import type { Output, ProcessEnvironment } from "../output.ts";
import { isWhereabouts, whereaboutsIpamIn } from "./whereabouts/ipam.ts";

/** A network with an ipam that has ranges. */
export interface Pool {
  readonly network: string;
  readonly ipam: JsonObject;
  /** The multiplexer's own keys, where it is one of its networks. */
  readonly settings: JsonObject;
  /** It is the node's own: then it may name servers. */
  readonly trusted: boolean;
}

/** Reservations of one scope, which several networks may share. */
export interface ScopeOfMachine {
  /** As in the store. */
  readonly scope: string;
  /** Those that configurations of this machine name, and that have it as their scope. */
  readonly networks: readonly string[];
  readonly store: LeaseStore;
  /** What this machine calls itself in it; "" where a store is of one machine alone. */
  readonly node: string;
  /** The cluster whose nodes have it: a file's path, "" for the service account of the pod that we run in. */
  readonly kubeconfig: string;
}

/** Of a network and of all within it; a plugin's are its network's. */
export function poolsOf(configuration: Configuration): readonly Pool[] {
  const settings = multiplexerIn(configuration) ?? {};
  return poolsIn(configuration.json, configuration.name).map((pool) => ({ ...pool, settings, trusted: true }));
}

/** Of networks that containers have, whoever defined them. */
export function poolsOfAttached(all: readonly Remembered[]): readonly Pool[] {
  return all.flatMap(({ networks, settings = {} }) => networks.flatMap(({ attachment: { delegate } }) => {
    const { confText, network: { name }, trusted } = delegate;
    return confText === "" ? []
      : poolsIn(parseJsonObject(confText, `network "${name}"`), name).map((pool) => ({ ...pool, settings, trusted }));
  }));
}

/** Those below a configuration of that name. */
export function poolsIn(json: JsonObject, network: string): readonly Pick<Pool, "network" | "ipam">[] {
  const { ipam, plugins, delegates } = json;
  const own = isJsonObject(ipam) && (rangeKeys.some((key) => ipam[key] !== undefined) || isWhereabouts(ipam))
    ? [{ network, ipam }] : [];
  const inner = (value: unknown, nameOf: (one: JsonObject) => string) =>
    Array.isArray(value) ? value.filter(isJsonObject).flatMap((one) => poolsIn(one, nameOf(one))) : [];
  return [
    ...own,
    ...inner(plugins, () => network),
    ...inner(delegates, ({ name }) => (typeof name === "string" ? name : network)),
  ];
}

/** Of host-local and modules; whereabouts' may stand in a file. */
const rangeKeys = ["ranges", "subnet"];

/** The scopes that nodes share, each once; a store is asked nothing until somebody does. */
export function sharedScopes(
  pools: readonly Pool[],
  machine: Pick<Output, "warn"> & { readonly environment: ProcessEnvironment },
): readonly ScopeOfMachine[] {
  const found = new Map<string, ScopeOfMachine>();
  for (const pool of pools) {
    for (const { key, opened } of sharedScopesOf(pool, machine)) {
      const known = found.get(key);
      const networks = [...new Set([...(known?.networks ?? []), pool.network])];
      found.set(key, { ...(known ?? opened), networks });
    }
  }
  return [...found.values()];
}

function sharedScopesOf(
  { network, ipam, settings, trusted }: Pool,
  { warn, environment: env }: Pick<Output, "warn"> & { readonly environment: ProcessEnvironment },
) {
  const written = readConf(confSchema("multiplexer"), settings, { lenient: true }), stores = leaseStoresOf(written);
  const { choice, scopes } = choiceAndScopes({ network, ipam, trusted }, stores);
  if (choice.type === "files") return [];
  const log = { error: warn, warn, verbose() {}, debug() {} };
  const own = openHandles({
    netns: "", path: [], execute: [], modules: moduleDirectory, leaseStores: stores, log,
    moduleSettings: { nodeName: written.nodeName ?? "", nodeIndex: null },
    surroundings: { env, tell: (text) => warn(text.trimEnd()) },
  });
  return scopes.map((scope) => {
    const opened: ScopeOfMachine = {
      scope, networks: [network], store: own.leases(choice), node: own.modules.node.name,
      kubeconfig: (choice.type === "kubernetes" ? choice.servers : stores.kubernetes)?.kubeconfig ??
        stores.kubernetes?.kubeconfig ?? "",
    };
    const servers = choice.servers ?? stores[choice.type];
    return { key: JSON.stringify([choice.type, servers, opened.node, scope]), opened };
  });
}

function choiceAndScopes({ network, ipam, trusted }: Omit<Pool, "settings">, { whereabouts }: NodeStores) {
  if (!isWhereabouts(ipam)) {
    const conf = readConf(hostLocalSchema, { name: network, ipam }, { lenient: true });
    return { choice: storeOf(conf, { trusted }), scopes: [scopeOf(conf, network)] };
  }
  const own = whereaboutsIpamIn({ network, ipam });
  return own.store === undefined && whereabouts === undefined
    ? { choice: { type: "files" }, scopes: [] } as const
    : { choice: whereaboutsStoreOf(own, whereabouts, trusted), scopes: whereaboutsScopesOf(own) };
}
