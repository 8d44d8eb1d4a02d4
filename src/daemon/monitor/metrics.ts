/** What a monitor asks of a daemon, in Prometheus' words. Loaded late: prom-client takes its time. */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { WatchFacts } from "../../kube/index.ts";
import { observeModules } from "../../wasm/index.ts";
import type { ServedFacts } from "./observed.ts";
import type { Repaired } from "../reconcile.ts";

export interface MetricsSources {
  readonly daemon: { readonly running: number; readonly waiting: number; readonly connections: number };
  readonly repaired: Repaired;
  /** What is known of clusters; absent where they are not watched. */
  readonly watched?: (() => WatchFacts) | undefined;
}

export interface Metrics {
  served(facts: ServedFacts): void;
  /** The longest that nothing could be served, of a second. */
  heldUp(seconds: number): void;
  page(): Promise<{ readonly type: string; readonly body: string }>;
  close(): void;
}

/** Names are the cluster's and the callers' to choose: what comes after so many different ones is "other". */
const namesMax = 100;
/** From a warm call to the longest one is waited for. */
const secondsBuckets = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 15, 60, 300];
const heldUpBuckets = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5, 30];
const moduleSecondsBuckets = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5];
const fuelBuckets = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8];

export function openMetrics({ daemon, repaired, watched }: MetricsSources): Metrics {
  const registry = new Registry(), registers = [registry];
  const networks = bounded(), outcomes = bounded(), modules = bounded();
  const requests = new Histogram({
    name: "polynic_request_seconds", help: "Calls that were served, from their beginning to their answer.",
    labelNames: ["verb", "network", "outcome"], buckets: secondsBuckets, registers,
  });
  const gauge = (name: string, help: string, value: () => number): void => {
    new Gauge({ name, help, registers, collect() { this.set(value()); } });
  };
  gauge("polynic_requests_in_flight", "Calls at work.", () => daemon.running);
  gauge("polynic_requests_waiting", "Calls that wait for their turn.", () => daemon.waiting);
  gauge("polynic_connections", "Connections of shims.", () => daemon.connections);
  gauge("polynic_resident_bytes", "Memory of this process.", () => process.memoryUsage.rss());
  if (watched !== undefined) {
    gauge("polynic_cache_age_seconds", "For how long the watch of a cluster has said nothing.", () =>
      watched().ageSeconds);
    addWatchMetrics(watched, registers);
  }
  new Counter({
    name: "polynic_repaired_total", help: "What was put right of containers that were gone.", labelNames: ["what"],
    registers,
    collect() {
      this.reset();
      for (const [what, count] of Object.entries(repaired)) this.inc({ what }, count);
    },
  });
  const moduleSeconds = new Histogram({
    name: "polynic_module_seconds", help: "Calls of WASM modules.", labelNames: ["module", "outcome"],
    buckets: moduleSecondsBuckets, registers,
  });
  const moduleFuel = new Histogram({
    name: "polynic_module_fuel", help: "Instructions that calls of WASM modules took, at most.", labelNames: ["module"],
    buckets: fuelBuckets, registers,
  });
  const heldUp = new Histogram({
    name: "polynic_held_up_seconds", help: "Of each second, the longest that nothing could be served.",
    buckets: heldUpBuckets, registers,
  });
  const stop = observeModules((name, { milliseconds, fuelUsed }, isFailed) => {
    const module = modules(name);
    moduleSeconds.observe({ module, outcome: isFailed ? "failed" : "ok" }, milliseconds / 1000);
    moduleFuel.observe({ module }, Number(fuelUsed));
  });
  return {
    served({ verb, network, code, seconds }) {
      const outcome = outcomes(code === 0 ? "ok" : `code ${code}`);
      requests.observe({ verb: knownVerbs.has(verb) ? verb : "other", network: networks(network), outcome }, seconds);
    },
    heldUp: (seconds) => heldUp.observe(seconds),
    page: async () => ({ type: registry.contentType, body: await registry.metrics() }),
    close: stop,
  };
}

/** Each figure by what is watched: pods, definitions. */
function addWatchMetrics(watched: () => WatchFacts, registers: Registry[]): void {
  const what = ["pods", "definitions"] as const, labelNames = ["what"];
  for (const [name, help, key] of [
    ["polynic_cache_objects", "Objects that are known by watching.", "objects"],
    ["polynic_cache_chars", "Characters of their JSON.", "chars"],
  ] as const) {
    new Gauge({ name, help, labelNames, registers, collect() {
      for (const one of what) this.set({ what: one }, watched()[one][key]);
    } });
  }
  for (const [name, help, key] of [
    ["polynic_cache_hits_total", "Look-ups that were answered by what is watched.", "hits"],
    ["polynic_cache_misses_total", "Look-ups that the API was asked for.", "misses"],
    ["polynic_watch_reconnects_total", "How often a watch was begun anew.", "reconnects"],
  ] as const) {
    new Counter({ name, help, labelNames, registers, collect() {
      this.reset();
      for (const one of what) this.inc({ what: one }, watched()[one][key]);
    } });
  }
}

const knownVerbs: ReadonlySet<string> = new Set(["ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION"]);

function bounded(): (name: string) => string {
  const seen = new Set<string>();
  return (name) => {
    if (seen.has(name)) return name;
    if (seen.size >= namesMax) return "other";
    seen.add(name);
    return name;
  };
}
