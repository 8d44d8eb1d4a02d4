/** WASM modules: pure functions of bytes in a sandbox. Compiled once, instantiated per call, every answer checked. */
export type * from "./modules.ts";
