/** Requests to the kernel in words, and as `ip`, `bridge`, `tc` and `sysctl` have them. Pure. */
import type { Link, LinkChanges, LinkInfo, NewLink, NewRoute, Rule } from "../../kernel/index.ts";
import type { Address, Prefix } from "../../net/index.ts";
import { formatAddress, formatPrefix } from "../../net/index.ts";

export interface RequestWords {
  readonly what: string;
  readonly commands: readonly string[];
}

/** Where a request goes to, and what there is to name links by. */
export interface RequestPlace {
  readonly where: "host" | "container";
  /** Name of a link of that namespace by its index. */
  nameOf(index: number): string;
  /** The same of the other one: where a macvlan's parent is. */
  otherNameOf(index: number): string;
  /** Whether a descriptor is that of the container's namespace. */
  isContainer(fd: number): boolean;
}

/** `ip`, in the namespace. */
function ip(where: RequestPlace["where"], words: string): string {
  return where === "container" ? `ip -n $NETNS ${words}` : `ip ${words}`;
}

function elsewhere(where: RequestPlace["where"]): string {
  return where === "container" ? "$HOST" : "$NETNS";
}

export function addLinkWords(link: NewLink, place: RequestPlace): RequestWords {
  const { name, info, mtu, mac, txQueueLength, master, parent, parentNamespace } = link;
  const parentName = parent === undefined
    ? undefined
    : parentNamespace === undefined ? place.nameOf(parent) : place.otherNameOf(parent);
  const whose = parentNamespace === undefined ? "" : " of the host";
  const on = parentName === undefined ? "" : ` on "${parentName}"${whose}`;
  const words = [
    ...(parentName === undefined ? [] : ["link", parentName]), "name", name,
    ...(mac === undefined ? [] : ["address", mac]), ...(mtu === undefined ? [] : ["mtu", mtu]),
    ...(txQueueLength === undefined ? [] : ["txqueuelen", txQueueLength]),
    ...(master === undefined ? [] : ["master", place.nameOf(master)]),
    "type", info.kind, ...infoWords(info, place),
  ].join(" ");
  // ip makes it beside its parent and moves it; the request makes it where it is wanted.
  const command = parentNamespace === undefined
    ? ip(place.where, `link add ${words}`)
    : `ip link add ${words.replace(` name ${name}`, ` name ${name} netns $NETNS`)}`;
  return { what: `add ${info.kind} "${name}"${on}${peerWords(info, place)}`, commands: [command] };
}

function peerWords(info: LinkInfo, { where, isContainer }: RequestPlace): string {
  if (info.kind !== "veth" || info.peer === undefined) return "";
  const { name = "", netnsFd } = info.peer;
  const side = netnsFd === undefined ? where : isContainer(netnsFd) ? "container" : "host";
  return ` with peer "${name}" in the ${side}`;
}

function infoWords(info: LinkInfo, { where, isContainer }: RequestPlace): readonly (string | number)[] {
  switch (info.kind) {
    case "veth": {
      const { name, mac, mtu, netnsFd } = info.peer ?? {};
      const isOther = netnsFd !== undefined && isContainer(netnsFd) !== (where === "container");
      return [
        "peer", ...(name === undefined ? [] : ["name", name]), ...(mac === undefined ? [] : ["address", mac]),
        ...(mtu === undefined ? [] : ["mtu", mtu]), ...(isOther ? ["netns", elsewhere(where)] : []),
      ];
    }
    case "macvlan": case "ipvlan": return info.mode === undefined ? [] : ["mode", info.mode];
    case "vlan": return [...(info.protocol === undefined ? [] : ["protocol", info.protocol]), "id", info.id ?? 0];
    case "vrf": return info.table === undefined ? [] : ["table", info.table];
    case "vxlan": return ["id", info.id ?? 0, ...(info.port === undefined ? [] : ["dstport", info.port])];
    case "bridge": return info.vlanFiltering === undefined ? [] : ["vlan_filtering", info.vlanFiltering ? 1 : 0];
    default: return [];
  }
}

export function setLinkWords(name: string, changes: LinkChanges, place: RequestPlace): RequestWords {
  const { name: renamed, up, mtu, mac, master, alias, namespace, txQueueLength, promiscuous, allMulticast } = changes;
  const onOff = (is: boolean): string => (is ? "on" : "off");
  const parts: readonly (readonly [what: string, words: string] | undefined)[] = [
    mac === undefined ? undefined : [`MAC address ${mac}`, `address ${mac}`],
    mtu === undefined ? undefined : [`MTU ${mtu}`, `mtu ${mtu}`],
    txQueueLength === undefined ? undefined : [`queue of ${txQueueLength}`, `txqueuelen ${txQueueLength}`],
    alias === undefined ? undefined : [`alias "${alias}"`, `alias "${alias}"`],
    master === undefined ? undefined : master === 0 ? ["no master", "nomaster"]
      : [`port of ${place.nameOf(master)}`, `master ${place.nameOf(master)}`],
    promiscuous === undefined ? undefined : [`promiscuous ${onOff(promiscuous)}`, `promisc ${onOff(promiscuous)}`],
    allMulticast === undefined ? undefined
      : [`all multicast ${onOff(allMulticast)}`, `allmulticast ${onOff(allMulticast)}`],
    renamed === undefined ? undefined : [`name "${renamed}"`, `name ${renamed}`],
    namespace === undefined ? undefined : place.isContainer(namespace.fd)
      ? ["into the container", "netns $NETNS"] : ["back to the host", "netns $HOST"],
    up === undefined ? undefined : [up ? "up" : "down", up ? "up" : "down"],
  ];
  const said = parts.filter((part) => part !== undefined);
  return {
    what: `set "${name}": ${said.map(([what]) => what).join(", ")}`,
    commands: [ip(place.where, `link set ${name} ${said.map(([, words]) => words).join(" ")}`)],
  };
}

export function setInfoWords(name: string, info: LinkInfo, { where }: RequestPlace): RequestWords {
  const { kind, ...rest } = info;
  const settings = Object.entries(rest).map(([key, value]) => [snake(key), plainValue(value)] as const);
  return {
    what: `set ${kind} "${name}": ${settings.map((pair) => pair.join(" ")).join(", ")}`,
    commands: [ip(where, `link set ${name} type ${kind} ${settings.flat().join(" ")}`)],
  };
}

export function portWords(name: string, port: object, { where }: RequestPlace): RequestWords {
  const words = Object.entries(port).map(([key, value]) => `${snake(key)} ${value === true ? "on" : "off"}`).join(" ");
  const before = where === "container" ? "bridge -n $NETNS" : "bridge";
  return { what: `set bridge port "${name}": ${words}`, commands: [`${before} link set dev ${name} ${words}`] };
}

export function deleteLinkWords(names: readonly string[], { where }: RequestPlace): RequestWords {
  const many = names.length === 1 ? "link" : `${names.length} links in one request:`;
  return {
    what: `delete ${many} ${names.map((name) => `"${name}"`).join(", ")}`,
    commands: names.map((name) => ip(where, `link del ${name}`)),
  };
}

export function addressWords(
  verb: "add" | "delete",
  name: string,
  prefix: Prefix,
  { where }: RequestPlace,
  options: { readonly broadcast?: Address; readonly noDad?: boolean; readonly noPrefixRoute?: boolean } = {},
): RequestWords {
  const more = [
    ...(options.broadcast === undefined ? [] : ["brd", formatAddress(options.broadcast)]),
    ...(options.noDad === true ? ["nodad"] : []), ...(options.noPrefixRoute === true ? ["noprefixroute"] : []),
  ].map((word) => ` ${word}`).join("");
  const shown = formatPrefix(prefix);
  return {
    what: `${verb} address ${shown} ${verb === "add" ? "to" : "of"} "${name}"`,
    commands: [ip(where, `addr ${verb === "add" ? "add" : "del"} ${shown}${verb === "add" ? more : ""} dev ${name}`)],
  };
}

export function routeWords(verb: "add" | "replace" | "delete", route: NewRoute, place: RequestPlace): RequestWords {
  const { dst, gateway, index, source, table, metric, type, onLink, mtu, advmss } = route;
  const isDefault = dst.prefixBits === 0;
  const kinds: Readonly<Record<number, string>> = { 2: "local", 6: "blackhole", 7: "unreachable", 8: "prohibit" };
  const kind = kinds[type ?? 1];
  const words = [
    ...(kind === undefined ? [] : [kind]), isDefault ? "default" : formatPrefix(dst),
    ...(gateway === undefined ? [] : ["via", formatAddress(gateway)]),
    ...(index === undefined ? [] : ["dev", place.nameOf(index)]),
    ...(source === undefined ? [] : ["src", formatAddress(source)]),
    ...(table === undefined ? [] : ["table", table]), ...(metric === undefined ? [] : ["metric", metric]),
    ...(mtu === undefined ? [] : ["mtu", mtu]), ...(advmss === undefined ? [] : ["advmss", advmss]),
    ...(onLink === true ? ["onlink"] : []),
  ].join(" ");
  const six = dst.address.family === 6 && isDefault ? "-6 " : "";
  return {
    what: `${verb} route ${words}`,
    commands: [ip(place.where, `${six}route ${verb === "delete" ? "del" : verb} ${words}`)],
  };
}

export function ruleWords(verb: "add" | "delete", rule: Partial<Rule>, { where }: RequestPlace): RequestWords {
  const pairs = Object.entries(rule).map(([key, value]) => `${ruleKeys[key] ?? snake(key)} ${plainValue(value)}`);
  const words = pairs.join(" ");
  const line = ip(where, `rule ${verb === "add" ? "add" : "del"} ${words}`);
  return { what: `${verb} rule ${words}`, commands: [line] };
}

const ruleKeys: Readonly<Record<string, string>> = { source: "from", from: "from", to: "to", table: "lookup" };

export function sysctlWords(name: string, value: string, { where }: RequestPlace): RequestWords {
  // A link's name may hold dots; sysctl takes both.
  const shown = name.includes(".") ? name : name.replaceAll("/", ".");
  const inside = where === "container" ? "ip netns exec $NETNS " : "";
  return { what: `set ${name} to ${value}`, commands: [`${inside}sysctl -w ${shown}=${value}`] };
}

export function vlanWords(
  verb: "add" | "delete",
  name: string,
  vlan: { readonly id: number; readonly pvid?: boolean; readonly untagged?: boolean },
  { where }: RequestPlace,
): RequestWords {
  const { id, pvid, untagged } = vlan;
  const words = `vid ${id}${pvid === true ? " pvid" : ""}${untagged === true ? " untagged" : ""}`;
  const before = where === "container" ? "bridge -n $NETNS" : "bridge";
  return {
    what: `${verb} VLAN ${id} ${verb === "add" ? "to" : "of"} "${name}"`,
    commands: [`${before} vlan ${verb === "add" ? "add" : "del"} dev ${name} ${words}`],
  };
}

/** What has no words of its own: the act, and the values that it was given. */
export function otherWords(act: string, link: string | undefined, values: readonly unknown[]): RequestWords {
  const shown = values.map(plainValue).filter((value) => value !== "").join(" ");
  const words = [act, link === undefined ? "" : `"${link}"`, shown];
  return { what: words.filter((word) => word !== "").join(" "), commands: [] };
}

function snake(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** As people write it: addresses, prefixes, and objects by their keys. */
function plainValue(value: unknown): string {
  if (value === undefined || value === null || typeof value === "function") return "";
  if (typeof value !== "object") return String(value);
  if ("bytes" in value && "family" in value) return formatAddress(value as Address);
  if ("address" in value && "prefixBits" in value) return formatPrefix(value as Prefix);
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  return Object.entries(value).map(([key, one]) => `${snake(key)} ${plainValue(one)}`).join(" ");
}

/** The name of a link that was found. */
export function foundName(link: Link | undefined, index: number): string {
  return link?.name ?? `link ${index}`;
}
