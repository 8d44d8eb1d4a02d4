import { CniError, code, parseArgBoolean, splitArgPairs } from "../../cni/index.ts";

/**
 * Keys every network is told, in this order, empty ones included; plugins and their caches have come to expect them.
 */
const podKeys = ["K8S_POD_NAMESPACE", "K8S_POD_NAME", "K8S_POD_INFRA_CONTAINER_ID", "K8S_POD_UID"] as const;
/** What the runtime asks of the interface it knows about: a second network given the same address could only clash. */
const ownInterfaceKeys = new Set(["IP", "MAC", "GATEWAY"]);

/** CNI_ARGS as pairs. A value may contain "=". */
export type ArgPairs = readonly (readonly [string, string])[];

/**
 * CNI_ARGS for an ADD, judged; what an executable of another network understands is not ours to know.
 *
 * @throws CniError 4 for a part that is no pair, and for keys we do not know unless IgnoreUnknown is on
 */
export function requireArgs(args: string): ArgPairs {
  const stray = args.split(";").find((part) => part !== "" && part.indexOf("=") <= 0);
  if (stray !== undefined)
    throw new CniError(
      code.invalidEnvironment,
      `Cannot read CNI_ARGS: ${JSON.stringify(stray)} is no pair, expected KEY=VALUE;KEY=VALUE`,
    );
  const pairs = splitArgPairs(args);
  if (pairs.some(([key, value]) => key === "IgnoreUnknown" && parseArgBoolean(value))) return pairs;
  const known = new Set<string>(["IgnoreUnknown", ...podKeys, ...ownInterfaceKeys]);
  const unknown = pairs.map(([key]) => key).filter((key) => !known.has(key));
  if (unknown.length > 0)
    throw new CniError(
      code.invalidEnvironment,
      `Cannot use CNI_ARGS: ${unknown.join(", ")} unknown, expected IgnoreUnknown=1 beside it`,
    );
  return pairs;
}

/**
 * The arguments of one network: the five standard ones, then the runtime's others, once each, then what its selection
 * asks of its interface, which goes before what the runtime asks.
 */
export function networkArgs(
  pairs: ArgPairs,
  { everything, asked }: { readonly everything: boolean; readonly asked: ArgPairs },
): ArgPairs {
  const given = new Map(pairs);
  const standard: ArgPairs = [["IgnoreUnknown", "true"], ...podKeys.map((key) => [key, given.get(key) ?? ""] as const)];
  const known = new Set([...standard, ...asked].map(([key]) => key));
  const others = pairs.filter(([key]) => !known.has(key) && (everything || !ownInterfaceKeys.has(key)));
  return [...standard, ...others, ...asked];
}
