import { defaultModuleDir } from "../../wasm/index.ts";
import type { CommandInput } from "./command.ts";

/** Where modules are installed; every command about them takes --dir. */
export const directoryOption = { dir: { type: "string" } } as const;

export function directoryOf({ options }: CommandInput): string {
  return options.text("dir") ?? defaultModuleDir;
}
