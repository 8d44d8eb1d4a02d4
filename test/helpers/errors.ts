/** Assertions on errors: uvu's `assert.throws` does not await, and compares messages where we mean codes. */
import { Assertion } from "uvu/assert";

/** Awaits the rejection and returns its error, whose `code` or `errnoName` must be the one given. */
export async function rejects(promise: Promise<unknown>, code: number | string): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return withCode(error, code);
  }
  throw failure(`Expected a rejection with ${code}, but it was fulfilled`, undefined, code);
}

/** Runs `work` and returns the error it throws, whose `code` or `errnoName` must be the one given. */
export function throws(work: () => unknown, code: number | string): Error {
  try {
    work();
  } catch (error) {
    return withCode(error, code);
  }
  throw failure(`Expected an error with ${code}, but none was thrown`, undefined, code);
}

function withCode(error: unknown, code: number | string): Error {
  if (!(error instanceof Error)) throw failure(`Expected an Error with ${code}, found ${String(error)}`, error, code);
  const found = "errnoName" in error ? error.errnoName : "code" in error ? error.code : undefined;
  if (found !== code) throw failure(`Expected an error with ${code}, found ${String(found)}: ${error.stack}`,
    found, code);
  return error;
}

function failure(message: string, actual: unknown, expects: unknown): Assertion {
  return new Assertion({ message, actual, expects, operator: "is", details: "", generated: false });
}
