import { interfaceNameProblem } from "../net/index.ts";
import type { JsonObject } from "../schema/index.ts";
import { isJsonObject } from "../schema/index.ts";
import { isLabel, isSubdomain, labelWords, subdomainWords } from "./object-name.ts";
import { collect, Refusal, shown } from "./refusal.ts";
import type { ReadOptions } from "./selection-values.ts";
import { addresses, bandwidth, gateways, hardwareAddress, object, portMappings, text } from "./selection-values.ts";
import type { NetworkSelection, ReadingContext } from "./selection.ts";

/**
 * One element of the JSON form. Keys match in any case, the last of equal ones wins, null is absent, unknown keys are
 * nobody's business here.
 *
 * @param refusals  gets what is wrong, at most one a key
 * @returns undefined when there is no network to be found with it
 */
export function parseElement(
  element: unknown,
  context: ReadingContext,
  refusals: Refusal[],
): NetworkSelection | undefined {
  if (!isJsonObject(element)) {
    refusals.push(new Refusal([], `it is ${shown(element)}, expected an object with a "name"`));
    return undefined;
  }
  const values = foldKeys(element);
  const { strict } = context;
  const read = Object.fromEntries(keys.flatMap(({ key, field, read: readValue }) => {
    const value = values[key];
    if (value === undefined) return [];
    const found = collect(refusals, () => readValue(value, { path: [key], strict }));
    return found === undefined ? [] : [[field, found]];
  }));
  // Each row's reader gives the type of the field it names.
  const fields = read as Partial<NetworkSelection> & { readonly ifNameAlias?: string };
  collect(refusals, () => requireName(fields.name, values["name"], strict));
  if (strict) collect(refusals, () => refuseClaimBesideIps(fields));
  const { ifNameAlias, ...own } = fields;
  const ifName = fields.ifName ?? ifNameAlias;
  return {
    ...own,
    namespace: fields.namespace ?? context.namespace,
    name: fields.name ?? "",
    ...(ifName === undefined ? {} : { ifName }),
  };
}

interface KeyRow {
  readonly key: string;
  readonly field: keyof NetworkSelection | "ifNameAlias";
  /** The value; undefined when it says nothing. Throws Refusal. */
  readonly read: (value: unknown, options: ReadOptions) => unknown;
}

/** The keys of multi-network specification 1.3, 4.1.2.1, and Multus's own `deviceID` and `interfaceRequest`. */
const keys: readonly KeyRow[] = [
  { key: "name", field: "name", read: name },
  { key: "namespace", field: "namespace", read: namespace },
  { key: "interface", field: "ifName", read: interfaceName },
  { key: "interfaceRequest", field: "ifNameAlias", read: interfaceName }, // what `interface` was called first
  { key: "ips", field: "ips", read: addresses },
  {
    key: "mac",
    field: "mac",
    read: (value, options) => hardwareAddress(value, options, { bytes: 6, example: "02:00:00:00:00:01" }),
  },
  {
    key: "infiniband-guid",
    field: "infinibandGuid",
    read: (value, options) => hardwareAddress(value, options, { bytes: 8, example: "02:00:00:00:00:00:00:01" }),
  },
  { key: "portMappings", field: "portMappings", read: portMappings },
  { key: "bandwidth", field: "bandwidth", read: bandwidth },
  { key: "deviceID", field: "deviceId", read: text },
  { key: "cni-args", field: "cniArgs", read: object },
  { key: "default-route", field: "defaultRoute", read: gateways },
  { key: "ipam-claim-reference", field: "ipamClaim", read: text },
];

/** Every key an element may have, in its canonical spelling. */
export const selectionKeys: readonly string[] = keys.map(({ key }) => key);

const canonicalKeys: ReadonlyMap<string, string> = new Map(keys.map(({ key }) => [key.toLowerCase(), key]));

function foldKeys(element: JsonObject): Readonly<Record<string, unknown>> {
  const known = Object.entries(element).flatMap(([key, value]) => {
    const canonical = canonicalKeys.get(key.toLowerCase());
    return canonical === undefined || value === null ? [] : [[canonical, value] as const];
  });
  return Object.fromEntries(known);
}

function name(value: unknown, options: ReadOptions): string | undefined {
  return objectName(
    value,
    options,
    options.strict ? { accepts: isLabel, words: labelWords } : { accepts: isSubdomain, words: subdomainWords },
  );
}

function namespace(value: unknown, options: ReadOptions): string | undefined {
  return objectName(value, options, { accepts: isLabel, words: labelWords });
}

function objectName(
  value: unknown,
  options: ReadOptions,
  rule: { readonly accepts: (text: string) => boolean; readonly words: string },
): string | undefined {
  const found = text(value, { ...options, strict: false });
  if (found !== undefined && !rule.accepts(found))
    throw new Refusal(options.path, `is ${shown(found)}, expected ${rule.words}`);
  return found;
}

function interfaceName(value: unknown, options: ReadOptions): string | undefined {
  const found = text(value, options);
  const problem = found === undefined ? undefined : interfaceNameProblem(found);
  if (problem !== undefined) throw new Refusal(options.path, `is ${shown(found)}: ${problem}`);
  return found;
}

/** A name that was refused has been reported already. */
function requireName(found: string | undefined, given: unknown, strict: boolean): void {
  if (found !== undefined || (given !== undefined && given !== "")) return;
  const form = strict ? labelWords : "the name of a NetworkAttachmentDefinition";
  throw new Refusal(["name"], `is ${given === undefined ? "missing" : "empty"}, expected ${form}`);
}

/** Multi-network specification 1.3, 4.1.2.1.11. */
function refuseClaimBesideIps({ ipamClaim, ips }: Partial<NetworkSelection>): void {
  if (ipamClaim !== undefined && ips !== undefined)
    throw new Refusal(["ipam-claim-reference"], 'is given beside "ips", expected one of the two');
}
