import { readdirSync } from "node:fs";
import { join } from "node:path";
import { CniError, code, messageOf } from "../cni/index.ts";
import { isIdentifier } from "../net/index.ts";
import { isAbsent, makeDirectory, readText, removeIfPresent, writeWholeFile } from "../os/index.ts";

/**
 * What a plugin wrote down about an attachment, a small file for each; in the form and place the reference's has it.
 */
export interface AttachmentFiles {
  /** The text; undefined when there is none. */
  load(attachment: AttachmentKey): string | undefined;
  save(attachment: AttachmentKey, text: string): void;
  /** Missing is success. */
  remove(attachment: AttachmentKey): void;
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
    save: (attachment, text) => save(directory, nameOf(attachment), text),
    remove: (attachment) => remove(directory, nameOf(attachment)),
  };
}

/** Files `<container>` in a directory, likewise. */
export function openContainerFiles(directory: string): ContainerFiles {
  return {
    load: (containerId) => load(directory, containerId),
    save: (containerId, text) => save(directory, containerId, text),
    remove: (containerId) => remove(directory, containerId),
    list: () => told("read", directory, () => {
      try {
        return readdirSync(directory, { withFileTypes: true }).filter((one) => one.isFile() && isIdentifier(one.name))
          .map(({ name }) => name);
      } catch (error) {
        if (isAbsent(error)) return [];
        throw error;
      }
    }),
  };
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

function save(directory: string, name: string, text: string): void {
  told("write", join(directory, name), (path) => {
    makeDirectory(directory, 0o700);
    writeWholeFile(path, text);
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
