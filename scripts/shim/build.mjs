// Builds the shim, src/bin/shim/shim.c: a small static program that a runtime starts instead of the launcher.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { allVersions, printVersions } from "../../src/cni/index.ts";
import { builtIn, standAloneTypes } from "../../src/plugins/index.ts";
import { multiplexerNames } from "../../src/program/names.ts";
import { version } from "../../src/program/version.ts";
import { root } from "../setup.mjs";

/** One of them is there wherever something is compiled. */
const compilers = ["cc", "gcc", "clang"];

/** Small, static, and nothing in it that is not called. */
const flags = ["-std=gnu11", "-Os", "-static", "-s", "-ffunction-sections", "-Wl,--gc-sections", "-Wall", "-Wextra",
  "-Werror"];

/** What VERSION says, by every name the executable has. */
export function versionAnswers() {
  const names = [...multiplexerNames, ...standAloneTypes];
  return new Map(names.map((name) => [name, printVersions(builtIn.get(name)?.versions ?? allVersions)]));
}

/**
 * Compiles the shim into `file`.
 *
 * @returns false, and says so, where there is no compiler: the launcher then serves alone
 */
export function buildShim(file) {
  const directory = mkdtempSync(join(tmpdir(), "polynic-shim-"));
  try {
    writeFileSync(join(directory, "answers.h"), header());
    const source = join(root, "src", "bin", "shim", "shim.c");
    for (const compiler of compilers) {
      const run = spawnSync(compiler, [...flags, "-I", directory, "-o", file, source], { encoding: "utf8" });
      if (run.error?.code === "ENOENT") continue;
      if (run.status === 0) return true;
      throw new Error(`Cannot build the shim with ${compiler}: ${run.error?.message ?? run.stderr}`);
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
  console.warn(`No shim is built, there is no C compiler (${compilers.join(", ")}): the launcher serves, ` +
    "and a daemon is not used");
  return false;
}

function header() {
  const answers = [...versionAnswers()].map(([name, text]) => `  ANSWER(${cString(name)}, ${cString(text)})`);
  return `#define PROGRAM_VERSION ${cString(version)}\n#define ANSWERS \\\n${answers.join(" \\\n")}\n`;
}

/** JSON's escapes are C's, for the ASCII there is. */
function cString(text) {
  return JSON.stringify(text);
}
