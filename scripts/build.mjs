// npm run build: leaves an installable tree in dist/. It can be copied anywhere, to any machine of the same
// architecture with glibc; nothing in it refers to this checkout.
//
//   dist/bin/polynic          the launcher, and a link to it for every other name
//   dist/lib/polynic/node     the runtime
//   dist/lib/polynic/*.js     the bundle and what is loaded late, each with its code cache
//   dist/lib/polynic/modules  the built-in WASM modules
//   dist/share/sdk            the SDK's sources, which modules are compiled with
//   dist/share/asconfig.json  how they are compiled
//   dist/share/templates      what "polynic module new" starts from
//   dist/share/licenses       whose work this is
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
import { shipScripts } from "./bundle.mjs";
import { nodeFlags, runtimeLicence, shipRuntime } from "./runtime.mjs";
import { pinnedNode, root, run } from "./setup.mjs";

for (const script of ["build-schemas.mjs", "build-wasm.mjs"]) run(pinnedNode, [join(import.meta.dirname, script)]);
// The plugins are there once their schemas are compiled.
const { standAloneTypes } = await import("../src/plugins/index.ts");

// Built aside and moved in place whole: whoever runs the old tree meanwhile keeps running it.
const tree = join(root, `dist.${process.pid}`);
const bin = join(tree, "bin");
const lib = join(tree, "lib", "polynic");
const licences = join(tree, "share", "licenses");
for (const directory of [bin, lib, join(lib, "fallback"), join(lib, "modules"), licences])
  mkdirSync(directory, { recursive: true });

writeLauncher();
shipRuntime(lib);
await shipScripts("src/bin/cni.ts", lib);
copyModules();
copyForAuthors();
copyLicences();
replaceDist();

function writeLauncher() {
  const launcher = join(bin, multiplexerNames[0]);
  const text = readFileSync(join(root, "src", "bin", "launcher.sh"), "utf8");
  writeFileSync(launcher, text.replace("@NODE_FLAGS@", nodeFlags.join(" ")));
  chmodSync(launcher, 0o755);
  const links = [...multiplexerNames.slice(1), ...standAloneTypes];
  for (const name of links) symlinkSync(multiplexerNames[0], join(bin, name));
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
