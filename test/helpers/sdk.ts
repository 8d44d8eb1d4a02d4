/** AssemblyScript compiled for a test, with the SDK where the compiler looks for it. */
import { join } from "node:path";
import { compileSources, loadCompiler } from "../../src/commands/module/compile.ts";

const root = join(import.meta.dirname, "..", "..");

/** Directory of the modules' sources. */
export const moduleSources = join(root, "wasm-plugins");

/** The bytes of a folder's sources. */
export async function compileModuleSources(folder: string, entry: string,
  flags: readonly string[] = []): Promise<Uint8Array<ArrayBuffer>> {
  return compileSources({ compiler: await loadCompiler(root), folder, entry, sdk: join(moduleSources, "sdk"), flags });
}
