/** A change that lost a race is decided anew this often: every time another process deleted what ours was to delete. */
const attemptsMax = 10;

/**
 * Runs work that lists rules and commits a transaction over them, again when one of them was gone by then (ENOENT).
 * A transaction that fails has changed nothing.
 */
export function retryWhenGone(work: () => void): void {
  for (let attempt = 1; ; attempt++) {
    try {
      return work();
    } catch (error) {
      if (attempt === attemptsMax || !isGone(error)) throw error;
    }
  }
}

/** NetlinkError with errno name ENOENT. */
function isGone(error: unknown): boolean {
  return error instanceof Error && "errnoName" in error && error.errnoName === "ENOENT";
}
