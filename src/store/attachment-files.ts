import { readdirSync } from "node:fs";
import { join } from "node:path";
import { CniError, code, messageOf } from "../cni/index.ts";
import { isIdentifier } from "../net/index.ts";
import { isAbsent, readText, removeIfPresent } from "../os/index.ts";
import { writeIntoDirectory } from "./private-directory.ts";

/**
 * What a plugin wrote down about an attachment, a small file for each; in the form and place the reference's has it.
 */
export interface AttachmentFiles {
  /** The text; undefined when there is none. */
  load(attachment: AttachmentKey): string | undefined;
  save(attachment: AttachmentKey, text: string): void;
  /** Missing is success. */
  remove(attachment: AttachmentKey): void;
  /** Those that can be read, whoever wrote them. */
  list(): readonly AttachmentFile[];
}

/** One of a directory's files, whose name may be that of an attachment. */
export interface AttachmentFile {
  readonly text: string;
  isOf(attachment: AttachmentKey): boolean;
  remove(): void;
}

export interface AttachmentKey {
  readonly containerId: string;
  readonly ifName: string;
}

/** The same for a container, whatever its interfaces. */
export interface ContainerFiles {
  load(containerId: string): string | undefined;
  save(containerId: string, text: string): void;
  /** Missing is success. */
  remove(containerId: string): void;
  /** The containers there is one of. */
  list(): readonly string[];
}

const textBytesMax = 64 * 1024;

/**
 * Files `<container>_<interface>.json` in a directory, which is made when something is saved. CniError 5 names the
 * path.
 */
export function openAttachmentFiles(directory: string): AttachmentFiles {
  const nameOf = ({ containerId, ifName }: AttachmentKey): string => `${containerId}_${ifName}.json`;
  return {
    load: (attachment) => load(directory, nameOf(attachment)),
    save: (attachment, text) => writeIntoDirectory(directory, nameOf(attachment), text),
    remove: (attachment) => remove(directory, nameOf(attachment)),
    list: () => namesIn(directory, (name) => name.endsWith(".json")).flatMap((name) => {
      const text = readable(directory, name);
      return text === undefined ? [] : [{
        text, isOf: (attachment) => nameOf(attachment) === name, remove: () => remove(directory, name),
      }];
    }),
  };
}

/** Files `<container>` in a directory, likewise. */
export function openContainerFiles(directory: string): ContainerFiles {
  return {
    load: (containerId) => load(directory, containerId),
    save: (containerId, text) => writeIntoDirectory(directory, containerId, text),
    remove: (containerId) => remove(directory, containerId),
    list: () => namesIn(directory, isIdentifier),
  };
}

function namesIn(directory: string, isName: (name: string) => boolean): readonly string[] {
  return told("read", directory, () => {
    try {
      return readdirSync(directory, { withFileTypes: true }).filter((one) => one.isFile() && isName(one.name))
        .map(({ name }) => name);
    } catch (error) {
      if (isAbsent(error)) return [];
      throw error;
    }
  });
}

/** undefined as well for what is nothing of ours. */
function readable(directory: string, name: string): string | undefined {
  try {
    return load(directory, name);
  } catch {
    return undefined;
  }
}

function load(directory: string, name: string): string | undefined {
  return told("read", join(directory, name), (path) => {
    try {
      return readText(path, textBytesMax);
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw error;
    }
  });
}

function remove(directory: string, name: string): void {
  told("delete", join(directory, name), (path) => void removeIfPresent(path));
}

function told<T>(act: string, path: string, work: (path: string) => T): T {
  try {
    return work(path);
  } catch (error) {
    throw new CniError(code.ioFailure, `Cannot ${act} ${path}: ${messageOf(error)}`, { cause: error });
  }
}
