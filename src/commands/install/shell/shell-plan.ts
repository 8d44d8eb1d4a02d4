/**
 * Completion and manual pages are written where others write, too: what is there and was not written by us stays, as
 * does what somebody has changed since, and is told. A link to a place outside the prefix is not followed: below
 * /usr/local others than root may have put it there (Debian's group staff), to have root write or delete elsewhere.
 */
import { basename, dirname, join, relative } from "node:path";
import { CommandError } from "../../errors.ts";
import type { NodeFiles } from "../node/files.ts";
import type { Step } from "../node/step.ts";
import { makeDirectories, removeEmptyStep, removeStep, rewriteStep, staleSteps } from "../node/step.ts";
import type { ShellFile, ShellRequest } from "./shell-files.ts";
import type { ShellRecord, WrittenFile } from "./shell-record.ts";
import {
  digestOf, emptyRecord, printShellRecord, readShellRecord, shellFolder, shellRecordName,
} from "./shell-record.ts";

export interface ShellPlan {
  readonly steps: readonly Step[];
  readonly notes: readonly string[];
  /** In which something is made or removed, as this process sees them; some may not be there yet. */
  readonly directories: readonly string[];
}

/**
 * Of what stands at a name: nothing, one of ours, exactly what is wanted though not by us, something else; or it does
 * not stand below the prefix.
 */
type Found = "nothing" | "ours" | "same" | "foreign" | "outside";

export function planShellInstall(
  request: ShellRequest, wanted: readonly ShellFile[], files: NodeFiles,
): ShellPlan {
  const { at, isOutside } = lookBelow(request, files);
  if (isOutside(shellRecordName))
    throw new CommandError(`Cannot install into ${at(shellFolder)}: a link leads out of ${request.prefix.seen}, ` +
      "expected a directory in it");
  const before = readShellRecord(at(shellRecordName), files);
  const look = { files, at, isOutside, written: before?.written ?? [] };
  const found = wanted.map((file) => ({ file, found: foundAt(file.name, look, digestOf(file.content)) }));
  const ours = found.filter(({ found }) => found === "nothing" || found === "ours").map(({ file }) => file);
  const changed = ours.filter(({ name, content }) =>
    files.kind(at(name)) === undefined || files.digest(at(name)) !== digestOf(content));
  const dropped = namesOf(look.written).filter((name) => !wanted.some((file) => file.name === name));
  const gone = dropped.filter((name) => foundAt(name, look) === "ours");

  const directories = [...(before?.directories ?? []), ...ours.flatMap(({ name }) => missingAbove(name, look))];
  const after: ShellRecord = {
    written: ours.map(({ name, content }) => ({ name, sha256: digestOf(content) })),
    directories: [...new Set(directories)],
  };
  const during = { ...after, written: united(after.written, look.written) };
  const changes = [
    ...byDirectory(changed.map(({ name }) => name), (names, directory) => writeStep(names, directory, { at, changed })),
    ...removal(gone, look),
    ...stale([...wanted.map(({ name }) => name), shellRecordName], look),
  ];
  const record = (content: string) => rewriteStep({ path: at(shellRecordName), content, mode: 0o644, secret: true });
  const first = printShellRecord(before ?? emptyRecord), last = printShellRecord(after);
  const middle = changes.length === 0 ? first : printShellRecord(during);
  return {
    steps: [
      ...(middle === first ? [] : [record(middle)]), ...changes, ...(last === middle ? [] : [record(last)]),
    ],
    notes: [
      ...found.filter(({ found }) => found === "foreign").map(({ file }) =>
        leftNote(at(file.name), look.written.some(({ name }) => name === file.name))),
      ...found.filter(({ found }) => found === "outside").map(({ file }) => outsideNote(at(file.name))),
      ...leftNotes(dropped, look),
    ],
    directories: directoriesOf([...changed.map(({ name }) => name), ...gone, shellRecordName], at),
  };
}

export function planShellUninstall(request: ShellRequest, files: NodeFiles): ShellPlan {
  const { at, isOutside } = lookBelow(request, files);
  // Nothing of ours was written through it.
  if (isOutside(shellRecordName)) return { steps: [], notes: [], directories: [] };
  const record = readShellRecord(at(shellRecordName), files);
  if (record === undefined) {
    // What a run that was killed at its very end has left.
    const isLeft = files.kind(at(shellFolder)) === "directory" && files.names(at(shellFolder)).length === 0;
    const steps = isLeft ? removeStep(files, at(shellFolder)) : [];
    return { steps, notes: [], directories: [at(dirname(shellFolder))] };
  }
  const look = { files, at, isOutside, written: record.written };
  const names = namesOf(record.written), gone = names.filter((name) => foundAt(name, look) === "ours");
  const innermostFirst = [...record.directories].filter((name) => name !== shellFolder && !isOutside(name))
    .sort((a, b) => b.length - a.length);
  const empty = (folders: readonly string[]) => folders.flatMap((name) => removeEmptyStep(files, at(name)));
  const isAboveRecord = (name: string) => shellFolder.startsWith(`${name}/`);
  return {
    steps: [
      ...removal(gone, look),
      ...stale([...names, shellRecordName], look),
      ...empty(innermostFirst.filter((name) => !isAboveRecord(name))),
      ...removeStep(files, at(shellRecordName)),
      ...empty([shellFolder, ...innermostFirst.filter(isAboveRecord)]),
    ],
    notes: leftNotes(names, look),
    directories: directoriesOf([...gone, shellRecordName], at),
  };
}

interface Look {
  readonly files: NodeFiles;
  readonly written: readonly WrittenFile[];
  at(name: string): string;
  /** Whether a link leads out of the prefix on the way there. */
  isOutside(name: string): boolean;
}

function lookBelow({ prefix }: ShellRequest, files: NodeFiles): Pick<Look, "at" | "isOutside"> {
  const at = (name: string) => join(prefix.seen, name), real = files.realPath(prefix.seen);
  const isOutside = (name: string): boolean => {
    const above = dirname(name);
    if (above === ".") return false;
    if (files.kind(at(above)) === undefined) return isOutside(above);
    const there = files.realPath(at(above));
    return real === undefined || there === undefined || relative(real, there).split("/")[0] === "..";
  };
  return { at, isOutside };
}

/** @param wanted  the digest of what is to stand there */
function foundAt(name: string, { files, written, at, isOutside }: Look, wanted?: string): Found {
  if (isOutside(name)) return "outside";
  const kind = files.kind(at(name));
  if (kind === undefined) return "nothing";
  const digest = kind === "file" ? files.digest(at(name)) : undefined;
  if (written.some((one) => one.name === name && one.sha256 === digest)) return "ours";
  return digest !== undefined && digest === wanted ? "same" : "foreign";
}

function leftNote(path: string, isRecorded: boolean): string {
  return isRecorded
    ? `${path} is left as it is: it has been changed since it was written`
    : `${path} is left as it is: somebody else has put it there`;
}

function outsideNote(path: string): string {
  return `${path} is left alone: a link leads out of the prefix on the way there`;
}

/** Of what was written once, and cannot be removed. */
function leftNotes(names: readonly string[], look: Look): readonly string[] {
  return names.flatMap((name) => {
    const found = foundAt(name, look), path = look.at(name);
    return found === "foreign" ? [leftNote(path, true)] : found === "outside" ? [outsideNote(path)] : [];
  });
}

function namesOf(written: readonly WrittenFile[]): readonly string[] {
  return [...new Set(written.map(({ name }) => name))];
}

function united(a: readonly WrittenFile[], b: readonly WrittenFile[]): readonly WrittenFile[] {
  return [...a, ...b.filter((one) => !a.some(({ name, sha256 }) => name === one.name && sha256 === one.sha256))];
}

/** The directories above a name, outermost first, that are to be made. */
function missingAbove(name: string, look: Look): readonly string[] {
  const above = dirname(name);
  if (above === "." || look.files.kind(look.at(above)) !== undefined) return [];
  return [...missingAbove(above, look), above];
}

function directoriesOf(names: readonly string[], at: (name: string) => string): readonly string[] {
  return [...new Set(names.map((name) => at(dirname(name))))];
}

/** What a run that was killed has left where these names are. */
function stale(names: readonly string[], { files, at, isOutside }: Look): readonly Step[] {
  return [...new Set(names.filter((name) => !isOutside(name)).map((name) => dirname(name)))]
    .flatMap((name) => staleSteps(files, at(name)));
}

/** One step for all that lie in a directory: there are dozens of manual pages. */
function byDirectory(
  names: readonly string[], step: (names: readonly string[], directory: string) => Step,
): readonly Step[] {
  return [...new Set(names.map((name) => dirname(name)))].map((directory) =>
    step(names.filter((name) => dirname(name) === directory), directory));
}

function writeStep(
  names: readonly string[],
  directory: string,
  { at, changed }: { at(name: string): string; readonly changed: readonly ShellFile[] },
): Step {
  const parts = changed.filter(({ name }) => names.includes(name))
    .map(({ name, content }) => rewriteStep({ path: at(name), content, mode: 0o644 }));
  return {
    what: `write ${counted(names)} into ${at(directory)}`,
    run(files) {
      makeDirectories(files, at(directory));
      for (const part of parts) part.run(files);
    },
  };
}

function removal(names: readonly string[], { files, at }: Look): readonly Step[] {
  return byDirectory(names, (names, directory) => ({
    what: `remove ${counted(names)} from ${at(directory)}`,
    run: (now) => {
      for (const name of names) for (const part of removeStep(files, at(name))) part.run(now);
    },
  }));
}

/** `polynic.1 and 44 others` */
function counted(names: readonly string[]): string {
  const [first = "", ...others] = names.map((name) => basename(name));
  return others.length === 0 ? first : `${first} and ${others.length} other${others.length === 1 ? "" : "s"}`;
}
