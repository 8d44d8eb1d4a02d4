/**
 * The operating system: the C library, locks, processes, whole files, bounded reading, clock and chance. Everything
 * here is about this machine and nothing about networks.
 */
export { readBoundedText } from "./bounded-text.ts";
export { FileLockError, lockFile } from "./file-lock.ts";
export {
  AF_NETLINK,
  SOL_SOCKET,
  SO_RCVBUFFORCE,
  SO_SNDBUFFORCE,
  SystemCallError,
  enterNetworkNamespace,
  errnoName,
  errnoText,
  exitProcess,
  randomBytes,
  receive,
  send,
  setSocketOption,
  socket,
} from "./libc.ts";
export { readOwnFile, refuseForeignDirectory } from "./own-file.ts";
export { takeLock } from "./patient-lock.ts";
export type { LockFile } from "./patient-lock.ts";
export { runProgram } from "./process.ts";
export { inTurn } from "./turns.ts";
export {
  createWholeFile,
  errnoOf,
  isAbsent,
  makeDirectory,
  readBytes,
  readText,
  removeIfPresent,
  removeStaleTemporaries,
  writeInPlace,
  writeWholeFile,
} from "./whole-file.ts";
export { realWorld } from "./world.ts";
export type { World } from "./world.ts";
