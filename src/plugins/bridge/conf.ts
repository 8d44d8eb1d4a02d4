import type { ConfParts, Confs } from "../../cni/index.ts";
import { CniError, code } from "../../cni/index.ts";
import type { BridgeVlan, Namespace } from "../../kernel/index.ts";
import { interfaceNameProblem, linkNameProblem } from "../../net/index.ts";
import { refuseMtu } from "../interface/mtu.ts";

export type BridgeConf = Confs["bridge"];

/** A range of VLAN ids, a single one, or both. */
export type VlanTrunkEntry = ConfParts["bridge#/definitions/vlans"];

/** The configuration with its defaults, checked as a whole. */
export interface BridgeSettings {
  readonly bridge: string;
  /** Only with IPAM. */
  readonly isGateway: boolean;
  readonly isDefaultGateway: boolean;
  readonly forceAddress: boolean;
  /** 0 or less: the kernel's. */
  readonly mtu: number;
  readonly hairpin: boolean;
  readonly promiscuous: boolean;
  readonly isolated: boolean;
  /** 0: none. */
  readonly vlan: number;
  /** Sorted, each id once. */
  readonly trunk: readonly number[];
  /** The bridge is to keep VLANs apart. */
  readonly vlanFiltering: boolean;
  /** Also a bridge that is somebody else's may be made to. */
  readonly mayFilter: boolean;
  readonly preserveDefaultVlan: boolean;
  readonly containerUp: boolean;
}

/** @throws CniError 7 for settings that exclude each other */
export function bridgeSettings(conf: BridgeConf, hasIpam: boolean): BridgeSettings {
  const {
    hairpinMode = false,
    promiscMode = false,
    disableContainerInterface = false,
    isDefaultGateway = false,
    vlan = 0,
    vlanTrunk,
  } = conf;
  if (disableContainerInterface && hasIpam) {
    throw new CniError(
      code.invalidConfig,
      'Cannot use "disableContainerInterface" together with "ipam": an interface that stays down gets no address',
    );
  }
  if (hairpinMode && promiscMode) {
    throw new CniError(
      code.invalidConfig,
      'Cannot use "hairpinMode" together with "promiscMode": expected at most one of them',
    );
  }
  refuseMtu(conf.mtu);
  const bridge = bridgeName(conf);
  refuseName(bridge, isAlternative(bridge) ? linkNameProblem(bridge) : interfaceNameProblem(bridge));
  return {
    bridge,
    isGateway: conf.isGateway === true || isDefaultGateway,
    isDefaultGateway,
    forceAddress: conf.forceAddress ?? false,
    mtu: conf.mtu ?? 0,
    hairpin: hairpinMode,
    promiscuous: promiscMode,
    isolated: conf.portIsolation ?? false,
    vlan,
    trunk: trunkIds(vlanTrunk ?? []),
    vlanFiltering: vlan !== 0 || vlanTrunk !== undefined,
    mayFilter: conf.vlanFiltering ?? false,
    preserveDefaultVlan: conf.preserveDefaultVlan ?? false,
    containerUp: !disableContainerInterface,
  };
}

/**
 * The name of the bridge, which the configuration may call by an alternative one; one that is to be made has the name
 * that the configuration says.
 *
 * @throws CniError 7 for a bridge that is not there and cannot have that name
 */
export function nameOnHost(bridge: string, { links }: Pick<Namespace, "links">): string {
  const existing = links.find(bridge);
  if (existing === undefined) refuseName(bridge, interfaceNameProblem(bridge));
  return existing?.name ?? bridge;
}

/** Longer than a name that a bridge could be made with. */
export function isAlternative(bridge: string): boolean {
  return Buffer.byteLength(bridge) > 15;
}

function refuseName(bridge: string, problem: string | undefined): void {
  if (problem === undefined) return;
  throw new CniError(code.invalidConfig, `Cannot use bridge ${JSON.stringify(bridge)}: ${problem}`);
}

export function bridgeName({ bridge = "" }: Pick<BridgeConf, "bridge">): string {
  return bridge === "" ? "cni0" : bridge;
}

/** The ids a trunk lets through, sorted, each once. The schema has checked that each number is an id. */
export function trunkIds(entries: readonly VlanTrunkEntry[]): readonly number[] {
  if (entries.length === 0) return [];
  // How many entries begin at an id, less those that ended before it: entries may overlap, each from end to end.
  const steps = new Int32Array(idMax + 2);
  const add = (first: number, last: number): void => {
    steps[first] = (steps[first] ?? 0) + 1;
    steps[last + 1] = (steps[last + 1] ?? 0) - 1;
  };
  for (const [i, { minID, maxID, id }] of entries.entries()) {
    if (id !== undefined) add(id, id);
    if (minID === undefined && maxID === undefined) continue;
    if (minID === undefined || maxID === undefined) {
      throw new CniError(
        code.invalidConfig,
        `Cannot use vlanTrunk[${i}]: ${minID === undefined ? "minID" : "maxID"} is missing, expected both or neither`,
      );
    }
    if (maxID < minID)
      throw new CniError(
        code.invalidConfig,
        `Cannot use vlanTrunk[${i}]: maxID ${maxID} is below minID ${minID}, expected it there or above`,
      );
    add(minID, maxID);
  }
  let covering = 0;
  return Array.from({ length: idMax + 1 }, (_, id) => id).filter((id) => (covering += steps[id] ?? 0) > 0);
}

const idMax = 4094;

/**
 * The VLANs a port becomes a member of; none when neither is set. A trunk without a VLAN of its own has 1 as native
 * one.
 */
export function portVlans({ vlan, trunk }: Pick<BridgeSettings, "vlan" | "trunk">): readonly BridgeVlan[] {
  const native = vlan !== 0 ? vlan : trunk.length > 0 ? 1 : undefined;
  const tagged = trunk.filter((id) => id !== native).map((id) => ({ id, pvid: false, untagged: false }));
  return native === undefined ? tagged : [...tagged, { id: native, pvid: true, untagged: true }];
}
