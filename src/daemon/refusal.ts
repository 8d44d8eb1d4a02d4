/** What a caller is told whose call has no answer of its own. */
import { CniError, code, newestVersion, printError } from "../cni/index.ts";
import type { Answer } from "../service/index.ts";

/** It was not begun. */
export function notServed(why: string): Answer {
  return toAnswer(tryAgain(`Cannot serve the call: ${why}`));
}

/** The work's answer, or once that takes too long that nobody knows what becomes of it. */
export async function inTime(work: Promise<Answer>, limitMs: number): Promise<Answer> {
  const { promise: tooLate, resolve } = Promise.withResolvers<Answer>();
  const limit = setTimeout(() => resolve(toAnswer(noEnd(limitMs))), limitMs);
  try {
    return await Promise.race([work, tooLate]);
  } finally {
    clearTimeout(limit);
  }
}

export function noEnd(ms: number): CniError {
  return tryAgain(`Cannot tell what becomes of the call: it has been worked on for ${ms} ms and is not done`);
}

function tryAgain(problem: string): CniError {
  return new CniError(code.tryAgainLater, `${problem}, expected the same call again later`);
}

function toAnswer(error: CniError): Answer {
  return { status: 1, stdout: printError(error, newestVersion), stderr: "" };
}
