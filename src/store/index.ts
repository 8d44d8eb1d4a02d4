/** State on disk: results, scratch files and address reservations, whole or absent, interchangeable with the reference's. */
export type * from "./leases.ts";
export * from "./whole-file.ts";
export type { Multiplexer } from "./multiplexer.ts";
export * from "./result-cache.ts";
export * from "./scratch.ts";
