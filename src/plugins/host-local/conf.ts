import type { Confs } from "../../cni/index.ts";
import { CniError, code, confSchema, parseArgs } from "../../cni/index.ts";
import type { RangeConf } from "../../ipam/index.ts";
import type { Address, Prefix } from "../../net/index.ts";
import { AddressError, formatAddress, parseAddressOrPrefix } from "../../net/index.ts";
import { MissingArgument } from "../contract/missing-argument.ts";

/** What host-local reads of its network. */
export type HostLocalConf = Confs["host-local"];

export const hostLocalSchema = confSchema("host-local");

/** The range sets in the order that numbers them: the runtime's, the one written directly in `ipam`, then `ranges`. */
export function rangeSetsOf(conf: HostLocalConf, network: string): readonly (readonly RangeConf[])[] {
  const { ipam, runtimeConfig } = conf;
  if (ipam === undefined)
    throw new CniError(code.invalidConfig, `Cannot use network "${network}": it has no ipam, expected one with ranges`);
  const { subnet, rangeStart, rangeEnd, gateway } = ipam;
  const direct = {
    subnet,
    ...(rangeStart === undefined ? {} : { rangeStart }),
    ...(rangeEnd === undefined ? {} : { rangeEnd }),
    ...(gateway === undefined ? {} : { gateway }),
  };
  const sets = [
    ...(runtimeConfig?.ipRanges ?? []),
    ...(subnet === undefined || subnet === "" ? [] : [[{ ...direct, subnet }]]),
    ...(ipam.ranges ?? []),
  ];
  if (sets.length === 0)
    throw new MissingArgument(
      "ipRanges",
      `Cannot use network "${network}": it has no range, expected ipam.ranges or ipam.subnet`,
    );
  const count = sets.reduce((sum, set) => sum + set.length, 0);
  refuseMore("range sets", sets.length, setsMax);
  refuseMore("ranges", count, rangesMax);
  return sets;
}

/** As many as the schema lets each list have: a module that chooses among more would need longer than it may take. */
const setsMax = 64, rangesMax = 16_384, requestedMax = 256;

function refuseMore(what: string, count: number, countMax: number): void {
  if (count > countMax)
    throw new CniError(code.invalidConfig, `Cannot use ${count} ${what}: expected at most ${countMax}`);
}

/**
 * The addresses asked for: CNI_ARGS (several with commas), `args.cni.ips`, then the runtime's; each once, as one that a
 * pod asks for arrives in two of these ways. A prefix length behind one is ignored. `otherKeys` of CNI_ARGS are known
 * too.
 */
export function requestedOf(conf: HostLocalConf, args: string, otherKeys: readonly string[] = []): readonly Address[] {
  return requestedPrefixes(conf, args, otherKeys).map(({ address }) => address);
}

/** The same with the prefix lengths that are written behind some. */
export function requestedPrefixes(
  conf: Pick<HostLocalConf, "args" | "runtimeConfig">, args: string, otherKeys: readonly string[],
): readonly (Prefix & { readonly hasLength: boolean })[] {
  const { IP = "" } = parseArgs<string>(args, ["IP", ...otherKeys]);
  const all = [
    ...(IP === "" ? [] : IP.split(",")).map((text) => requested("CNI_ARGS IP", text, code.invalidEnvironment)),
    ...(conf.args?.cni?.ips ?? []).map((text) => requested("args.cni.ips", text)),
    ...(conf.runtimeConfig?.ips ?? []).map((text) => requested("runtimeConfig.ips", text)),
  ];
  refuseMore("requested addresses", all.length, requestedMax);
  return [...new Map(all.map((one) => [formatAddress(one.address), one])).values()];
}

function requested(where: string, text: string, number: number = code.invalidConfig) {
  try {
    return parseAddressOrPrefix(text);
  } catch (cause) {
    if (!(cause instanceof AddressError)) throw cause;
    throw new CniError(
      number,
      `Cannot use ${where}: ${JSON.stringify(text)} is no address, expected one such as 10.1.2.3 or 10.1.2.3/24`,
      { cause },
    );
  }
}
