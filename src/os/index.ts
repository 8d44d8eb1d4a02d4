/**
 * The operating system: the C library, locks, processes, whole files, bounded reading, clock and chance. Everything
 * here is about this machine and nothing about networks.
 */
export { bootId } from "./boot-id.ts";
export { readBoundedText } from "./bounded-text.ts";
export { closeOnExec, peerCredentials } from "./descriptor.ts";
export { errnoName, errnoNumber, errnoOf, naming, needsRoot } from "./errno.ts";
export {
  AF_NETLINK,
  SOL_SOCKET,
  SO_RCVBUFFORCE,
  SO_SNDBUFFORCE,
  SystemCallError,
  cancelAlarm,
  errnoText,
  exitProcess,
  randomBytes,
  receive,
  receiveFrom,
  send,
  setSocketOption,
  socket,
} from "./libc.ts";
export { LockError, takeLock, withLock, withLockIfPossible } from "./lock.ts";
export type { Lock } from "./lock.ts";
export {
  attachFilter,
  bindDescriptor,
  controlDescriptor,
  enterNetworkNamespace,
  leaveForNewMounts,
  leaveForNewNetworkNamespace,
  mountMemory,
  openPacketDescriptor,
  sendAside,
  sendTo,
  setReadOnly,
} from "./network-calls.ts";
export { whenReadable } from "./readable.ts";
export { onPool } from "./pool.ts";
export { giveWay, inOrder } from "./turns.ts";
export { readOwnFile, refuseForeignDirectory } from "./own-file.ts";
export { ProgramError, findProgram, runProgram } from "./process.ts";
export {
  createWholeFile,
  isAbsent,
  isThere,
  makeDirectory,
  readBytes,
  readText,
  readVersioned,
  removeIfPresent,
  removeStaleTemporaries,
  writeInPlace,
  writeWholeFile,
} from "./whole-file.ts";
export { realWorld } from "./world.ts";
export type { World } from "./world.ts";
