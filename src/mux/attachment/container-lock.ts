import { join } from "node:path";
import { CniError, code, messageOf } from "../../cni/index.ts";
import type { Lock } from "../../os/index.ts";
import { errnoOf, LockError, needsRoot, takeLock } from "../../os/index.ts";

/**
 * Containers share this many locks: a lock file can stay for ever, and removing one would race with whoever waits for
 * it.
 */
const lockCount = 256;
/** Runtimes give up on a container after two to four minutes. */
const waitMs = 120_000;

export interface ContainerToLock {
  readonly cniDir: string;
  readonly containerId: string;
  /** Two minutes unless given. */
  readonly timeoutMs?: number;
}

/**
 * Runs `work` while nobody else, in this process or another, works on that container, nor on the few others that share
 * its lock.
 *
 * @throws CniError 11 when the lock is not had in time, 5 when its file cannot be used
 */
export async function withContainerLock<T>(
  { cniDir, containerId, timeoutMs = waitMs }: ContainerToLock,
  work: () => Promise<T>,
): Promise<T> {
  const path = join(cniDir, ".polynic", `lock-${lockOf(containerId)}`);
  const lock = await take(path, { containerId, timeoutMs });
  try {
    return await work();
  } finally {
    lock.close();
  }
}

async function take(
  path: string,
  { containerId, timeoutMs }: { readonly containerId: string; readonly timeoutMs: number },
): Promise<Lock> {
  try {
    return await takeLock(path, { timeoutMs, directoryMode: 0o700 });
  } catch (error) {
    throw new CniError(
      error instanceof LockError ? code.tryAgainLater : code.ioFailure,
      `Cannot work on container ${containerId}, its lock ${path} cannot be had: ${messageOf(error)}` +
        (needsRoot(errnoOf(error)) ? ", expected to be run as root" : ""),
      { cause: error },
    );
  }
}

/** FNV-1a over the id's characters. */
function lockOf(containerId: string): number {
  let hash = 0x811c9dc5;
  for (const character of containerId) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193) >>> 0;
  return hash % lockCount;
}
