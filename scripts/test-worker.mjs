// One of the processes that scripts/test.mjs runs the suites in: it is sent test files, runs one after the other, and
// answers each with its counts, when stdout and stderr have all that was written of it and an end mark.
import { flushCompileCache } from "node:module";
import { pathToFileURL } from "node:url";

/** End of transmission: nothing else writes it. */
const endMark = "\x04";

// uvu's command line sets these before uvu is loaded: suites are collected here as files are imported.
Object.assign(globalThis, { UVU_DEFER: 1, UVU_QUEUE: [[]], UVU_INDEX: 0 });

process.on("message", async ({ file }) => {
  const counts = await runFile(file);
  for (const stream of [process.stdout, process.stderr]) stream.write(endMark);
  process.send(counts);
});

/** @returns {Promise<{ total: number, passed: number, skipped: number, broken?: string }>} */
async function runFile(file) {
  const counts = { total: 0, passed: 0, skipped: 0 };
  const suites = [];
  globalThis.UVU_QUEUE[0] = suites;
  try {
    await import(pathToFileURL(file).href);
    // For the suite's own process, which loads the same.
    flushCompileCache();
    for (const run of suites) {
      const [errors, passed, skipped, total] = await run();
      counts.total += total;
      counts.passed += passed;
      counts.skipped += skipped;
      if (typeof errors === "string") process.stdout.write(`\n${errors}\n`);
    }
  } catch (error) {
    // An import that fails, or a hook: uvu catches what tests throw, and nothing else.
    return { ...counts, broken: error instanceof Error ? error.stack ?? error.message : String(error) };
  }
  return counts.total + counts.skipped === 0 ? { ...counts, broken: "It has no test" } : counts;
}
