// polynic lint as people run it: dist's executable, its output and its exit status; and our own examples, which are
// clean.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { builtDist } from "../../helpers/dist.ts";
import { waitLimitMs } from "../../helpers/limits.ts";

const root = join(import.meta.dirname, "..", "..", "..");

interface Run { readonly status: number | null; readonly stdout: string; readonly stderr: string }

function run(words: readonly string[], { cwd = directory, input = "" } = {}): Run {
  const { status, stdout, stderr } = spawnSync(join(builtDist(), "bin", "polynic"), ["lint", ...words],
    { cwd, input, encoding: "utf8", timeout: waitLimitMs, env: { PATH: process.env["PATH"] } });
  return { status, stdout, stderr };
}

let directory = "";
const clean = "apiVersion: v1\nkind: Pod\nmetadata:\n  annotations:\n    k8s.v1.cni.cncf.io/networks: lan\n";
const strictly = `apiVersion: v1\nkind: Pod\nmetadata:\n  annotations:\n    k8s.v1.cni.cncf.io/networks: '[{"name": ` +
  `"lan", "ips": []}]'\n`;
const wrong = strictly.replace("[]", '["x"]');

const command = suite("polynic lint, built");
command.before.each(() => { directory = mkdtempSync(join(tmpdir(), "polynic-lint-")); });
command.after.each(() => rmSync(directory, { recursive: true }));

for (const [title, words, files, status, stdout, stderr, input = wrong] of [
  ["is silent but for a summary where nothing is wrong", ["a.yaml"], { "a.yaml": clean }, 0,
    "1 file (1 pod): nothing to complain about\n", ""],
  ["ends with 0 for a warning", ["a.yaml"], { "a.yaml": strictly }, 0,
    /^a\.yaml:5:52: warning: .*at least one address.*\n1 file \(1 pod\): 0 errors, 1 warning\n$/, ""],
  ["ends with 1 for a warning that --strict makes an error", ["--strict", "a.yaml"], { "a.yaml": strictly }, 1,
    /^a\.yaml:5:52: error: .*\n1 file \(1 pod\): 1 error, 0 warnings\n$/, ""],
  ["ends with 1 for an error", ["a.yaml"], { "a.yaml": wrong }, 1,
    /^a\.yaml:5:60: error: .*"ips"\[0\] is "x".*\n1 file \(1 pod\): 1 error, 0 warnings\n$/, ""],
  ["reads stdin", ["-"], {}, 1, /^stdin:5:60: error: /, ""],
  ["reads directories, and says of what else is there nothing", ["."],
    { "a.yaml": wrong, "b.txt": "x", "c/d.json": "{}" }, 1,
    /^a\.yaml:5:60: error: .*\n2 files \(1 pod\): 1 error, 0 warnings\n$/, ""],
  ["checks the rest when a file cannot be read, and ends with 2", ["none.yaml", "a.yaml"], { "a.yaml": wrong }, 2,
    /^a\.yaml:5:60: error: /, /^polynic lint: Cannot read none\.yaml: it is not there/],
  ["has not checked what cannot be read", ["none.yaml"], {}, 2,
    "0 files (no networks): 0 errors, 0 warnings, 1 not readable\n",
    /^polynic lint: Cannot read none\.yaml: /],
  ["has not read what does not end", ["/dev/zero"], {}, 2, /1 not readable\n$/,
    "polynic lint: Cannot read /dev/zero: it is longer than 16777216 bytes\n"],
  ["has not checked what a failed command left", ["-"], {}, 2,
    "1 file (no networks): 0 errors, 0 warnings, 1 not readable\n",
    "polynic lint: Cannot check stdin: it is empty, expected a manifest or a CNI configuration\n", ""],
  ["has not checked comments", ["a.yaml"], { "a.yaml": "# kind: Pod\n---\n" }, 2, /1 not readable\n$/,
    /Cannot check a\.yaml: there is nothing in it but comments/],
  ["has not checked an empty file", ["a.conf"], { "a.conf": "" }, 2,
    /1 not readable\n$/, /Cannot check a\.conf: it is empty/],
  ["has not checked a directory without a file that it reads", ["."], { "a.txt": "x" }, 2,
    /0 files .*, 1 not readable\n$/,
    /Cannot check \.: it holds no file that ends in \.json, /],
  ["warns of an empty file among others", ["."], { "a.yaml": clean, "b.yaml": "" }, 0,
    "b.yaml:1:1: warning: it is empty\n2 files (1 pod): 0 errors, 1 warning\n", ""],
  ["had nothing to check where there is nothing of ours", ["a.yaml"],
    { "a.yaml": "apiVersion: v1\nkind: List\nitems: []\n" }, 0, "1 file (no networks): nothing to check\n", ""],
  ["tells a note apart, also strictly", ["--strict", "a.yaml"], { "a.yaml": clean.replace("networks: lan",
    `networks: '[{"name": "lan", "default-route": ["10.0.0.1"]}]'`) }, 0,
    /^a\.yaml:5:52: note: .*\n1 file \(1 pod\): nothing to complain about, 1 note\n$/, ""],
  ["ends with 2 without a file", [], {}, 2, "",
    /^polynic lint: Cannot understand "polynic lint": FILE is missing, expected polynic lint .* FILE\.\.\.\n/],
  ["ends with 2 for an option there is not", ["--isolate"], {}, 2, "",
    /^polynic lint: Cannot understand --isolate: there is no such option, expected --isolated\n/],
  ["helps", ["--help"], {}, 0, /^polynic lint \[OPTION\.\.\.\] FILE\.\.\.\n[\s\S]*Exit status: /, ""],
] as const) {
  command(title, () => {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(join(directory, name, ".."), { recursive: true });
      writeFileSync(join(directory, name), text);
    }
    const found = run(words, { input });
    assert.is(found.status, status, found.stdout + found.stderr);
    for (const [text, wanted] of [[found.stdout, stdout], [found.stderr, stderr]] as const) {
      if (typeof wanted === "string") assert.is(text, wanted);
      else assert.match(text, wanted);
    }
  });
}

command("prints one JSON document when asked", () => {
  writeFileSync(join(directory, "a.yaml"), wrong);
  const { status, stdout } = run(["--json", "a.yaml"]);
  const { findings, ...counts } = JSON.parse(stdout);
  assert.is(status, 1);
  assert.equal(counts, { files: 1, unreadable: 0, definitions: 0, pods: 1, networks: 0, multiplexers: 0, errors: 1,
    warnings: 0, notes: 0 });
  assert.equal(findings.map(({ message: _, ...finding }: { readonly message: string }) => finding), [
    { file: "a.yaml", line: 5, column: 60, level: "error",
      path: 'metadata.annotations["k8s.v1.cni.cncf.io/networks"][0].ips[0]' }]);
});

command("takes what was printed of a cluster's objects", () => {
  const list = { apiVersion: "v1", kind: "List", items: [JSON.parse(JSON.stringify({ apiVersion: "v1", kind: "Pod",
    metadata: { annotations: { "k8s.v1.cni.cncf.io/networks": "lan" } } }))] };
  assert.is(run(["-"], { input: JSON.stringify(list) }).stdout, "1 file (1 pod): nothing to complain about\n");
});

command("loads nothing for a runtime: it is a script of its own", () => {
  const scripts = readdirSync(join(builtDist(), "lib", "polynic"));
  assert.ok(scripts.includes("commands-lint.js"), scripts.join(" "));
  assert.not.ok(readFileSync(join(builtDist(), "lib", "polynic", "polynic.js"),
    "utf8").includes("nothing to complain about"));
});

command("reads JSON documents one after the other, as kubectl does, and a configuration's file as one", () => {
  const pod = (networks: string): string => JSON.stringify({ apiVersion: "v1", kind: "Pod",
    metadata: { annotations: { "k8s.v1.cni.cncf.io/networks": networks } } });
  const several = `${pod("lan")} ${pod("a/b/c")}\n${pod("lan")}`;
  for (const name of ["a.json", "a.yaml"]) {
    writeFileSync(join(directory, name), several);
    const { status, stdout } = run([name]);
    assert.is(status, 1);
    assert.match(stdout, new RegExp(`^${name}:1:1\\d\\d: error: .*\n1 file \\(3 pods\\): 1 error, 0 warnings\n$`));
  }
  writeFileSync(join(directory, "b.json"), `${several} {"a":\n tru}`);
  assert.match(run(["b.json"]).stdout, /^a?.*\nb\.json:3:2: error: it is not JSON at line 3, column 2 /);
  writeFileSync(join(directory, "c.conf"), '{"name":"a","type":"bridge"}\n{}');
  assert.match(run(["c.conf"]).stdout, /^c\.conf:2:1: error: it is not JSON at line 2, .*expected the end/);
});

command.run();

const examples = suite("examples");

for (const folder of ["conf", "deploy"].filter((name) => existsSync(join(root, name)))) {
  examples(`in ${folder}/ are clean`, () => {
    const { status, stdout } = run(["--json", folder], { cwd: root });
    const { findings } = JSON.parse(stdout);
    assert.is(status, 0, stdout);
    // The one example that is about a plugin of somebody else, and the pod that chooses its default route.
    const expected = folder === "conf" ? ["conf/cluster.yaml"] : [];
    assert.equal(findings.map(({ file }: { readonly file: string }) => file), expected);
  });
}

examples("in docs/lint.md print what is written there", () => {
  const page = readFileSync(join(root, "docs", "lint.md"),
    "utf8").split("\n").filter((line) => line.startsWith("    ")).map((line) => line.slice(4)).join("\n");
  const [, manifest = "",
    said] = /^\$ cat shop\.yaml\n([\s\S]*?)\$ polynic lint shop\.yaml\n([\s\S]*?)\$ polynic lint conf\n/m.exec(page) ?? [];
  const [, conf] = /^\$ polynic lint conf\n([\s\S]*)$/m.exec(page) ?? [];
  const folder = mkdtempSync(join(tmpdir(), "polynic-lint-"));
  writeFileSync(join(folder, "shop.yaml"), manifest);
  const { stdout } = run(["shop.yaml"], { cwd: folder });
  rmSync(folder, { recursive: true });
  assert.is(stdout, said);
  assert.is(run(["conf"], { cwd: root }).stdout.trimEnd(), conf?.trimEnd());
});

examples("in conf/ are all looked at", () => {
  const { files, definitions, pods, networks, multiplexers } = JSON.parse(run(["--json", "conf"],
    { cwd: root }).stdout);
  const texts = readdirSync(join(root, "conf"), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(conf|conflist|yaml)$/.test(name))
    .map((name) => readFileSync(join(root, "conf", name), "utf8"));
  const count = (pattern: RegExp): number => texts.join("\n").match(pattern)?.length ?? 0;
  assert.is(files, texts.length);
  assert.is(definitions, count(/^kind: NetworkAttachmentDefinition$/gm));
  assert.is(pods, count(/^kind: Pod$/gm));
  assert.is(multiplexers, count(/^ {6}"type": "(polynic|multus)"/gm));
  assert.is(networks, texts.filter((text) => /^ {2}"plugins"/m.test(text)).length - multiplexers);
});

examples.run();
