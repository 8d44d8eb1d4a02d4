/** `polynic module` as a person would type it, in a folder of the test's own. */
import { spawnSync } from "node:child_process";
import { executable } from "./executable.ts";
import { typedWith } from "./typed.ts";
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

/** The same within this process, which loads the compiler once for all. */
export async function moduleHere(cwd: string, ...words: readonly string[]): Promise<Typed> {
  const before = process.cwd();
  process.chdir(cwd);
  try {
    return await typedWith({ PATH: process.env["PATH"], CNI_PATH: cwd }, ["module", ...words]);
  } finally {
    process.chdir(before);
  }
}
