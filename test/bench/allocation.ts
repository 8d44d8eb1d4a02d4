// Allocation with many addresses taken: inside the module, and the whole host-local as a runtime's plugin calls it.
import { execFileSync, spawnSync } from "node:child_process";
import { linkSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cniVersion } from "./cases.ts";
import { against, ms, ratio, summarize, table, timeMs } from "./statistics.ts";

/** Of a request with 100,000 addresses taken, none beside another. */
const firstCallGoalMs = 17;

/** A table of compiling the module, its first call in a process and later ones, with few and many addresses taken. */
export function allocationInModule(count: number): string {
  const rows = [0, 10_000, 100_000].map((taken) => {
    const runs = Array.from({ length: count }, () => oneProcess(taken));
    const median = (key: keyof ChildTimes): string => ms(summarize(runs.map((run) => run[key])).medianMs);
    const first = summarize(runs.map(({ firstMs }) => firstMs)).medianMs;
    return [String(taken), median("compileMs"), ms(first), taken === 100_000 ? against(first, firstCallGoalMs) : "",
      median("laterMs"), String(runs[0]?.frameBytes ?? 0)];
  });
  return table(["taken of 10.0.0.0/8", "compile ms", "first call ms", "goal", "later calls ms", "request bytes"], rows);
}

interface ChildTimes {
  readonly compileMs: number;
  readonly firstMs: number;
  readonly laterMs: number;
  readonly frameBytes: number;
}

function oneProcess(taken: number): ChildTimes {
  const child = join(import.meta.dirname, "allocation-child.ts");
  // Our own child prints exactly this.
  return JSON.parse(execFileSync(process.execPath, [child, String(taken)], { encoding: "utf8" })) as ChildTimes;
}

/** A table of whole ADDs of host-local, in turns, each with its own directory of that many reservations. */
export function compareHostLocal(directories: readonly { readonly title: string; readonly directory: string }[],
  dataDir: string, count: number): string {
  const [, ...others] = directories;
  const header = ["reservations", ...directories.map(({ title }) => `${title} ms`),
    ...others.map(({ title }) => `ratio to ${title}`)];
  const rows = [0, 10_000, 100_000].map((reservations) => {
    const times = directories.map((): number[] => []);
    for (const index of directories.keys()) fill(join(dataDir, network(index)), reservations);
    for (let round = 0; round <= count; round++) {
      for (const [index, { directory }] of directories.entries()) {
        const call = (command: string): void => runHostLocal(directory, command, `c${round}`, network(index), dataDir);
        const addMs = timeMs(() => call("ADD"));
        call("DEL");
        if (round > 0) times[index]?.push(addMs);
      }
    }
    for (const index of directories.keys()) rmSync(join(dataDir, network(index)), { recursive: true });
    rmSync(join(dataDir, ".polynic"), { recursive: true, force: true });
    const [own = Number.NaN, ...rest] = times.map((each) => summarize(each).medianMs);
    return [String(reservations), ms(own), ...rest.map(ms), ...rest.map((other) => ratio(own, other))];
  });
  return table(header, rows);
}

function network(index: number): string {
  return `alloc${index}`;
}

/**
 * Reservations of one other container. Links to one file: as many files would fill the memory the benchmark's disk is
 * in.
 */
function fill(directory: string, reservations: number): void {
  mkdirSync(directory, { recursive: true });
  const path = (index: number): string => join(directory, `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`);
  const first = 2;
  if (reservations > 0) writeFileSync(path(first), "other\r\neth0");
  for (let index = first + 1; index < first + reservations; index++) linkSync(path(first), path(index));
  if (reservations > 0) writeFileSync(join(directory, "last_reserved_ip.0"), "10.0.0.1");
}

function runHostLocal(directory: string, command: string, containerId: string, name: string, dataDir: string): void {
  const env = { PATH: process.env["PATH"] ?? "", CNI_COMMAND: command, CNI_CONTAINERID: containerId,
    CNI_NETNS: "/run/netns/none", CNI_IFNAME: "eth0", CNI_PATH: directory };
  const input = JSON.stringify({ cniVersion, name, type: "bridge",
    ipam: { type: "host-local", dataDir, ranges: [[{ subnet: "10.0.0.0/8" }]] } });
  const { status, stdout, stderr } = spawnSync(join(directory, "host-local"), [],
    { input, env, encoding: "utf8", timeout: 30_000 });
  if (status !== 0) throw new Error(`${command} by host-local in ${directory} failed: ${stdout}${stderr}`);
}
