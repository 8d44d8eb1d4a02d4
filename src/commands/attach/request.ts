/** The words behind a container: networks, each with an address, a MAC address and a VLAN where wanted. */
import type { JsonObject } from "../../schema/index.ts";
import { openOwnNamespace } from "../../kernel/index.ts";
import {
  contains, isAddress, isInterfaceName, isLinkLocalUnicast, linkNameProblem, parseAddress, parsePrefix,
} from "../../net/index.ts";
import { CommandError, UsageError } from "../errors.ts";
import type { Configuration } from "../machine/configuration.ts";
import { configurationFiles, findConfiguration, isReadable, networkOf } from "../machine/configuration.ts";
import { newOvsPort, ovsArgs } from "./ovs.ts";

/** A network a container is to have, and what it asks of it. */
export interface NetworkRequest {
  readonly configuration: Configuration;
  readonly runtimeConfig: JsonObject;
}

interface Words {
  readonly network: string;
  /** `dhcp`, `0/0`, `10.0.0.5/24@10.0.0.1` */
  readonly address?: string;
  readonly mac?: string;
  readonly vlan?: number;
}

const addressWord = /^(?:dhcp|[\d.]+\/\d+(?:@[\d.]+)?|[\da-f:]*:[\da-f:.]*\/\d+(?:@[\da-f:.]+)?)$/i;
const macWord = /^((?:[\da-f]{2}:){5}[\da-f]{2})?(?:@(\d{1,4}))?$/i;

/** Networks as they were typed, in pipework's order: network, address, then MAC address and VLAN in one word. */
export function takeApart(words: readonly string[]): readonly Words[] {
  const requests: Words[] = [];
  for (const word of words) {
    refuseBareAddress(word);
    const last = requests.at(-1), [isMac, mac, vlan] = macWord.exec(word) ?? [];
    if (!addressWord.test(word) && isMac === undefined) {
      requests.push({ network: word });
      continue;
    }
    if (last === undefined)
      throw new UsageError(`Cannot understand "${word}": it stands before any network, expected a network first`);
    if (addressWord.test(word)) refuseNoAddress(word);
    requests[requests.length - 1] = addressWord.test(word)
      ? { ...last, address: word }
      : { ...last, ...(mac === undefined ? {} : { mac }), ...(vlan === undefined ? {} : { vlan: Number(vlan) }) };
  }
  return requests;
}

/** No link and no configuration has such a name, so that it would be looked for in vain. */
function refuseBareAddress(word: string): void {
  const [own = "", gateway = ""] = word.split("@");
  if (!isAddress(own)) return;
  const right = `${own}${own.includes(":") ? "/64" : "/24"}${gateway === "" ? "" : `@${gateway}`}`;
  throw new UsageError(
    `Cannot use address "${word}": the length of its prefix is missing, expected one as in ${right}`,
  );
}

/** It looks like one. */
function refuseNoAddress(word: string): void {
  const [own = "", gateway] = word.split("@");
  if (word.toLowerCase() === "dhcp" || word === "0/0") return;
  try {
    parsePrefix(own);
    if (gateway !== undefined) parseAddress(gateway);
  } catch (cause) {
    throw new UsageError(
      `Cannot use address "${word}": expected one such as 192.168.1.7/24, or 192.168.1.7/24@192.168.1.1 with a gateway`,
      { cause },
    );
  }
}

/** @throws CommandError for a network that is not there, UsageError for what it cannot be asked for */
export function toRequest(words: Words, directories: readonly string[]): NetworkRequest {
  const configuration = isConfiguration(words.network, directories)
    ? findConfiguration(words.network, directories)
    : madeOf(words, directories);
  const isMade = configuration.file === undefined, hasMac = "args" in configuration.json;
  const runtimeConfig = {
    ...(words.mac === undefined || (isMade && hasMac) ? {} : { mac: words.mac }),
    ...(words.address === undefined || isMade ? {} : { ips: [words.address.replace(/@.*/, "")] }),
  };
  for (const name of Object.keys(runtimeConfig)) requireCapability(configuration, name);
  if (words.vlan !== undefined && !isMade)
    throw new CommandError(
      `Cannot use @${words.vlan} with ${words.network}: a configuration says its own VLAN, expected none`,
    );
  return { configuration, runtimeConfig };
}

/** What no plugin declares reaches none, and would be forgotten. */
export function requireCapability({ file, json, name }: Configuration, capability: string): void {
  if (new RegExp(`"${capability}":true`).test(JSON.stringify(json))) return;
  // What was made of the words themselves cannot be meant on any machine.
  const Refusal = file === undefined ? UsageError : CommandError;
  throw new Refusal(
    `Cannot ask network "${name}" for ${capability}: no plugin of it declares "capabilities": ` +
      `{"${capability}": true}, expected one that does`,
  );
}

function isConfiguration(word: string, directories: readonly string[]): boolean {
  if (word.includes("/") || /\.(conf|conflist|json)$/.test(word)) return true;
  return configurationFiles(directories)
    .filter(isReadable)
    .some(({ configuration }) => configuration.name === word);
}

const shortForms = ["bridge", "macvlan", "ipvlan", "vlan", "phys", "ovs"] as const;
type ShortForm = (typeof shortForms)[number];

/** `macvlan:eth1`, or a word alone: a link of this machine, or a bridge that is to be made. */
function madeOf(words: Words, directories: readonly string[]): Configuration {
  const [, kind, rest = ""] = /^(\w+):(.+)$/.exec(words.network) ?? [];
  const named = shortForms.find((one) => one === kind);
  const parent = named === undefined ? words.network : rest;
  // A name that is no link's cannot be meant as one.
  const form = named ?? (linkNameProblem(parent) === undefined ? formOf(parent) : undefined);
  if (form === undefined) return findConfiguration(words.network, directories, ", and no link of this machine");
  const name = `${form}-${parent}`;
  const json = { cniVersion: "1.0.0", name, ...(form === "ovs" ? ovsOf(parent, words)
    : { plugins: [pluginOf(form, parent, words)] }) };
  return { file: undefined, ...networkOf(json, name) };
}

/**
 * As pipework does: a bridge is joined, Open vSwitch's by its name, any other link is shared by macvlan, and br0 is
 * made when it is missing.
 */
function formOf(link: string): ShortForm | undefined {
  const host = openOwnNamespace();
  try {
    const found = host.links.find(link);
    if (found?.info?.kind !== "bridge" && link.startsWith("ovs") && isInterfaceName(link)) return "ovs";
    if (found === undefined) return link.startsWith("br") && isInterfaceName(link) ? "bridge" : undefined;
    return found.info?.kind === "bridge" ? "bridge" : "macvlan";
  } finally {
    host.close();
  }
}

/** The container's end of the port that is to be made. */
function ovsOf(bridge: string, { network, address, mac, vlan }: Words): JsonObject {
  if (!isInterfaceName(bridge))
    throw new UsageError(`Cannot use ${network}: a bridge's name has 1 to 15 bytes without "/", ":" or white space`);
  const port = newOvsPort(bridge, { ...(vlan === undefined ? {} : { vlan }), ...(mac === undefined ? {} : { mac }) });
  const ipam = ipamOf(address);
  return {
    args: ovsArgs(port),
    plugins: [{ type: "host-device", device: port.device, ...(ipam === undefined ? {} : { ipam }) }],
  };
}

function pluginOf(form: Exclude<ShortForm, "ovs">, parent: string, { network, address, mac, vlan }: Words): JsonObject {
  const ipam = ipamOf(address);
  const common = {
    ...(ipam === undefined ? {} : { ipam }),
    // The two whose links have the MAC address of what is there take none.
    ...(mac === undefined || form === "ipvlan" || form === "phys" ? {} : { capabilities: { mac: true } }),
  };
  if (vlan !== undefined && form !== "bridge" && form !== "vlan")
    throw new UsageError(
      `Cannot use @${vlan} with ${network}: expected vlan:${parent} ... @${vlan}, or a link such as ${parent}.${vlan}`,
    );
  switch (form) {
    case "bridge": return { type: "bridge", bridge: parent, ...(vlan === undefined ? {} : { vlan }), ...common };
    case "macvlan": case "ipvlan": return { type: form, master: parent, ...common };
    case "phys": return { type: "host-device", device: parent, ...common };
    case "vlan":
      if (vlan === undefined)
        throw new UsageError(`Cannot use ${network}: its VLAN is missing, expected ${network} ADDRESS @VLAN`);
      return { type: "vlan", master: parent, vlanId: vlan, ...common };
  }
}

/** RT_SCOPE_LINK (linux/rtnetlink.h): what the kernel wants of a route that leads to a gateway. */
const scopeLink = 253;

/** None for `0/0`, as pipework has it, and for nothing. */
function ipamOf(address: string | undefined): JsonObject | undefined {
  if (address === undefined || address === "0/0") return undefined;
  if (address.toLowerCase() === "dhcp") return { type: "dhcp" };
  const [own = "", gateway] = address.split("@");
  if (gateway === undefined) return { type: "static", addresses: [{ address: own }] };
  const isIpv6 = gateway.includes(":"), route = { dst: isIpv6 ? "::/0" : "0.0.0.0/0", gw: gateway };
  const to = parseAddress(gateway), isNear = isLinkLocalUnicast(to) || contains(parsePrefix(own), to);
  // As pipework does: one outside of the prefix is reached by a route of its own, with no gateway of the address's.
  return isNear
    ? { type: "static", addresses: [{ address: own, gateway }], routes: [route] }
    : { type: "static", addresses: [{ address: own }],
      routes: [{ dst: `${gateway}/${isIpv6 ? 128 : 32}`, scope: scopeLink }, route] };
}
