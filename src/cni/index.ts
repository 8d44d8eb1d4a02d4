/** The CNI specification as values: errors, results, versions, the environment and configuration of a call. */
export * from "./conf.ts";
export * from "./errors.ts";
export * from "./result.ts";
