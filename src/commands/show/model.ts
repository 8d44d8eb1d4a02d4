/**
 * The node as people think of it: containers with their interfaces, and the links of the host that these hang on. Made
 * of facts alone; whatever draws it decides nothing about the network any more.
 */
import type { Address } from "../../net/index.ts";
import { compareAddresses, parseAddress } from "../../net/index.ts";
import type {
  ContainerFacts, IpamFacts, LinkFacts, NamespaceFacts, NetworkFacts, NodeFacts, PortFacts, RangeFacts, RuleFacts,
} from "./facts.ts";

export interface NodeModel {
  readonly node: string;
  /** Those that containers hang on, and what those hang on; lower links first. */
  readonly links: readonly HostLink[];
  readonly containers: readonly Container[];
  /** Of no container that is known. */
  readonly otherRules: readonly RuleFacts[];
}

export interface HostLink {
  readonly name: string;
  /** `bridge`, `vlan`, ...; `physical` where the kernel names none. */
  readonly kind: string;
  readonly detail: string;
  readonly up: boolean;
  readonly mtu: number;
  readonly mac: string | undefined;
  readonly addresses: readonly string[];
  /** The bridge or vrf that it is a port of. */
  readonly portOf: string | undefined;
  /** The lower link: of a VLAN, a macvlan. */
  readonly on: string | undefined;
}

export interface Container {
  readonly name: string;
  readonly containerId: string;
  readonly netns: string;
  readonly state: "there" | "gone";
  readonly interfaces: readonly Interface[];
  readonly ports: readonly Port[];
  readonly rules: readonly RuleFacts[];
}

export interface Interface {
  readonly name: string;
  /** missing: remembered, but not in the container. unknown: in the container, but attached by somebody else. */
  readonly state: "up" | "down" | "missing" | "unknown";
  readonly kind: string;
  readonly detail: string;
  readonly mtu: number | undefined;
  readonly mac: string | undefined;
  /** "" where none is remembered. */
  readonly network: string;
  readonly plugins: readonly string[];
  readonly addresses: readonly InterfaceAddress[];
  /** Name of the host's link that it hangs on; undefined where it hangs on none. */
  readonly on: string | undefined;
  /** Name of the host's end of a veth pair. */
  readonly through: string | undefined;
}

export interface InterfaceAddress {
  readonly address: string;
  /** Where it came from, in words; "" when nobody knows. */
  readonly origin: string;
  /** Given, but not on the interface. */
  readonly isMissing: boolean;
}

export interface Port extends PortFacts {
  readonly network: string;
}

/** @param only  ids of the containers that are wanted; undefined: all */
export function modelOf(facts: NodeFacts, only?: ReadonlySet<string>): NodeModel {
  const host = new Map(facts.host.links.map((link) => [link.index, link]));
  const wanted = facts.containers.filter(({ containerId }) => only?.has(containerId) ?? true);
  const containers = wanted.map((one) => containerOf(one, host, facts.rules));
  return {
    node: facts.node,
    links: hostLinks(facts.host, containers),
    containers,
    otherRules: only !== undefined ? [] : facts.rules.filter(
      ({ owner }) => !facts.containers.some(({ ruleOwners }) => ruleOwners.includes(owner)),
    ),
  };
}

type Host = ReadonlyMap<number, LinkFacts>;

function containerOf(facts: ContainerFacts, host: Host, rules: readonly RuleFacts[]): Container {
  const { name, containerId, netns, inside, networks, ruleOwners } = facts;
  return {
    name, containerId, netns,
    state: inside === undefined ? "gone" : "there",
    interfaces: interfacesOf(facts, host),
    ports: networks.flatMap(({ ports, name: network }) => ports.map((port) => ({ ...port, network }))),
    rules: rules.filter(({ owner }) => ruleOwners.includes(owner)),
  };
}

/** Those of networks first, in their order; then what else is in the container. */
function interfacesOf({ inside, networks }: ContainerFacts, host: Host): readonly Interface[] {
  const links = inside?.links.filter(({ name }) => name !== "lo") ?? [];
  const named = networks.map((network) => {
    return interfaceOf(links.find(({ name }) => name === network.ifName), network, { links, host });
  });
  const others = links
    .filter(({ name, kind }) => !networks.some(({ ifName }) => ifName === name) && !isStandIn(kind, name))
    .map((link) => interfaceOf(link, undefined, { links, host }));
  return [...named, ...others];
}

/** Tunnel devices that the kernel makes in each namespace by itself, as soon as their modules are loaded. */
function isStandIn(kind: string, name: string): boolean {
  return ["ipip", "gre", "sit", "ip6tnl", "ip6gre", "vti", "vti6", "gretap", "erspan"].includes(kind) &&
    /0$/.test(name);
}

interface Around {
  readonly links: readonly LinkFacts[];
  readonly host: Host;
}

function interfaceOf(
  link: LinkFacts | undefined,
  network: NetworkFacts | undefined,
  around: Around,
): Interface {
  const upper = link === undefined ? {} : whatItHangsOn(link, around);
  return {
    name: link?.name ?? network?.ifName ?? "",
    state: link === undefined ? "missing" : network === undefined ? "unknown" : link.up ? "up" : "down",
    kind: link === undefined ? "" : link.kind || "physical",
    detail: link?.detail ?? "",
    mtu: link?.mtu,
    mac: link?.mac,
    network: network?.name ?? "",
    plugins: network?.plugins ?? [],
    addresses: addressesOf(link, network),
    on: upper.on?.name,
    through: upper.through?.name,
  };
}

/** A veth pair hangs on its peer's bridge, or on the peer itself; all else on its lower link. */
function whatItHangsOn({ parent, parentIn, kind }: LinkFacts, { links, host }: Around): {
  readonly on?: LinkFacts | undefined;
  readonly through?: LinkFacts | undefined;
} {
  if (parent === undefined || parentIn === "elsewhere") return {};
  if (parentIn === "here") {
    const lower = links.find(({ index }) => index === parent);
    // A VLAN inside of a container hangs on what its parent does.
    return lower === undefined || kind === "veth" ? {} : whatItHangsOn(lower, { links, host });
  }
  const other = host.get(parent);
  if (other === undefined) return {};
  if (kind !== "veth") return { on: other };
  const master = other.master === undefined ? undefined : host.get(other.master);
  return { on: master ?? other, through: other };
}

function addressesOf(link: LinkFacts | undefined, network: NetworkFacts | undefined): readonly InterfaceAddress[] {
  const present = (link?.addresses ?? []).filter((address) => !isLinkLocal(address));
  const given = network?.addresses ?? [];
  const missing = given.filter((address) => !present.includes(address));
  return [
    ...present.map((address) => ({
      address,
      origin: network !== undefined && given.includes(address) ? originOf(address, network.ipam) : "",
      isMissing: false,
    })),
    ...missing.map((address) => ({ address, origin: originOf(address, network?.ipam), isMissing: true })),
  ];
}

/** `host-local, 10.1.0.0/24 of front` */
function originOf(address: string, ipam: IpamFacts | undefined): string {
  if (ipam === undefined) return "";
  const { type, scope, ranges } = ipam;
  const own = parseAddress(address.replace(/\/.*/, ""));
  const range = ranges.find((one) => isWithin(one, own));
  const where = range === undefined ? "" : ` ${range.range}`;
  return `${type}${where}${scope === undefined ? "" : ` of ${scope}`}`;
}

/** Of one subnet there may be several. */
function isWithin({ range }: RangeFacts, address: Address): boolean {
  const [first, last] = range.split("-").map(parseAddress);
  return first !== undefined && last !== undefined && address.family === first.family &&
    compareAddresses(first, address) <= 0 && compareAddresses(address, last) <= 0;
}

/** What containers hang on, with its ports that lead out of the machine, and what all of these hang on. */
function hostLinks({ links }: NamespaceFacts, containers: readonly Container[]): readonly HostLink[] {
  const byIndex: Host = new Map(links.map((link) => [link.index, link]));
  const interfaces = containers.flatMap((one) => one.interfaces);
  const carriers = new Set(interfaces.flatMap(({ on }) => on ?? []));
  const veths = new Set(interfaces.flatMap(({ through }) => through ?? []));
  const needed = new Set<LinkFacts>();
  const need = (link: LinkFacts | undefined): void => {
    if (link === undefined || needed.has(link)) return;
    for (const lower of [masterOf(link, byIndex), lowerOf(link, byIndex)]) need(lower);
    needed.add(link);
  };
  for (const link of links) if (carriers.has(link.name)) need(link);
  for (const link of links) {
    const master = masterOf(link, byIndex);
    if (master !== undefined && carriers.has(master.name) && !veths.has(link.name) && !isElsewhere(link)) need(link);
  }
  return [...needed].map((link) => ({
    name: link.name,
    kind: link.kind || "physical",
    detail: link.detail,
    up: link.up,
    mtu: link.mtu,
    mac: link.mac,
    addresses: link.addresses.filter((address) => !isLinkLocal(address)),
    portOf: masterOf(link, byIndex)?.name,
    on: lowerOf(link, byIndex)?.name,
  }));
}

/** One end of a veth pair whose other end is in a container that nobody has asked for. */
function isElsewhere({ kind, parentIn }: LinkFacts): boolean {
  return kind === "veth" && parentIn === "elsewhere";
}

function masterOf({ master }: LinkFacts, host: Host): LinkFacts | undefined {
  return master === undefined ? undefined : host.get(master);
}

function lowerOf({ parent, parentIn, kind }: LinkFacts, host: Host): LinkFacts | undefined {
  return kind === "veth" || parentIn !== "here" || parent === undefined ? undefined : host.get(parent);
}

/** Of no network. */
function isLinkLocal(address: string): boolean {
  return /^fe80:/i.test(address);
}
