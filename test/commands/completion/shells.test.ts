// The scripts in the shells they are for: typed into an interactive one, with the tab key.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { builtDist } from "../../helpers/dist.ts";
import { waitLimitMs } from "../../helpers/limits.ts";

const dist = builtDist();

interface ShellOfTest {
  readonly name: "bash" | "zsh" | "fish";
  /** As it is started, without anybody's start-up files. */
  readonly words: string;
  /** Typed first. */
  readonly begin: string;
}

const share = join(dist, "share");

const shells: readonly ShellOfTest[] = [
  { name: "bash", words: "bash --norc --noprofile -i", begin: `source ${share}/bash-completion/completions/polynic` },
  {
    name: "zsh", words: "zsh -f -i",
    begin: `fpath=(${share}/zsh/site-functions $fpath); PS1='ready> '; autoload -U compinit; compinit -u -D`,
  },
  {
    name: "fish", words: "fish --no-config -i",
    begin: `function fish_prompt; echo 'ready> '; end; source ${share}/fish/vendor_completions.d/polynic.fish`,
  },
];

/** What is typed, a tab at its end, and what polynic gets. */
const rows = [
  ["polynic modu", ["module"]],
  ["polynic module new --kind=ip", ["module", "new", "--kind=ipam"]],
  ["polynic network create -d ipv", ["network", "create", "-d", "ipvlan"]],
  ["polynic attach --st", ["attach", "--state-dir"]],
  ["polynic lint files/al", ["lint", "files/alpha"]],
  ["polynic lint 'files/al' files/be", ["lint", "files/al", "files/beta"]],
  ["polynic install --conf=files/al", ["install", "--conf=files/alpha"]],
] as const;

for (const shell of shells) {
  const it = suite(`completion in ${shell.name}`);
  const isThere = (process.env["PATH"] ?? "").split(":").some((directory) => existsSync(join(directory, shell.name)));
  if (!isThere) process.stderr.write(`\nSKIPPED completion in ${shell.name}: it is not installed\n`);
  (isThere ? it : it.skip)("completes commands, options, their values and files", async () => {
    const home = mkdtempSync(join(tmpdir(), "polynic-shell-"));
    try {
      mkdirSync(join(home, "files"));
      for (const name of ["alpha", "beta"]) writeFileSync(join(home, "files", name), "");
      writeFileSync(join(home, "polynic"), stand, { mode: 0o755 });
      const got = await typedInto(shell, rows.map(([line]) => line), home);
      assert.equal(got, rows.map(([, words]) => words.map((word) => `<${word}>`).join("")));
    } finally {
      rmSync(home, { recursive: true });
    }
  });
  it.run();
}

/** polynic where it is asked what may stand next; else it tells what it was given. */
const stand = `#!/bin/sh
[ "$1" = completion ] && exec ${dist}/bin/polynic "$@"
printf 'given:'; printf '<%s>' "$@"; printf ':\\n'
`;

/** Types each line with a tab and a return once the shell is ready for it, and returns what polynic was given. */
async function typedInto({ words, begin }: ShellOfTest, lines: readonly string[], home: string): Promise<string[]> {
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
