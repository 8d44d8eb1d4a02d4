// The rooms of src/ and the direction imports may go between them. docs/architecture.md draws what this checks.
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve, dirname } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const root = join(import.meta.dirname, "..");
const source = join(root, "src");

/** Rooms from the bottom up: a room imports rooms of lower levels, and pure rooms each other. */
const levels: Readonly<Record<string, number>> = {
  net: 0, schema: 0, cni: 0, netlink: 0, nad: 0, ipam: 0,
  os: 1,
  kernel: 2, exec: 2, wasm: 2, kube: 2, store: 2, program: 2,
  plugins: 3, call: 4, mux: 5, service: 6, commands: 7, bin: 8,
};
const pureLevel = 0, effectLevel = 2, pluginLevel = 3;

/** A package has one room, so that replacing it touches one room. */
const packageRoom: Readonly<Record<string, string>> = { "ipaddr.js": "net", koffi: "os", execa: "exec", ajv: "schema",
  yaml: "kube", "@grpc/grpc-js": "kube", "@grpc/proto-loader": "kube", "ajv/dist/standalone/index.js": "schema" };

interface Import {
  readonly file: string;
  readonly from: string;
  readonly typeOnly: boolean;
}

const files = readdirSync(source, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts")).map((name) => join(source, name));
const imports = files.flatMap(importsOf);

const rooms = suite("rooms");

rooms("every file lives in a known room", () => {
  const strangers = files.filter((file) => levels[roomOf(file)] === undefined);
  assert.equal(strangers.map(shown), []);
});

rooms("imports go to lower rooms only", () => {
  const wrong = crossing().filter(({ file, target, typeOnly }) => {
    const here = levelOf(roomOf(file)), there = levelOf(roomOf(target));
    if (here === pureLevel && there === pureLevel) return false;
    if (here === pluginLevel && there === effectLevel) return !typeOnly;
    return there >= here;
  });
  assert.equal(wrong.map(described), []);
});

rooms("pure rooms know no node: module and do not depend on each other in a circle", () => {
  const effects = imports.filter(({ file, from }) => levelOf(roomOf(file)) === pureLevel && from.startsWith("node:"));
  assert.equal(effects.map(({ file, from }) => `${shown(file)} imports ${from}`), []);
  const arrows = new Set(crossing().filter(({ file, target }) =>
    levelOf(roomOf(file)) === pureLevel && levelOf(roomOf(target)) === pureLevel)
    .map(({ file, target }) => `${roomOf(file)} ${roomOf(target)}`));
  const circles = [...arrows].filter((arrow) => arrows.has(arrow.split(" ").reverse().join(" ")));
  assert.equal(circles, []);
});

rooms("outsiders come in through a room's front door", () => {
  const sideways = crossing().filter(({ target }) => target !== join(source, roomOf(target), "index.ts"));
  assert.equal(sideways.map(described), []);
});

rooms("a package is imported by its own room only", () => {
  const wrong = imports.filter(({ file, from }) => {
    const owner = packageRoom[from];
    return !from.startsWith(".") && !from.startsWith("node:") && owner !== roomOf(file);
  });
  assert.equal(wrong.map(({ file, from }) => `${shown(file)} imports ${from}`), []);
});

rooms("files do not import each other in a circle", () => {
  const targets = new Map(files.map((file) => [file, imports.filter((one) => one.file === file
    && one.from.startsWith("."))
    .map(({ from }) => resolve(dirname(file), from))]));
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].map(shown).join(" -> "));
    if (path.includes(file) || done.has(file)) return;
    for (const target of targets.get(file) ?? []) visit(target, [...path, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
  assert.equal(circles, []);
});

rooms("every test file runs its suites", () => {
  const tests = readdirSync(join(root, "test"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".test.ts"));
  const silent = tests.filter((name) => {
    const text = readFileSync(join(root, "test", name), "utf8");
    return !/\.run\(\)|kernelSuite\(/.test(text);
  });
  assert.ok(tests.length > 0);
  assert.equal(silent, []);
});

rooms.run();

/** Imports that leave their room, with the file they reach. */
function crossing(): (Import & { readonly target: string })[] {
  return imports.filter(({ from }) => from.startsWith("."))
    .map((one) => ({ ...one, target: resolve(dirname(one.file), one.from) }))
    .filter(({ file, target }) => target.startsWith(source) && roomOf(file) !== roomOf(target));
}

function importsOf(file: string): Import[] {
  const text = readFileSync(file, "utf8");
  const found = [...text.matchAll(/^(import|export)\s+(type\s+)?(?:[^"';]*?\sfrom\s+)?"([^"]+)";/gm)]
    .map(([, , type, from]) => ({ file, from: from ?? "", typeOnly: type !== undefined }));
  const late = [...text.matchAll(/\bimport\("([^"]+)"\)/g)].map(([, from]) => ({ file, from: from ?? "",
    typeOnly: false }));
  return [...found, ...late];
}

function roomOf(file: string): string {
  return relative(source, file).split("/")[0] ?? "";
}

function levelOf(room: string): number {
  return levels[room] ?? Number.NaN;
}

function shown(file: string): string {
  return relative(root, file);
}

function described({ file, target }: { file: string; target: string }): string {
  return `${shown(file)} imports ${shown(target)}`;
}
