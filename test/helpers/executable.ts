/** The executable run from the sources, as a runtime would run it. Its own network namespace is the caller's. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";

/** The environment of a call; CNI_* variables that are left out are not set. */
export interface Run {
  readonly name?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  readonly stdin?: string | object;
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

export function runExecutable({ name = "polynic", env = {}, args = [], stdin = "" }: Run): Ran {
  const { status, stdout, stderr } = spawnSync(process.execPath, [entry, name, ...args], {
    input: typeof stdin === "string" ? stdin : JSON.stringify(stdin),
    env: { PATH: process.env["PATH"], ...env },
    encoding: "utf8",
    timeout: 30_000,
  });
  return { status, stdout, stderr, json: stdout.startsWith("{") ? JSON.parse(stdout) as Json : undefined };
}
