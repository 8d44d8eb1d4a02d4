import type { Result } from "../../cni/index.ts";
import { allVersions, messageOf, readConf } from "../../cni/index.ts";
import type { Hold, LeaseStore, RangeSet } from "../../ipam/index.ts";
import { reserve } from "../../ipam/index.ts";
import type { Address } from "../../net/index.ts";
import { formatAddress, formatPrefix } from "../../net/index.ts";
import type { LoadedModule } from "../../wasm/index.ts";
import type { AddContext, DelContext, Handles, Plugin, PluginRequest, StepRequest } from "../contract/plugin.ts";
import { requestedOf } from "../host-local/conf.ts";
import { hostLocal } from "../host-local/index.ts";
import { rangeSetsHere } from "../host-local/node-ranges.ts";
import { claimIn, claimantOf, refuseIdleStoreKeys, scopeOf, storeOf } from "../host-local/store.ts";
import { sliced } from "./slices.ts";
import type { WasmConf } from "./conf.ts";
import {
  facts,
  macOf,
  podOf,
  referenceOf,
  refuseOtherConfig,
  refuseOtherKind,
  refuseUnmetNeeds,
  wasmSchema,
} from "./conf.ts";

/**
 * IPAM decided by a WASM module: ranges, files and locks are host-local's, which address it is the module says.
 *
 * ADD     checks the module's `config` by its schema, claims the node's slice in a store that nodes share where the
 *         module needs one and the node has no index, then asks it for one address of every range set; what it proposes
 *         is checked and reserved, all or none. Its routes come behind those of the configuration.
 * DEL     asks it what to hold for the pod's next container, then releases what the interface has: a module that is
 * gone,
 *         changed or broken holds nothing and keeps no address from being released.
 * CHECK   looks for a reservation, and asks the module.
 * STATUS  whether the module can be used and `dataDir` can be written.
 * GC      as host-local's.
 */
export function wasmIpam(type: string): Plugin {
  return {
    type,
    versions: allVersions,
    ipam: "provider",
    async step(request, handles) {
      const plan = await readPlan(request, handles);
      return { add: async (_, context) => await allocate(plan, request, context) };
    },
    async del(request, context) {
      const conf = readConf(wasmSchema, request.conf, { lenient: true });
      const { attachment, conf: { name } } = request;
      const store = context.leases(storeOf(conf, request)), owner = claimantOf(conf, name, attachment);
      await store.release(scopeOf(conf, name), owner, await toHold(conf, request, context, store));
    },
    async check(request, handles) {
      await hostLocal.check(request, handles);
      const conf = readConf(wasmSchema, request.conf);
      const module = await usableModule(conf, request, handles);
      const { conf: { name }, attachment } = request;
      const store = handles.leases(storeOf(conf, request));
      const leases = await store.list(scopeOf(conf, name), claimantOf(conf, name, attachment));
      const mine = leases.map(({ address }) => address);
      module.check({
        ...facts(request, macOf(conf, request.attachment)),
        config: conf.ipam?.config ?? {},
        mine,
        prevResult: request.prevResult,
      });
    },
    async status(request, handles) {
      await usableModule(readConf(wasmSchema, request.conf), request, handles);
      await hostLocal.status(request, handles);
    },
    gc: async (request, handles) => await hostLocal.gc(request, handles),
  };
}

async function usableModule(conf: WasmConf, request: StepRequest, { modules }: Handles): Promise<LoadedModule> {
  const module = await modules.load(referenceOf(conf.ipam ?? {}, request));
  refuseOtherKind(module, "ipam");
  await refuseOtherConfig(module, conf.ipam?.config ?? {}, "ipam.", request.conf.name);
  return module;
}

/** The configuration as ADD acts on it, and the module that decides. */
interface IpamPlan {
  readonly module: LoadedModule;
  readonly store: LeaseStore;
  readonly conf: WasmConf;
  readonly sets: readonly RangeSet[];
  readonly requested: readonly Address[];
  readonly mac: string | null;
}

async function readPlan(request: StepRequest, handles: Handles): Promise<IpamPlan> {
  const { attachment, conf: { name, cniVersion } } = request;
  const conf = readConf(wasmSchema, request.conf);
  const module = await usableModule(conf, request, handles);
  refuseIdleStoreKeys(conf, name);
  const { trusted = false } = request;
  const sets = await rangeSetsHere(conf, { network: name, cniVersion, trusted }, handles);
  const requested = requestedOf(conf, attachment.args, podArgs);
  const mac = macOf(conf, attachment);
  refuseUnmetNeeds(module, { mac, pod: podOf(attachment.args), node: handles.modules.node });
  return { module, store: handles.leases(storeOf(conf, request)), conf, sets, requested, mac };
}

async function allocate(
  { module, store, conf, sets, requested, mac }: IpamPlan,
  { attachment, conf: { name: network } }: StepRequest,
  context: AddContext,
): Promise<Result> {
  const pod = podOf(attachment.args), config = conf.ipam?.config ?? {};
  const claim = claimIn(conf, context);
  const owner = claimantOf(conf, network, attachment, claim), scope = scopeOf(conf, network);
  const here = await sliced(module, { node: context.modules.node, sets }, { store, scope, config });
  const { reserved, routes = [], dns } = await reserve({
    store, scope, network, owner, requested, mac, pod, config, ...here, wished: claim?.addresses ?? [],
    seedOf: module.seedOf,
    decide: (proposal) => module.allocate(proposal),
  });
  context.undo.add("release the addresses", async () => void await store.release(scope, owner));
  claim?.kept();

  const ips = reserved.map(({ address, range }) => ({
    address: formatPrefix({ address, prefixBits: range.subnet.prefixBits }),
    gateway: formatAddress(range.gateway),
  }));
  return { interfaces: [], ips, routes: [...(conf.ipam?.routes ?? []), ...routes], dns: dns ?? conf.ipam?.dns ?? {} };
}

/** Keys of CNI_ARGS that runtimes give beside IP. */
const podArgs = ["MAC", "K8S_POD_NAMESPACE", "K8S_POD_NAME", "K8S_POD_INFRA_CONTAINER_ID", "K8S_POD_UID"];

/** What the module wants held. Nothing that can go wrong here is a reason to keep an address. */
async function toHold(
  conf: Partial<WasmConf>,
  request: PluginRequest,
  context: DelContext,
  store: LeaseStore,
): Promise<readonly Hold[]> {
  const { attachment, conf: { name } } = request;
  try {
    const module = await context.modules.load(referenceOf(conf.ipam ?? {}, request));
    if (module.metadata.kind !== "ipam" || !module.metadata.ops.includes("release")) return [];
    const leases = await store.list(scopeOf(conf, name), claimantOf(conf, name, attachment));
    const mine = leases.map(({ address }) => address);
    if (mine.length === 0) return [];
    return module.release({ ...facts(request, macOf(conf, attachment)), config: conf.ipam?.config ?? {}, mine });
  } catch (error) {
    const what = messageOf(error);
    context.log.warn(`${what}; its addresses are released and not held`);
    return [];
  }
}
