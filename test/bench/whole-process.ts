// Whole-process ADD and DEL of every runtime, in turns (A B C A B C ...), so that a machine changing its speed hits all
// alike.
import { execFileSync } from "node:child_process";
import { inNetns, openNetns, openOwnNetns } from "../../src/kernel/netns.ts";
import type { Netns } from "../../src/kernel/netns.ts";
import { enterNetworkNamespace } from "../../src/os/index.ts";
import type { Case } from "./cases.ts";
import { uplink } from "./cases.ts";
import type { Runtime } from "./runtimes.ts";
import { ms, ratio, summarize, table } from "./statistics.ts";

export type Verb = "ADD" | "DEL";

/** Medians in milliseconds; NaN for a runtime that does not support the case. */
export interface Measured {
  medianMs(runtime: Runtime, verb: Verb, one: Case): number;
}

/** Measures every case by every runtime, `count` times each; one more is run first and not counted. */
export function measureWholeProcesses(list: readonly Case[], runtimes: readonly Runtime[], count: number): Measured {
  const own = openOwnNetns();
  const times = new Map<string, number[]>();
  const of = (runtime: Runtime, verb: Verb, one: Case): number[] => {
    const key = JSON.stringify([runtime.title, verb, one.title]), known = times.get(key) ?? [];
    times.set(key, known);
    return known;
  };
  for (const one of list) {
    for (let round = 0; round <= count; round++) {
      for (const [index, runtime] of runtimes.entries()) {
        if (!runtime.supports(one)) continue;
        const attachment = { containerId: `bench-${round}-${index}`, netns: makeContainer() };
        const { addMs, delMs } = inNetns(nodeOf(runtime), own, () => (
          { addMs: runtime.add(one, attachment), delMs: runtime.del(one, attachment) }));
        removeContainer();
        settle();
        if (round === 0) continue;
        of(runtime, "ADD", one).push(addMs);
        of(runtime, "DEL", one).push(delMs);
      }
    }
  }
  return { medianMs: (runtime, verb, one) => summarize(of(runtime, verb, one)).medianMs };
}

/** A row a case and verb: medians of all, and the ratio of each of ours to each of the others. */
export function wholeProcessTable(
  { medianMs }: Measured,
  list: readonly Case[],
  { ours, others }: { readonly ours: readonly Runtime[]; readonly others: readonly Runtime[] },
): string {
  const all = [...ours, ...others], pairs = ours.flatMap((own) => others.map((other) => [own, other] as const));
  const titles = pairs.map(([own, other]) => `${own.title} / ${other.title}`);
  const header = ["", ...all.map(({ title }) => `${title} ms`), ...titles];
  const verbs = ["ADD", "DEL"] as const;
  return table(header, list.flatMap((one) => verbs.map((verb) => [
    `${verb} ${one.title}`,
    ...all.map((runtime) => shown(medianMs(runtime, verb, one))),
    ...pairs.map(([own, other]) => shownRatio(medianMs(own, verb, one), medianMs(other, verb, one))),
  ])));
}

const nodes = new Map<string, Netns>();

/**
 * The namespace that is the runtime's host, made at first use: with what another one leaves behind (rules flushed,
 * files changed) none has to deal. It has lo up, and a lower link for macvlan whose other end nobody talks to.
 */
function nodeOf({ node, prepare }: Pick<Runtime, "node" | "prepare">): Netns {
  const known = nodes.get(node);
  if (known !== undefined) return known;
  sh(`ip netns add node-${node}; ip netns add lan-${node}; ip -n node-${node} link set lo up
      ip netns exec node-${node} sysctl -qw net.ipv4.ip_forward=1
      ip -n node-${node} link add ${uplink} type veth peer name eth0 netns lan-${node}
      ip -n node-${node} link set ${uplink} up; ip -n lan-${node} link set eth0 up`);
  const netns = openNetns(`/run/netns/node-${node}`);
  prepare?.(netns.path);
  nodes.set(node, netns);
  return netns;
}

/** Moves this process's main thread to the runtime's node for good, and what it starts with it. */
export function enterNode(runtime: Pick<Runtime, "node" | "prepare">): undefined {
  enterNetworkNamespace(nodeOf(runtime).fd);
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

/** What the kernel still clears up of one container is no part of the next one's time. */
export function settle(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, settleMs);
}

/** Some RCU grace periods. */
const settleMs = 100;

function sh(script: string): void {
  execFileSync("sh", ["-ec", script], { timeout: 20_000 });
}

function shownRatio(value: number, of: number): string {
  return Number.isNaN(value) || Number.isNaN(of) ? "" : ratio(value, of);
}

function shown(value: number): string {
  return Number.isNaN(value) ? "" : ms(value);
}
