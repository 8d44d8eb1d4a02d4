/**
 * Which of the suites with real runtimes are run: `npm test` has those that take seconds, `npm run test:runtimes` all
 * of them, with the programs that these take (POLYNIC_RUNTIMES=long).
 */
import type { BoxSuiteOptions } from "../helpers/box.ts";
import { boxSuite } from "../helpers/box.ts";
import type { KernelSuite } from "../helpers/netns.ts";

export const isLong = process.env["POLYNIC_RUNTIMES"] === "long";

/** A suite of the long form alone; in the short one it has no tests. */
export function longSuite(name: string, url: string, options: BoxSuiteOptions): KernelSuite {
  if (isLong) return boxSuite(name, url, options);
  const hook = Object.assign(() => {}, { each: () => {} });
  return Object.assign(() => {}, { before: hook, after: hook, skip: () => {}, run: () => {} });
}
