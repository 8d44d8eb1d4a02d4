// src/os/whole-file.ts
import { execFile, spawnSync } from "node:child_process";
import {
  existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  createWholeFile, makeDirectory, readBytes, readText, readVersioned, removeIfPresent, writeInPlace, writeWholeFile,
} from "../../src/os/whole-file.ts";
import { errnoOf } from "../../src/os/index.ts";
import { throws } from "../helpers/errors.ts";
import { waitLimitMs } from "../helpers/limits.ts";

let directory = "";
const test = suite("whole files");
test.before.each(() => { directory = mkdtempSync(join(tmpdir(), "polynic-whole-")); });
test.after.each(() => rmSync(directory, { recursive: true }));
const path = (name: string) => join(directory, name);

test("replace what was there and leave nothing beside it", () => {
  writeFileSync(path("a"), "a longer text than the next one");
  writeWholeFile(path("a"), "new");
  assert.is(readFileSync(path("a"), "utf8"), "new");
  writeWholeFile(path("a"), Uint8Array.of(1, 2), { mode: 0o640 });
  assert.equal([...readFileSync(path("a"))], [1, 2]);
  assert.equal(readdirSync(directory), ["a"]);
});

test("are named by what the system says of them once they are open", () => {
  mkdirSync(path("folder"));
  for (const [work, errno, file] of [
    [() => readText(path("folder"), 10), "EISDIR", path("folder")],
    [() => writeInPlace("/dev/full", "x", "append"), "ENOSPC", "/dev/full"],
  ] as const) {
    const { message } = throws(work, errno);
    assert.ok(message.startsWith(`${errno}: `) && message.endsWith(` '${file}'`), message);
  }
});

test("are private unless a mode is given", () => {
  writeWholeFile(path("a"), "");
  assert.is(statSync(path("a")).mode & 0o777, 0o600);
  writeWholeFile(path("a"), "", { mode: 0o644 });
  assert.is(statSync(path("a")).mode & 0o777, 0o644 & ~process.umask());
});

test("are created once", () => {
  mkdirSync(path("other"));
  assert.ok(createWholeFile(path("a"), "one", { temporaryDirectory: path("other") }));
  assert.not(createWholeFile(path("a"), "two"));
  assert.is(readFileSync(path("a"), "utf8"), "one");
  assert.is(statSync(path("a")).nlink, 1);
  assert.equal(readdirSync(directory).sort(), ["a", "other"]);
  assert.equal(readdirSync(path("other")), []);
});

test("fail with the system's error and nothing left", () => {
  throws(() => writeWholeFile(join(path("missing"), "a"), ""), "ENOENT");
  mkdirSync(path("d"));
  throws(() => writeWholeFile(path("d"), ""), "EISDIR");
  throws(() => createWholeFile(join(path("missing"), "a"), "", { temporaryDirectory: directory }), "ENOENT");
  assert.equal(readdirSync(directory), ["d"]);
});

test("are removed, if they are there", () => {
  writeFileSync(path("a"), "");
  assert.ok(removeIfPresent(path("a")));
  assert.not(removeIfPresent(path("a")));
});

test("are not there under a name that no file can have, and a directory is none", () => {
  writeFileSync(path("file"), "");
  mkdirSync(path("d"));
  for (const name of ["x".repeat(300), "file/below", "d"]) assert.not(removeIfPresent(path(name)), name.slice(0, 20));
  assert.equal(readdirSync(directory), ["d", "file"]);
});

test("are not read or written through a symbolic link, and a pipe in their place is not waited for", () => {
  writeFileSync(path("elsewhere"), "theirs");
  for (const [name, target] of [["link", "elsewhere"], ["dangling", "made"]] as const) {
    symlinkSync(path(target), path(name));
    throws(() => readText(path(name), 100), "ELOOP");
    throws(() => writeInPlace(path(name), "ours", "replace"), "ELOOP");
    throws(() => writeInPlace(path(name), "ours", "append"), "ELOOP");
  }
  assert.is(readFileSync(path("elsewhere"), "utf8"), "theirs");
  assert.not(existsSync(path("made")));
  assert.is(spawnSync("mkfifo", [path("pipe")]).status, 0);
  assert.is(readText(path("pipe"), 100), "");
  throws(() => writeInPlace(path("pipe"), "ours", "append"), "ENXIO");
});

test("in place are appended to or replaced", () => {
  writeInPlace(path("a"), "a longer text", "replace");
  writeInPlace(path("a"), "one", "replace");
  writeInPlace(path("a"), " two", "append");
  assert.is(readText(path("a"), 100), "one two");
  assert.is(statSync(path("a")).mode & 0o777, 0o600);
});

test("are read up to a limit and not a byte further, however large they say they are", () => {
  writeFileSync(path("a"), "x".repeat(100_000));
  assert.is(readText(path("a"), 100_000).length, 100_000);
  throws(() => readText(path("a"), 99_999), "EFBIG");
  throws(() => readBytes(path("a"), 10), "EFBIG");
  throws(() => readVersioned(path("a"), 10), "EFBIG");
  writeFileSync(path("sparse"), "");
  assert.is(readText(path("sparse"), 0), "");
  truncateSync(path("sparse"), 2 ** 40);
  throws(() => readText(path("sparse"), 10_000), "EFBIG");
});

test("have another version once they are written anew", () => {
  writeWholeFile(path("a"), "one");
  const { text, version } = readVersioned(path("a"), 100);
  assert.is(text, "one");
  assert.is(readVersioned(path("a"), 100).version, version);
  writeWholeFile(path("a"), "one");
  assert.is.not(readVersioned(path("a"), 100).version, version);
});

test("writes no temporary file through what somebody else has put in its place", () => {
  const { random } = Math;
  Math.random = () => 0.5;
  try {
    symlinkSync(path("elsewhere"), path(`.polynic-${process.pid}-${(2 ** 47).toString(16)}.tmp`));
    throws(() => writeWholeFile(path("file"), "secret"), "EEXIST");
    throws(() => createWholeFile(path("file"), "secret"), "EEXIST");
    assert.equal([existsSync(path("elsewhere")), existsSync(path("file"))], [false, false]);
  } finally {
    Math.random = random;
  }
});
test.run();

const directories = suite("makeDirectory");
directories.before.each(() => { directory = mkdtempSync(join(tmpdir(), "polynic-whole-")); });
directories.after.each(() => rmSync(directory, { recursive: true }));
directories("makes those above it too, each with the mode, and is content with what is there", () => {
  makeDirectory(path("a/b/c"), 0o700);
  makeDirectory(path("a/b/c"), 0o755);
  for (const made of ["a", "a/b", "a/b/c"]) assert.is(statSync(path(made)).mode & 0o777, 0o700);
});
directories("is content with what another process makes at the same moment", async () => {
  const module = join(import.meta.dirname, "../../src/os/whole-file.ts"), startMs = Date.now() + 400;
  const script = `const { makeDirectory } = await import(${JSON.stringify(module)});
    for (let i = 0; i < 300; i++) {
      while (Date.now() < ${startMs} + i);
      makeDirectory(${JSON.stringify(directory)} + "/" + i + "/a/b", 0o700);
    }`;
  const child = () => new Promise<string>((resolve) => {
    execFile(process.execPath, ["--input-type=module", "-e", script], { timeout: waitLimitMs },
      (error, _, stderr) => resolve(error === null ? "" : stderr));
  });
  assert.equal(await Promise.all([child(), child(), child()]), ["", "", ""]);
});
directories("fails at once where the file system takes no directories", () => {
  for (const place of ["/proc/polynic", "/proc/polynic/below"]) throws(() => makeDirectory(place, 0o755), "ENOENT");
  writeFileSync(path("file"), "");
  throws(() => makeDirectory(path("file/below"), 0o755), "ENOTDIR");
});
directories.run();

const errno = suite("errnoOf");
errno("is a system error's name and nothing else", () => {
  assert.is(errnoOf(Object.assign(new Error("x"), { code: "ENOENT" })), "ENOENT");
  for (const value of [new Error("x"), Object.assign(new Error("x"), { code: 7 }), "ENOENT",
    undefined]) assert.is(errnoOf(value), undefined);
});
errno.run();
