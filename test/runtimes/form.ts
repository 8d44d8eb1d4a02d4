/**
 * Which of the suites with real runtimes are run: `npm test` has those that take seconds, `npm run test:runtimes` all
 * of them, with the programs that these take (POLYNIC_RUNTIMES=long).
 */
import { suite } from "uvu";
import type { BoxSuiteOptions } from "../helpers/box.ts";
import { boxSuite } from "../helpers/box.ts";
import type { KernelSuite } from "../helpers/netns.ts";

export const isLong = process.env["POLYNIC_RUNTIMES"] === "long";

/** A suite of the long form alone; in the short one its tests count as skipped. */
export function longSuite(name: string, url: string, options: BoxSuiteOptions): KernelSuite {
  if (isLong) return boxSuite(name, url, options);
  const skipped = suite(`${name}, by npm run test:runtimes`), hook = Object.assign(() => {}, { each: () => {} });
  return Object.assign(() => void skipped.skip(),
    { before: hook, after: hook, skip: () => void skipped.skip(), run: () => skipped.run() });
}
