/** Interactive shells into which lines are typed, with the tab key behind each, and what polynic gets of them. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { waitLimitMs } from "../limits.ts";

export interface ShellOfTest {
  readonly name: "bash" | "zsh" | "fish";
  /** As it is started, without anybody's start-up files. */
  readonly words: string;
  /** Typed first. */
  readonly begin: string;
}

/** Whether a program is on the PATH. */
export function isInstalled(name: string): boolean {
  return (process.env["PATH"] ?? "").split(":").some((directory) => existsSync(join(directory, name)));
}

/**
 * What polynic was given for each line, in a home with `files/alpha` and `files/beta`.
 *
 * @param polynic  what is asked for completions, as a shell has it
 */
export async function typedInto(
  shell: ShellOfTest, lines: readonly string[], polynic: string,
): Promise<readonly string[]> {
  const home = mkdtempSync(join(tmpdir(), "polynic-shell-"));
  try {
    mkdirSync(join(home, "files"));
    for (const name of ["alpha", "beta"]) writeFileSync(join(home, "files", name), "");
    writeFileSync(join(home, "polynic"), stand(polynic), { mode: 0o755 });
    return await typedAt(home, shell, lines);
  } finally {
    rmSync(home, { recursive: true });
  }
}

/** polynic where it is asked what may stand next; else it tells what it was given. */
const stand = (polynic: string): string => `#!/bin/sh
[ "$1" = completion ] && exec ${polynic} "$@"
printf 'given:'; printf '<%s>' "$@"; printf ':\\n'
`;

/** Types each line with a tab and a return once the shell is ready for it, and returns what polynic was given. */
async function typedAt(home: string, { words, begin }: ShellOfTest, lines: readonly string[]): Promise<string[]> {
  const env = {
    PATH: `${home}:${process.env["PATH"]}`, HOME: home, TERM: "xterm", PS1: "ready> ", INPUTRC: "/dev/null",
  };
  const pty = spawn("socat", ["-", `EXEC:${words},pty,setsid,ctty,stderr`], { env, cwd: home, timeout: waitLimitMs });
  const waiting = [...lines.map((line) => `${line}\t\r`), "exit\r"];
  let seen = "", isReady = false;
  const got: string[] = [];
  const type = (): void => {
    if (!isReady || !seen.includes("ready> ")) return;
    isReady = false;
    seen = "";
    pty.stdin.write(waiting.shift() ?? "");
  };
  pty.stdin.write(`${begin}; polynic begun\r`);
  pty.stdout.setEncoding("utf8").on("data", (text: string) => {
    seen += text;
    const [whole, given] = /given:(<.*>):\r?\n/.exec(seen) ?? [];
    if (whole !== undefined && given !== undefined) {
      got.push(given);
      seen = seen.slice(seen.indexOf(whole) + whole.length);
      isReady = true;
    }
    type();
  });
  await new Promise((resolve, reject) => pty.on("close", resolve).on("error", reject));
  return got.slice(1);
}
