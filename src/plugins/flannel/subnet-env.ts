import { CniError, code } from "../../cni/index.ts";
import type { Prefix } from "../../net/index.ts";
import { networkOf, parsePrefix } from "../../net/index.ts";

/** What flanneld says of this node's part of the cluster's network. */
export interface SubnetEnv {
  /** One or two, IPv4 first: where this node's addresses are from. */
  readonly subnets: readonly Prefix[];
  /** The cluster's, IPv4 first. */
  readonly networks: readonly Prefix[];
  readonly mtu: number;
  /** flanneld masquerades what leaves the cluster's network. */
  readonly ipMasq: boolean;
}

/**
 * The text of subnet.env: lines NAME=VALUE, of which those not known are nothing to us. FLANNEL_NETWORK and
 * FLANNEL_SUBNET, or both with _IPV6_, or all four; networks may be several, joined by commas.
 *
 * @throws CniError 6 naming the file and the variable
 */
export function parseSubnetEnv(text: string, path: string): SubnetEnv {
  const values = new Map(text.split("\n").flatMap((line) => {
    const [, name, value] = /^\s*([A-Z0-9_]+)=(.*?)\s*$/.exec(line) ?? [];
    return name === undefined || value === undefined ? [] : [[name, value] as const];
  }));
  const value = (name: string): string => values.get(name) ?? "";
  const missing = ["FLANNEL_MTU", "FLANNEL_IPMASQ"].filter((name) => value(name) === "");
  const families = ["FLANNEL", "FLANNEL_IPV6"].filter((prefix) => value(`${prefix}_SUBNET`) !== "");
  if (families.length === 0) missing.unshift("FLANNEL_SUBNET or FLANNEL_IPV6_SUBNET");
  missing.push(...families.map((prefix) => `${prefix}_NETWORK`).filter((name) => value(name) === ""));
  if (missing.length > 0) throw undecodable(path, `it has no ${missing.join(", no ")}, expected flanneld to write it`);
  const networks = families.flatMap((prefix) => {
    const name = `${prefix}_NETWORK`;
    return value(name).split(",").map((part) => prefixIn(path, name, part.trim()));
  });
  return {
    subnets: families.map((prefix) => prefixIn(path, `${prefix}_SUBNET`, value(`${prefix}_SUBNET`))), networks,
    mtu: mtuIn(path, value("FLANNEL_MTU")), ipMasq: booleanIn(path, value("FLANNEL_IPMASQ")),
  };
}

function prefixIn(path: string, name: string, text: string): Prefix {
  const wanted = name.includes("IPV6") ? 6 : 4;
  try {
    const prefix = networkOf(parsePrefix(text));
    if (prefix.address.family === wanted) return prefix;
  } catch {
    // No prefix at all.
  }
  throw undecodable(path, `${name} is ${JSON.stringify(text)}, expected an IPv${wanted} prefix`);
}

function mtuIn(path: string, text: string): number {
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw undecodable(path, `FLANNEL_MTU is ${JSON.stringify(text)}, expected a number of bytes`);
}

/** As strconv.ParseBool of Go, which flanneld's own reader calls. */
function booleanIn(path: string, text: string): boolean {
  if (/^(1|t|T|TRUE|true|True)$/.test(text)) return true;
  if (/^(0|f|F|FALSE|false|False)$/.test(text)) return false;
  throw undecodable(path, `FLANNEL_IPMASQ is ${JSON.stringify(text)}, expected true or false`);
}

function undecodable(path: string, what: string): CniError {
  return new CniError(code.decodingFailure, `Cannot use ${path}: ${what}`);
}
