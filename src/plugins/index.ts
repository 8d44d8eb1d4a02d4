/**
 * CNI plugins as values, one file or small folder each. What they touch is handed to them; nothing here opens anything.
 * `builtIn` holds those that come with polynic, by type.
 */
import { bandwidth } from "./bandwidth/index.ts";
import { bridge } from "./bridge/index.ts";
import { dhcp } from "./dhcp/index.ts";
import { dummy } from "./dummy/index.ts";
import { flannel } from "./flannel/index.ts";
import { firewall } from "./firewall/index.ts";
import { hostDevice } from "./host-device/index.ts";
import { hostLocal } from "./host-local/index.ts";
import { ipvlan } from "./ipvlan/index.ts";
import { loopback } from "./loopback/index.ts";
import { macvlan } from "./macvlan/index.ts";
import type { Plugin } from "./contract/plugin.ts";
import { portmap } from "./portmap/index.ts";
import { ptp } from "./ptp/index.ts";
import { sbr } from "./sbr/index.ts";
import { staticPlugin } from "./static/index.ts";
import { tap } from "./tap/index.ts";
import { tuning } from "./tuning/index.ts";
import { vlan } from "./vlan/index.ts";
import { vrf } from "./vrf/index.ts";
import { vxlan } from "./vxlan/index.ts";
import { wasm } from "./wasm/index.ts";

export type {
  AddContext, AddressClaim, Attachment, DelContext, GcRequest, Handles, Log, Plugin, PluginConf, PluginRequest,
  StatusContext, Step, StepRequest, Teardown, Undo, ValidAttachment,
} from "./contract/plugin.ts";
export { givesNoAddresses, isChained } from "./contract/ipam.ts";
export { hostLocalSchema } from "./host-local/conf.ts";
export { scopeOf, storeOf } from "./host-local/store.ts";
export { enableForwarding } from "./interface/forwarding.ts";
export { ignoreRouterAdvertisements } from "./interface/veth.ts";
export { hasVni, setForwarding, tunnelDifference, tunnelInfo, tunnelMtu } from "./vxlan/tunnel.ts";
export type { Tunnel } from "./vxlan/tunnel.ts";
export { goneModule, wasmIpam, wasmPolicy } from "./wasm/index.ts";
export { ipamForDel as whereaboutsIpamOf, whereaboutsSchema } from "./whereabouts/conf.ts";
export { choiceOf as whereaboutsStoreOf, isShared, whereaboutsOf, whereaboutsType } from "./whereabouts/index.ts";
export type { WhereaboutsIpam } from "./whereabouts/pools.ts";
export { poolName, poolScopesOf, scopesOf as whereaboutsScopesOf, unnamedScope } from "./whereabouts/pools.ts";

const ofTheReference: readonly Plugin[] = [
  bandwidth,
  bridge,
  dhcp,
  dummy,
  firewall,
  hostDevice,
  hostLocal,
  ipvlan,
  loopback,
  macvlan,
  portmap,
  ptp,
  sbr,
  staticPlugin,
  tap,
  tuning,
  vlan,
  vrf,
];

/** Those that the reference has not. */
const others: readonly Plugin[] = [flannel, vxlan];

/** Types that the executable is also known by alone: the names of the reference's plugins, and of ours. */
export const standAloneTypes: readonly string[] = [...ofTheReference, ...others].map(({ type }) => type);

/** The plugins that run in-process, by type. */
export const builtIn: ReadonlyMap<string, Plugin> = new Map(
  [...ofTheReference, ...others, wasm].map((one) => [one.type, one]),
);
