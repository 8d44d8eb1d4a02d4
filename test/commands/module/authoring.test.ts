// docs/authoring.md word by word: every command is run in order and answers what the page says, but for times and
// digests. POLYNIC_WRITE_DOCS=1 writes the answers into the page instead of comparing them.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { builtDist } from "../../helpers/dist.ts";
import { waitLimitMs } from "../../helpers/limits.ts";

const file = join(import.meta.dirname, "..", "..", "..", "docs", "authoring.md");
const page = readFileSync(file, "utf8");
const writing = process.env["POLYNIC_WRITE_DOCS"] === "1";

/** Modules are installed there on a node, and in a folder of the test's own here. */
const nodeDirectory = "/opt/cni/modules";

/** A fenced block: what stands behind the fence, and its lines. */
const fenced = /^```(\S+)(?: file=(\S+))?\n([^]*?)^```$/gm;

const authoring = suite("docs/authoring.md");

authoring("every command answers what the page says", () => {
  const directory = mkdtempSync(join(tmpdir(), "polynic-authoring-"));
  const modules = join(directory, "modules");
  const shell = { folder: directory, path: `${join(builtDist(), "bin")}:${process.env["PATH"] ?? ""}` };
  let count = 0;
  try {
    const written = page.replace(fenced, (block, language: string, name: string | undefined, content: string) => {
      if (name !== undefined) writeFileSync(join(shell.folder, name), content);
      if (language !== "console") return block;
      const answered = commandsOf(content).map((command) => {
        count++;
        const output = run(shell, command.replaceAll(nodeDirectory, modules)).replaceAll(modules,
          nodeDirectory).replaceAll(`${directory}/`, "");
        return `$ ${command}\n${output}`;
      }).join("");
      if (!writing) assert.is(stable(content), stable(answered));
      return `\`\`\`console\n${answered}\`\`\``;
    });
    if (writing) writeFileSync(file, written);
  } finally {
    rmSync(directory, { recursive: true });
  }
  assert.ok(count > 8, "the page has commands");
});

authoring.run();

function commandsOf(content: string): readonly string[] {
  return [...content.matchAll(/^\$ (.+)$/gm)].map(([, command = ""]) => command);
}

function run(shell: { folder: string; readonly path: string }, command: string): string {
  if (command.startsWith("cd ")) {
    shell.folder = join(shell.folder, command.slice("cd ".length));
    return "";
  }
  const { status, stdout, stderr } = spawnSync("sh", ["-c", command], {
    cwd: shell.folder, encoding: "utf8", timeout: waitLimitMs, env: { PATH: shell.path, CNI_PATH: "/nowhere" },
  });
  assert.equal([status, stderr], [0, ""], `${command}: ${stdout}`);
  return stdout;
}

/** What differs from machine to machine, or with every change of the SDK, left out. */
function stable(text: string): string {
  return text
    .replace(/[0-9a-f]{64}/g, "DIGEST")
    .replace(/[\d.,]+ (ms|s|bytes|KiB|MiB)\b/g, "N $1")
    .replace(/\bN (ms|s)\b/g, "TIME")
    .replace(/fuel +[\d,]+/g, "fuel N")
    .replace(/^(functions|locals|exports|memory|state|.*\/8|.*IPv4|.*\/64) .*$/gm, "$1")
    .replace(/\d+ (tries|requests)/g, "N $1")
    .replace(/ +/g, " ");
}
