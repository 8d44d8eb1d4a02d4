/**
 * One change to the node, small enough to say in a line; a plan is a list of them, and an empty plan means that all is
 * right.
 */
import { basename, dirname, join } from "node:path";
import type { NodeFiles } from "./files.ts";

export interface Step {
  /** What it does: `write /etc/cni/net.d/00-polynic.conflist`. */
  readonly what: string;
  /** More for --dry-run: a new file's text. */
  readonly detail?: string;
  run(files: NodeFiles): void;
}

const directoryMode = 0o755;

export interface FileContent {
  readonly path: string;
  readonly content: string;
  readonly mode: number;
  /** Not to be shown. */
  readonly secret?: boolean;
}

/** A file's new content, which readers see whole or not at all. None when it has that content. */
export function writeStep(files: NodeFiles, file: FileContent): readonly Step[] {
  return files.kind(file.path) === "file" && files.read(file.path) === file.content ? [] : [rewriteStep(file)];
}

/** The same whatever the file has now. */
export function rewriteStep({ path, content, mode, secret = false }: FileContent): Step {
  const run = (files: NodeFiles) => inPlaceOf(path, files, (temporary) => files.create(temporary, content, mode));
  return { what: `write ${path}`, ...(secret ? {} : { detail: content }), run };
}

/** A symbolic link. None when it is there. */
export function linkStep(files: NodeFiles, path: string, target: string): readonly Step[] {
  if (files.kind(path) === "link" && files.linkTarget(path) === target) return [];
  return [
    {
      what: `link ${path} to ${target}`,
      run: (files) => inPlaceOf(path, files, (temporary) => files.symlink(target, temporary)),
    },
  ];
}

/** A copy of a directory tree, whole or not there. None when it is there. */
export function copyTreeStep(files: NodeFiles, from: string, to: string): readonly Step[] {
  if (files.kind(to) !== undefined) return [];
  return [
    {
      what: `copy ${from} to ${to}`,
      run: (files) => inPlaceOf(to, files, (temporary) => copyTree(files, from, temporary)),
    },
  ];
}

/** A second name for a file that is about to be replaced: it is there under one of them at every moment. */
export function keepStep(from: string, to: string): Step {
  return {
    what: `keep ${from} as ${to}`,
    run(files) {
      makeDirectories(files, dirname(to));
      files.link(from, to);
      files.sync(dirname(to));
    },
  };
}

export function renameStep(from: string, to: string): Step {
  return {
    what: `rename ${from} to ${to}`,
    run(files) {
      makeDirectories(files, dirname(to));
      files.rename(from, to);
      // Two names of one file, as keepStep leaves them: rename(2) does nothing then.
      if (files.kind(from) !== undefined) files.remove(from);
      files.sync(dirname(to));
    },
  };
}

/**
 * A file, a link, or a directory with all in it, which loses its name first: half a tree is never taken for a whole
 * one.
 */
export function removeStep(files: NodeFiles, path: string): readonly Step[] {
  if (files.kind(path) === undefined) return [];
  return [{
    what: `remove ${path}`,
    run(files) {
      if (files.kind(path) === "directory" && !temporaryPattern.test(basename(path))) {
        removeTree(files, temporaryOf(path));
        files.rename(path, temporaryOf(path));
        removeTree(files, temporaryOf(path));
      } else removeTree(files, path);
      files.sync(dirname(path));
    },
  }];
}

/** A directory, once it has nothing in it any more. */
export function removeEmptyStep(files: NodeFiles, path: string): readonly Step[] {
  if (files.kind(path) !== "directory") return [];
  return [{
    what: `remove ${path}, if it is empty`,
    run(files) {
      if (files.names(path).length === 0) files.remove(path);
    },
  }];
}

const temporaryPattern = /^\.polynic-.*\.tmp$/;

/** What a run that was killed has left; whoever asks holds the lock, so nobody is writing them. */
export function staleSteps(files: NodeFiles, directory: string): readonly Step[] {
  return files
    .names(directory)
    .filter((name) => temporaryPattern.test(name))
    .flatMap((name) => removeStep(files, join(directory, name)));
}

function inPlaceOf(path: string, files: NodeFiles, make: (temporary: string) => void): void {
  const directory = dirname(path), temporary = temporaryOf(path);
  makeDirectories(files, directory);
  removeTree(files, temporary);
  make(temporary);
  files.rename(temporary, path);
  files.sync(directory);
}

function temporaryOf(path: string): string {
  return join(dirname(path), `.polynic-${basename(path)}.tmp`);
}

export function makeDirectories(files: NodeFiles, path: string): void {
  if (files.kind(path) !== undefined) return;
  makeDirectories(files, dirname(path));
  files.makeDirectory(path, directoryMode);
}

function removeTree(files: NodeFiles, path: string): void {
  const kind = files.kind(path);
  if (kind === undefined) return;
  if (kind === "directory") for (const name of files.names(path)) removeTree(files, join(path, name));
  files.remove(path);
}

function copyTree(files: NodeFiles, from: string, to: string): void {
  const kind = files.kind(from);
  if (kind === "link") files.symlink(files.linkTarget(from), to);
  else if (kind === "directory") {
    files.makeDirectory(to, directoryMode);
    for (const name of files.names(from)) copyTree(files, join(from, name), join(to, name));
    files.sync(to);
  } else files.copy(from, to);
}
