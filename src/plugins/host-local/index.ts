import type { Dns, Route } from "../../cni/index.ts";
import { CniError, allVersions, code } from "../../cni/index.ts";
import type { AllocateRequest, LeaseStore, RangeSet } from "../../ipam/index.ts";
import { reserve } from "../../ipam/index.ts";
import type { Address } from "../../net/index.ts";
import { formatAddress, formatPrefix } from "../../net/index.ts";
import type { Call } from "../contract/define.ts";
import { definePlugin } from "../contract/define.ts";
import type { Handles } from "../contract/plugin.ts";
import { configuredRoutes } from "../interface/routes.ts";
import { collectShared, isValidIn } from "./collection.ts";
import type { HostLocalConf } from "./conf.ts";
import { hostLocalSchema, requestedOf } from "./conf.ts";
import { rangeSetsHere, rangeSetsWritten } from "./node-ranges.ts";
import { parseResolvConf } from "./resolv-conf.ts";
import { claimIn, claimantOf, refuseIdleStoreKeys, scopeOf, storeOf } from "./store.ts";

/** The configuration as ADD acts on it. */
export interface HostLocalPlan {
  readonly store: LeaseStore;
  /** One address is given for each. */
  readonly sets: readonly RangeSet[];
  readonly requested: readonly Address[];
  readonly routes: readonly Route[];
}

/**
 * host-local: gives addresses from ranges kept in files on this node, or in a store that nodes share.
 *
 * ADD     asks the cluster for this node's subnets where ranges are `usePodCidr`, reads `resolvConf`, then reserves one
 *         address for every range set, all or none: as requested, else what the pod or container of this name had last
 *         where that is free, else round robin. What an earlier boot left to the same interface is given up.
 * DEL     releases what the interface holds; only the network's name and its store are needed, nothing held is success.
 * CHECK   looks for some reservation of the interface; which address it is does not matter.
 * STATUS  whether `resolvConf` can be read and `dataDir` be written; an exhausted range is no failure.
 * GC      releases what no valid attachment holds; a file without an interface goes with its container. Of a store that
 *         nodes share it releases this node's own, and nothing that is younger than the grace.
 */
export const hostLocal = definePlugin<HostLocalConf, HostLocalPlan>({
  type: "host-local",
  versions: allVersions,
  schema: hostLocalSchema,
  ipam: "provider",
  read(call, handles) {
    refuseIdleStoreKeys(call.conf, call.network);
    const sets = rangeSetsHere(call.conf, call, handles);
    return sets instanceof Promise ? sets.then((there) => planWith(there, call, handles))
      : planWith(sets, call, handles);
  },
  // What the node's subnets were at ADD may be others by now, or nobody tells of them: the address is as good.
  readForCheck(call, handles) {
    refuseIdleStoreKeys(call.conf, call.network);
    return planWith(rangeSetsWritten(call.conf, call) ?? [], call, handles);
  },
  async add({ conf, network, attachment, plan: { store, sets, requested, routes } }, context) {
    const dns = dnsOf(conf, context), claim = claimIn(conf, context);
    const owner = claimantOf(conf, network, attachment, claim), scope = scopeOf(conf, network);
    const decide = (proposal: AllocateRequest) => context.modules.allocate("host-local", proposal);
    const { reserved } = await reserve({
      store, scope, network, owner, sets, requested, decide, remembers: true, wished: claim?.addresses ?? [],
    });
    context.undo.add("release the addresses", async () => void await store.release(scope, owner));
    claim?.kept();

    const ips = reserved.map(({ address, range }) => ({
      address: formatPrefix({ address, prefixBits: range.subnet.prefixBits }),
      gateway: formatAddress(range.gateway),
    }));
    return { interfaces: [], ips, routes, dns };
  },
  async del({ conf, network, attachment, trusted }, context) {
    const owner = claimantOf(conf, network, attachment);
    await context.leases(storeOf(conf, { trusted })).release(scopeOf(conf, network), owner);
  },
  async check({ conf, network, attachment, plan: { store } }) {
    const leases = await store.list(scopeOf(conf, network), claimantOf(conf, network, attachment));
    if (leases.length > 0) return;
    throw new CniError(
      code.attachmentBroken,
      `Cannot find an address of "${attachment.ifName}" in container "${attachment.containerId}" of network ` +
        `"${network}": none is reserved in ${store.place}, expected one by ADD`,
    );
  },
  async status({ conf, trusted }, handles) {
    dnsOf(conf, handles);
    const reason = await handles.leases(storeOf(conf, { trusted })).status();
    if (reason !== undefined) throw new CniError(code.notReady, `Cannot reserve addresses: ${reason}`);
  },
  async gc({ conf, network, trusted, validAttachments }, handles) {
    if (validAttachments === undefined) return;
    const choice = storeOf(conf, { trusted }), store = handles.leases(choice), scope = scopeOf(conf, network);
    const of = { store, scope, network, validAttachments };
    if (choice.type === "files") await store.collect(scope, await store.list(scope), isValidIn(of));
    else await collectShared(of, handles.modules.node.name);
  },
});

function planWith(
  sets: readonly RangeSet[], { conf, attachment, trusted }: Call<HostLocalConf>, handles: Handles,
): HostLocalPlan {
  return {
    sets,
    requested: requestedOf(conf, attachment.args),
    routes: configuredRoutes(conf.ipam?.routes),
    store: handles.leases(storeOf(conf, { trusted })),
  };
}

function dnsOf({ ipam: { resolvConf = "" } = {} }: HostLocalConf, { readText }: Pick<Handles, "readText">): Dns {
  return resolvConf === "" ? {} : parseResolvConf(readText(resolvConf, "ipam.resolvConf"));
}
