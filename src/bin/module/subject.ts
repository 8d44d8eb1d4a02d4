import { statSync } from "node:fs";
import type { Subject } from "../../module-kit/index.ts";
import { subjectOf } from "../../module-kit/index.ts";
import { buildModule } from "./build.ts";
import type { ModuleFolder } from "./folder.ts";
import { readModuleFolder } from "./folder.ts";
import { readModuleFile } from "./module-file.ts";

/** What a path names as something to try: a folder, built first, or a module file. */
export async function subjectAt(path: string): Promise<{ readonly subject: Subject; readonly folder?: ModuleFolder }> {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() === true) return { subject: subjectOf(readModuleFile(path)) };
  const folder = readModuleFolder(path);
  const { bytes } = await buildModule(folder);
  return { subject: subjectOf(bytes), folder };
}
