// Whole-process ADD and DEL of every runtime, in turns (A B C A B C ...), so that a machine changing its speed hits all
// alike.
import { execFileSync } from "node:child_process";
import { inNetns, openNetns, openOwnNetns } from "../../src/kernel/netns.ts";
import type { Netns } from "../../src/kernel/netns.ts";
import { cases, uplink } from "./cases.ts";
import type { Runtime } from "./runtimes.ts";
import { ms, ratio, summarize, table } from "./statistics.ts";

/**
 * Measures every case: a table of medians a case and verb, with our ratio to each of the others, and our own medians by
 * row.
 *
 * @param ours    the runtime the ratios are of
 * @param others  what it is compared with
 * @param count   counted runs of each; one more is run first and not counted
 */
export function compareWholeProcesses(ours: Runtime, others: readonly Runtime[],
  count: number): { readonly text: string; readonly own: ReadonlyMap<string, number> } {
  const runtimes = [ours, ...others];
  const header = ["", ...runtimes.map(({ title }) => `${title} ms`), ...others.map(({ title }) => `ratio to ${title}`)];
  const own = openOwnNetns();
  const rows: string[][] = [];
  const ownMedians = new Map<string, number>();
  for (const one of cases) {
    const able = runtimes.filter((runtime) => runtime.supports(one));
    const times = new Map(able.map((runtime) => [runtime, { add: [] as number[], del: [] as number[] }]));
    for (let round = 0; round <= count; round++) {
      for (const runtime of able) {
        const attachment = { containerId: `bench-${round}-${able.indexOf(runtime)}`, netns: makeContainer() };
        const { addMs, delMs } = inNetns(nodeOf(runtime), own, () => (
          { addMs: runtime.add(one, attachment), delMs: runtime.del(one, attachment) }));
        removeContainer();
        if (round === 0) continue;
        times.get(runtime)?.add.push(addMs);
        times.get(runtime)?.del.push(delMs);
      }
    }
    for (const verb of ["add", "del"] as const) {
      const medians = runtimes.map((runtime) => summarize(times.get(runtime)?.[verb] ?? []).medianMs);
      const [ourMedian = Number.NaN, ...rest] = medians;
      const title = `${verb.toUpperCase()} ${one.title}`;
      ownMedians.set(title, ourMedian);
      rows.push([title, ...medians.map(shown), ...rest.map((other) => Number.isNaN(other) ? "" : ratio(ourMedian,
        other))]);
    }
  }
  return { text: table(header, rows), own: ownMedians };
}

const nodes = new Map<string, Netns>();

/**
 * The namespace that is the runtime's host, made at first use: with what another one leaves behind (rules flushed,
 * files changed) none has to deal. It has lo up, and a lower link for macvlan whose other end nobody talks to.
 */
function nodeOf({ node }: Runtime): Netns {
  const known = nodes.get(node);
  if (known !== undefined) return known;
  sh(`ip netns add node-${node}; ip netns add lan-${node}; ip -n node-${node} link set lo up
      ip netns exec node-${node} sysctl -qw net.ipv4.ip_forward=1
      ip -n node-${node} link add ${uplink} type veth peer name eth0 netns lan-${node}
      ip -n node-${node} link set ${uplink} up; ip -n lan-${node} link set eth0 up`);
  const netns = openNetns(`/run/netns/node-${node}`);
  nodes.set(node, netns);
  return netns;
}

/** The namespace of the benchmark itself, where the multiplexer is called as a library. */
export function prepareHost(): void {
  sh("ip link set lo up; sysctl -qw net.ipv4.ip_forward=1");
}

export function makeContainer(): string {
  sh("ip netns add container; ip -n container link set lo up");
  return "/run/netns/container";
}

export function removeContainer(): void {
  sh("ip netns delete container");
}

function sh(script: string): void {
  execFileSync("sh", ["-ec", script], { timeout: 20_000 });
}

function shown(value: number): string {
  return Number.isNaN(value) ? "" : ms(value);
}
