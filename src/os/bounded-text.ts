import { closeSync, constants, openSync, readSync, statSync } from "node:fs";

/**
 * The text of a file that a configuration names, which may be anybody's: a device must not even be opened, which can be
 * an order to it (watchdog), a pipe waits for ever and /dev/zero does not end.
 *
 * @throws Error saying what it is, or the system's own
 */
export function readBoundedText(path: string, bytesMax: number): string {
  if (path.includes("\0")) throw new Error("there is a NUL in its name, which no file's has");
  if (!statSync(path).isFile()) throw new Error("it is no regular file");
  const bytes = readChunks(path, bytesMax);
  if (bytes.length > bytesMax) throw new Error(`it is longer than ${bytesMax} bytes`);
  return bytes.toString();
}

const chunkBytes = 64 * 1024;

/**
 * The size that a file is said to have is not that of one in /proc, so it is read until it ends, or a chunk beyond the
 * bound.
 */
function readChunks(path: string, bytesMax: number): Buffer {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), chunks: Buffer[] = [];
  try {
    for (let total = 0; total <= bytesMax; total += chunks.at(-1)?.length ?? 0) {
      const chunk = Buffer.alloc(chunkBytes), count = readSync(fd, chunk);
      if (count === 0) break;
      chunks.push(chunk.subarray(0, count));
    }
    return Buffer.concat(chunks);
  } finally {
    closeSync(fd);
  }
}
