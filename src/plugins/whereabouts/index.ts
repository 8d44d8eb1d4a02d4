import type { IpConfig, Route } from "../../cni/index.ts";
import { CniError, allVersions, code, readConf, splitArgPairs } from "../../cni/index.ts";
import type { AllocateRequest, Claimant, LeaseStore, NodeStores, PoolRange, StoreChoice } from "../../ipam/index.ts";
import { reserve, spanHolds } from "../../ipam/index.ts";
import type { Address } from "../../net/index.ts";
import { formatAddress, formatPrefix } from "../../net/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";
import { definePlugin } from "../contract/define.ts";
import type { AddContext, AddressClaim, Attachment, Handles, Plugin, PluginConf } from "../contract/plugin.ts";
import { collectShared } from "../host-local/collection.ts";
import { hostLocalSchema, requestedPrefixes } from "../host-local/conf.ts";
import { ownerOf } from "../host-local/owner.ts";
import { refuseIdleStoreKeys, storeOf } from "../host-local/store.ts";
import { configuredRoutes } from "../interface/routes.ts";
import type { StaticAddress } from "../static/addresses.ts";
import { configuredAddresses, gatewaysIn, toIpConfig, withGateway } from "../static/addresses.ts";
import type { WhereaboutsConf } from "./conf.ts";
import { idleKeys, ipamForDel, ipamWithFile, whereaboutsSchema } from "./conf.ts";
import type { PoolScope, WhereaboutsIpam } from "./pools.ts";
import { poolScopesOf, scopesOf } from "./pools.ts";

/** The store that a node's configuration names for such networks. */
type StoreOfNode = NodeStores["whereabouts"];

/** The configuration as ADD acts on it. */
interface WhereaboutsPlan {
  readonly store: LeaseStore;
  readonly ipam: WhereaboutsIpam;
  readonly scopes: readonly PoolScope[];
  /** Inside the pools: reserved there in place of what would be chosen. */
  readonly requested: readonly Address[];
  /** Answered as they are, and kept nowhere. */
  readonly extra: readonly StaticAddress[];
  readonly routes: readonly Route[];
}

export const whereaboutsType = "whereabouts";

/**
 * Our own in place of the executable of that name: where a network names a store, or the node's configuration one for
 * all such networks. undefined: nobody has asked for it.
 */
export function whereaboutsOf(conf: PluginConf | undefined, storeOfNode: StoreOfNode): Plugin | undefined {
  const { ipam } = conf === undefined ? {} : readConf(whereaboutsSchema, conf, { lenient: true });
  return ipam?.store !== undefined || storeOfNode !== undefined ? whereabouts(storeOfNode) : undefined;
}

/**
 * whereabouts: gives the lowest free addresses of ranges that all nodes share, by whereabouts' configuration as it is.
 *
 * ADD     reads the node's file, then reserves one address of `range` and of each of `ipRanges`, all or none: as
 *         requested, else what the pod of this name had last where that is free, else the lowest free one. What the
 *         interface has already, and what an earlier container of the same pod (by its UID) has on this node, is given
 *         up for it. `addresses`, and those of CNI_ARGS (IP, GATEWAY) outside the ranges, are added as they are.
 * DEL     releases what the interface holds.
 * CHECK   looks for a reservation of the interface in each scope.
 * STATUS  whether the store answers.
 * GC      releases what no valid attachment holds, this node's own and nothing younger than the grace.
 * Refuses (7) values that whereabouts passes over: a start or an end outside of the range, two that contradict each
 * other. The gateway is never given out.
 */
function whereabouts(storeOfNode: StoreOfNode): Plugin {
  return definePlugin<WhereaboutsConf, WhereaboutsPlan>({
    type: whereaboutsType,
    versions: allVersions,
    schema: whereaboutsSchema,
    ipam: "provider",
    read({ conf, network, attachment, trusted }, handles) {
      // What the network says of ranges itself is refused before a file is looked at.
      if (conf.ipam?.range || conf.ipam?.ipRanges?.length) poolScopesOf(conf.ipam);
      const ipam = ipamWithFile(conf, { network, trusted, readTextIfPresent: handles.readTextIfPresent });
      refuseIdleStoreKeys({ ipam }, network);
      refuseScopeOfOne(ipam);
      const scopes = poolScopesOf(ipam);
      return {
        ipam, scopes, routes: configuredRoutes(ipam.routes),
        store: handles.leases(choiceOf(ipam, storeOfNode, trusted)),
        ...asked({ ...conf, ipam }, attachment, scopes),
      };
    },
    async add({ network, attachment, plan }, context) {
      for (const problem of idleKeys(plan.ipam)) context.log.warn(`${problem} (network "${network}")`);
      const given: Given[] = [];
      for (const scope of plan.scopes) given.push(...await reserveOf(scope, plan, { network, attachment }, context));
      const ranges = plan.scopes.flatMap(({ pools }) => pools.map((pool) => pool.ranges));
      const inOrder = ranges.flatMap((own) => given.filter(({ range }) => own.includes(range)));
      return {
        interfaces: [], ips: [...inOrder.map(toAnswer), ...plan.extra.map(toIpConfig)], routes: plan.routes,
        dns: plan.ipam.dns ?? {},
      };
    },
    async del({ conf, network, attachment, trusted }, context) {
      const ipam = ipamForDel(conf, { ...reading(network, trusted, context), log: context.log });
      const store = context.leases(choiceOf(ipam, storeOfNode, trusted));
      for (const scope of scopesOf(ipam)) await store.release(scope, claimant(attachment, network, scope));
    },
    async check({ network, attachment, plan: { store, scopes } }) {
      for (const { scope } of scopes) {
        if ((await store.list(scope, claimant(attachment, network, scope))).length > 0) continue;
        throw new CniError(
          code.attachmentBroken,
          `Cannot find an address of "${attachment.ifName}" in container "${attachment.containerId}" of network ` +
            `"${network}": none is reserved in scope "${scope}" of ${store.place}, expected one by ADD`,
        );
      }
    },
    async status({ conf, network, trusted }, handles) {
      const ipam = ipamWithFile(conf, reading(network, trusted, handles));
      const reason = await handles.leases(choiceOf(ipam, storeOfNode, trusted)).status();
      if (reason !== undefined) throw new CniError(code.notReady, `Cannot reserve addresses: ${reason}`);
    },
    async gc({ conf, network, trusted, validAttachments }, handles) {
      if (validAttachments === undefined) return;
      const ipam = ipamForDel(conf, { ...reading(network, trusted, handles), log: handles.log });
      const store = handles.leases(choiceOf(ipam, storeOfNode, trusted));
      for (const scope of scopesOf(ipam))
        await collectShared({ store, scope, network, validAttachments }, handles.modules.node.name);
    },
  });
}

function reading(network: string, trusted: boolean, { readTextIfPresent }: Pick<Handles, "readTextIfPresent">) {
  return { network, trusted, readTextIfPresent };
}

/** Whether nodes share the addresses of a network's plugin, by the choice of store that its ADD makes. */
export function isShared(conf: JsonObject, storeOfNode: StoreOfNode): boolean {
  const { ipam: given } = conf;
  if (!isJsonObject(given)) return false;
  if (given["type"] !== whereaboutsType)
    return storeOf(readConf(hostLocalSchema, conf, { lenient: true }), {}).type !== "files";
  const { ipam = {} } = readConf(whereaboutsSchema, conf, { lenient: true });
  return anyChoiceOf(ipam, storeOfNode, false).type !== "files";
}

function anyChoiceOf(ipam: WhereaboutsIpam, storeOfNode: StoreOfNode, trusted: boolean): StoreChoice {
  return storeOf({ ipam: { ...ipam, store: ipam.store ?? { type: storeOfNode ?? "files" } } }, { trusted });
}

/** @throws CniError 7 for files: they are of one node */
export function choiceOf(ipam: WhereaboutsIpam, storeOfNode: StoreOfNode, trusted: boolean): StoreChoice {
  const choice = anyChoiceOf(ipam, storeOfNode, trusted);
  if (choice.type !== "files") return choice;
  throw new CniError(
    code.invalidConfig,
    "Cannot use ipam.store of type files beside ipam.type whereabouts: its ranges are all nodes', expected etcd or " +
      "kubernetes, or ipam.type host-local",
  );
}

function refuseScopeOfOne({ scope = "", enable_overlapping_ranges: isGuarded }: WhereaboutsIpam): void {
  if (scope === "" || isGuarded !== false) return;
  throw new CniError(
    code.invalidConfig,
    `Cannot use ipam.scope "${scope}" beside enable_overlapping_ranges false: inside a scope an address is given ` +
      "once, expected one of the two",
  );
}

/** Keys of CNI_ARGS that runtimes give beside IP. */
const otherArgs = [
  "GATEWAY", "MAC", "K8S_POD_NAMESPACE", "K8S_POD_NAME", "K8S_POD_INFRA_CONTAINER_ID", "K8S_POD_UID",
];

function asked(conf: WhereaboutsConf, { args }: Attachment, scopes: readonly PoolScope[]) {
  const gateways = gatewaysIn(new Map(splitArgPairs(args)).get("GATEWAY") ?? "");
  const all = requestedPrefixes(conf, args, otherArgs);
  // An address of nowhere without its length is refused by whoever looks for it in the ranges.
  const isExtra = ({ address, hasLength }: typeof all[number]): boolean =>
    hasLength && !scopes.some((scope) => holds(scope, address));
  return {
    requested: all.filter((one) => !isExtra(one)).map(({ address }) => address),
    extra: [
      ...configuredAddresses(conf.ipam?.addresses),
      ...all.filter(isExtra).map(({ address, prefixBits }) => withGateway({ address, prefixBits }, gateways)),
    ],
  };
}

function claimant(attachment: Attachment, network: string, scope: string, claim?: AddressClaim): Claimant {
  return {
    ...ownerOf(attachment), ...(scope === network ? {} : { network }),
    ...(claim === undefined ? {} : { claim: claim.key }),
  };
}

async function reserveOf(
  { scope, pools }: PoolScope,
  { store, requested, scopes }: WhereaboutsPlan,
  { network, attachment }: { readonly network: string; readonly attachment: Attachment },
  context: AddContext,
): Promise<readonly Given[]> {
  const sets = pools.map(({ ranges }) => ranges), { claim } = context;
  const owner = claimant(attachment, network, scope, claim);
  // One that is in no range is refused with the first.
  const holder = (address: Address) => scopes.find((one) => holds(one, address)) ?? scopes[0];
  const own = requested.filter((address) => holder(address)?.scope === scope);
  const decide = (proposal: AllocateRequest) => context.modules.allocate("lowest", proposal);
  const { reserved } = await reserve<PoolRange>({
    store, scope, network, owner, sets, requested: own, decide, remembers: true, inOrder: true, supersedes: true,
    wished: claim?.addresses ?? [],
  });
  context.undo.add("release the addresses", async () => void await store.release(scope, owner));
  claim?.kept();
  return reserved;
}

function holds({ pools }: PoolScope, address: Address): boolean {
  return pools.some(({ ranges }) => ranges.some((range) => spanHolds(range, address)));
}

/** An address that is reserved, and the range it comes from. */
interface Given {
  readonly address: Address;
  readonly range: PoolRange;
}

function toAnswer({ address, range }: Given): IpConfig {
  const { subnet: { prefixBits }, gateway } = range;
  return {
    address: formatPrefix({ address, prefixBits }),
    ...(gateway === undefined ? {} : { gateway: formatAddress(gateway) }),
  };
}
