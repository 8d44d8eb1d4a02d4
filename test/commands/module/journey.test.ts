// polynic module: from nothing to an installed module, in a folder outside of this checkout, and what every command
// says of mistakes.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Typed } from "../../helpers/module-command.ts";
import { moduleHere } from "../../helpers/module-command.ts";

interface Place {
  readonly directory: string;
}

function inFolder(name: string): ReturnType<typeof suite<Place>> {
  const made = suite<Place>(name);
  made.before((place) => {
    Object.assign(place, { directory: mkdtempSync(join(tmpdir(), "polynic-module-")) });
  });
  made.after(({ directory }) => rmSync(directory, { recursive: true }));
  return made;
}

function ok({ status, stdout, stderr }: Typed): string {
  assert.equal([status, stderr], [0, ""], stdout);
  return stdout;
}

const journey = inFolder("polynic module");

for (const kind of ["ipam", "merge", "policy"]) {
  journey(`new --kind ${kind} makes a folder that builds and is green`, async ({ directory }) => {
    assert.match(ok(await moduleHere(directory, "new", `my-${kind}`, "--kind", kind)), /next {2}cd my-/);
    const folder = join(directory, `my-${kind}`);
    const tested = ok(await moduleHere(folder, "test", "--quick"));
    assert.match(tested, /^\d+ passed, 0 failed in /m);
    assert.match(tested, /^ {2}ok {4}cases\//m);
    assert.ok(existsSync(join(folder, "build", `my-${kind}.wasm`)));
    assert.not.match(readFileSync(join(folder, "README.md"), "utf8"), /@[A-Z]+@/);
  });
}

journey("build prints size, digest and exports, and the same bytes wherever the folder is", async ({ directory }) => {
  const first = ok(await moduleHere(directory, "build", "my-ipam"));
  assert.match(first, /size {5}[\d,]+ bytes\nsha256 {3}[0-9a-f]{64}\nexports {2}abi alloc call fault memory\n$/);
  const elsewhere = join(directory, "else", "where");
  mkdirSync(elsewhere, { recursive: true });
  ok(await moduleHere(elsewhere, "new", "my-ipam"));
  const digest = (text: string) => /[0-9a-f]{64}/.exec(text)?.[0];
  assert.is(digest(ok(await moduleHere(elsewhere, "build", "my-ipam"))), digest(first));
});

journey("inspect tells what it is", async ({ directory }) => {
  const text = ok(await moduleHere(directory, "inspect", "my-ipam/build/my-ipam.wasm"));
  for (const line of [/^name {7}my-ipam 0\.1\.0$/m, /^kind {7}ipam, ABI 1$/m, /^imports {4}none$/m,
    /^config {5}order \(lowest, highest\)$/m, /^verified {3}yes/m]) assert.match(text, line);
  const json = JSON.parse(ok(await moduleHere(directory, "inspect", "my-ipam/build/my-ipam.wasm", "--json")));
  assert.is(json.metadata.name, "my-ipam");
});

journey("inspect says why a file would be refused, and exits 1", async ({ directory }) => {
  const bytes = readFileSync(join(directory, "my-ipam", "build", "my-ipam.wasm"));
  writeFileSync(join(directory, "cut.wasm"), bytes.subarray(0, 500));
  const { status, stdout } = await moduleHere(directory, "inspect", "cut.wasm");
  assert.is(status, 1);
  assert.match(stdout, /^refused {4}.*byte \d+/m);
});

journey("run reads configuration and state as a person writes them", async ({ directory }) => {
  writeFileSync(join(directory, "net.json"), JSON.stringify({ name: "blue", plugins: [{ type: "bridge",
    ipam: { type: "my-ipam", ranges: [[{ subnet: "10.9.0.0/24" }]], config: { order: "highest" } } }] }));
  writeFileSync(join(directory, "state.json"), JSON.stringify({ taken: ["10.9.0.200-10.9.0.254", "10.9.0.192/29",
    "10.9.0.191"] }));
  const text = ok(await moduleHere(directory, "run", "my-ipam", "--config", "net.json", "--state", "state.json",
    "--pod", "shop/web-0"));
  assert.match(text, /"address": "10\.9\.0\.190"/);
  assert.match(text, /^fuel {4}[\d,]+ of 50,000,000\nmemory {2}\d+ KiB of 16\.0 MiB\ntime {4}/m);
  const refused = await moduleHere(directory, "run", "my-ipam", "--config", "net.json", "--state", "state.json",
    "--request", "10.9.0.200");
  assert.is(refused.status, 1);
  assert.match(refused.stdout, /"code": 101/);
});

journey("bench shows each state once", async ({ directory }) => {
  const lines = ok(await moduleHere(directory, "bench", "my-ipam/build/my-ipam.wasm")).trim().split("\n");
  assert.is(lines.length, 8);
  assert.match(lines[0] ?? "", /^state +fuel +memory +first ms +median ms$/);
  assert.ok(lines.slice(1).every((line) => /\d\.\d{3}$/.test(line)), lines.join("\n"));
});

journey("install pins, list and verify tell, remove takes away", async ({ directory }) => {
  const file = "my-ipam/build/my-ipam.wasm", dir = ["--dir", join(directory, "modules")];
  assert.match(ok(await moduleHere(directory, "list", ...dir)), /^no modules in /);
  assert.match(ok(await moduleHere(directory, "install", file, ...dir)), /use {8}"ipam": \{"type":"my-ipam"/);
  assert.match(ok(await moduleHere(directory, "list", ...dir)), /^my-ipam +ipam +0\.1\.0 +[0-9a-f]{64}$/m);
  assert.is(ok(await moduleHere(directory, "verify", ...dir)), "ok    my-ipam\n");
  assert.is(statSync(join(directory, "modules", "my-ipam.wasm")).mode & 0o022, 0, "nobody else may write it");
  const installed = join(directory, "modules", "my-ipam.wasm");
  rmSync(installed);
  writeFileSync(installed, "something else");
  const { status, stdout } = await moduleHere(directory, "verify", ...dir);
  assert.is(status, 1);
  assert.match(stdout, /^FAIL {2}my-ipam: .*\(code 141\)$/m);
  assert.match(ok(await moduleHere(directory, "remove", "my-ipam", ...dir)), /^removed {2}my-ipam$/m);
  assert.not.ok(existsSync(installed));
});

journey("test fails with the case, the key and both values when a case does not hold", async ({ directory }) => {
  const file = join(directory, "my-policy", "cases", "wrong.json");
  writeFileSync(file, JSON.stringify({ title: "this is not so", prevResult: { ips: [] }, expect: { error: 110 } }));
  const { status, stdout } = await moduleHere(join(directory, "my-policy"), "test", "--quick");
  rmSync(file);
  assert.is(status, 1);
  assert.match(stdout, /FAIL {2}cases\/wrong\.json: this is not so/);
  assert.match(stdout, /error is absent, expected 110/);
});

journey("build shows the compiler's words with file and line", async ({ directory }) => {
  const folder = join(directory, "else", "where", "my-ipam");
  writeFileSync(join(folder, "assembly", "index.ts"), `export function call(): i32 { return "text"; }\n`);
  const { status, stderr } = await moduleHere(folder, "build");
  assert.is(status, 1);
  assert.match(stderr, /Cannot compile [^]*TS2322[^]*assembly\/index\.ts\(1,38\)/);
});

/** What is typed, the exit status, and what stderr must say. */
const mistakes: readonly (readonly [readonly string[], number, RegExp])[] = [
  [[], 2, /^polynic module COMMAND/],
  [["frobnicate"], 2, /Cannot understand "frobnicate": there is no such command, expected .* polynic module help lists/],
  [["build", "--fast"], 2, /Cannot understand --fast: there is no such option, expected --json/],
  [["new"], 2, /NAME is missing, expected polynic module new \[OPTION\.\.\.\] NAME/],
  [["new", "Upper"], 2, /name "Upper": expected lower-case/],
  [["new", "x", "--kind", "cni"], 2, /--kind cni: expected ipam, merge or policy/],
  [["new", "my-ipam"], 1, /Cannot make .*my-ipam: it is there and not empty/],
  [["build", "nowhere"], 1, /Cannot read .*nowhere\/module\.json: it is not there.*polynic module new/],
  [["inspect", "nowhere.wasm"], 1, /Cannot read nowhere\.wasm: it is not there.*polynic module build/],
  [["install", "nowhere.wasm"], 1, /Cannot read nowhere\.wasm/],
  [["install", "my-ipam/build/my-ipam.wasm", "--dir", "modules", "--sha256", "00"], 1,
    /its sha256 is [0-9a-f]{64}, expected 00/],
  [["remove", "ghost", "--dir", "modules"], 1, /"ghost": it is not installed in modules/],
  [["run", "my-ipam/build/my-ipam.wasm"], 1, /ranges is missing/],
  [["run", "my-ipam/build/my-ipam.wasm", "--state", "net.json"], 1, /net\.json: unknown key "name"/],
  [["run", "my-ipam/build/my-ipam.wasm", "--node", "n:x"], 2, /--node n:x: expected NAME or NAME:INDEX/],
  [["bench", "my-merge/build/my-merge.wasm"], 1, /it is of kind merge, expected ipam/],
  [["test", "my-ipam/build/my-ipam.wasm", "--seed", "x"], 2, /--seed x: expected a whole number/],
];
for (const [words, status, says] of mistakes) {
  journey(`says what is wrong with: ${words.join(" ") || "nothing"}`, async ({ directory }) => {
    const typed = await moduleHere(directory, ...words);
    assert.is(typed.status, status, typed.stdout);
    assert.match(typed.stderr, says);
    assert.not.match(typed.stderr, /\n {4}at /);
  });
}

journey("a module may not take the name of what is built in, or of an executable", async ({ directory }) => {
  const bytes = join(directory, "else", "where");
  for (const [name, says] of [["host-local", /built in/], ["taken", /taken has that name/]] as const) {
    ok(await moduleHere(bytes, "new", name));
    ok(await moduleHere(bytes, "build", name));
    writeFileSync(join(directory, "taken"), "", { mode: 0o755 });
    const { status, stderr } = await moduleHere(directory, "install", join(bytes, name, "build", `${name}.wasm`),
      "--dir", "modules");
    assert.is(status, 1);
    assert.match(stderr, says);
  }
});

journey.run();
