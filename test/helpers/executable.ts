/** The built executable in its one-shot form, as a runtime would run it. Its own network namespace is the caller's. */
import { spawn, spawnSync } from "node:child_process";
import { join } from "node:path";
import { builtDist } from "./dist.ts";
import { waitLimitMs } from "./limits.ts";

/** The environment of a call; CNI_* variables that are left out are not set. */
export interface Run {
  readonly name?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  readonly stdin?: string | object;
  /** JavaScript that is run before it, which needs the sources: the built one takes no such word. */
  readonly before?: string;
}

export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** stdout as JSON; undefined when it is empty. */
  readonly json: Json | undefined;
}

export interface Json { readonly [key: string]: unknown }

const entry = join(import.meta.dirname, "..", "..", "src", "bin", "cni.ts");

export function runExecutable({ name = "polynic", env = {}, args = [], stdin = "", before }: Run): Ran {
  const [program, ...words] = before === undefined ? executable(name)
    : [process.execPath, "--import", `data:text/javascript,${encodeURIComponent(before)}`, entry, name];
  const { status, stdout, stderr } = spawnSync(program, [...words, ...args], {
    input: textOf(stdin), env: { PATH: process.env["PATH"], ...env }, encoding: "utf8", timeout: waitLimitMs,
  });
  return { status, stdout, stderr, json: jsonOf(stdout) };
}

/** The same without waiting, to have several at once. */
export async function startExecutable({ name = "polynic", env = {}, args = [], stdin = "" }: Run): Promise<Ran> {
  const [program, ...words] = executable(name);
  const child = spawn(program, [...words, ...args],
    { env: { PATH: process.env["PATH"], ...env }, timeout: waitLimitMs });
  let stdout = "", stderr = "";
  child.stdout.on("data", (chunk: Buffer) => { stdout += chunk.toString(); });
  child.stderr.on("data", (chunk: Buffer) => { stderr += chunk.toString(); });
  child.stdin.end(textOf(stdin));
  const status = await new Promise<number | null>((resolve, reject) => child.on("close", resolve).on("error", reject));
  return { status, stdout, stderr, json: jsonOf(stdout) };
}

/** The one-shot form under a name: a daemon that may listen on this machine is not asked. */
export function executable(name: string): readonly [string, string] {
  return [join(builtDist(), "lib", "polynic", "launcher"), name];
}

function textOf(stdin: string | object): string {
  return typeof stdin === "string" ? stdin : JSON.stringify(stdin);
}

function jsonOf(stdout: string): Json | undefined {
  // What starts as an object and is JSON is one.
  return stdout.startsWith("{") ? JSON.parse(stdout) as Json : undefined;
}
