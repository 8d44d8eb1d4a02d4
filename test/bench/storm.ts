// npm run bench:storm [PODS] [AT ONCE]: that many pods of three networks, so many of them at a time, by the daemon, by
// the one-shot form and by the executables it is compared with: failures, how long the slowest wait, processor time and
// memory. Each on a node of its own; the driver's own work is part of nobody's figures but the waiting.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { plainBridges } from "./cases.ts";
import type { Case } from "./cases.ts";
import { daemonId, start } from "./daemon/process.ts";
import type { Attachment, MultiplexerOptions } from "./runtimes.ts";
import { callOf, chainCalls, multiplexer, withDaemon } from "./runtimes.ts";
import { against, ms, ratio, summarize, table } from "./statistics.ts";
import { enterNode, prepareHost } from "./whole-process.ts";

const root = join(import.meta.dirname, "..", "..");
const bin = join(root, "dist", "bin"), polynic = join(bin, "polynic"), socket = "/run/polynic/polynic.sock";
const [pods = 200, atOnce = 32] = process.argv.slice(2).map(Number);
const networks = 3;
const one: Case = { title: "storm", networks: plainBridges(networks) };

/** Of a field in a stat file, proc(5). */
const tickMs = 10;
/** Between two looks at the memory. */
const sampleMs = 50;
/** Goals, for the daemon; of CPU and of deleting as a part of the reference chain's. */
const p99MostMs = 500, cpuMost = 0.25, deletingMost = 1 / 3;

interface Stormer {
  readonly title: string;
  /** Runs on its node before anything else; a daemon's process id. */
  prepare(): number | undefined;
  /** All processes of an ADD or DEL, one after the other; rejects with what one said that failed. */
  run(command: "ADD" | "DEL", attachment: Attachment): Promise<void>;
}

interface Figures {
  readonly title: string;
  readonly failures: readonly string[];
  readonly addMs: readonly number[];
  readonly addingMs: number;
  readonly deletingMs: number;
  /** Of the processes that were run and of the daemon. */
  readonly cpuMs: number;
  /** Most of all processes together, shared pages counted once. */
  readonly peakKiB: number;
}

prepareHost();
const attachments = Array.from({ length: pods }, (_, i) => makePod(i));
const all: Figures[] = [];
for (const stormer of stormers()) all.push(await storm(stormer));
console.log(report(all));

function makePod(index: number): Attachment {
  const name = `pod${index}`;
  execFileSync("ip", ["netns", "add", name]);
  return { containerId: `storm-${index}`, netns: `/run/netns/${name}` };
}

function stormers(): readonly Stormer[] {
  const newer = join(root, "build", "reference-plugins"), directory = existsSync(newer) ? newer : "/usr/lib/cni";
  const { MULTUS: multus } = process.env;
  const ours = { executable: polynic, type: "polynic", pluginPath: bin };
  return [
    multiplexed("daemon", { ...ours, node: "daemon", env: { POLYNIC_SOCKET: socket } }),
    multiplexed("one-shot", ours),
    ...(existsSync(join(directory, "bridge")) ? [chained("reference", directory)] : []),
    ...(multus === undefined
      ? [] : [multiplexed("multus", { executable: multus, type: "multus", pluginPath: directory })]),
  ];
}

function multiplexed(title: string, options: MultiplexerOptions): Stormer {
  const runtime = multiplexer(title, options);
  const prepared = title === "daemon" ? withDaemon(runtime, polynic, socket) : runtime;
  return {
    title,
    prepare() {
      enterNode(prepared);
      return title === "daemon" ? daemonId() : undefined;
    },
    run: async (command, attachment) => void (await start({ ...callOf(one, attachment, options), command })),
  };
}

function chained(title: string, directory: string): Stormer {
  return {
    title,
    prepare: () => enterNode({ node: title }),
    async run(command, attachment) {
      for (const call of chainCalls(one, command, attachment, { directory, node: title })) {
        call.keep(await start(call.call()));
      }
    },
  };
}

/** Every pod gets its networks, then every pod loses them. */
async function storm({ title, prepare, run }: Stormer): Promise<Figures> {
  const daemon = prepare();
  const failures: string[] = [], addMs: number[] = [];
  const cpuBefore = cpuOf(daemon);
  const memory = watchMemory();
  const sweep = async (command: "ADD" | "DEL"): Promise<number> => {
    const started = performance.now(), waiting = [...attachments];
    await Promise.all(Array.from({ length: atOnce }, async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const begun = performance.now();
        await run(command, next).catch((error: unknown) => failures.push(`${command}: ${String(error)}`));
        if (command === "ADD") addMs.push(performance.now() - begun);
      }
    }));
    return performance.now() - started;
  };
  const addingMs = await sweep("ADD"), deletingMs = await sweep("DEL");
  return { title, failures, addMs, addingMs, deletingMs, cpuMs: cpuOf(daemon) - cpuBefore, peakKiB: memory.stop() };
}

/** Processor time of the children that have ended, and theirs, and of the daemon: proc(5), stat, in 1/100 s. */
function cpuOf(daemon: number | undefined): number {
  const own = statOf("self");
  const ended = (own[15] ?? 0) + (own[16] ?? 0);
  const running = daemon === undefined ? [] : statOf(String(daemon)).slice(13, 17);
  return (ended + running.reduce((sum, ticks) => sum + ticks, 0)) * tickMs;
}

/** Fields of a stat file by their numbers in proc(5), less one; those that are no numbers are NaN. */
function statOf(process: string): readonly number[] {
  const text = readFileSync(`/proc/${process}/stat`, "utf8");
  return [0, 0, ...text.slice(text.lastIndexOf(")") + 2).split(" ").map(Number)];
}

/** Everything in this process namespace but ourselves. */
function watchMemory(): { stop(): number } {
  let peakKiB = 0;
  const timer = setInterval(() => {
    const others = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
    peakKiB = Math.max(peakKiB, others.reduce((sum, id) => sum + proportionalKiB(id), 0));
  }, sampleMs);
  return {
    stop() {
      clearInterval(timer);
      return peakKiB;
    },
  };
}

/** It may have ended since it was listed. */
function proportionalKiB(id: string): number {
  try {
    return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${id}/smaps_rollup`, "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

function report(all: readonly Figures[]): string {
  const perAttachment = (figures: Figures): number => figures.cpuMs / (pods * networks);
  const percentile = (values: readonly number[], part: number): number =>
    values.toSorted((a, b) => a - b)[Math.ceil(values.length * part) - 1] ?? Number.NaN;
  const rows = all.map((figures) => [
    figures.title, String(figures.failures.length), ms(summarize(figures.addMs).medianMs),
    ms(percentile(figures.addMs, 0.99)), ms(figures.addingMs), ms(figures.deletingMs), ms(perAttachment(figures)),
    (figures.peakKiB / 1024).toFixed(0),
  ]);
  const header = ["", "failures", "ADD median ms", "ADD p99 ms", "all added ms", "all deleted ms", "CPU/attachment ms",
    "peak MiB"];
  const failures = all.flatMap(({ title, failures: [first] }) => first === undefined ? [] : [`${title}: ${first}`]);
  return [
    `${pods} pods of ${networks} networks, ${atOnce} at a time\n`, table(header, rows), ...failures, "", goals(all),
  ].join("\n");

  function goals(all: readonly Figures[]): string {
    const [daemon, reference] = ["daemon", "reference"].map((name) => all.find(({ title }) => title === name));
    if (daemon === undefined) return "";
    const p99 = percentile(daemon.addMs, 0.99);
    const rows = [["failures", String(daemon.failures.length), against(daemon.failures.length, 0)],
      ["ADD p99 ms", ms(p99), against(p99, p99MostMs)]];
    if (reference !== undefined) {
      const cpu = perAttachment(daemon) / perAttachment(reference);
      const deleting = daemon.deletingMs / reference.deletingMs;
      rows.push(["CPU of the reference's", ratio(cpu, 1), against(cpu, cpuMost)],
        ["deleting of the reference's", ratio(deleting, 1), against(deleting, Math.round(deletingMost * 100) / 100)]);
    }
    return table(["daemon", "", "goal"], rows);
  }
}
