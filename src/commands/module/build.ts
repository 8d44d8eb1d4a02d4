import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { sdkDirectory } from "../../program/index.ts";
import { inspectModule, prepareModule } from "../../wasm/index.ts";
import { command } from "../command.ts";
import { jsonOption } from "../options.ts";
import { compileSources, loadCompiler, withMetadata } from "./compile.ts";
import { bytesText } from "./figures.ts";
import type { ModuleFolder } from "./folder.ts";
import { readModuleFolder, shown } from "./folder.ts";

export const buildCommand = command({
  parameters: {
    folder: { count: "optional", help: "a module's folder; default: this one", completes: "directory" },
  },
  options: jsonOption,
  async run({ parameters, options, say, json }) {
    const start = performance.now();
    const folder = readModuleFolder(parameters.folder);
    const { bytes } = await buildModule(folder);
    const { sha256, exports } = inspectModule(bytes);
    if (options.json === true) {
      json({ file: folder.output, bytes: bytes.length, sha256, exports: exports.map(({ name }) => name) });
      return 0;
    }
    say(`built    ${shown(folder.output)} in ${((performance.now() - start) / 1000).toFixed(1)} s`);
    say(`size     ${bytesText(bytes.length)}`);
    say(`sha256   ${sha256}`);
    say(`exports  ${exports.map(({ name }) => name).join(" ")}`);
    return 0;
  },
});

/** A module's file as it was built, and verified as the host will. */
export interface Built {
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * Compiles a folder and writes its module.
 *
 * @throws CompileError, CniError 142 when the host would refuse it
 */
export async function buildModule(folder: ModuleFolder): Promise<Built> {
  const compiler = await loadCompiler(folder.path);
  const wasm = await compileSources({ compiler, folder: folder.path, entry: folder.entry, sdk: sdkDirectory });
  const bytes = withMetadata(wasm, folder.metadata);
  prepareModule(folder.metadata.name, bytes);
  mkdirSync(dirname(folder.output), { recursive: true });
  // Whole or absent: `module test --watch` may read it at this moment.
  const temporary = `${folder.output}.${process.pid}`;
  writeFileSync(temporary, bytes);
  renameSync(temporary, folder.output);
  return { bytes };
}
