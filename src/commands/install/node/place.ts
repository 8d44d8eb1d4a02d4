/**
 * Paths have two faces where the node's files are mounted below another directory: what the node calls them, which is
 * what files on the node must say, and where this process sees them.
 */
import { join } from "node:path";

export interface Place {
  /** As the node's own processes know it. */
  readonly host: string;
  /** As this process does. */
  readonly seen: string;
}

/**
 * A path given as either of the two: below `root` it is the second, as the arguments of Multus's DaemonSets have them.
 */
export function placeOf(path: string, root: string): Place {
  const host = root !== "/" && (path === root || path.startsWith(`${root}/`)) ? path.slice(root.length) || "/" : path;
  return { host, seen: seenBelow(root, host) };
}

export function seenBelow(root: string, host: string): string {
  return root === "/" ? host : join(root, host);
}

/** A file or directory inside a place. */
export function inside({ host, seen }: Place, name: string): Place {
  return { host: join(host, name), seen: join(seen, name) };
}
