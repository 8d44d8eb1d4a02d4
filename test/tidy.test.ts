// How the source is written, as far as a machine can see it. A number or a list here is a ratchet: it holds what stands
// today and may only fall.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { filesOf, functionsOf, linesOf, root, shown, textOf } from "./helpers/sources.ts";

const areas = ["src", "test", "scripts", "wasm-plugins"];
const endings = [".ts", ".mjs", ".cjs"];
const files = filesOf(areas, endings);

const width = suite("width");

const columns = 120;

/** Lines wider than that, in each area. */
const widerLines: Readonly<Record<string, number>> = { src: 0, test: 58, scripts: 3, "wasm-plugins": 0 };

for (const area of areas) {
  const most = widerLines[area] ?? 0;
  width(`of lines in ${area} is ${columns} columns, but for ${most}`, () => {
    const wider = filesOf([area], endings).flatMap((file) =>
      linesOf(file).flatMap((line, i) => [...line].length > columns ? [`${shown(file)}:${i + 1}`] : []));
    assert.ok(wider.length <= most, `${wider.length} lines are wider, such as ${wider.slice(0, 20).join(" ")}`);
  });
}

const functions = suite("functions");

const functionLines = 60;

/** Functions that are longer: a table written as code, or an object whose methods share what they close over. */
const longFunctions: Readonly<Record<string, number>> = {
  "src/wasm/code/instructions.ts scanCode": 151,
  "src/exec/iptables.ts openIptables": 103,
  "src/wasm/host.ts openModules": 85,
  "src/store/file-leases.ts openFileLeases": 63,
  "test/helpers/api-server.ts startApiServer": 66,
};

functions(`have ${functionLines} lines at most`, () => {
  const long = files.flatMap(functionsOf)
    .map(({ file, name, lineCount }) => ({ key: `${shown(file)} ${name}`, lineCount }))
    .filter(({ key, lineCount }) => lineCount > (longFunctions[key] ?? functionLines));
  assert.equal(long, []);
});

functions("are found, so that the rule means something", () => {
  const found = files.flatMap(functionsOf);
  assert.ok(found.length > 4000, `${found.length}`);
  const scan = found.find(({ name }) => name === "scanCode");
  assert.ok((scan?.lineCount ?? 0) > 50);
});

const sizes = suite("sizes");

const fileLines = 300;

/** Files that are longer. */
const longFiles: Readonly<Record<string, number>> = {
  "scripts/bundle.mjs": 390,
  "src/schema/pattern.ts": 304,
  "src/store/file-leases.ts": 344,
  "src/wasm/call/sandbox.ts": 335,
  "src/wasm/code/verify.ts": 331,
  "test/helpers/netns.ts": 317,
};

/** A test may hold one table after the other. */
const testLines = 540;

sizes(`of files are ${fileLines} lines at most, ${testLines} of a test's`, () => {
  const long = files.filter((file) =>
    linesOf(file).length > (longFiles[shown(file)] ?? (file.endsWith(".test.ts") ? testLines : fileLines)));
  assert.equal(long.map((file) => `${shown(file)}: ${linesOf(file).length}`), []);
});

const folderFiles = 16;

/** Folders with more files. */
const largeFolders: Readonly<Record<string, number>> = {
  "src/commands/module": 19,
  "src/commands/module/kit": 17,
  "src/nad": 17,
  "test/helpers": 43,
};

sizes(`of folders are ${folderFiles} files at most`, () => {
  const entries = areas.flatMap((area) => readdirSync(join(root, area), { recursive: true, withFileTypes: true }));
  const folders = Map.groupBy(entries.filter((entry) => entry.isFile()), ({ parentPath }) => shown(parentPath));
  const large = [...folders].filter(([folder, { length }]) => length > (largeFolders[folder] ?? folderFiles));
  assert.equal(large.map(([folder, { length }]) => `${folder}: ${length}`), []);
});

const style = suite("style");

const ours = files.filter((file) => file.endsWith(".ts") && !/^wasm-plugins|\.d\.ts$/.test(shown(file)));

style("types are imported by `import type`, not one by one among values", () => {
  const mixed = ours.filter((file) => /^(?:import|export) \{[^}]*\btype \w[^}]*\} from/m.test(textOf(file)));
  assert.equal(mixed.map(shown), []);
});

style("private members are #private; AssemblyScript, which has none, says private", () => {
  const worded = ours.filter((file) => /^ +(?:private|protected|public) /m.test(textOf(file)));
  assert.equal(worded.map(shown), []);
});

style("the test files run their suites, each once", () => {
  const tests = filesOf(["test"], [".test.ts"]);
  assert.ok(tests.length > 0);
  assert.equal(tests.flatMap(idleSuites), []);
});

for (const each of [width, functions, sizes, style]) each.run();

/** Suites of a test file that nobody runs: uvu passes them over in silence. */
function idleSuites(file: string): readonly string[] {
  const text = textOf(file);
  const loops = [...text.matchAll(/\bof \[([^\]]*)\]\)\s*(?:\{\s*)?\w+\.run\(\)/g)]
    .flatMap(([, names = ""]) => names.match(/\w+/g) ?? []);
  const suites = [...text.matchAll(/^(?:export )?const (\w+) = (?:suite|kernelSuite)\(/gm)]
    .map(([, name = ""]) => name);
  const idle = suites.filter((name) => !new RegExp(`\\b${name}\\.run\\(\\)`).test(text) && !loops.includes(name));
  return idle.map((name) => `${shown(file)} ${name}`);
}
