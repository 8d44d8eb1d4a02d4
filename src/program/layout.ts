/** Where an installed polynic finds its own files, and where a checkout has them. */
import { join } from "node:path";

/** Set to true by scripts/bundle.mjs; a checkout runs the sources as they stand and has no such constant. */
declare const POLYNIC_INSTALLED: true | undefined;

const installed = typeof POLYNIC_INSTALLED !== "undefined";

/** The directory of the built-in WASM modules: beside the bundle when installed, the build's output in a checkout. */
export const moduleDirectory = installed
  ? join(import.meta.dirname, "modules")
  : join(import.meta.dirname, "..", "..", "build", "wasm");

/** What authors of modules need: dist/share, or the sources. */
const shareDirectory = installed
  ? join(import.meta.dirname, "..", "..", "share")
  : join(import.meta.dirname, "..", "..", "wasm-plugins");

/** The SDK's sources, which modules import as `polynic/...`. */
export const sdkDirectory = join(shareDirectory, "sdk");

/** What `polynic module new` copies, a folder for each kind. */
export const templateDirectory = join(shareDirectory, "templates");

/** What shells read to complete polynic's words, below it as the shells have it. */
export const completionDirectory = installed
  ? shareDirectory
  : join(import.meta.dirname, "..", "commands", "completion", "share");

/** The whole tree, as the build leaves it: what `polynic install` copies to a node. */
export const treeDirectory = installed
  ? join(import.meta.dirname, "..", "..")
  : join(import.meta.dirname, "..", "..", "dist");
