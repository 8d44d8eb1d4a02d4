// src/call/log.ts: which lines are written, where, and what happens when they cannot be.
import { execFileSync } from "node:child_process";
import {
  existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, truncateSync,
  utimesSync, writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openLog } from "../../src/call/index.ts";

const quiet = { toStderr: false, level: "debug", rotation: {} };
const unexpected = (text: string): never => { throw new Error(`stderr was told: ${text}`); };
let directory = "";
const logging = suite("openLog");
logging.before.each(() => { directory = mkdtempSync(join(tmpdir(), "polynic-log-")); });
logging.after.each(() => rmSync(directory, { recursive: true }));
const now = new Date("2026-03-01T12:00:00.000Z");
const open = (level: string, rotation = {}) => openLog({ toStderr: false, file: join(directory, "m.log"), level,
  rotation }, unexpected, () => now);

for (const [level, words] of [["", ["warning"]], ["panic", ["warning"]], ["ERROR", ["error", "warning"]],
  ["verbose", ["error", "warning", "verbose"]], ["debug", ["error", "warning", "verbose", "debug"]],
  ["loud", ["warning", "warning"]]] as const) {
  logging(`writes ${words.join(", ")} at level "${level}"`, () => {
    const log = open(level);
    log.error("a");
    log.warn("a\nb");
    log.verbose(() => "a");
    log.debug("a");
    const lines = readFileSync(join(directory, "m.log"), "utf8").trimEnd().split("\n");
    assert.equal(lines.map((line) => /^2026-03-01T12:00:00\.000Z \[(\w+)\] \S/.exec(line)?.[1]), words);
  });
}
logging("rotates a file that has grown too large, and drops backups that are too many or too old", () => {
  const file = join(directory, "m.log");
  writeFileSync(file, "");
  truncateSync(file, 1024 * 1024);
  for (const day of ["01", "02", "03"]) writeFileSync(join(directory, `m-2026-02-${day}T00-00-00.000Z.log`), "");
  writeFileSync(join(directory, "m-other.log"), "");
  utimesSync(join(directory, "m-2026-02-03T00-00-00.000Z.log"), now, now);
  utimesSync(join(directory, "m-2026-02-02T00-00-00.000Z.log"), 0, 0);
  open("debug", { maxSize: 1, maxBackups: 3, maxAge: 5 }).debug("x");
  assert.equal(readdirSync(directory).sort(), ["m-2026-02-03T00-00-00.000Z.log", "m-2026-03-01T12-00-00.000Z.log",
    "m-other.log", "m.log"]);
  assert.match(readFileSync(file, "utf8"), /^2026-03-01.*x\n$/);
});
logging("makes its file for root alone, and the directory that it is in", () => {
  const folder = join(directory, "a", "b"), file = join(folder, "m.log");
  openLog({ ...quiet, file }, unexpected).warn("x");
  assert.equal([statSync(file).mode & 0o777, statSync(folder).mode & 0o777], [0o600, 0o755 & ~process.umask()]);
});
for (const [title, make, why] of [
  ["a pipe that nobody reads", (file: string) => { execFileSync("mkfifo", [file]); }, /it is a pipe that nobody reads/],
  ["a link", (file: string) => symlinkSync(join(directory, "elsewhere"), file), /it is a symbolic link/],
  ["a directory", (file: string) => { mkdirSync(file); }, /EISDIR/],
  ["below a file", (file: string) => { rmSync(directory, { recursive: true }); writeFileSync(directory, "");
    void file; }, /ENOTDIR/],
] as const) {
  logging(`says once on stderr that it cannot write ${title}, and goes on`, () => {
    const file = join(directory, "m.log"), told: string[] = [];
    make(file);
    const log = openLog({ ...quiet, file }, (text) => void told.push(text), () => now);
    for (let i = 0; i < 3; i++) log.warn("x");
    assert.is(told.length, 1);
    assert.match(told[0] ?? "", /^2026-03-01T12:00:00\.000Z \[warning\] Cannot write logFile ".*m\.log": .*\n$/);
    assert.match(told[0] ?? "", why);
    assert.not(existsSync(join(directory, "elsewhere")));
  });
}
logging("makes a line only where it is written", () => {
  open("error").verbose(() => { throw new Error("made for nobody"); });
});
logging.run();
