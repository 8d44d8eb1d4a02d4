// Compiles the modules of wasm-plugins/ to build/wasm/, as `polynic module build` does an author's: the built-in ones
// with fuel counted in their code already, the examples below build/wasm/examples/ as their authors would install them.
// Same sources, same bytes: where nothing has changed since the last time, nothing is compiled.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { compileSources, loadCompiler, withMetadata } from "../src/commands/module/compile.ts";
import { meterModule } from "../src/wasm/code/meter.ts";
import { withStateExported } from "../src/wasm/code/state.ts";
import { verifyModule } from "../src/wasm/code/verify.ts";
import { root } from "./setup.mjs";

const output = join(root, "build", "wasm");
const sources = join(root, "wasm-plugins");
const sdk = join(sources, "sdk");
const examples = join(sources, "examples");

/** Everything that the bytes depend on; the lock file pins the compiler. */
const inputs = [
  sources, join(root, "src", "wasm", "code"), join(root, "src", "wasm", "limits.ts"),
  join(root, "src", "wasm", "call", "instance.ts"),
  join(root, "src", "commands", "module", "compile.ts"), import.meta.filename,
  join(root, "asconfig.json"), join(root, "package-lock.json"),
];

/** The digest of the inputs and of what was made from them, and the names of that, a line each. */
const madeFrom = join(output, "made-from.sha256");

/** Folders of the built-in modules: `index.ts`, and `module.json`, the metadata. */
const builtIns = ["host-local", "lowest", "merge"];

const made = [];

/** The bytes of one module's sources: not metered, without metadata. */
export async function compile(folder, entry, flags = []) {
  return compileSources({ compiler: await loadCompiler(root), folder, entry, sdk, flags });
}

async function buildBuiltIn(name) {
  const folder = join(sources, name);
  write(output, folder, withStateExported(meterModule(verifyModule(await compile(folder, "index.ts")))));
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
  made.push(file);
  console.log(`${relative(root, file)}: ${bytes.length} bytes`);
}

/** Of names and contents; undefined where a file is missing. */
function digestOf(files) {
  const hash = createHash("sha256");
  for (const file of files.flatMap(filesBelow)) {
    if (!existsSync(file)) return undefined;
    hash.update(`${relative(root, file)}\0`).update(readFileSync(file)).update("\0");
  }
  return hash.digest("hex");
}

function filesBelow(path) {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return [path];
  return readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name)).sort();
}

/** Whether the files are there as they were made from today's inputs. */
function isCurrent() {
  if (!existsSync(madeFrom)) return false;
  const [digest, ...files] = readFileSync(madeFrom, "utf8").trimEnd().split("\n");
  return digest === digestOf([...inputs, ...files.map((file) => join(root, file))]);
}

if (import.meta.main && !isCurrent()) {
  mkdirSync(join(output, "examples"), { recursive: true });
  for (const name of builtIns) await buildBuiltIn(name);
  for (const name of readdirSync(examples)) await buildExample(name);
  writeFileSync(madeFrom, [digestOf([...inputs, ...made]), ...made.map((file) => relative(root, file)), ""].join("\n"));
}
