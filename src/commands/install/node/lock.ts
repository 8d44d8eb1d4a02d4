import { dirname } from "node:path";
import { LockError, withLock } from "../../../os/index.ts";
import { CommandError } from "../../errors.ts";
import type { NodeFiles } from "./files.ts";
import { makeDirectories } from "./step.ts";

/** A run that copies the tree to a slow disk may take some of it. */
const timeoutMs = 10_000;

/**
 * Does something while no other polynic changes the node.
 *
 * @param path  the lock; undefined: there is nobody to be kept away
 * @throws CommandError when somebody else has been at it for ten seconds
 */
export async function underLock<T>(path: string | undefined, files: NodeFiles, work: () => T): Promise<T> {
  if (path === undefined) return work();
  makeDirectories(files, dirname(path));
  try {
    return await withLock(path, { timeoutMs }, work);
  } catch (cause) {
    if (!(cause instanceof LockError)) throw cause;
    throw new CommandError(
      `Cannot change this node: another polynic install or uninstall is at it, ${path} has been locked for ` +
        `${timeoutMs} ms`,
      { cause },
    );
  }
}
