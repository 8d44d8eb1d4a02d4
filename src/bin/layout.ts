/** Where an installed polynic finds its own files, and where a checkout has them. */
import { join } from "node:path";

/** Set to true by scripts/bundle.mjs; a checkout runs the sources as they stand and has no such constant. */
declare const POLYNIC_INSTALLED: true | undefined;

/** The directory of the built-in WASM modules: beside the bundle when installed, the build's output in a checkout. */
export const moduleDirectory = typeof POLYNIC_INSTALLED === "undefined"
  ? join(import.meta.dirname, "..", "..", "build", "wasm")
  : join(import.meta.dirname, "modules");
