// Compiles the built-in modules from wasm-plugins/ to build/wasm/: AssemblyScript by asconfig.json, then fuel counting,
// then the metadata section. Same sources, same bytes.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { pinnedNode, run } from "./setup.mjs";

// The verifier and the meter are TypeScript, which an older Node does not run.
if (Number(process.versions.node.split(".")[0]) < 24) {
  run(pinnedNode, [import.meta.filename]);
  process.exit();
}
const { meterModule } = await import("../src/wasm/meter.ts");
const { verifyModule } = await import("../src/wasm/verify.ts");

const root = join(import.meta.dirname, "..");
const output = join(root, "build", "wasm");
const sources = join(root, "wasm-plugins");

/** One built-in module: its entry file, and its metadata beside it under the same name. */
const entries = ["ipam/host-local", "merge/merge"];

/** @assemblyscript/loader belongs to tests; the compiler itself takes a while to load, so only this script knows it. */
const { default: asc } = await import("assemblyscript/asc");

/** The bytes of one AssemblyScript file as `asconfig.json` compiles it: not metered, without metadata. */
export async function compile(entry, options = []) {
  const written = new Map();
  const { error, stderr } = await asc.main(
    [relative(root, entry), "--config", "asconfig.json", "--baseDir", root, "--outFile", "module.wasm", ...options],
    { writeFile: (name, contents) => written.set(name, contents), stdout: undefined },
  );
  if (error) throw new Error(`Cannot compile ${entry}: ${error.message}\n${stderr.toString()}`, { cause: error });
  return written.get("module.wasm");
}

/** The module with its metadata as custom section `cni.module`. */
export function withMetadata(wasm, metadata) {
  const name = new TextEncoder().encode("cni.module");
  const text = new TextEncoder().encode(JSON.stringify(metadata));
  const payload = [...leb128(name.length), ...name, ...text];
  return Uint8Array.from([...wasm, 0, ...leb128(payload.length), ...payload]);
}

function leb128(value) {
  const low = value & 0x7f;
  return value < 0x80 ? [low] : [low | 0x80, ...leb128(value >>> 7)];
}

async function build(entry) {
  const metadata = JSON.parse(readFileSync(join(sources, `${entry}.json`), "utf8"));
  const wasm = await compile(join(sources, `${entry}.ts`));
  const file = join(output, `${metadata.name}.wasm`);
  const bytes = withMetadata(meterModule(verifyModule(wasm)), metadata);
  writeFileSync(file, bytes);
  console.log(`${relative(root, file)}: ${bytes.length} bytes`);
}

if (import.meta.main) {
  mkdirSync(output, { recursive: true });
  for (const entry of entries) await build(entry);
}
