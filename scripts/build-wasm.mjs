// Compiles the modules of wasm-plugins/ to build/wasm/, as `polynic module build` does an author's: the built-in ones
// with fuel counted in their code already, the examples below build/wasm/examples/ as their authors would install them.
// Same sources, same bytes.
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { compileSources, loadCompiler, withMetadata } from "../src/commands/module/compile.ts";
import { meterModule } from "../src/wasm/code/meter.ts";
import { verifyModule } from "../src/wasm/code/verify.ts";
import { root } from "./setup.mjs";

const output = join(root, "build", "wasm");
const sources = join(root, "wasm-plugins");
const sdk = join(sources, "sdk");
const examples = join(sources, "examples");

/** Folders of the built-in modules: `index.ts`, and `module.json`, the metadata. */
const builtIns = ["host-local", "lowest", "merge"];

/** The bytes of one module's sources: not metered, without metadata. */
export async function compile(folder, entry, flags = []) {
  return compileSources({ compiler: await loadCompiler(root), folder, entry, sdk, flags });
}

async function buildBuiltIn(name) {
  const folder = join(sources, name);
  write(output, folder, meterModule(verifyModule(await compile(folder, "index.ts"))));
}

async function buildExample(name) {
  const folder = join(examples, name);
  write(join(output, "examples"), folder, await compile(folder, "assembly/index.ts"));
}

function write(directory, folder, wasm) {
  const metadata = JSON.parse(readFileSync(join(folder, "module.json"), "utf8"));
  const file = join(directory, `${metadata.name}.wasm`);
  const bytes = withMetadata(wasm, metadata);
  writeFileSync(file, bytes);
  console.log(`${relative(root, file)}: ${bytes.length} bytes`);
}

if (import.meta.main) {
  mkdirSync(join(output, "examples"), { recursive: true });
  for (const name of builtIns) await buildBuiltIn(name);
  for (const name of readdirSync(examples)) await buildExample(name);
}
