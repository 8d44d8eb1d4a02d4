/** The child process of a kernel suite: loads the test file and runs that suite's bodies, see netns.ts. */
import { writeSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { hangLimitMs } from "./limits.ts";
import type { Report, ReportedError } from "./netns.ts";

type Step = () => void | Promise<void>;

// uvu's command line sets these before uvu is loaded; with them the file's ordinary suites are collected but not run
// again.
Object.assign(globalThis, { UVU_DEFER: 1, UVU_QUEUE: [[null]], UVU_INDEX: 0 });
const { childSuites } = await import("./netns.ts");

const [file = ""] = process.argv.slice(2);
await import(pathToFileURL(file).href);
for (const { tests, before, after, beforeEach, afterEach } of childSuites) {
  for (const handler of before) await handler();
  for (const [index, { handler }] of tests.entries()) {
    report({ index, ...(await outcome([...beforeEach, handler], afterEach)) });
  }
  for (const handler of after) await handler();
}
// Whatever a test left open must not keep the process.
process.exit(0);

async function outcome(steps: readonly Step[], always: readonly Step[]): Promise<Omit<Report, "index">> {
  try {
    try {
      for (const step of steps) await bounded(step);
    } finally {
      for (const step of always) await bounded(step);
    }
    return {};
  } catch (error) {
    return { error: describe(error) };
  }
}

async function bounded(step: Step): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the test took longer than ${hangLimitMs} ms`)), hangLimitMs);
  });
  try {
    await Promise.race([step(), limit]);
  } finally {
    clearTimeout(timer);
  }
}

function describe(thrown: unknown): ReportedError {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const stack = error.cause === undefined ? error.stack ?? "" : `${error.stack}\nCaused by: ${String(error.cause)}`;
  const base = { name: error.name, message: error.message, stack };
  if (!("operator" in error && "details" in error)) return base;
  return { ...base, assertion: { operator: String(error.operator),
    details: error.details === false ? false : String(error.details) } };
}

function report(line: Report): void {
  writeSync(3, `${JSON.stringify(line)}\n`);
}
