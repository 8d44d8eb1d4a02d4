import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { sdkDirectory } from "../../program/index.ts";
import { inspectModule, prepareModule } from "../../wasm/index.ts";
import type { Command } from "./command.ts";
import { compileSources, loadCompiler, withMetadata } from "./compile.ts";
import { bytesText } from "./figures.ts";
import type { ModuleFolder } from "./folder.ts";
import { readModuleFolder, shown } from "./folder.ts";

export const buildCommand: Command = {
  usage: "[FOLDER]",
  summary: "compiles assembly/index.ts to build/NAME.wasm with its metadata, and verifies it",
  options: {},
  arguments: [0, 1],
  async run({ arguments: [path], say }) {
    const start = performance.now();
    const folder = readModuleFolder(path);
    const { bytes } = await buildModule(folder);
    const { sha256, exports } = inspectModule(bytes);
    say(`built    ${shown(folder.output)} in ${((performance.now() - start) / 1000).toFixed(1)} s`);
    say(`size     ${bytesText(bytes.length)}`);
    say(`sha256   ${sha256}`);
    say(`exports  ${exports.map(({ name }) => name).join(" ")}`);
    return 0;
  },
};

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
