// npm run bench where: what the parts of a warm ADD of one bridge network cost. CPU time of whole ADDs, shared out by
// what V8's sampling profiler found at work in them. Arguments: [ADDs].
import { Session } from "node:inspector/promises";
import type { Profiler } from "node:inspector/promises";
import { openWarm } from "../../../src/call/index.ts";
import { add, del } from "../../../src/mux/index.ts";
import type { MuxCommand } from "../../../src/mux/index.ts";
import { plainBridges } from "../cases.ts";
import { openFloor } from "../floor.ts";
import { bridgesCommand, taken } from "../in-process.ts";
import { ms, ratio, summarize, table } from "../statistics.ts";
import { makeContainer, prepareHost, removeContainer } from "../whole-process.ts";

/** ADDs between two DELs, so that a profile holds nothing else. */
const batch = 20;
const batches = Math.ceil(Number(process.argv[2] ?? 1000) / batch), warmUpBatches = Math.ceil(batches / 2);
const sampleUs = 50;

/** What a sample counts as that finds one of these files at work; of several on the stack, the innermost. */
const parts: readonly (readonly [title: string, files: RegExp, functions?: RegExp])[] = [
  ["kernel: requests, sent and answered", /^os\/libc/, /^(send|receive)$/],
  ["kernel: settings below /proc/sys", /^kernel\/sysctl/],
  ["kernel: namespace and socket opened, entered, left",
    /^kernel\/(netns|namespace-handle|transport)|^os\/network-calls/],
  ["files: locks", /^os\/lock/],
  ["files: addresses and their index", /^store\/(network-|lease-|file-leases|holds|remembered)/],
  ["files: scratch and cached result", /^store\//],
  ["module", /^wasm/],
  ["netlink messages written and read", /^(netlink|kernel)\//],
  ["configurations and results read and written", /^(schema|cni|nad)\/|^mux\/(networks|conf)|^build/],
  ["addresses chosen and parsed", /^(ipam|net)\//],
  ["plugins", /^plugins\//],
  ["multiplexer", /^(mux|call|service)\//],
];
const collected = "garbage collected", other = "anything else";

prepareHost();
const warm = openWarm(), netns = makeContainer();
const session = new Session();
session.connect();
await session.post("Profiler.enable");
await session.post("Profiler.setSamplingInterval", { interval: sampleUs });
const costs: number[] = [], floors: number[] = [], counts = new Map<string, number>();
for (let round = -warmUpBatches; round < batches; round++) {
  const calls = Array.from({ length: batch }, (_, i) =>
    bridgesCommand(1, { netns, warm, containerId: `where-${i}`, ifName: `where${i}` }));
  const isProfiled = round >= 0 && round % 2 === 0;
  if (isProfiled) await session.post("Profiler.start");
  const { cpuMs } = await taken(() => addAll(calls));
  if (isProfiled) count((await session.post("Profiler.stop")).profile);
  else if (round >= 0) costs.push(cpuMs / batch);
  for (const call of calls) await del(call);
  const floor = openFloor(netns, plainBridges(1).map(({ name }) => name));
  const kernel = await taken(floor.add);
  floor.del();
  floor.close();
  if (round >= 0) floors.push(kernel.cpuMs);
}
removeContainer();
warm.close();
print();

async function addAll(calls: readonly MuxCommand[]): Promise<void> {
  for (const call of calls) await add(call);
}

function count({ nodes, samples = [] }: Profiler.Profile): void {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const above = new Map(nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node.id] as const)));
  for (const sample of samples) {
    const part = partOf(sample);
    if (part !== undefined) counts.set(part, (counts.get(part) ?? 0) + 1);
  }

  function partOf(leaf: number): string | undefined {
    for (let id: number | undefined = leaf; id !== undefined; id = above.get(id)) {
      const { functionName = "", url = "" } = byId.get(id)?.callFrame ?? {};
      if (functionName === "(idle)") return undefined;
      if (functionName === "(garbage collector)") return collected;
      const file = url.startsWith("wasm:") ? "wasm" : /\/(?:src|(?=build\/))(?:\/)?(.*)$/.exec(url)?.[1] ?? "";
      const part = parts.find(([, files, functions]) =>
        files.test(file) && (functions === undefined || functions.test(functionName)));
      if (part !== undefined) return part[0];
    }
    return other;
  }
}

function print(): void {
  const cost = summarize(costs).medianMs, floor = summarize(floors).medianMs;
  const all = [...counts.values()].reduce((sum, one) => sum + one, 0);
  const rows = [...parts.map(([title]) => title), collected, other].map((title) => {
    const share = (counts.get(title) ?? 0) / all;
    return [title, (share * cost).toFixed(3), `${(100 * share).toFixed(1)} %`];
  });
  console.log(table(["ADD of 1 bridge network", "CPU ms", "of all"], [...rows,
    ["all", ms(cost), ""], ["its bare kernel requests, back to back", ms(floor), ""]]));
  console.log(`\nRatio ${ratio(cost, floor)}, over ${costs.length * batch} ADDs; shares of ${all} samples.`);
}
