import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

/** How many files below a directory are opened while something is done. */
export function opened(directory: string, work: () => void): number {
  const { openSync } = fs;
  let count = 0;
  replace((path, ...more) => {
    if (String(path).startsWith(directory)) count++;
    return openSync(path, ...more);
  });
  try {
    work();
  } finally {
    replace(openSync);
  }
  return count;
}

/** For whoever has imported it, too. */
function replace(openSync: typeof fs.openSync): void {
  Object.assign(fs, { openSync });
  syncBuiltinESMExports();
}
