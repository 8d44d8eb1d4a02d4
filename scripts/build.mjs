// npm run build: leaves an installable tree in dist/. It can be copied anywhere, to any machine of the same
// architecture with glibc; nothing in it refers to this checkout.
//
//   dist/bin/polynic            the shim, and a link to it for every other name
//   dist/lib/polynic/launcher   starts the one-shot form; without a C compiler dist/bin/polynic is one too
//   dist/lib/polynic/node       the runtime
//   dist/lib/polynic/*.js       the bundle and what is loaded late, each with its code cache
//   dist/lib/polynic/modules    the built-in WASM modules
//   dist/share/sdk              the SDK's sources, which modules are compiled with
//   dist/share/asconfig.json    how they are compiled
//   dist/share/templates        what "polynic module new" starts from
//   dist/share/licenses         whose work this is
//   dist/share/bash-completion  and zsh and fish: completion, as packages put it below /usr/share
//   dist/share/man              manual pages of the commands
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { multiplexerNames } from "../src/program/names.ts";
import { version } from "../src/program/version.ts";
import { shipScripts } from "./bundle.mjs";
import { daemonFlags, nodeFlags, runtimeLicence, shipRuntime } from "./runtime.mjs";
import { installPrograms, pinnedNode, root, run } from "./setup.mjs";

installPrograms(["compiler"]);
for (const script of ["build-schemas.mjs", "build-wasm.mjs"]) run(pinnedNode, [join(import.meta.dirname, script)]);
// Late: they look into the plugins, which want their schemas.
const { standAloneTypes } = await import("../src/plugins/index.ts");
const { commandLine } = await import("../src/commands/index.ts");
const { manPages } = await import("../src/commands/man.ts");
const { buildShim, versionAnswers } = await import("./shim/build.mjs");

// Built aside and moved in place whole: whoever runs the old tree meanwhile keeps running it.
const tree = join(root, `dist.${process.pid}`);
const bin = join(tree, "bin");
const lib = join(tree, "lib", "polynic");
const licences = join(tree, "share", "licenses");
for (const directory of [bin, lib, join(lib, "fallback"), join(lib, "modules"), licences])
  mkdirSync(directory, { recursive: true });

writeExecutables();
shipRuntime(lib);
await shipScripts("src/bin/cni.ts", lib);
copyModules();
copyForAuthors();
copyForShells();
await writeManPages();
copyLicences();
replaceDist();

function writeExecutables() {
  const executable = join(bin, multiplexerNames[0]);
  const launcher = launcherText();
  writeProgram(join(lib, "launcher"), launcher);
  if (!buildShim(executable)) writeProgram(executable, launcher);
  const links = [...multiplexerNames.slice(1), ...standAloneTypes];
  for (const name of links) symlinkSync(multiplexerNames[0], join(bin, name));
}

function launcherText() {
  const byAnswer = Map.groupBy(versionAnswers(), ([, answer]) => answer.trimEnd());
  const versions = [...byAnswer].map(([answer, names]) =>
    `    ${names.map(([name]) => name).join(" | ")}) printf '%s\\n' '${answer}'; exit ;;`);
  return readFileSync(join(root, "src", "bin", "launcher.sh"), "utf8")
    .replace("@VERSIONS@", () => versions.join("\n"))
    .replace("@DAEMON_FLAGS@", daemonFlags.join(" "))
    .replace("@NODE_FLAGS@", nodeFlags.join(" "));
}

function writeProgram(file, text) {
  writeFileSync(file, text);
  chmodSync(file, 0o755);
}

function copyModules() {
  const built = join(root, "build", "wasm");
  for (const name of readdirSync(built).filter((name) => name.endsWith(".wasm"))) {
    copyFileSync(join(built, name), join(lib, "modules", name));
  }
}

function copyForAuthors() {
  copyFileSync(join(root, "asconfig.json"), join(tree, "share", "asconfig.json"));
  for (const name of ["sdk", "templates"])
    cpSync(join(root, "wasm-plugins", name), join(tree, "share", name), { recursive: true });
}

function copyForShells() {
  cpSync(join(root, "src", "commands", "completion", "share"), join(tree, "share"), { recursive: true });
}

async function writeManPages() {
  const directory = join(tree, "share", "man", "man1");
  mkdirSync(directory, { recursive: true });
  for (const { file, text } of await manPages(commandLine, version)) writeFileSync(join(directory, file), text);
}

function copyLicences() {
  const packages = {
    koffi: "LICENSE.txt",
    "ipaddr.js": "LICENSE",
    execa: "license",
    ajv: "LICENSE",
    yaml: "LICENSE",
    "@grpc/grpc-js": "LICENSE",
    "@grpc/proto-loader": "LICENSE",
    protobufjs: "LICENSE",
    long: "LICENSE",
    "lodash.camelcase": "LICENSE",
    "@js-sdsl/ordered-map": "LICENSE",
    "prom-client": "LICENSE",
    "@opentelemetry/api": "LICENSE",
    tdigest: "LICENSE",
    bintrees: "LICENSE",
  };
  const files = [["polynic", join(root, "LICENSE")], runtimeLicence,
    ...Object.entries(packages).map(([name, file]) => [name, join(root, "node_modules", name, file)])];
  for (const [name, file] of files) copyFileSync(file, join(licences, name.replace("/", "-")));
}

function replaceDist() {
  const dist = join(root, "dist"), old = join(root, `dist.old.${process.pid}`);
  if (existsSync(dist)) renameSync(dist, old);
  renameSync(tree, dist);
  rmSync(old, { recursive: true, force: true });
}
