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
  /** Which start of the machine it was made in: no container outlives it. Absent where nobody wrote it down. */
  readonly bootId?: string;
  /**
   * The runtime's capability arguments, in scratch files only: a network's own are cached with its result, which is not
   * there yet when an ADD is killed, and GC is given none.
   */
  readonly runtimeConfig?: Readonly<Record<string, unknown>>;
}

export function parseMultiplexer(value: unknown): Multiplexer | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const fields = new Map<string, unknown>(Object.entries(value));
  const [network, ifName, netns, args] = ["network", "ifName", "netns", "args"].map((key) => fields.get(key));
  if (
    typeof network !== "string" ||
    typeof ifName !== "string" ||
    typeof netns !== "string" ||
    typeof args !== "string"
  )
    return undefined;
  const runtimeConfig = fields.get("runtimeConfig");
  // An object with unknown values is all that is claimed of it.
  const given =
    typeof runtimeConfig === "object" && runtimeConfig !== null && !Array.isArray(runtimeConfig)
      ? { runtimeConfig: runtimeConfig as Record<string, unknown> }
      : {};
  const bootId = fields.get("bootId");
  return { network, ifName, netns, args, ...(typeof bootId === "string" ? { bootId } : {}), ...given };
}
