// The daemon of a benchmark as a process, and calls to it that do not hold the benchmark up.
import { spawn } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import type { Call } from "../runtimes.ts";
import { environmentOf } from "../runtimes.ts";

/** The answer on stdout; rejects with it where the call failed. */
export function start(call: Call): Promise<string> {
  const child = spawn(call.executable, [], { env: environmentOf(call), stdio: ["pipe", "pipe", "ignore"] });
  let stdout = "";
  child.stdout.on("data", (chunk: Buffer) => { stdout += chunk.toString(); });
  child.stdin.on("error", () => undefined);
  child.stdin.end(JSON.stringify(call.conf));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status) => (status === 0 ? resolve(stdout) : reject(new Error(stdout.slice(0, 300)))));
  });
}

/** All that are given, so many at a time; what fails is told, and the others go on. */
export async function sweep<T>(
  all: readonly T[], atOnce: number, work: (one: T, lane: number) => Promise<void>,
): Promise<readonly string[]> {
  const waiting = [...all], failures: string[] = [];
  await Promise.all(Array.from({ length: atOnce }, async (_, lane) => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
      await work(next, lane).catch((error: unknown) => failures.push(String(error)));
  }));
  return failures;
}

/** Of the one daemon in this process namespace. */
export function daemonId(): number {
  const found = readdirSync("/proc").find((id) =>
    /^\d+$/.test(id) && commandOf(id).includes("start.cjs\0polynic\0daemon"));
  if (found === undefined) throw new Error("the daemon is not there");
  return Number(found);
}

/** It may have ended since it was listed. */
function commandOf(id: string): string {
  try {
    return readFileSync(`/proc/${id}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

/** What is in memory, or was at most, proc(5). */
export function residentKiB(id: number, field: "VmRSS" | "VmHWM" = "VmRSS"): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(readFileSync(`/proc/${id}/status`, "utf8"))?.[1]);
}

export function openDescriptors(id: number): number {
  return readdirSync(`/proc/${id}/fd`).length;
}

/** Processor time of a process, proc(5), stat, in 1/100 s. */
export function processorMs(id: number): number {
  const text = readFileSync(`/proc/${id}/stat`, "utf8");
  const [, , , , , , , , , , , user = "", system = ""] = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return 10 * (Number(user) + Number(system));
}
