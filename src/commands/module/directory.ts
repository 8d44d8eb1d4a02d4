import { defaultModuleDir } from "../../wasm/index.ts";
import type { OptionTable } from "../options.ts";

/** Where modules are installed; every command about them takes --dir. */
export const directoryOption = {
  dir: { kind: "text", value: "DIRECTORY", help: `where modules are installed; default: ${defaultModuleDir}` },
} as const satisfies OptionTable;

export function directoryOf({ dir }: { readonly dir: string | undefined }): string {
  return dir ?? defaultModuleDir;
}
