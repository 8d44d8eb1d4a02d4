/**
 * The CNI specification as values: environment, configurations, requests, results in every version, versions, errors.
 * Untrusted JSON becomes typed values here and nowhere else: through `readConf`, which knows the schemas.
 */
export * from "./args.ts";
export * from "./conf.ts";
export * from "./environment.ts";
export * from "./errors.ts";
export * from "./json.ts";
export * from "./network-config.ts";
export * from "./plugin-request.ts";
export * from "./result/result.ts";
export * from "./result/parsing.ts";
export * from "./result/printing.ts";
export * from "./version.ts";
