/** A network of this machine as people see it, whoever has written its configuration; and who is attached to it. */
import { existsSync } from "node:fs";
import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";
import type { CachedAttachment } from "../../store/index.ts";
import { listResults } from "../../store/index.ts";
import type { Configuration } from "../machine/configuration.ts";
import type { StateOptions } from "../machine/known.ts";
import { namespaceState, shortId, stateDirs } from "../machine/known.ts";
import { labelsOf } from "./conflist.ts";

export interface NetworkView {
  readonly name: string;
  /** The type of what makes the interface. */
  readonly driver: string;
  /** The bridge's link, or the parent. */
  readonly link: string;
  readonly subnets: readonly {
    readonly subnet: string;
    readonly gateway: string;
    /** `FIRST-LAST`; none: all of it. */
    readonly ranges: readonly string[];
  }[];
  readonly ipam: string;
  /** Types of the plugins, in order. */
  readonly plugins: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly file: string;
}

export function viewOf({ name, json, network, file = "" }: Configuration): NetworkView {
  const [first] = network.plugins, { bridge, master, device, ipam }: JsonObject = first ?? {};
  const section = isJsonObject(ipam) ? ipam : {};
  return {
    name, file,
    driver: first?.type ?? "",
    link: [bridge, master, device].map(text).find((one) => one !== "") ?? "",
    subnets: subnetsIn(section),
    ipam: text(section["type"]),
    plugins: network.plugins.map(({ type }) => type),
    labels: labelsOf(json),
  };
}

function subnetsIn(ipam: JsonObject): NetworkView["subnets"] {
  const sets = [[ipam], ...list(ipam["ranges"]).map(list)];
  return sets.flatMap((set) => {
    const ranges = set.filter(isJsonObject).filter(({ subnet }) => text(subnet) !== "");
    const [first] = ranges;
    if (first === undefined) return [];
    const shown = ranges.flatMap(({ rangeStart, rangeEnd }) => {
      return text(rangeStart) === "" && text(rangeEnd) === "" ? [] : [`${text(rangeStart)}-${text(rangeEnd)}`];
    });
    return [{ subnet: text(first["subnet"]), gateway: text(first["gateway"]), ranges: shown }];
  });
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** A container's interface on a network. */
export interface Attached {
  /** What people call it; its id where nothing else is known. */
  readonly container: string;
  readonly containerId: string;
  readonly interface: string;
  readonly addresses: readonly string[];
  readonly mac: string;
  /** Its namespace is gone: what is left of it is for polynic gc, or its runtime. */
  readonly state: "there" | "gone";
}

/** Where runtimes that use the CNI library keep what each ADD answered. */
const libraryDirectory = "/var/lib/cni";

/** Whoever has attached them: polynic, or a runtime through the CNI library. */
export function attachedTo(network: string, options: StateOptions): readonly Attached[] {
  const entries = [libraryDirectory, ...stateDirs(options)]
    .filter((directory) => existsSync(directory))
    .flatMap((directory) => listResults(directory))
    .filter(({ networkName }) => networkName === network);
  return entries.map(toAttached).sort((a, b) => (a.container < b.container ? -1 : 1));
}

function toAttached({ containerId, ifName, netns, cniArgs, multiplexer, result }: CachedAttachment): Attached {
  const { ips, interfaces } = isJsonObject(result) ? result : {};
  const inside = list(interfaces).filter(isJsonObject).find((one) => one["name"] === ifName && text(one["sandbox"]));
  const args = new Map([...cniArgs, ...pairsIn(multiplexer?.args ?? "")]);
  return {
    container: args.get("K8S_POD_NAME") ?? shortId(containerId),
    containerId,
    interface: ifName,
    addresses: list(ips).filter(isJsonObject).map(({ address }) => text(address)),
    mac: text(inside?.["mac"]),
    state: namespaceState(netns),
  };
}

function pairsIn(args: string): readonly (readonly [string, string])[] {
  return args.split(";").flatMap((pair) => {
    const [key, value] = pair.split("=");
    return key === undefined || value === undefined || value === "" ? [] : [[key, value] as const];
  });
}
