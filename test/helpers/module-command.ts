/** `polynic module` as a person would type it: from the sources, in a folder of the test's own. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { waitLimitMs } from "./limits.ts";

export interface Typed {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const entry = join(import.meta.dirname, "..", "..", "src", "bin", "cni.ts");

/** What stands before the command's own words, behind the path of Node. */
export const moduleWords = [entry, "polynic", "module"] as const;

export function moduleCommand(cwd: string, ...words: readonly string[]): Typed {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...moduleWords, ...words], {
    cwd, encoding: "utf8", timeout: waitLimitMs, env: { PATH: process.env["PATH"], CNI_PATH: cwd },
  });
  return { status, stdout, stderr };
}
