import type { Address } from "../../../net/index.ts";
import { addressToInteger, formatAddress, parseAddress, parsePrefix, lastOf, networkOf } from "../../../net/index.ts";
import { CommandError } from "../../errors.ts";
import type { Pool, Run } from "./pool.ts";

/**
 * A request as a person writes it, in a file of cases/ or for `polynic module run`; docs/authoring.md tells each key.
 */
export interface CaseRequest {
  readonly op?: string;
  readonly config?: object;
  /** `namespace/name`. */
  readonly pod?: string;
  readonly node?: { readonly name: string; readonly index?: number };
  readonly attachment?: {
    readonly containerId?: string;
    readonly ifName?: string;
    readonly network?: string;
    readonly mac?: string;
  };
  readonly ranges?: unknown;
  readonly taken?: readonly string[];
  readonly last?: readonly string[];
  readonly mine?: readonly string[];
  readonly held?: readonly string[];
  readonly requested?: readonly string[];
  readonly attempt?: number;
  /** 16 hex digits; what the host would send when absent. */
  readonly seed?: string;
  readonly inputs?: readonly object[];
  readonly prevResult?: object;
  readonly allow?: readonly string[];
}

/** What an answer must hold; keys that are absent are not looked at. */
export interface Expectation {
  readonly ips?: readonly string[];
  readonly routes?: readonly object[];
  readonly dns?: object;
  readonly hold?: readonly object[];
  readonly result?: object;
  readonly error?: number;
  /** Part of the error's message. */
  readonly message?: string;
}

export interface Case extends CaseRequest {
  readonly title: string;
  readonly expect: Expectation;
}

/** A case that is written wrongly; the message names its place and key. */
export class CaseError extends CommandError {
  override readonly name = "CaseError";
}

const texts = (value: unknown) => Array.isArray(value) && value.every((entry) => typeof entry === "string");
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isText = (value: unknown) => typeof value === "string";
const isCount = (value: unknown) => Number.isInteger(value) && Number(value) >= 0;
const objects = (value: unknown) => Array.isArray(value) && value.every(isObject);

/** Keys of a request: what a value must be, and in words. */
const requestKeys: Readonly<Record<string, readonly [(value: unknown) => boolean, string]>> = {
  op: [isText, "allocate, release, check, merge or review"],
  config: [isObject, "an object"],
  pod: [(value) => isText(value) && /^[^/]+\/[^/]+$/.test(String(value)), "namespace/name"],
  node: [isObject, 'an object such as { "name": "node-1", "index": 1 }'],
  attachment: [isObject, "an object with containerId, ifName, network, mac"],
  ranges: [(value) => isObject(value) || Array.isArray(value), "range sets as in a network's ipam"],
  taken: [texts, 'a list such as ["10.0.0.1-10.0.0.9", "10.0.0.128/25", "10.0.0.200"]'],
  last: [texts, "a list of addresses"],
  mine: [texts, "a list of addresses"],
  held: [texts, "a list of addresses"],
  requested: [texts, "a list of addresses"],
  attempt: [isCount, "a whole number from 0"],
  seed: [(value) => isText(value) && /^[0-9a-f]{16}$/.test(String(value)), "16 hex digits"],
  inputs: [objects, "a list of objects"],
  prevResult: [isObject, "an object"],
  allow: [texts, "a list of routes, dns, ips-remove"],
};

const expectKeys: typeof requestKeys = {
  ips: [texts, "a list of addresses"],
  routes: [objects, "a list of objects"],
  dns: [isObject, "an object"],
  hold: [objects, 'a list such as [{ "address": "10.0.0.9", "seconds": 600 }]'],
  result: [isObject, "an object"],
  error: [isCount, "an error code"],
  message: [isText, "text"],
};

/**
 * The cases of one file: one object, a list of them, or a table `{ given, cases }` whose rows replace keys of `given`.
 *
 * @param where  the file, for messages
 * @throws CaseError for a key nobody knows or a value of another shape
 */
export function parseCases(where: string, value: unknown): readonly Case[] {
  if (isObject(value) && value["cases"] !== undefined) return parseCases(where, rowsOf(where, value));
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  return list.map((entry, index) => {
    const place = list.length === 1 ? where : `${where}[${index}]`;
    refuseOther(place, entry, { ...requestKeys, title: [isText, "text"], expect: [isObject, "an object"] });
    if (!isObject(entry) || entry["title"] === undefined || entry["expect"] === undefined)
      throw new CaseError(`Cannot use ${place}: title or expect is missing, expected both`);
    refuseOther(`${place}: expect`, entry["expect"], expectKeys);
    return entry as unknown as Case; // every key was looked at above
  });
}

/** The rows of a table, each with what they have in common. */
function rowsOf(where: string, table: Readonly<Record<string, unknown>>): readonly unknown[] {
  refuseOther(where, table, { given: [isObject, "an object"], cases: [objects, "a list of objects"] });
  const { given = {}, cases } = table;
  refuseOther(`${where}: given`, given, requestKeys);
  // Both were looked at above.
  return (cases as readonly object[]).map((row) => ({ ...given as object, ...row }));
}

/**
 * A request without expectations, as `polynic module run` reads it.
 *
 * @throws CaseError
 */
export function parseRequest(where: string, value: unknown): CaseRequest {
  refuseOther(where, value, requestKeys);
  return value as CaseRequest; // every key was looked at above
}

function refuseOther(place: string, value: unknown, keys: typeof requestKeys): void {
  if (!isObject(value)) throw new CaseError(`Cannot use ${place}: it is ${JSON.stringify(value)}, expected an object`);
  for (const [key, entry] of Object.entries(value)) {
    const known = keys[key];
    if (known === undefined)
      throw new CaseError(`Cannot use ${place}: unknown key "${key}", expected ${Object.keys(keys).join(", ")}`);
    const [fits, wanted] = known;
    if (!fits(entry))
      throw new CaseError(`Cannot use ${place}: ${key} is ${JSON.stringify(entry)}, expected ${wanted}`);
  }
}

/** Addresses as a person writes them: one, a span or a CIDR, which stands for all of it. */
export function parseSpan(text: string): Run & { readonly family: 4 | 6 } {
  const [first = "", last, ...rest] = text.split("-");
  if (rest.length > 0)
    throw new CaseError(
      `Cannot use ${JSON.stringify(text)}: expected an address, a span such as 10.0.0.1-10.0.0.9 or a CIDR`,
    );
  if (text.includes("/")) {
    const prefix = parsePrefix(text);
    return {
      family: prefix.address.family,
      first: addressToInteger(networkOf(prefix).address),
      last: addressToInteger(lastOf(prefix)),
    };
  }
  const from = parseAddress(first),
    to = last === undefined ? from : parseAddress(last);
  if (from.family !== to.family || addressToInteger(from) > addressToInteger(to))
    throw new CaseError(`Cannot use span ${text}: expected two addresses of one family, the lower one first`);
  return { family: from.family, first: addressToInteger(from), last: addressToInteger(to) };
}

/** The subnets of a case's ranges, for the kit to try. */
export function poolsOf(
  ranges: readonly {
    readonly subnet: string;
    readonly first: Address;
    readonly last: Address;
    readonly prefixBits: number;
  }[],
): readonly Pool[] {
  return ranges.map(({ subnet, first, last, prefixBits }) => ({
    family: first.family,
    subnet,
    prefixBits,
    first: addressToInteger(first),
    last: addressToInteger(last),
  }));
}

/** Whether an answer is as expected; what differs, in words, when not. */
export function differenceOf(expect: Expectation, answer: Readonly<Record<string, unknown>>): string | undefined {
  if (expect.error === undefined && answer["error"] !== undefined)
    return `it answers with an error: ${JSON.stringify(answer["error"])}`;
  for (const [key, wanted] of Object.entries(expect)) {
    if (key === "message") continue;
    const given = shownValue(key, answer);
    if (canonical(given) !== canonical(wanted))
      return `${key} is ${JSON.stringify(given) ?? "absent"}, expected ${JSON.stringify(wanted)}`;
  }
  const message = isObject(answer["error"]) ? String(answer["error"]["msg"]) : "";
  if (expect.message !== undefined && !message.includes(expect.message))
    return `message is "${message}", expected it to hold "${expect.message}"`;
  return undefined;
}

function shownValue(key: string, answer: Readonly<Record<string, unknown>>): unknown {
  const value = answer[key];
  if (key === "error") return isObject(value) ? value["code"] : undefined;
  return key === "ips" && Array.isArray(value)
    ? value.map((entry: unknown) => (isObject(entry) ? addressText(entry["address"]) : entry))
    : value;
}

function addressText(value: unknown): string {
  return typeof value === "string" ? formatAddress(parseAddress(value)) : JSON.stringify(value);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    isObject(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner) ?? "null";
}
