import { UsageError } from "../errors.ts";

/** Milliseconds in units that Go's flags have (https://pkg.go.dev/time#ParseDuration). */
const unitsMs: Readonly<Record<string, number>> = {
  ns: 1e-6, us: 1e-3, "µs": 1e-3, "μs": 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000,
};

/**
 * A duration such as `1m2.5s` in milliseconds, at least 1.
 *
 * @throws UsageError that names the option
 */
export function parseDuration(option: string, text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/gy)];
  const ms = parts.reduce((sum, [, count, unit = ""]) => sum + Number(count) * (unitsMs[unit] ?? 0), 0);
  if (parts.map(([part]) => part).join("") === text && ms >= 1) return ms;
  throw new UsageError(`Cannot use --${option} ${JSON.stringify(text)}: expected a time such as 10s, 500ms or 1m30s`);
}
