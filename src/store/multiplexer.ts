/**
 * The attachment the runtime asked for, which several networks were made part of. Kept beside each of them under a key
 * that other programs ignore, so that GC, which has no container at hand, can tell whose they are and undo them.
 */
export interface Multiplexer {
  /** Name of the multiplexing network. */
  readonly network: string;
  /** The runtime's interface name. */
  readonly ifName: string;
  readonly netns: string;
  /** CNI_ARGS verbatim. */
  readonly args: string;
}

export function parseMultiplexer(value: unknown): Multiplexer | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const fields = new Map<string, unknown>(Object.entries(value));
  const [network, ifName, netns, args] = ["network", "ifName", "netns", "args"].map((key) => fields.get(key));
  if (typeof network !== "string" || typeof ifName !== "string" || typeof netns !== "string" || typeof args !== "string") return undefined;
  return { network, ifName, netns, args };
}
