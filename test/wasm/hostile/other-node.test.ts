// The sandbox on the machine's own Node: what runs here is the newest one, and package.json promises others.
import { spawnSync } from "node:child_process";
import { accessSync, constants, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, sep } from "node:path";
import { build } from "esbuild";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { hangLimitMs } from "../../helpers/limits.ts";

const root = join(import.meta.dirname, "..", "..", "..");
/** Files whose rows hold whatever the engine is. */
const files = [
  "hostile/hostile", "hostile/answers", "hostile/schema", "call/sandbox", "code/verify", "installed/installed",
] as const;
const answersLimitBytes = 64 * 1024 * 1024;

interface OtherNode {
  readonly path: string;
  readonly version: string;
}

/** The first Node of another major version on PATH, those that npm puts there left out. */
function otherNode(): OtherNode | undefined {
  const directories = (process.env["PATH"] ?? "").split(delimiter).filter((directory) => directory !== ""
    && !directory.includes(`node_modules${sep}.bin`));
  for (const path of directories.map((directory) => join(directory, "node"))) {
    if (!isExecutable(path)) continue;
    const version = spawnSync(path, ["--version"], { encoding: "utf8" }).stdout.trim();
    if (/^v\d+\./.test(version) && major(version) !== major(process.version)) return { path, version };
  }
  return undefined;
}

function major(version: string): string {
  return version.split(".")[0] ?? "";
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Bundles a file of test/ so that it finds what it looks for where the helpers look, two folders below the root. */
async function bundled(folder: string, file: string): Promise<string> {
  const outfile = join(folder, "test", "bundled", file.replaceAll(sep, "-").replace(/ts$/, "mjs"));
  // uvu and ajv as they are: uvu counts suites in one place, ajv is CommonJS.
  await build({ entryPoints: [join(root, "test", file)], outfile, bundle: true, platform: "node", format: "esm",
    target: "node20", external: ["uvu", "uvu/assert", "ajv", "ajv/*"], logLevel: "error" });
  return outfile;
}

const found = otherNode();
const sandbox = suite("the sandbox on another Node");
let folder = "";
sandbox.before(() => {
  folder = mkdtempSync(join(tmpdir(), "polynic-other-node-"));
  mkdirSync(join(folder, "test", "bundled"), { recursive: true });
  for (const shared of ["build", "node_modules"]) symlinkSync(join(root, shared), join(folder, shared));
});
sandbox.after(() => rmSync(folder, { recursive: true }));

if (found === undefined) {
  console.error(`SKIPPED: no Node of another major version than ${process.version} is on PATH: the sandbox was not ` +
    "tried on one");
} else {
  for (const name of files) {
    sandbox(`passes ${name}.test.ts with ${found.version}`, async () => {
      const { status, stdout, stderr } = spawnSync(found.path, [await bundled(folder, join("wasm", `${name}.test.ts`))],
        { encoding: "utf8", timeout: hangLimitMs, env: { PATH: process.env["PATH"], NO_COLOR: "1" } });
      const [, passed = "0"] = /Passed: +(\d+)/.exec(stdout) ?? [];
      assert.is(status, 0, stdout + stderr);
      assert.ok(Number(passed) > 0 && /Skipped: +0/.test(stdout), stdout);
    });
  }

  sandbox(`answers every request of every example with ${found.version} as with ${process.version}, fuel and memory ` +
    "included", async () => {
    const program = await bundled(folder, join("helpers", "answers-of-examples.ts"));
    const [here, there] = [process.execPath, found.path].map((node) => spawnSync(node, [program],
      { encoding: "utf8", timeout: hangLimitMs, maxBuffer: answersLimitBytes }).stdout.split("\n"));
    assert.ok((here?.length ?? 0) > 1000);
    assert.is(here?.find((line, index) => line !== there?.[index]), undefined);
    assert.is(here?.length, there?.length);
  });
}
sandbox.run();
