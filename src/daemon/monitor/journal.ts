import { printable } from "../../cni/index.ts";
import type { ServedFacts } from "./observed.ts";

export type LogFormat = "text" | "json";

/** What the daemon says of itself and of calls. */
export interface Journal {
  log(line: string): void;
  served(facts: ServedFacts): void;
}

/**
 * Lines for people, with those calls that failed; or a JSON object a line, with every call: `time`, `level`, `message`,
 * and of calls `request`, `verb`, `plugin`, `network`, `container`, `interface`, `code` (0 for success), `seconds`,
 * `traceId` and `parentId` where the caller has a trace.
 */
export function openJournal(
  format: LogFormat, write: (line: string) => void, now: () => Date = () => new Date(),
): Journal {
  const json = (level: string, message: string, more: object = {}): void =>
    write(JSON.stringify({ time: now().toISOString(), level, message, ...more }));
  return {
    log: (line) => format === "json" ? json("info", line) : write(line),
    served(facts) {
      const { request, verb, plugin, network, containerId, ifName, code, problem, trace, seconds } = facts;
      const level = code === 0 ? "info" : "error";
      const about = { request, verb, plugin, network, container: containerId, interface: ifName, code, seconds };
      if (format === "json") json(level, problem ?? `${verb} is done`, { ...about, ...trace });
      else if (code !== 0) {
        const traced = trace === undefined ? "" : `, trace ${trace.traceId}`;
        const what = `${verb} of network "${network}" for container ${containerId}`;
        write(printable(`request ${request}${traced}: ${what} failed: ${problem ?? ""} (code ${code})`));
      }
    },
  };
}
