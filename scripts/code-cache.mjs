// Writes V8's code cache of a script: code-cache.mjs SOURCE CACHE, with "heavy" after it for a script that start.cjs
// loads under Node's own flags. Run it under the runtime's flags: V8 refuses a cache made under others, and the fixed
// hash seed makes the same sources give the same bytes.
//
// Every function is compiled, not only those a trial run would reach: such a cache starts as fast, serves all plugins
// alike and needs neither root nor a namespace at build time.
import { readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { setFlagsFromString } from "node:v8";
import { Script } from "node:vm";

const [source, cache, heavy] = process.argv.slice(2);
const text = readFileSync(source, "latin1");

// As start.cjs does before it loads a heavy script.
if (heavy === "heavy") {
  setFlagsFromString("--rehash-snapshot");
  setFlagsFromString("--min-semi-space-size=0");
  setFlagsFromString("--wasm-tiering-budget=13000000");
}
setFlagsFromString("--no-lazy");
// The name alone, so that a build anywhere gives the same bytes; the one who loads the cache says the path.
const script = new Script(text, { filename: basename(source) });
setFlagsFromString("--lazy");
writeFileSync(cache, script.createCachedData());
