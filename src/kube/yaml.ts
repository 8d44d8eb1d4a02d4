import { parse } from "yaml";

/**
 * The value of a YAML document. Loaded late: it brings the package along, and most files we read are JSON.
 *
 * @throws Error naming line and column
 */
export function parseYaml(text: string): unknown {
  // What the package warns of is printed to stderr otherwise, which is the runtime's log.
  return parse(text, { logLevel: "error", prettyErrors: true });
}
