/** `polynic module` as a person would type it, in a folder of the test's own. */
import { spawnSync } from "node:child_process";
import { executable } from "./executable.ts";
import { waitLimitMs } from "./limits.ts";

export interface Typed {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The program, and what stands before the command's own words. */
export function moduleProgram(): readonly [string, ...string[]] {
  return [...executable("polynic"), "module"];
}

export function moduleCommand(cwd: string, ...words: readonly string[]): Typed {
  const [program, ...first] = moduleProgram();
  const { status, stdout, stderr } = spawnSync(program, [...first, ...words], {
    cwd, encoding: "utf8", timeout: waitLimitMs, env: { PATH: process.env["PATH"], CNI_PATH: cwd },
  });
  return { status, stdout, stderr };
}
