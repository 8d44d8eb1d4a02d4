// polynic module test --watch: a round now, and one after each change.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { waitLimitMs } from "../../helpers/limits.ts";
import { moduleCommand, moduleProgram } from "../../helpers/module-command.ts";

const roundLimitMs = waitLimitMs;

const watching = suite("polynic module test --watch");

watching("tests again after a change, and survives one that does not compile", async () => {
  const directory = mkdtempSync(join(tmpdir(), "polynic-watch-"));
  assert.is(moduleCommand(directory, "new", "watched", "--kind", "policy").status, 0);
  const folder = join(directory, "watched"), source = join(folder, "assembly", "index.ts");
  const right = readFileSync(source, "utf8");
  const [program, ...first] = moduleProgram();
  const child = spawn(program, [...first, "test", "--watch"],
    { cwd: folder, env: { PATH: process.env["PATH"] } });
  const ended = new Promise((resolve) => child.on("close", resolve));
  try {
    const rounds = readRounds(child.stdout);
    assert.match(await rounds(), / passed, 0 failed in /);
    writeFileSync(source, right.replace("integer(2)", "integer(1)"));
    assert.match(await rounds(), /FAIL {2}cases\/review\.json: two addresses pass/);
    writeFileSync(source, `${right}\nnonsense(`);
    assert.match(await rounds(), /Cannot compile /);
    writeFileSync(source, right);
    assert.match(await rounds(), / passed, 0 failed in /);
  } finally {
    child.kill("SIGKILL");
    await ended;
    rmSync(directory, { recursive: true });
  }
});

watching.run();

/** Each call gives what was printed up to the next line that says it waits. */
function readRounds(stdout: NodeJS.ReadableStream): () => Promise<string> {
  let text = "";
  let wake = (): void => {};
  stdout.on("data", (chunk: Buffer) => {
    text += chunk.toString();
    wake();
  });
  return async () => {
    const limit = AbortSignal.timeout(roundLimitMs);
    for (;;) {
      const end = text.indexOf("ctrl-c ends\n");
      if (end >= 0) {
        const round = text.slice(0, end);
        text = text.slice(end + "ctrl-c ends\n".length);
        return round;
      }
      await new Promise<void>((resolve, reject) => {
        wake = resolve;
        limit.addEventListener("abort", () => reject(new Error(`no round within ${roundLimitMs} ms: ${text}`)),
          { once: true });
      });
    }
  };
}
