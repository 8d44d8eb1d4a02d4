import { statSync } from "node:fs";
import { buildModule } from "./build.ts";
import type { ModuleFolder } from "./folder.ts";
import { readModuleFolder } from "./folder.ts";
import type { Subject } from "./kit/subject.ts";
import { subjectOf } from "./kit/subject.ts";
import { readModuleFile } from "./module-file.ts";

/** What a path names as something to try: a folder, built first, or a module file. */
export async function subjectAt(path: string): Promise<{ readonly subject: Subject; readonly folder?: ModuleFolder }> {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() === true) return { subject: subjectOf(readModuleFile(path)) };
  const folder = readModuleFolder(path);
  const { bytes } = await buildModule(folder);
  return { subject: subjectOf(bytes), folder };
}
