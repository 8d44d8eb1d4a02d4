// Manual pages say what the tables of the commands say, and are what man(1) reads.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { allCommands } from "../../src/commands/all.ts";
import { command } from "../../src/commands/command.ts";
import { commandLine, rows } from "../../src/commands/index.ts";
import { manPages } from "../../src/commands/man.ts";

const all = await manPages(commandLine, "1.2.3");

const pages = suite("manual pages");

pages("are one for everything, one for each group, and one for each command", async () => {
  const files = all.map(({ file }) => file);
  assert.is(files[0], "polynic.1");
  for (const file of ["polynic-network.1", "polynic-network-create.1", "polynic-dhcp-daemon.1"])
    assert.ok(files.includes(file), file);
  assert.is(new Set(files).size, files.length);
  for (const { name, command: { options, statuses = {}, examples = [] } } of await allCommands(rows, "polynic")) {
    const text = textOf(`${name.replaceAll(" ", "-")}.1`);
    for (const option of Object.keys(options)) assert.ok(text.includes(`--${option}`), `${name} --${option}`);
    for (const { line } of examples) assert.ok(text.includes(line), `${name}: ${line}`);
    for (const said of Object.values(statuses)) assert.ok(flat(text).includes(said), `${name}: ${said}`);
  }
});

pages("refer to the page above and to those below", () => {
  assert.match(textOf("polynic-network.1"), /\.SH SEE ALSO\n\.BR polynic \(1\),\n\.BR polynic-network-create \(1\),/);
  assert.match(textOf("polynic-network-create.1"), /\.SH SEE ALSO\n\.BR polynic-network \(1\)\n$/);
});

pages("keep what roff would take for its own", async () => {
  const odd = command({
    about: "A path\\name.\n\n  .kept as it stands\n  'too",
    parameters: {}, options: { it: { kind: "text", help: ".leads" } },
    async run() { return 0; },
  });
  const made = await manPages({ name: "odd", summary: "is odd", rows: {
    one: { summary: "'quoted'", load: async () => odd },
  } }, "1");
  const text = made.find(({ file }) => file === "odd-one.1")?.text ?? "";
  for (const line of ["A path\\ename.", "  .kept as it stands", "\\&.leads"])
    assert.ok(text.includes(`\n${line}\n`), text);
  for (const line of text.split("\n")) assert.not.match(line, /^\.(?!TH |SH |TP|PP|nf|fi|B |I |BR |SS )|^'/, line);
});

const readers = [["mandoc", "-T", "lint", "-W", "warning"], ["groff", "-man", "-ww", "-z", "-Tutf8"]];

for (const [program, ...words] of readers) {
  const isThere = spawnSync(program ?? "", ["--version"]).error === undefined;
  if (!isThere) process.stderr.write(`\nSKIPPED manual pages through ${program}: it is not installed\n`);
  (isThere ? pages : pages.skip)(`are read by ${program} without a complaint`, () => {
    const directory = mkdtempSync(join(tmpdir(), "polynic-man-"));
    try {
      for (const { file, text } of all) writeFileSync(join(directory, file), text);
      const files = all.map(({ file }) => file);
      const { stdout, stderr } = spawnSync(program ?? "", [...words, ...files], { cwd: directory, encoding: "utf8" });
      // The same sources make the same pages, whenever they are built.
      assert.equal(`${stdout}${stderr}`.split("\n").filter((line) => line !== "" && !/missing date/.test(line)), []);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
}

pages.run();

function textOf(file: string): string {
  const text = all.find((page) => page.file === file)?.text ?? "";
  assert.ok(text !== "", file);
  return text.replaceAll("\\-", "-");
}

function flat(text: string): string {
  return text.replaceAll("\n", " ");
}
