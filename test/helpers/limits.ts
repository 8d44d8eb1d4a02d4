/** Limits that tell a test which hangs from one on a busy machine: none of them measures how fast anything is. */

/** For one program that a test runs, or one thing it waits for: milliseconds on a quiet machine, seconds at most. */
export const waitLimitMs = 2 * 60_000;

/** For one test. */
export const hangLimitMs = 10 * 60_000;

/** For a test of a kernel suite with all its hooks; for a whole suite where a kernel of its own reports at its end. */
export const suiteLimitMs = 2 * hangLimitMs;
