/** The last piece of work of each resource; an entry goes when its work is done and nobody waits. */
const last = new Map<string, Promise<unknown>>();

/**
 * Runs work on a resource after whatever this process has under way on it: a file lock taken twice by one process
 * would wait for itself.
 */
export async function inTurn<T>(resource: string, work: () => T | Promise<T>): Promise<T> {
  const before = last.get(resource);
  const turn = before === undefined ? (async () => await work())() : before.then(work, work);
  last.set(resource, turn);
  try {
    return await turn;
  } finally {
    if (last.get(resource) === turn) last.delete(resource);
  }
}
