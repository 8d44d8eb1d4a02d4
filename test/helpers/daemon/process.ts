/** The daemon of the built tree, as a process in a world's host namespace, and calls that go to it. */
import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { builtDist } from "../dist.ts";
import type { Call, World } from "../runtime.ts";

export interface DaemonProcess {
  readonly pid: number;
  readonly isRunning: boolean;
  /** What it said on stderr. */
  readonly log: string;
  signal(name: NodeJS.Signals): void;
  /** SIGKILL, and waits for its end. */
  kill(): Promise<void>;
  /** Its exit status, null when a signal ended it. */
  readonly ended: Promise<number | null>;
}

export function socketOf({ directory }: World): string {
  return join(directory, "run", "polynic.sock");
}

/** The same call to the world's daemon. */
export function toDaemon(world: World, call: Call): Call {
  return { ...call, env: { ...call.env, POLYNIC_SOCKET: socketOf(world) } };
}

export interface DaemonStart {
  readonly args?: readonly string[];
  /** A script for Node to load first, and what it reads. */
  readonly require?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts a daemon and waits until it listens and has nothing to do but to serve. */
export async function startDaemon(world: World, { args = [], require, env = {} }: DaemonStart = {}):
Promise<DaemonProcess> {
  const dist = builtDist(), lib = join(dist, "lib", "polynic");
  const program = require === undefined
    ? [join(dist, "bin", "polynic")]
    : [join(lib, "node"), "--require", require, join(lib, "start.cjs"), "polynic"];
  const words = [`--net=${world.host.path}`, ...program, "daemon", "--socket", socketOf(world),
    "--state-dir", join(world.directory, "cni"), "--data-dir", join(world.directory, "networks"), ...args];
  const child: ChildProcess = spawn("nsenter", words, {
    env: { PATH: process.env["PATH"], ...env }, stdio: ["ignore", "ignore", "pipe"],
  });
  let log = "", isRunning = true;
  child.stderr?.on("data", (chunk: Buffer) => { log += chunk.toString(); });
  const ended = new Promise<number | null>((resolve) => child.on("close", (status) => {
    isRunning = false;
    resolve(status);
  }));
  while (isRunning && !log.includes("looked for what is left")) await sleep(5);
  if (!isRunning || !existsSync(socketOf(world))) throw new Error(`Cannot start the daemon: ${log}`);
  return {
    pid: child.pid ?? 0,
    get isRunning() { return isRunning; },
    get log() { return log; },
    signal: (name) => void child.kill(name),
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
    ended,
  };
}
