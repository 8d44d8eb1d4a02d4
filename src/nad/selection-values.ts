import {
  AddressError,
  formatAddress,
  isUnspecified,
  parseAddress,
  parseAddressOrPrefix,
  parseMac,
} from "../net/index.ts";
import type { JsonObject } from "../schema/index.ts";
import { isJsonObject } from "../schema/index.ts";
import type { Step } from "./refusal.ts";
import { Refusal, shown } from "./refusal.ts";

/** Readers of an element's values. Each gives undefined for a value that says nothing, and throws a Refusal. */
export interface ReadOptions {
  readonly path: readonly Step[];
  readonly strict: boolean;
}

/** Empty text is absent, unless strict. */
export function text(value: unknown, { path, strict }: ReadOptions): string | undefined {
  if (typeof value !== "string") throw new Refusal(path, `is ${shown(value)}, expected a string`);
  if (value === "" && strict) throw new Refusal(path, "is empty, expected a string that is not");
  return value === "" ? undefined : value;
}

export function object(value: unknown, { path }: ReadOptions): JsonObject {
  if (!isJsonObject(value)) throw new Refusal(path, `is ${shown(value)}, expected an object`);
  return value;
}

/** Addresses with or without a prefix length, as they are written. */
export function addresses(value: unknown, { path, strict }: ReadOptions): readonly string[] | undefined {
  const found = list(value, path).map((entry, index) => {
    if (typeof entry !== "string" || !isFine(() => parseAddressOrPrefix(entry))) {
      throw new Refusal(
        [...path, index],
        `is ${shown(entry)}, expected an address such as 10.1.2.3, 10.1.2.3/24 or 2001:db8::1/64`,
      );
    }
    return entry;
  });
  if (found.length === 0 && strict) throw new Refusal(path, "is [], expected at least one address");
  return found.length === 0 ? undefined : found;
}

/** Addresses in canonical form; an empty list is a wish of its own. */
export function gateways(value: unknown, { path }: ReadOptions): readonly string[] {
  return list(value, path).map((entry, index) => {
    const address = typeof entry === "string" && isFine(() => parseAddress(entry)) ? parseAddress(entry) : undefined;
    // Nobody can be at 0.0.0.0 or ::, which mean no address at all.
    if (address !== undefined && !isUnspecified(address)) return formatAddress(address);
    throw new Refusal(
      [...path, index],
      `is ${shown(entry)}, expected a gateway's address such as 10.1.2.1 or 2001:db8::1`,
    );
  });
}

/** A hardware address as it is written; strict: of that many bytes, else of 6, 8 or 20. */
export function hardwareAddress(
  value: unknown,
  options: ReadOptions,
  { bytes, example }: { readonly bytes: 6 | 8; readonly example: string },
): string | undefined {
  const found = text(value, options);
  if (found === undefined) return undefined;
  const isRight = isFine(() => parseMac(found)) && (!options.strict || parseMac(found).length === bytes);
  if (isRight) return found;
  const length = options.strict ? (bytes === 6 ? "six" : "eight") : "6, 8 or 20";
  throw new Refusal(options.path, `is ${shown(found)}, expected ${length} bytes such as ${example}`);
}

/** Multi-network specification 1.3, 4.1.2.1.7; what the specification calls the default protocol is written out. */
export function portMappings(value: unknown, options: ReadOptions): readonly JsonObject[] | undefined {
  const found = list(value, options.path).map((entry, index) =>
    portMapping(entry, { ...options, path: [...options.path, index] }),
  );
  return found.length === 0 ? undefined : found;
}

/** Multi-network specification 1.3, 4.1.2.1.8: bits per second, and bits. */
export function bandwidth(value: unknown, options: ReadOptions): JsonObject | undefined {
  const values = fold(object(value, options), ["ingressRate", "ingressBurst", "egressRate", "egressBurst"]);
  for (const [key, entry] of Object.entries(values)) {
    const path = [...options.path, key];
    if (options.strict)
      requireInteger(entry, path, { least: 1, most: Number.MAX_SAFE_INTEGER, words: "an integer above 0" });
    else requireInteger(entry, path);
  }
  for (const way of ["ingress", "egress"]) {
    const lonely = values[`${way}Burst`] !== undefined && values[`${way}Rate`] === undefined;
    if (options.strict && lonely)
      throw new Refusal([...options.path, `${way}Burst`], `is given without ${way}Rate, expected both`);
  }
  return Object.keys(values).length === 0 ? undefined : values;
}

function portMapping(value: unknown, options: ReadOptions): JsonObject {
  const values = fold(object(value, options), ["hostPort", "containerPort", "protocol", "hostIP"]);
  for (const key of ["hostPort", "containerPort"])
    portNumber(values[key], { ...options, path: [...options.path, key] });
  for (const key of ["protocol", "hostIP"]) {
    const entry = values[key];
    if (entry !== undefined && typeof entry !== "string")
      throw new Refusal([...options.path, key], `is ${shown(entry)}, expected a string`);
  }
  const protocol = values["protocol"] || defaultProtocol;
  if (options.strict && !protocols.has(String(protocol).toLowerCase()))
    throw new Refusal([...options.path, "protocol"], `is ${shown(protocol)}, expected tcp, udp or sctp`);
  return { ...values, protocol };
}

const defaultProtocol = "tcp";
const protocols: ReadonlySet<string> = new Set(["tcp", "udp", "sctp"]);

function portNumber(value: unknown, { path, strict }: ReadOptions): void {
  if (value === undefined && strict) throw new Refusal(path, "is missing, expected a port from 1 to 65535");
  if (value === undefined) return;
  if (strict) requireInteger(value, path, { least: 1, most: 65535, words: "a port from 1 to 65535" });
  else requireInteger(value, path);
}

function requireInteger(
  value: unknown,
  path: readonly Step[],
  bounds = { least: Number.MIN_SAFE_INTEGER, most: Number.MAX_SAFE_INTEGER, words: "an integer" },
): void {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= bounds.least && value <= bounds.most) return;
  throw new Refusal(path, `is ${shown(value)}, expected ${bounds.words}`);
}

function list(value: unknown, path: readonly Step[]): readonly unknown[] {
  if (!Array.isArray(value)) throw new Refusal(path, `is ${shown(value)}, expected a list`);
  return value;
}

/** Keys in any case as they are spelled here; others and null are left out. */
function fold(value: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(value).flatMap(([key, entry]) => {
    const known = keys.find((name) => name.toLowerCase() === key.toLowerCase());
    return known === undefined || entry === null ? [] : [[known, entry]];
  }));
}

function isFine(parse: () => unknown): boolean {
  try {
    parse();
    return true;
  } catch (error) {
    if (error instanceof AddressError) return false;
    throw error;
  }
}
