import type { Confs } from "../../cni/index.ts";
import { CniError, code } from "../../cni/index.ts";
import type { ForwardingEntry } from "../../kernel/index.ts";
import type { Address } from "../../net/index.ts";
import {
  addressKey, addressOf, formatAddress, interfaceNameProblem, isLoopback, isMulticast, isUnspecified,
} from "../../net/index.ts";
import { parseMacOf } from "../interface/mac.ts";
import type { Tunnel } from "./tunnel.ts";
import { toAll } from "./tunnel.ts";

export type VxlanConf = Confs["vxlan"];

/** The configuration with its defaults, before the node was looked at. */
export interface VxlanSettings extends Tunnel {
  readonly bridge: string;
  /** "" for the link that holds `local`, else that of the default route. */
  readonly master: string;
  /** Absent: the first address that the master has of the family. */
  readonly local: Address | undefined;
  /** 0 or less: what fits into the master's. */
  readonly mtu: number;
  readonly peers: readonly Address[];
}

/** @throws CniError 7 for addresses that are none or of two families, and for keys that exclude each other */
export function vxlanSettings(conf: VxlanConf): VxlanSettings {
  const { vni, peers: peerTexts, neighbours = [], group: groupText = "", local: localText = "", mtu = 0 } = conf;
  if ((peerTexts === undefined) === (groupText === "")) {
    throw refused(
      `Cannot use ${groupText === "" ? '"peers"' : '"group"'}: the configuration has ` +
        `${groupText === "" ? 'neither "peers" nor "group"' : '"peers", too'}, expected one of them`,
    );
  }
  const peers = (peerTexts ?? []).map((text, index) => unicast(`peers[${index}]`, text));
  const group = groupText === "" ? undefined : multicast(groupText);
  const local = localText === "" ? undefined : unicast("local", localText);
  const ends = neighbours.map(({ mac, peer }, index): ForwardingEntry => ({
    mac: macOf(`neighbours[${index}].mac`, mac), remote: unicast(`neighbours[${index}].peer`, peer),
  }));
  const family = oneFamily([
    ["local", local], ["group", group], ...peers.map((peer, index) => [`peers[${index}]`, peer] as const),
    ...ends.map(({ remote }, index) => [`neighbours[${index}].peer`, remote] as const),
  ]);
  if (mtu > 0 && mtu < mtuMin) throw refused(`Cannot use mtu ${mtu}: expected 0, or ${mtuMin} or more`);
  const device = named("device", conf.device, `vxlan${vni}`), bridge = named("bridge", conf.bridge, `vxbr${vni}`);
  if (device === bridge) throw refused(`Cannot use device "${device}": the bridge has that name, expected another`);
  return {
    vni, device, bridge, family, group, local, peers, mtu, master: conf.master ?? "",
    port: conf.port ?? ianaPort, ttl: conf.ttl ?? 0, learning: conf.learning ?? true,
    entries: [...peers.map((remote) => ({ mac: toAll, remote })), ...ends],
  };
}

/** The names of VXLAN link and bridge, as far as a configuration says them. */
export function linkNames({ vni, device = "", bridge = "" }: Partial<VxlanConf>): readonly string[] {
  const names = vni === undefined ? [device, bridge] : [device || `vxlan${vni}`, bridge || `vxbr${vni}`];
  return names.filter((name) => name !== "");
}

/** RFC 7348, section 5. */
const ianaPort = 4789;
/** IPv4 asks for as much of every link (RFC 791). */
export const mtuMin = 68;

function unicast(key: string, text: string): Address {
  const address = addressIn(key, text);
  if (isMulticast(address) || isUnspecified(address) || isLoopback(address))
    throw refused(`Cannot use ${key}: ${JSON.stringify(text)} is no address of one node, expected such as 192.0.2.11`);
  return address;
}

function multicast(text: string): Address {
  const address = addressIn("group", text);
  if (isMulticast(address)) return address;
  throw refused(`Cannot use group: ${JSON.stringify(text)} is no multicast address, expected one such as 239.1.1.1`);
}

function addressIn(key: string, text: string): Address {
  const address = addressOf(text);
  if (address !== undefined) return address;
  throw refused(`Cannot use ${key}: ${JSON.stringify(text)} is no address, expected one such as 192.0.2.11`);
}

function macOf(key: string, text: string): string {
  const mac = parseMacOf(key, text);
  if (mac.length === toAll.length && (Number.parseInt(mac, 16) & 1) === 0 && mac !== toAll) return mac;
  throw refused(`Cannot use ${key}: ${mac} is no MAC of one interface, expected 6 bytes such as 02:00:5e:10:00:01`);
}

/** A tunnel runs over IPv4 or over IPv6; without any address that says which, over IPv4. */
function oneFamily(addresses: readonly (readonly [string, Address | undefined])[]): 4 | 6 {
  const [first, ...others] = addresses.filter((one): one is readonly [string, Address] => one[1] !== undefined);
  if (first === undefined) return 4;
  const odd = others.find(([, { family }]) => family !== first[1].family);
  if (odd === undefined) return first[1].family;
  throw refused(
    `Cannot use ${odd[0]}: ${formatAddress(odd[1])} is IPv${odd[1].family}, expected IPv${first[1].family} as ` +
      first[0],
  );
}

function named(key: "device" | "bridge", given = "", otherwise: string): string {
  const name = given === "" ? otherwise : given, problem = interfaceNameProblem(name);
  if (problem === undefined) return name;
  throw refused(`Cannot use ${key} ${JSON.stringify(name)}: ${problem}`);
}

/** @throws CniError 7 when one of the node's own addresses stands among those of others */
export function refuseOwnAddresses(
  { peers, entries }: Pick<VxlanSettings, "peers" | "entries">, own: readonly Address[],
): void {
  const keys = new Set(own.map(addressKey));
  const isOwn = ({ remote }: ForwardingEntry): boolean => remote !== undefined && keys.has(addressKey(remote));
  const index = entries.findIndex(isOwn), remote = entries[index]?.remote;
  if (remote === undefined) return;
  const key = index < peers.length ? `peers[${index}]` : `neighbours[${index - peers.length}].peer`;
  throw refused(`Cannot use ${key}: ${formatAddress(remote)} is this node's own address, expected other nodes' only`);
}

export function refused(message: string): CniError {
  return new CniError(code.invalidConfig, message);
}
