/** WASM modules: pure functions of bytes in a sandbox. Compiled once, instantiated per call, every answer checked. */
export { openModules } from "./host.ts";
export type * from "./modules.ts";
