/** The shipped tree, as scripts/build.mjs makes it: what is copied to a node. */
import { createHash } from "node:crypto";
import { closeSync, lstatSync, openSync, readSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { version } from "../../../program/index.ts";

export interface Tree {
  readonly directory: string;
  /** Version and digest: two trees with the same one are the same. */
  readonly id: string;
}

const chunkBytes = 1024 * 1024;
/** Of SHA-256; enough to tell the builds on one node apart. */
const digestChars = 12;

/** @throws the file system's error when the directory cannot be read */
export function treeOf(directory: string): Tree {
  const hash = createHash("sha256");
  for (const name of readdirSync(directory, { recursive: true, encoding: "utf8" }).sort()) {
    const path = join(directory, name), facts = lstatSync(path);
    hash.update(`${name}\0${facts.mode}\0`);
    if (facts.isSymbolicLink()) hash.update(readlinkSync(path));
    else if (facts.isFile()) hashFile(path, (chunk) => hash.update(chunk));
  }
  return { directory, id: `${version}-${hash.digest("hex").slice(0, digestChars)}` };
}

/** In pieces: the runtime alone is larger than the memory a DaemonSet is given. */
function hashFile(path: string, take: (chunk: Uint8Array) => void): void {
  const fd = openSync(path, "r"), chunk = new Uint8Array(chunkBytes);
  try {
    for (let bytes = readSync(fd, chunk); bytes > 0; bytes = readSync(fd, chunk)) take(chunk.subarray(0, bytes));
  } finally {
    closeSync(fd);
  }
}
