/**
 * The configuration of a network that is created by hand: a list that any runtime reads, with no key that another
 * program would take for something else.
 */
import { createHash } from "node:crypto";
import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";
import type { Overlay, Settings } from "./settings.ts";
import type { Subnet } from "./subnets.ts";
import { rangeSetOf } from "./subnets.ts";

/** podman's place for its own, which every other program passes over. */
const labelKey = "podman_labels", ownKey = "polynic";

export interface ConflistFacts {
  readonly subnets: readonly Subnet[];
  /** A plugin of that type can be had on this machine. */
  readonly hasFirewall: boolean;
  /** A link that was made for the network, and goes with it. */
  readonly made: string | undefined;
}

export function conflistOf(settings: Settings, facts: ConflistFacts): JsonObject {
  const { name, driver, labels } = settings, { made } = facts;
  const own = { ...(Object.keys(labels).length === 0 ? {} : { [labelKey]: labels }),
    ...(made === undefined ? {} : { [ownKey]: { made } }) };
  return {
    // What every runtime in use speaks, podman 4 and containerd 1.6 among them.
    cniVersion: "1.0.0",
    name,
    ...(Object.keys(own).length === 0 ? {} : { args: own }),
    plugins: driver === "bridge" ? bridgePlugins(settings, facts) : [onlyPlugin(settings, facts)],
  };
}

function bridgePlugins(settings: Settings, facts: ConflistFacts): readonly JsonObject[] {
  const { name, bridge, icc, internal, masquerade, mtu, vlan, hostBinding, holdsGateway, ipam } = settings;
  const own = {
    type: "bridge",
    bridge: bridge ?? bridgeName(name),
    ...(holdsGateway && ipam === "host-local" ? { isGateway: true } : {}),
    ...(masquerade && ipam === "host-local" ? { ipMasq: true } : {}),
    hairpinMode: true,
    ...(icc ? {} : { portIsolation: true }),
    ...(vlan === undefined ? {} : { vlan }),
    ...(mtu === undefined ? {} : { mtu }),
    ...ipamOf(settings, facts),
  };
  if (internal) return [own];
  return [own, portmap(hostBinding), ...(facts.hasFirewall ? [{ type: "firewall" }] : [])];
}

/** As iptables' words: all releases of the plugin read them, and choose iptables for them. */
function portmap(hostBinding: string | undefined): JsonObject {
  const key = hostBinding?.includes(":") === true ? "conditionsV6" : "conditionsV4";
  const condition = hostBinding === undefined ? {} : { [key]: ["-d", hostBinding] };
  return { type: "portmap", capabilities: { portMappings: true }, ...condition };
}

function onlyPlugin(settings: Settings, facts: ConflistFacts): JsonObject {
  const { overlay } = settings;
  return overlay === undefined ? sharedLink(settings, facts) : overlayLink(settings, overlay, facts);
}

/** An overlay has no way out: that is for another network of the container. */
function overlayLink(settings: Settings, { vni, peers, group, local }: Overlay, facts: ConflistFacts): JsonObject {
  const { bridge, parent, mtu } = settings;
  return {
    type: "vxlan",
    vni,
    ...(group === undefined ? { peers } : { group }),
    ...(parent === undefined ? {} : { master: parent }),
    ...(local === undefined ? {} : { local }),
    ...(bridge === undefined ? {} : { bridge }),
    ...(mtu === undefined ? {} : { mtu }),
    ...ipamOf({ ...settings, internal: true }, facts),
  };
}

function sharedLink(settings: Settings, facts: ConflistFacts): JsonObject {
  const { driver, parent, mode, mtu } = settings;
  return {
    type: driver,
    ...(parent === undefined ? {} : { master: parent }),
    ...(mode === undefined ? {} : { mode }),
    ...(mtu === undefined ? {} : { mtu }),
    ...ipamOf(settings, facts),
  };
}

/** With what a runtime may ask of it: an address of its choice, a MAC address where the link has its own. */
function ipamOf({ driver, ipam, internal }: Settings, { subnets }: ConflistFacts): JsonObject {
  const mac = driver === "ipvlan" ? {} : { mac: true };
  if (ipam === "none") return driver === "ipvlan" ? {} : { capabilities: mac };
  if (ipam === "dhcp") return { ...(driver === "ipvlan" ? {} : { capabilities: mac }), ipam: { type: "dhcp" } };
  const families = new Set(subnets.map(({ prefix }) => prefix.address.family));
  const routes = internal ? [] : [...families].map((family) => ({ dst: family === 4 ? "0.0.0.0/0" : "::/0" }));
  return {
    capabilities: { ips: true, ...mac },
    ipam: { type: "host-local", ranges: subnets.map(rangeSetOf), ...(routes.length === 0 ? {} : { routes }) },
  };
}

/** A name of at most 15 characters (IFNAMSIZ) that says whose it is. */
export function bridgeName(network: string): string {
  const plain = `br-${network}`;
  return plain.length <= 15 ? plain : `br-${createHash("sha256").update(network).digest("hex").slice(0, 12)}`;
}

/** The link that was made for a network. */
export function madeFor(json: JsonObject): string | undefined {
  const made = inArgs(json, ownKey)["made"];
  return typeof made === "string" ? made : undefined;
}

/** Of ours, of podman and of nerdctl. */
export function labelsOf(json: JsonObject): Readonly<Record<string, string>> {
  const others = json["nerdctlLabels"];
  const all = { ...(isJsonObject(others) ? others : {}), ...inArgs(json, labelKey) };
  return Object.fromEntries(Object.entries(all).map(([key, value]) => [key, String(value)]));
}

function inArgs(json: JsonObject, key: string): JsonObject {
  const { args } = json;
  const value = isJsonObject(args) ? args[key] : undefined;
  return isJsonObject(value) ? value : {};
}
