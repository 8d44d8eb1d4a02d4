import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openHandles } from "../../src/call/index.ts";
import { throws } from "../helpers/errors.ts";

const reading = suite("handles.readText");
const textOf = (path: string): string => {
  const handles = openHandles({ netns: "", path: [], execute: [], modules: "",
    log: { error: () => {}, warn: () => {}, verbose: () => {}, debug: () => {} }, surroundings: { env: {}, tell: () => {} } });
  return handles.readText(path);
};
reading("gives a file's text, through links and from /proc too", () => {
  const directory = mkdtempSync(join(tmpdir(), "polynic-text-"));
  writeFileSync(join(directory, "file"), "nameserver 10.0.0.1\n");
  symlinkSync("file", join(directory, "link"));
  assert.is(textOf(join(directory, "link")), "nameserver 10.0.0.1\n");
  assert.match(textOf("/proc/self/status"), /^Name:/);
  rmSync(directory, { recursive: true });
});
for (const [what, make, says] of [
  ["a device", () => "/dev/zero", /\/dev\/zero: it is no regular file/],
  ["a pipe", (directory: string) => { execFileSync("mkfifo", [join(directory, "pipe")]); return join(directory,
    "pipe"); }, /it is no regular file/],
  ["a directory", (directory: string) => directory, /it is no regular file/],
  ["a file without an end", (directory: string) => { writeFileSync(join(directory, "big"),
    ""); truncateSync(join(directory, "big"), 2 ** 40); return join(directory, "big"); },
    /it is longer than 1048576 bytes/],
  ["a file that is not there", (directory: string) => join(directory, "none"), /ENOENT/],
] as const) {
  reading(`refuses ${what} at once`, () => {
    const directory = mkdtempSync(join(tmpdir(), "polynic-text-"));
    assert.match(throws(() => textOf(make(directory)), 5).message, says);
    rmSync(directory, { recursive: true });
  });
}
reading.run();
