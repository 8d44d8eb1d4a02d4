import { CniError, code } from "../errors.ts";
import { impliedVersion } from "../version.ts";
import { resultFamily } from "./parsing.ts";
import type { Dns, Interface, Result } from "./result.ts";

/** A result as it crosses the border: plain JSON values in the shape of its cniVersion. */
export type WireResult = { readonly cniVersion: string } & Readonly<Record<string, unknown>>;

/**
 * The result in the shape of a version, keys in the reference's order.
 *
 * @param version  "" is 0.1.0
 * @throws CniError 1 for an unknown version; 1 too when a result without addresses is to become 0.1.0 or 0.2.0, which
 *   cannot say that
 */
export function toWireResult(result: Result, version: string): WireResult {
  const cniVersion = version === "" ? impliedVersion : version;
  switch (resultFamily(cniVersion)) {
    case "0.2.0":
      return { cniVersion, ...ip4AndIp6(result), dns: dnsInOrder(result.dns) };
    case "0.4.0":
      return {
        cniVersion,
        ...list(
          "interfaces",
          result.interfaces.map(({ name, mac, sandbox }) => present({ name, mac, sandbox })),
        ),
        ...list(
          "ips",
          result.ips.map(({ interface: index, address, gateway }) =>
            present({ version: String(familyOf(address)), interface: index, address, gateway }),
          ),
        ),
        ...list(
          "routes",
          result.routes.map(({ dst, gw, mtu, advmss, priority, table, scope }) =>
            present({
              dst,
              gw,
              mtu: mtu || undefined,
              advmss: advmss || undefined,
              priority: priority || undefined,
              table,
              scope,
            }),
          ),
        ),
        dns: dnsInOrder(result.dns),
      };
    case "1.1.0":
      return {
        cniVersion,
        ...dnsUnlessEmpty(result.dns),
        ...list("interfaces", result.interfaces.map(sortedInterface)),
        ...list(
          "ips",
          result.ips.map(({ address, gateway, interface: index }) => present({ address, gateway, interface: index })),
        ),
        ...list(
          "routes",
          result.routes.map(({ advmss, dst, gw, mtu, priority, scope, table }) =>
            present({
              advmss: advmss || undefined,
              dst,
              gw,
              mtu: mtu || undefined,
              priority: priority || undefined,
              scope,
              table,
            }),
          ),
        ),
      };
  }
}

/** What ADD prints: the result in that version, indented, without an end of line. Throws as `toWireResult` does. */
export function printResult(result: Result, version: string): string {
  return JSON.stringify(toWireResult(result, version), null, 4);
}

/** One address of each family, and the routes of the families that have one, with their gateway only. */
function ip4AndIp6(result: Result): JsonShape {
  const ip4 = oldIp(result, 4);
  const ip6 = oldIp(result, 6);
  if (ip4 === undefined && ip6 === undefined) {
    throw new CniError(
      code.incompatibleVersion,
      "Cannot give the result in cniVersion 0.2.0 or older: no valid IP addresses, expected one (a network without " +
        "addresses needs cniVersion 0.3.0 or newer)",
    );
  }
  return present({ ip4, ip6 });
}

function oldIp(result: Result, family: 4 | 6): JsonShape | undefined {
  const ip = result.ips.find(({ address }) => familyOf(address) === family);
  if (ip === undefined) return undefined;
  const routes = result.routes.filter(({ dst }) => familyOf(dst) === family).map(({ dst, gw }) => present({ dst, gw }));
  return present({ ip: ip.address, gateway: ip.gateway, routes: routes.length > 0 ? routes : undefined });
}

type JsonShape = Readonly<Record<string, unknown>>;

function sortedInterface({ mac, mtu, name, pciID, sandbox, socketPath }: Interface): JsonShape {
  return present({ mac, mtu: mtu || undefined, name, pciID, sandbox, socketPath });
}

function dnsInOrder({ nameservers, domain, search, options }: Dns): JsonShape {
  return present({ nameservers: filled(nameservers), domain, search: filled(search), options: filled(options) });
}

function dnsUnlessEmpty({ domain, nameservers, options, search }: Dns): JsonShape {
  const dns = present({ domain, nameservers: filled(nameservers), options: filled(options), search: filled(search) });
  return Object.keys(dns).length > 0 ? { dns } : {};
}

function filled(texts: readonly string[] | undefined): readonly string[] | undefined {
  return texts !== undefined && texts.length > 0 ? texts : undefined;
}

function list(key: string, entries: readonly JsonShape[]): JsonShape {
  return entries.length > 0 ? { [key]: entries } : {};
}

/** Without what is absent or empty text; `name` and `address` are never empty in a result worth printing. */
function present(object: JsonShape): JsonShape {
  const kept: Record<string, unknown> = {};
  for (const key of Object.keys(object)) {
    const value = object[key];
    if (value !== undefined && (value !== "" || key === "name")) kept[key] = value;
  }
  return kept;
}

/** Of the canonical text a result holds. */
function familyOf(prefixText: string): 4 | 6 {
  return prefixText.includes(":") ? 6 : 4;
}
