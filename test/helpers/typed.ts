/** Commands as a person types them on a machine of the test's own: inside a kernel suite, with empty directories. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { commandLine } from "../../src/commands/index.ts";
import { runTyped } from "../../src/commands/frame.ts";
import type { Ran } from "./executable.ts";
import { runExecutable } from "./executable.ts";
import { run } from "./netns.ts";

export const confDir = "/etc/cni/net.d";

/** Empty directories in place of the machine's own; a kernel suite has its own mount namespace. */
export function emptyMachine(): void {
  for (const directory of ["/etc/cni", "/var/lib/cni"]) {
    if (!existsSync(directory)) mkdirSync(directory, { recursive: true });
    run("mount", "-t", "tmpfs", "tmpfs", directory);
  }
  mkdirSync(confDir, { recursive: true });
  run("ip", "link", "set", "lo", "up");
}

export function restoreMachine(): void {
  for (const directory of ["/etc/cni", "/var/lib/cni"]) run("umount", directory);
}

export function writeConf(name: string, conf: object | string): string {
  const file = join(confDir, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, typeof conf === "string" ? conf : JSON.stringify(conf));
  return file;
}

/** What `polynic ...` answers. */
export function typed(...words: readonly string[]): Ran {
  return runExecutable({ args: words });
}

/** The same of a command whose answer is data. */
export function typedJson(...words: readonly string[]): { readonly status: number | null; readonly json: any } {
  const { status, stdout, stderr } = typed(...words, "--json");
  if (stdout === "") throw new Error(`polynic ${words.join(" ")} printed nothing: ${stderr}`);
  return { status, json: JSON.parse(stdout) };
}

/** What `polynic ...` answers, within this process: for tests of many commands. */
export function typedHere(...words: readonly string[]): Promise<Omit<Ran, "json">> {
  return typedWith(process.env, words);
}

/** The same in an environment of the caller's. */
export async function typedWith(environment: NodeJS.ProcessEnv, words: readonly string[]): Promise<Omit<Ran, "json">> {
  let stdout = "", stderr = "";
  const streams = {
    writeOut: (text: string) => void (stdout += text), writeError: (line: string) => void (stderr += `${line}\n`),
    isTerminal: false, columns: undefined,
  };
  const status = await runTyped(commandLine, { words, environment, streams });
  return { status, stdout, stderr };
}

/** The same of a command whose answer is data. */
export async function typedHereJson(...words: readonly string[]): Promise<any> {
  const { stdout, stderr } = await typedHere(...words, "--json");
  if (stdout === "") throw new Error(`polynic ${words.join(" ")} printed nothing: ${stderr}`);
  return JSON.parse(stdout);
}

/** The same, with the exit status. */
export async function typedHereWithJson(
  ...words: readonly string[]
): Promise<{ readonly status: number | null; readonly json: any }> {
  const { status, stdout, stderr } = await typedHere(...words, "--json");
  if (stdout === "") throw new Error(`polynic ${words.join(" ")} printed nothing: ${stderr}`);
  return { status, json: JSON.parse(stdout) };
}
