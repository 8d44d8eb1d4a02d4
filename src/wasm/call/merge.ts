import type { Dns, Interface, IpConfig, Result, Route } from "../../cni/index.ts";
import { isAddress } from "../../net/index.ts";
import type { MergeInput } from "../modules.ts";
import type { Answer } from "./answer.ts";
import { answerError, decisionError, isObject, listAt, refuseOtherKeys } from "./answer.ts";

/** The JSON of a `merge` request. */
export function mergeJson(inputs: readonly MergeInput[], config: object = {}): string {
  return JSON.stringify({
    op: "merge",
    config,
    inputs: inputs.map((input) => ({ ...input, result: { cniVersion: "1.1.0", ...input.result } })),
  });
}

/**
 * The result in an answer, put together from the inputs' own entries: a merge may choose and reorder, not invent.
 * Each entry of an input is used once at most; default routes are one per family and table.
 *
 * @throws CniError 145 for a wrong shape, 146 for something no input holds
 */
export function checkMerge(name: string, answer: Answer, inputs: readonly MergeInput[]): Result {
  refuseOtherKeys(name, "the answer", answer, ["result", "log"]);
  const result = answer["result"];
  if (!isObject(result)) throw answerError(name, "result is not an object");
  refuseOtherKeys(name, "result", result, ["cniVersion", "interfaces", "ips", "routes", "dns"]);
  const offered = offeredBy(inputs), listOf = (key: "interfaces" | "ips" | "routes") =>
    listAt(name, result, key, entriesMax(offered[key])) ?? [];
  const interfaces = listOf("interfaces").map((entry) =>
    take(name, "interface", offered.interfaces, entry),
  );
  const ips = listOf("ips").map((entry) =>
    checkIp(name, entry, offered.ips, interfaces),
  );
  const routes = listOf("routes").map((entry) =>
    take(name, "route", offered.routes, entry),
  );
  refuseSecondDefault(name, routes);
  const dns = result["dns"] === undefined ? {} : take(name, "dns", offered.dns, result["dns"]);
  return { interfaces, ips, routes, dns };
}

/** What the inputs hold, by the canonical text of each entry: a list, because two inputs may hold the same. */
interface Offered {
  readonly interfaces: Map<string, Interface[]>;
  /** Addresses by their own text and that of the interface they belong to. */
  readonly ips: Map<string, IpConfig[]>;
  readonly routes: Map<string, Route[]>;
  readonly dns: Map<string, Dns[]>;
}

function offeredBy(inputs: readonly MergeInput[]): Offered {
  const offered: Offered = { interfaces: new Map(), ips: new Map(), routes: new Map(), dns: new Map() };
  for (const { result, routesClaimed } of inputs) {
    for (const entry of result.interfaces) offer(offered.interfaces, canonical(entry), entry);
    for (const ip of result.ips) offer(offered.ips, ipKey(ip, result.interfaces), ip);
    for (const route of result.routes) offer(offered.routes, canonical(route), route);
    offer(offered.dns, canonical(result.dns), result.dns);
    for (const gw of routesClaimed ?? []) {
      const route = { dst: gw.includes(":") ? "::/0" : "0.0.0.0/0", gw };
      if (isAddress(gw)) offer(offered.routes, canonical(route), route);
    }
  }
  return offered;
}

const usualMax = 4096;

/** As many as there are in the inputs, where that is more than a list usually has. */
function entriesMax(entries: Map<string, readonly unknown[]>): number {
  return Math.max(usualMax, [...entries.values()].reduce((count, list) => count + list.length, 0));
}

function offer<T>(entries: Map<string, T[]>, key: string, entry: T): void {
  const list = entries.get(key);
  if (list === undefined) entries.set(key, [entry]);
  else list.push(entry);
}

function take<T>(name: string, what: string, entries: Map<string, T[]>, answered: unknown): T {
  const text = canonical(answered);
  const entry = entries.get(text)?.pop();
  if (entry === undefined) throw decisionError(name, `${what} ${text} is in no input, or more often than there`);
  return entry;
}

function checkIp(
  name: string,
  answered: unknown,
  offered: Map<string, IpConfig[]>,
  interfaces: readonly Interface[],
): IpConfig {
  if (!isObject(answered)) throw answerError(name, "an entry of ips is not an object");
  const index = answered["interface"];
  if (index !== undefined && (typeof index !== "number" || interfaces[index] === undefined)) {
    throw decisionError(name, `interface is ${JSON.stringify(index)}, expected 0 to ${interfaces.length - 1}`);
  }
  const entry = offered.get(ipKey(answered, interfaces))?.pop();
  if (entry === undefined)
    throw decisionError(
      name,
      `address ${JSON.stringify(answered["address"])} belongs to that interface in no input, or more often than there`,
    );
  const { interface: _, ...rest } = entry;
  return typeof index === "number" ? { ...rest, interface: index } : rest;
}

function ipKey(ip: IpConfig | Answer, interfaces: readonly Interface[]): string {
  const { interface: index, ...rest } = ip;
  return `${canonical(rest)} ${typeof index === "number" ? canonical(interfaces[index]) : ""}`;
}

function refuseSecondDefault(name: string, routes: readonly Route[]): void {
  const seen = new Set<string>();
  for (const { dst, table } of routes) {
    if (!/\/0+$/.test(dst)) continue;
    const key = `${dst.includes(":") ? "IPv6" : "IPv4"} default route in table ${table ?? 254}`;
    if (seen.has(key)) throw decisionError(name, `it has more than one ${key}`);
    seen.add(key);
  }
}

/** JSON with sorted keys, absent ones left out: equal values, equal texts. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    isObject(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner) ?? "null";
}
