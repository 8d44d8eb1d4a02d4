/**
 * The standard streams by plain system calls: Node's stream objects for them cost more to load than a network takes to
 * add.
 */
import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { CniError, code, messageOf } from "../cni/index.ts";

/** Kubernetes objects end at 1.5 MiB; no configuration comes near this. */
const inputBytesMax = 16 * 1024 * 1024;
const chunkBytes = 64 * 1024;
const pauseMs = 1;

/**
 * All of stdin as text.
 *
 * @throws CniError 5 when it cannot be read, or is longer than 16 MiB
 */
export function readStdin(): string {
  return readAll(0, "stdin");
}

/**
 * The same of a file that a person names, which may be a pipe that a shell has put there, or a device without end.
 *
 * @throws CniError 5 as `readStdin`, or the system's error when it cannot be opened
 */
export function readNamedFile(path: string): string {
  const fd = openSync(path, "r");
  try {
    return readAll(fd, path);
  } finally {
    closeSync(fd);
  }
}

function readAll(fd: number, name: string): string {
  const chunks: Buffer[] = [];
  for (let totalBytes = 0; ; ) {
    const chunk = Buffer.allocUnsafe(chunkBytes);
    const bytes = patiently(() => readSync(fd, chunk), `read ${name}`);
    if (bytes === 0) return Buffer.concat(chunks).toString();
    totalBytes += bytes;
    if (totalBytes > inputBytesMax)
      throw new CniError(code.ioFailure, `Cannot read ${name}: it is longer than ${inputBytesMax} bytes`);
    chunks.push(chunk.subarray(0, bytes));
  }
}

/**
 * Writes to stdout, all of it when this returns.
 *
 * @throws CniError 5 with the system's error as its cause
 */
export function writeStdout(text: string): void {
  writeAll(1, text, "write to stdout");
}

/** Writes the answer to stdout; false when that cannot be done, which stderr is told: whoever asked is gone. */
export function writeAnswer(text: string): boolean {
  try {
    writeStdout(text);
    return true;
  } catch (error) {
    writeLine(messageOf(error));
    return false;
  }
}

/** Writes a line to stderr. */
export function writeLine(text: string): void {
  writeError(`${text}\n`);
}

/** Writes to stderr; that nobody can read it is no reason to fail. */
export function writeError(text: string): void {
  try {
    writeAll(2, text, "write to stderr");
  } catch {
    // There is no other place to say it.
  }
}

function writeAll(fd: number, text: string, what: string): void {
  const bytes = Buffer.from(text);
  for (let written = 0; written < bytes.length; ) written += patiently(() => writeSync(fd, bytes, written), what);
}

/** Whoever started us may have made the stream non-blocking, which it then is for all who share it. */
function patiently(call: () => number, what: string): number {
  for (;;) {
    try {
      return call();
    } catch (error) {
      const errno = error instanceof Error && "code" in error ? error.code : undefined;
      if (errno === "EOF") return 0;
      if (errno !== "EAGAIN") throw new CniError(code.ioFailure, `Cannot ${what}: ${String(error)}`, { cause: error });
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs);
    }
  }
}
