import type { Prefix } from "../../net/index.ts";
import { AddressError, formatAddress, formatPrefix, parseAddress, parsePrefix } from "../../net/index.ts";
import { isJsonObject } from "../../schema/index.ts";
import type { ConfParts, Confs } from "../conf.ts";
import { confSchema, readConf } from "../conf.ts";
import { CniError, code } from "../errors.ts";
import { impliedVersion } from "../version.ts";
import type { Interface, IpConfig, Result, Route } from "./result.ts";

/** Versions whose results look alike. */
export type ResultFamily = "0.2.0" | "0.4.0" | "1.1.0";

/**
 * The family a result of that version belongs to, by its newest version; "" is 0.1.0.
 *
 * @throws CniError 1 for a version without a known shape
 */
export function resultFamily(version: string): ResultFamily {
  const family = families.get(version === "" ? impliedVersion : version);
  if (family === undefined) {
    throw new CniError(
      code.incompatibleVersion,
      `Cannot use a result of cniVersion ${JSON.stringify(version)}: expected one of ` +
        `${[...families.keys()].join(", ")}`,
    );
  }
  return family;
}

/**
 * A result as a plugin, an IPAM plugin or a cache file gives it, in its own version, else in `assumedVersion`; null is
 * empty.
 *
 * @param subject  names it in messages: `the result of plugin "bridge"`
 * @throws CniError 1 for an unknown version, 6 for what is no result of its version
 */
export function parseResult(json: unknown, assumedVersion: string, subject = "the result"): Result {
  const family = resultFamily(ownVersion(json) ?? assumedVersion);
  try {
    return family === "0.2.0"
      ? fromIp4AndIp6(readConf(oldSchema, json ?? {}, { subject }))
      : fromLists(readConf(schema, json ?? {}, { subject }));
  } catch (error) {
    // What could not be decoded is somebody's output here, not somebody's configuration.
    if (error instanceof CniError && error.code === code.invalidConfig)
      throw new CniError(code.decodingFailure, error.message, { cause: error });
    if (error instanceof AddressError)
      throw new CniError(code.decodingFailure, `Cannot read ${subject}: ${lowerFirst(error.message)}`, {
        cause: error,
      });
    throw error;
  }
}

/**
 * `prevResult` of a configuration: its version, when it has one, must be of the same family as the configuration's.
 *
 * @throws CniError 1 when it is of another family, 6 for what is no result
 */
export function parsePrevResult(json: unknown, configVersion: string): Result {
  const version = ownVersion(json);
  if (version !== undefined && resultFamily(version) !== resultFamily(configVersion)) {
    throw new CniError(
      code.incompatibleVersion,
      `Cannot use prevResult: its cniVersion is ${JSON.stringify(version)}, which looks unlike the configuration's ` +
        `${JSON.stringify(configVersion)}`,
    );
  }
  return parseResult(json, configVersion, "prevResult");
}

const families: ReadonlyMap<string, ResultFamily> = new Map([
  ["0.1.0", "0.2.0"], ["0.2.0", "0.2.0"],
  ["0.3.0", "0.4.0"], ["0.3.1", "0.4.0"], ["0.4.0", "0.4.0"],
  ["1.0.0", "1.1.0"], ["1.1.0", "1.1.0"],
]);

const oldSchema = confSchema("result-020");
const schema = confSchema("result");

/** undefined when missing or empty; the schemas refuse one that is no text. */
function ownVersion(json: unknown): string | undefined {
  if (!isJsonObject(json)) return undefined;
  const version = Object.entries(json).findLast(
    ([key, value]) => key.toLowerCase() === "cniversion" && value !== null,
  )?.[1];
  return typeof version === "string" && version !== "" ? version : undefined;
}

function fromIp4AndIp6({ ip4, ip6, dns }: Confs["result-020"]): Result {
  return {
    interfaces: [],
    ips: [...(ip4 === undefined ? [] : [ipOf(ip4, 4)]), ...(ip6 === undefined ? [] : [ipOf(ip6, 6)])],
    routes: [...(ip4?.routes ?? []), ...(ip6?.routes ?? [])].map(routeOf),
    dns: dns ?? {},
  };
}

function ipOf({ ip, gateway }: ConfParts["result-020#/definitions/ip"], family: 4 | 6): IpConfig {
  const prefix = parsePrefix(ip);
  requireFamily(prefix, family, `ip${family}.ip`);
  return { address: formatPrefix(prefix), ...optionalAddress("gateway", gateway) };
}

function fromLists({ interfaces = [], ips = [], routes = [], dns = {} }: Confs["result"]): Result {
  return {
    interfaces: interfaces.map(interfaceOf),
    ips: ips.map(({ version, interface: index, address, gateway }, i) => {
      const prefix = parsePrefix(address);
      if (version === "4" || version === "6") requireFamily(prefix, version === "4" ? 4 : 6, `ips[${i}].address`);
      return {
        ...(index === undefined ? {} : { interface: index }),
        address: formatPrefix(prefix),
        ...optionalAddress("gateway", gateway),
      };
    }),
    routes: routes.map(routeOf),
    dns,
  };
}

function requireFamily(prefix: Prefix, family: 4 | 6, path: string): void {
  if (prefix.address.family === family) return;
  throw new CniError(
    code.decodingFailure,
    `Cannot read the result: ${path} is ${formatPrefix(prefix)}, expected an IPv${family} prefix`,
  );
}

/** Empty text and 0 are what the reference omits; a name is always there. */
function interfaceOf({ name = "", mac, mtu, sandbox, socketPath, pciID }: Partial<Interface>): Interface {
  return {
    name,
    ...(mac ? { mac } : {}),
    ...(mtu ? { mtu } : {}),
    ...(sandbox ? { sandbox } : {}),
    ...(socketPath ? { socketPath } : {}),
    ...(pciID ? { pciID } : {}),
  };
}

function routeOf({ dst, gw, mtu, advmss, priority, table, scope }: Route): Route {
  return {
    dst: formatPrefix(parsePrefix(dst)),
    ...optionalAddress("gw", gw),
    ...(mtu ? { mtu } : {}),
    ...(advmss ? { advmss } : {}),
    ...(priority ? { priority } : {}),
    ...(table === undefined ? {} : { table }),
    ...(scope === undefined ? {} : { scope }),
  };
}

function optionalAddress<K extends string>(key: K, text: string | undefined): { readonly [P in K]?: string } {
  // A computed key of a literal type loses its literal; the object holds exactly that key.
  return text === undefined || text === ""
    ? {}
    : ({ [key]: formatAddress(parseAddress(text)) } as { readonly [P in K]?: string });
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}
