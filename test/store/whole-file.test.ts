// src/store/whole-file.ts
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createWholeFile, errnoOf, removeIfPresent, writeWholeFile } from "../../src/store/whole-file.ts";
import { throws } from "../helpers/errors.ts";

let directory = "";
const test = suite("whole files");
test.before.each(() => { directory = mkdtempSync(join(tmpdir(), "polynic-whole-")); });
test.after.each(() => rmSync(directory, { recursive: true }));
const path = (name: string) => join(directory, name);

for (const durable of [false, true]) {
  test(`replace what was there and leave nothing beside it${durable ? ", on the disk" : ""}`, () => {
    writeFileSync(path("a"), "a longer text than the next one");
    writeWholeFile(path("a"), "new", { durable });
    assert.is(readFileSync(path("a"), "utf8"), "new");
    writeWholeFile(path("a"), Uint8Array.of(1, 2), { durable, mode: 0o640 });
    assert.equal([...readFileSync(path("a"))], [1, 2]);
    assert.equal(readdirSync(directory), ["a"]);
  });
}

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

test.run();

const errno = suite("errnoOf");
errno("is a system error's name and nothing else", () => {
  assert.is(errnoOf(Object.assign(new Error("x"), { code: "ENOENT" })), "ENOENT");
  for (const value of [new Error("x"), Object.assign(new Error("x"), { code: 7 }), "ENOENT", undefined]) assert.is(errnoOf(value), undefined);
});
errno.run();
