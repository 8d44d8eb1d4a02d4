import { join } from "node:path";
import { CniError, code, messageOf } from "../cni/index.ts";
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

const textBytesMax = 64 * 1024;

/**
 * Files `<container>_<interface>.json` in a directory, which is made when something is saved. CniError 5 names the
 * path.
 */
export function openAttachmentFiles(directory: string): AttachmentFiles {
  const pathOf = ({ containerId, ifName }: AttachmentKey): string => join(directory, `${containerId}_${ifName}.json`);
  return {
    load: (attachment) => told("read", pathOf(attachment), (path) => {
      try {
        return readText(path, textBytesMax);
      } catch (error) {
        if (isAbsent(error)) return undefined;
        throw error;
      }
    }),
    save: (attachment, text) => told("write", pathOf(attachment), (path) => {
      makeDirectory(directory, 0o700);
      writeWholeFile(path, text);
    }),
    remove: (attachment) => told("delete", pathOf(attachment), (path) => void removeIfPresent(path)),
  };
}

function told<T>(act: string, path: string, work: (path: string) => T): T {
  try {
    return work(path);
  } catch (error) {
    throw new CniError(code.ioFailure, `Cannot ${act} ${path}: ${messageOf(error)}`, { cause: error });
  }
}
