/** What a network is to be, of options as `docker network create` has them and of the names its --opt knows. */
import { interfaceNameProblem, isIdentifier, linkNameProblem } from "../../net/index.ts";
import { UsageError } from "../errors.ts";
import { nearest } from "../nearest.ts";
import type { OptionTable, OptionValues } from "../options.ts";
import { anyOf } from "../words.ts";
import { typedAddress } from "./subnets.ts";

export const drivers = ["bridge", "macvlan", "ipvlan", "overlay"] as const;
export type Driver = (typeof drivers)[number];

export const settingOptions = {
  driver: { kind: "text", short: "d", choices: drivers, help: "what joins containers; default: bridge" },
  subnet: { kind: "texts", value: "PREFIX", help: "may be repeated, of both families, too: each gives an address" },
  gateway: { kind: "texts", value: "ADDRESS", help: "of a subnet; default: its first address" },
  "ip-range": { kind: "texts", value: "PREFIX", help: "the part of a subnet that addresses are given from" },
  "aux-address": { kind: "texts", value: "NAME=ADDRESS", help: "an address of a subnet that is never given" },
  ipv6: { kind: "switch", help: "a subnet of IPv6, too; one is chosen unless --subnet has it" },
  "ipam-driver": {
    kind: "text",
    choices: ["default", "host-local", "dhcp", "none"],
    help: "who gives addresses; default: host-local, and dhcp for macvlan and ipvlan without --subnet",
  },
  internal: { kind: "switch", help: "no way out: no gateway, no default route, no published ports" },
  icc: { kind: "switch", help: "--icc=false: containers of the bridge cannot reach each other" },
  masquerade: { kind: "switch", help: "--masquerade=false: containers keep their own addresses on the way out" },
  "host-binding": { kind: "text", value: "ADDRESS", help: "ports are published on this address of the machine only" },
  bridge: { kind: "text", value: "NAME", help: "the bridge's link; default: br-NETWORK, of overlay vxbrVNI" },
  vlan: { kind: "count", value: "VLAN", help: "of the bridge's ports (VLAN filtering)" },
  parent: { kind: "text", value: "LINK", help: "of macvlan, ipvlan and overlay; eth0.10 is made where missing" },
  mode: { kind: "text", help: "of macvlan: bridge, private, vepa or passthru; of ipvlan: l2, l3 or l3s" },
  vni: { kind: "count", value: "VNI", help: "the overlay's number, the same on every node" },
  peer: { kind: "texts", value: "ADDRESS", help: "another node of the overlay; may be repeated" },
  group: { kind: "text", value: "ADDRESS", help: "in place of --peer, where multicast goes between the nodes" },
  local: { kind: "text", value: "ADDRESS", help: "of this node towards the others; default: the parent's first" },
  mtu: { kind: "count", help: "of the containers' interfaces" },
  label: { kind: "texts", value: "KEY=VALUE", help: "kept with the network, where podman keeps its own" },
  opt: { kind: "texts", short: "o", value: "KEY=VALUE", help: "as Docker's: com.docker.network..." },
} as const satisfies OptionTable;

export type SettingValues = OptionValues<typeof settingOptions>;

export interface Settings {
  readonly name: string;
  readonly driver: Driver;
  readonly ipam: "host-local" | "dhcp" | "none";
  readonly internal: boolean;
  /** Containers of the bridge reach each other. */
  readonly icc: boolean;
  readonly masquerade: boolean;
  /** The bridge holds the gateway's address. */
  readonly holdsGateway: boolean;
  readonly hostBinding: string | undefined;
  readonly bridge: string | undefined;
  readonly vlan: number | undefined;
  readonly parent: string | undefined;
  readonly mode: string | undefined;
  readonly mtu: number | undefined;
  readonly overlay: Overlay | undefined;
  readonly labels: Readonly<Record<string, string>>;
}

/** How the nodes of an overlay find each other. */
export interface Overlay {
  readonly vni: number;
  /** Addresses; none where there is a group. */
  readonly peers: readonly string[];
  readonly group: string | undefined;
  readonly local: string | undefined;
}

/** @throws UsageError for what the driver does not know */
export function settingsOf(name: string, given: SettingValues): Settings {
  if (!isIdentifier(name))
    throw new UsageError(
      `Cannot name a network "${name}": expected a letter or digit, then letters, digits, "_", "." or "-"`,
    );
  const values = { ...given, ...optValues(given.opt) };
  const driver = drivers.find((one) => one === given.driver) ?? "bridge";
  refuseForeign(driver, values);
  const { internal = false, icc = true, masquerade = true, mode, parent, bridge } = values;
  refuseName(bridge, interfaceNameProblem);
  // Looked for afterwards: it may be an alternative name of a link.
  refuseName(parent, linkNameProblem);
  refuseBeyond("mtu", values.mtu, mtuBounds);
  refuseBeyond("vlan", values.vlan, vlanBounds);
  if (mode !== undefined && !modes[driver].includes(mode))
    throw new UsageError(`Cannot use mode "${mode}" with ${driver}: expected ${anyOf(modes[driver])}`);
  return {
    name, driver, icc, mode, parent, bridge, internal,
    ipam: ipamOf(driver, given),
    masquerade: masquerade && !internal,
    holdsGateway: values.holdsGateway !== false && !internal,
    hostBinding: bindingOf(values["host-binding"]),
    vlan: values.vlan, mtu: values.mtu,
    overlay: driver === "overlay" ? overlayOf(values) : undefined,
    labels: Object.fromEntries(given.label.map((text) => pairOf("--label", text))),
  };
}

type Values = Partial<SettingValues> & { readonly holdsGateway?: boolean };

/** Docker's driver options, podman's short ones, and what each means here. */
const opts: Readonly<Record<string, (value: string, key: string) => Values>> = {
  "com.docker.network.bridge.name": (bridge) => ({ bridge }),
  "com.docker.network.bridge.enable_icc": (value, key) => ({ icc: truth(key, value) }),
  "com.docker.network.bridge.enable_ip_masquerade": (value, key) => ({ masquerade: truth(key, value) }),
  "com.docker.network.bridge.host_binding_ipv4": (value) => ({ "host-binding": value }),
  "com.docker.network.bridge.gateway_mode_ipv4": gatewayMode,
  "com.docker.network.bridge.gateway_mode_ipv6": gatewayMode,
  "com.docker.network.bridge.inhibit_ipv4": (value, key) => ({ holdsGateway: !truth(key, value) }),
  "com.docker.network.driver.mtu": (value, key) => ({ mtu: count(key, value) }),
  "com.docker.network.driver.overlay.vxlanid_list": (value, key) => ({ vni: count(key, value) }),
  parent: (parent) => ({ parent }),
  macvlan_mode: (mode) => ({ mode }),
  ipvlan_mode: (mode) => ({ mode }),
  mode: (mode) => ({ mode }),
  mtu: (value, key) => ({ mtu: count(key, value) }),
  vlan: (value, key) => ({ vlan: count(key, value) }),
};

function optValues(words: readonly string[]): Values {
  return Object.assign({}, ...words.map((word) => {
    const [key, value] = pairOf("--opt", word);
    const read = Object.hasOwn(opts, key) ? opts[key] : undefined;
    if (read !== undefined) return read(value, key);
    const names = Object.keys(opts);
    throw new UsageError(`Cannot use --opt ${key}: a CNI configuration has nothing that means it, expected ` +
      (nearest(key, names) ?? anyOf(names)));
  }));
}

function gatewayMode(value: string, key: string): Values {
  if (value === "nat" || value === "routed") return { masquerade: value === "nat" };
  throw new UsageError(`Cannot use --opt ${key}=${value}: expected nat or routed`);
}

function pairOf(option: string, text: string): readonly [string, string] {
  const [, key, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (key !== undefined && value !== undefined) return [key, value];
  throw new UsageError(`Cannot use ${option} ${text}: expected KEY=VALUE`);
}

function truth(key: string, value: string): boolean {
  if (/^(1|t|true)$/i.test(value)) return true;
  if (/^(0|f|false)$/i.test(value)) return false;
  throw new UsageError(`Cannot use --opt ${key}=${value}: expected true or false`);
}

function count(key: string, value: string): number {
  if (/^[1-9]\d{0,8}$/.test(value)) return Number(value);
  throw new UsageError(`Cannot use --opt ${key}=${value}: expected a whole number from 1`);
}

const modes: Readonly<Record<Driver, readonly string[]>> = {
  bridge: [],
  macvlan: ["bridge", "private", "vepa", "passthru"],
  ipvlan: ["l2", "l3", "l3s"],
  overlay: [],
};

/** What not every driver has. */
const owners: readonly (readonly [keyof SettingValues, readonly Driver[]])[] = [
  ["bridge", ["bridge", "overlay"]], ["icc", ["bridge"]], ["masquerade", ["bridge"]], ["host-binding", ["bridge"]],
  ["vlan", ["bridge"]], ["parent", ["macvlan", "ipvlan", "overlay"]], ["mode", ["macvlan", "ipvlan"]],
  ["vni", ["overlay"]], ["peer", ["overlay"]], ["group", ["overlay"]], ["local", ["overlay"]],
];

function refuseForeign(driver: Driver, values: Values): void {
  const foreign = owners.find(([key, having]) => isGiven(values[key]) && !having.includes(driver));
  if (foreign === undefined) return;
  const [given, having] = foreign;
  throw new UsageError(`Cannot use ${given} with driver ${driver}: it has none, expected --driver ${anyOf(having)}`);
}

/** ETH_MIN_MTU and ETH_MAX_MTU (linux/if_ether.h), and VLAN IDs of IEEE 802.1Q. */
const mtuBounds = [68, 65_535] as const, vlanBounds = [1, 4094] as const;

function refuseBeyond(key: string, value: number | undefined, [min, max]: readonly [number, number]): void {
  if (value === undefined || (value >= min && value <= max)) return;
  throw new UsageError(`Cannot use ${key} ${value}: expected ${min} to ${max}`);
}

function isGiven(value: Values[keyof SettingValues]): boolean {
  return value !== undefined && !(Array.isArray(value) && value.length === 0);
}

/** Every node has to say the same, so that nothing is chosen. */
function overlayOf({ vni, peer = [], group, local }: Values): Overlay {
  if (vni === undefined || vni > vniMax)
    throw new UsageError(
      `Cannot make an overlay: its number is ${vni ?? "missing"}, expected --vni 1 to ${vniMax}, the same on every ` +
        "node",
    );
  if ((peer.length > 0) === (group !== undefined))
    throw new UsageError(
      `Cannot make an overlay with ${group === undefined ? "neither --peer nor" : "both --peer and"} --group: ` +
        "expected --peer ADDRESS for each other node, or --group",
    );
  for (const address of peer) typedAddress("peer", address);
  if (group !== undefined) typedAddress("group", group);
  if (local !== undefined) typedAddress("local", local);
  return { vni, peers: peer, group, local };
}

/** 24 bits (RFC 7348, 5). */
const vniMax = 2 ** 24 - 1;

function refuseName(link: string | undefined, problemOf: (name: string) => string | undefined): void {
  const problem = link === undefined ? undefined : problemOf(link);
  if (problem !== undefined) throw new UsageError(`Cannot use link "${link}": ${problem}`);
}

function ipamOf(driver: Driver, { "ipam-driver": named, subnet, ipv6 }: SettingValues): Settings["ipam"] {
  const ipam = named === "dhcp" || named === "none" ? named : "host-local";
  if (ipam !== "host-local" && (subnet.length > 0 || ipv6 === true))
    throw new UsageError(`Cannot use --subnet with --ipam-driver ${ipam}: expected --ipam-driver host-local`);
  if (named === undefined && isShared(driver) && subnet.length === 0 && ipv6 !== true) return "dhcp";
  return ipam;
}

/** A link of the machine's own network, which may have a DHCP server. */
function isShared(driver: Driver): boolean {
  return driver === "macvlan" || driver === "ipvlan";
}

/** Any address is none in particular. */
function bindingOf(text: string | undefined): string | undefined {
  if (text === undefined || text === "0.0.0.0" || text === "::") return undefined;
  typedAddress("host-binding", text);
  return text;
}
