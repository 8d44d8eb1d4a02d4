import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openNftTool } from "../../src/exec/index.ts";
import { rejects } from "../helpers/errors.ts";
import { kernelSuite, run } from "../helpers/netns.ts";

/** A program named nft that counts its runs and says one thing until it has run so often. */
async function withPretender(
  said: string, failures: number, work: (tool: ReturnType<typeof openNftTool>, runs: () => number) => Promise<void>,
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "polynic-nft-"));
  const log = join(directory, "runs");
  writeFileSync(join(directory, "nft"), `#!/bin/sh
echo run >> ${log}
[ $(wc -l < ${log}) -gt ${failures} ] && exit 0
echo '${said}' >&2
exit 1
`, { mode: 0o755 });
  try {
    await work(openNftTool({ env: { PATH: `${directory}:${process.env["PATH"] ?? ""}` } }),
      () => readFileSync(log, "utf8").split("\n").length - 1);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const failing = suite("nft that fails");
failing("is asked again when another transaction overtook it", () => withPretender(
  "Error: Could not process rule: Interrupted system call should be restarted", 3, async (tool, runs) => {
    assert.is(tool.present(), true);
    await tool.run(["list ruleset"]);
    assert.is(runs(), 4);
  }));
failing("but not for ever", () => withPretender("Error: Could not process rule: Interrupted system call", 99,
  async (tool, runs) => {
    await rejects(tool.run(["list ruleset"]), 110);
    assert.is(runs(), 5);
  }));
failing("is asked once for anything else, and what it says without a reason is the kernel's", () =>
  withPretender("netlink: cannot initialize", 99, async (tool, runs) => {
    const error = await rejects(tool.run(["list ruleset"]), 110);
    assert.is(error.message, "Cannot change tables with nft: it ended with status 1");
    assert.is(runs(), 1);
  }));
failing.run();

const transactions = kernelSuite("nft", import.meta.url, { needs: ["nft_nat"] });
const tool = openNftTool({ env: {} });

transactions("runs all lines or none, and says whether words or the kernel are at fault", async () => {
  await tool.run(["add table ip one", "add chain ip one first"]);
  assert.match(run("nft", "list ruleset"), "chain first");
  const misread = await rejects(tool.run(["add chain ip one second", "add rule ip one second colour"]), 7);
  assert.match(misread.message, /^Cannot change tables with nft: syntax error/);
  const refused = await rejects(tool.run(["add chain ip one second", "create table ip one"]), 110);
  assert.match(refused.message, /^Cannot change tables with nft: Could not process rule: File exists$/);
  assert.not.match(run("nft", "list ruleset"), "second");
});
transactions.run();
