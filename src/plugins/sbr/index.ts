/**
 * sbr: source based routing. What the container sends from an address of this interface leaves by this interface.
 *
 * ADD    gives each address of prevResult a rule that leads to a table of its own, and moves the interface's routes
 * there.
 *        With `table` only the rules are made; with `addSourceHints` routes to the networks stay, each with its source.
 * DEL    deletes the rules of the interface's addresses; already gone is success. The tables go with the interface.
 * CHECK  always holds: whoever comes later in the list may have changed what it left.
 * Refuses (7) to be without addresses, and `gateways` that are no one address a family.
 */
import type { Result } from "../../cni/index.ts";
import { allVersions, CniError, code, confSchema } from "../../cni/index.ts";
import type { KernelRoute, Namespace } from "../../kernel/index.ts";
import type { Address, Prefix } from "../../net/index.ts";
import {
  addressOf, contains, hostPrefix, networkOf, parseAddress, parsePrefix, prefixKey, sameAddress,
} from "../../net/index.ts";
import { RT_SCOPE_LINK, RT_TABLE_MAIN } from "../../netlink/index.ts";
import { definePlugin } from "../contract/define.ts";
import type { AddContext } from "../contract/plugin.ts";
import { throwAll } from "../contract/several-errors.ts";
import { chainedResult } from "../interface/chained.ts";

/** An address whose packets get a table, and its network. */
interface Source {
  readonly own: Prefix;
  readonly gateway: Address | undefined;
}

/** Gateways of the configuration, which go before those of prevResult. */
type Gateways = ReadonlyMap<4 | 6, Address>;

export const sbr = definePlugin({
  type: "sbr",
  versions: allVersions,
  schema: confSchema("sbr"),
  ipam: "none",
  isChained: true,

  read({ conf: { gateways = [], addSourceHints = false, table = 0 } }): Gateways {
    if (addSourceHints && table !== 0) throw refused("addSourceHints is true beside a table", "one of them");
    return configuredGateways(gateways);
  },

  async add({ attachment: { ifName }, conf, network, plan: gateways, prevResult }, { container, undo }) {
    const result = chainedResult(prevResult, "sbr", network);
    const sources = sourcesOf(result, ifName, gateways);
    if ((conf.table ?? 0) !== 0) {
      for (const { own } of sources) addRule(container, own.address, conf.table ?? 0, undo);
      return result;
    }
    const { index } = container.links.get(ifName);
    const routes = ([4, 6] as const).flatMap((family) =>
      container.routes.list(family, { index, table: RT_TABLE_MAIN }),
    );
    const tables = freeTables(container, sources.length);
    for (const [place, source] of sources.entries()) {
      const table = tables[place] ?? 0;
      addRule(container, source.own.address, table, undo);
      fillTable(container, { index, table, source, routes }, undo);
    }
    if (conf.addSourceHints === true) giveSources(container, index, sources, routes, undo);
    const leaving = conf.addSourceHints === true ? routes.filter(({ scope }) => scope !== RT_SCOPE_LINK) : routes;
    for (const route of leaving) deleteFromMain(container, route, undo);
    return result;
  },

  async del({ attachment: { ifName }, conf: { table = 0 } }, { containerIfPresent: container }) {
    const link = container?.links.find(ifName);
    if (container === undefined || link === undefined) return;
    const errors: unknown[] = [];
    const addresses = container.addresses.list(link.index).map(({ address }) => address);
    const own = new Set(addresses.map((address) => prefixKey(hostPrefix(address))));
    for (const family of new Set(addresses.map((address) => address.family))) {
      for (const rule of container.rules.list(family)) {
        const isOurs = rule.src !== undefined && own.has(prefixKey(rule.src));
        if (!isOurs || (table !== 0 && rule.table !== table)) continue;
        try {
          container.rules.delete(rule);
        } catch (error) {
          errors.push(error);
        }
      }
    }
    throwAll(errors);
  },

  async check() {},
});

function configuredGateways(texts: readonly string[]): Gateways {
  const gateways = new Map<4 | 6, Address>();
  for (const text of texts) {
    const gateway = addressOf(text);
    if (gateway === undefined) throw refused(`gateways has ${JSON.stringify(text)}`, "IP addresses");
    if (gateways.has(gateway.family)) throw refused(`gateways has two of IPv${gateway.family}`, "one a family at most");
    gateways.set(gateway.family, gateway);
  }
  return gateways;
}

/** The addresses that are this interface's, or nobody's, as far as the result says. */
function sourcesOf({ interfaces, ips }: Result, ifName: string, gateways: Gateways): readonly Source[] {
  const sources = ips
    .filter(({ interface: index }) => (interfaces[index ?? -1]?.name ?? ifName) === ifName)
    .map(({ address, gateway = "" }) => {
      const own = parsePrefix(address);
      return { own, gateway: gateways.get(own.address.family) ?? (gateway === "" ? undefined : parseAddress(gateway)) };
    });
  if (sources.length > 0) return sources;
  throw new CniError(
    code.invalidConfig,
    `Cannot route by source on interface "${ifName}": prevResult has no address of it, expected at least one`,
  );
}

function addRule(container: Namespace, address: Address, table: number, undo: AddContext["undo"]): void {
  const rule = { family: address.family, src: hostPrefix(address), table };
  container.rules.add(rule);
  undo.add("delete the rule", () => container.rules.delete(rule));
}

/** The first table that is anybody's to take; those below are often named in rt_tables. */
const firstTable = 100;

/** So many tables that no rule leads to, the lowest: one that a rule does not lead to is as good as empty. */
function freeTables(container: Namespace, count: number): readonly number[] {
  const families = [4, 6] as const;
  const taken = new Set(families.flatMap((family) => container.rules.list(family).map(({ table }) => table)));
  const free: number[] = [];
  for (let table = firstTable; free.length < count; table++) if (!taken.has(table)) free.push(table);
  return free;
}

interface Table {
  readonly index: number;
  readonly table: number;
  readonly source: Source;
  /** What the main table had of the interface. */
  readonly routes: readonly KernelRoute[];
}

/** The gateway's default route, and of the interface's routes those that go with the address or with none. */
function fillTable(container: Namespace, { index, table, source, routes }: Table, undo: AddContext["undo"]): void {
  const { own, gateway } = source;
  const copies = routes.filter((route) => belongsTo(route, networkOf(own)));
  undo.add(`empty table ${table}`, () => emptyTable(container, index, table));
  // First what leads to the gateway, which the kernel must find when it is named.
  for (const route of copies.filter((one) => one.gateway === undefined)) container.routes.replace({ ...route, table });
  if (gateway !== undefined) {
    const dst = {
      address: { family: own.address.family, bytes: new Uint8Array(own.address.bytes.length) },
      prefixBits: 0,
    };
    container.routes.replace({ dst, gateway, index, table, scope: 0 });
  }
  for (const route of copies.filter((one) => one.gateway !== undefined)) container.routes.replace({ ...route, table });
}

function belongsTo({ dst, source, gateway }: KernelRoute, network: Prefix): boolean {
  const marks = [source, gateway].filter((mark) => mark !== undefined);
  if (marks.length > 0) return marks.some((mark) => contains(network, mark));
  return dst.address.family === network.address.family;
}

function emptyTable(container: Namespace, index: number, table: number): void {
  for (const family of [4, 6] as const)
    for (const route of container.routes.list(family, { index, table })) container.routes.deleteListed(route);
}

/** Each address's network stays where it was, and is reached from that address. */
function giveSources(
  container: Namespace,
  index: number,
  sources: readonly Source[],
  routes: readonly KernelRoute[],
  undo: AddContext["undo"],
): void {
  // The first of several to one network counts.
  const present = new Map(routes.toReversed().map((route) => [prefixKey(route.dst), route]));
  for (const { own } of sources) {
    const dst = networkOf(own), before = present.get(prefixKey(dst));
    container.routes.replace({ ...before, dst, index, source: own.address, scope: RT_SCOPE_LINK });
    if (before !== undefined && !sameSource(before, own.address))
      undo.add("give the network its route back", () => container.routes.replace(before));
  }
}

function sameSource({ source }: KernelRoute, address: Address): boolean {
  return source !== undefined && sameAddress(source, address);
}

function deleteFromMain(container: Namespace, route: KernelRoute, undo: AddContext["undo"]): void {
  container.routes.deleteListed(route);
  undo.add("give the main table its route back", () => container.routes.replace(route));
}

function refused(what: string, expected: string): CniError {
  return new CniError(code.invalidConfig, `Cannot route by source: ${what}, expected ${expected}`);
}
