// npm run bench:soak [PAIRS] [AT ONCE]: that many times ADD and DEL of a masquerading bridge network by one daemon,
// through the shim: its memory as it goes on, the shim's, descriptors, failures, and what is left on the node.
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Case } from "../cases.ts";
import type { Attachment, Call } from "../runtimes.ts";
import { callOf, multiplexer, withDaemon } from "../runtimes.ts";
import { against, ratio, summarize, table } from "../statistics.ts";
import { enterNode, prepareHost } from "../whole-process.ts";
import { daemonId, openDescriptors, residentKiB, start, sweep } from "./process.ts";
import { shimPeakKiB } from "./shim-peak.ts";

const root = join(import.meta.dirname, "..", "..", "..");
const bin = join(root, "dist", "bin"), polynic = join(bin, "polynic"), socket = "/run/polynic/polynic.sock";
const [pairs = 5000, atOnce = 16] = process.argv.slice(2).map(Number);
const node = "soak", state = join("/var/lib/cni", node), parts = 10;
/** Goals; of memory after the last part as a multiple of that after the third. */
const daemonMostMiB = 120, growthMost = 1.05, shimMostKiB = 1024;
/** For connections to close that have been answered; between two looks at the memory. */
const settleMs = 500, sampleMs = 100;

const options = { executable: polynic, type: "polynic", pluginPath: bin, node, env: { POLYNIC_SOCKET: socket } };
const one: Case = { title: "soak", networks: [{ name: "soak", plugins: [{ type: "bridge", bridge: "soak0",
  isDefaultGateway: true, ipMasq: true, ipMasqBackend: "nftables",
  ipam: { type: "host-local", ranges: [[{ subnet: "10.120.0.0/24" }]] } }] }] };

interface Look {
  readonly title: string;
  /** The median of a part: what is there at one moment is what no collection has had its turn with. */
  readonly daemonKiB: number;
  readonly descriptors: number;
  readonly shimKiB: number | undefined;
  readonly failures: readonly string[];
}

prepareHost();
enterNode(withDaemon(multiplexer("daemon", options), polynic, socket));
const daemon = daemonId();
const lanes = Array.from({ length: atOnce }, (_, lane) => {
  execFileSync("ip", ["netns", "add", `lane${lane}`]);
  return `/run/netns/lane${lane}`;
});
console.log(report(await soak()));

async function soak(): Promise<Soaked> {
  const looks = [look("start")];
  // The bridge and the tables stay, as they do with any bridge plugin.
  await pair({ containerId: "first", netns: lanes[0] ?? "" });
  const before = traces();
  for (let part = 0; part < parts; part++) {
    const numbers = range(Math.round(pairs * part / parts), Math.round(pairs * (part + 1) / parts));
    const samplesKiB: number[] = [];
    const sampling = setInterval(() => samplesKiB.push(residentKiB(daemon)), sampleMs);
    const failures = await sweep(numbers, atOnce, (number, lane) =>
      pair({ containerId: `soak-${number}`, netns: lanes[lane] ?? "" }));
    clearInterval(sampling);
    const shimKiB = await probe(part);
    await sleep(settleMs);
    const daemonKiB = summarize([...samplesKiB, residentKiB(daemon)]).medianMs;
    looks.push({ ...look(`${100 * (part + 1) / parts} %`), daemonKiB, shimKiB, failures });
  }
  const left = [...traces()].filter((trace) => !before.has(trace));
  return { looks, left, peakKiB: residentKiB(daemon, "VmHWM") };
}

interface Soaked {
  readonly looks: readonly Look[];
  /** What was not there after the first pair. */
  readonly left: readonly string[];
  readonly peakKiB: number;
}

async function pair(attachment: Attachment): Promise<void> {
  for (const command of ["ADD", "DEL"] as const) await start(call(command, attachment));
}

/** An ADD more, whose shim is looked at, and its DEL. */
async function probe(part: number): Promise<number> {
  const attachment = { containerId: `probe-${part}`, netns: lanes[0] ?? "" };
  const peakKiB = await shimPeakKiB(call("ADD", attachment), "/run/soak-answer");
  await start(call("DEL", attachment));
  return peakKiB;
}

function call(command: "ADD" | "DEL", attachment: Attachment): Call {
  return { ...callOf(one, attachment, options), command };
}

function look(title: string): Look {
  return { title, daemonKiB: residentKiB(daemon), descriptors: openDescriptors(daemon), shimKiB: undefined,
    failures: [] };
}

/** Links, lines of the rules, and files but for the locks, of which there are at most 256 for ever. */
function traces(): ReadonlySet<string> {
  const lines = (command: string, ...words: readonly string[]): readonly string[] =>
    execFileSync(command, words, { encoding: "utf8" }).split("\n").filter((line) => line.trim() !== "");
  const links = lines("ip", "-br", "link", "show").map((line) => `link ${line.split(/[\s@]/)[0]}`);
  const rules = lines("nft", "-s", "list", "ruleset").map((line) => `rule ${line.trim()}`);
  const files = readdirSync(state, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/^lock(-\d+)?$/.test(entry.name))
    .map(({ parentPath, name }) => join(parentPath, name))
    .map((path) => `${path.startsWith(`${state}/networks/`) ? "reservation" : "file"} ${path}`);
  return new Set([...links, ...rules, ...files]);
}

function range(from: number, to: number): readonly number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

function report({ looks, left, peakKiB }: Soaked): string {
  const failures = looks.flatMap((one) => one.failures);
  const rows = looks.map(({ title, daemonKiB, descriptors, shimKiB, failures: some }) =>
    [title, mib(daemonKiB), String(descriptors), shimKiB === undefined ? "" : String(shimKiB), String(some.length)]);
  const [third, last] = [looks[3], looks.at(-1)].map((one) => one?.daemonKiB ?? Number.NaN);
  const shim = Math.max(...looks.map(({ shimKiB }) => shimKiB ?? 0));
  const growth = (last ?? Number.NaN) / (third ?? Number.NaN);
  const kinds = ["link", "reservation", "rule", "file"].map((kind) => [`${kind}s left`,
    left.filter((trace) => trace.startsWith(`${kind} `)).length] as const);
  return [
    `${pairs} times ADD and DEL of a bridge that masquerades by nftables, ${atOnce} at a time\n`,
    table(["after", "daemon MiB", "descriptors", "shim's peak KiB", "failures"], rows),
    "", ...failures.slice(0, 3), ...left.slice(0, 10), "",
    table(["soak", "", "goal"], [
      ["daemon's peak MiB", mib(peakKiB), against(peakKiB / 1024, daemonMostMiB)],
      ["last tenth's of the third's", ratio(last ?? Number.NaN, third ?? Number.NaN), against(growth, growthMost)],
      ["shim's peak KiB", String(shim), against(shim, shimMostKiB)],
      ["failures", String(failures.length), against(failures.length, 0)],
      ...kinds.map(([kind, count]) => [kind, String(count), against(count, 0)]),
    ]),
  ].join("\n");
}

function mib(kib: number): string {
  return (kib / 1024).toFixed(1);
}
