/**
 * State on disk: results, scratch files and address reservations, whole or absent, interchangeable with the
 * reference's.
 */
export * from "./device-info.ts";
export { openFileLeases } from "./file-leases.ts";
export type { FileLeasesOptions } from "./file-leases.ts";
export type { Multiplexer } from "./multiplexer.ts";
export { removeInterruptedWrites } from "./private-directory.ts";
export * from "./result-cache.ts";
export * from "./scratch.ts";
export type { ScratchDelegate, ScratchOwn, ScratchRequests } from "./scratch-delegate.ts";
