// Bundles the executable: one script for everything an ADD or DEL runs through, one for each package and each part of
// ours that only some of them need, which import("...") loads. Written in full, not minified: with the code cache it
// starts no slower, and a stack trace can be read.
//
// Our own scripts have each source file once: the main script has what it runs through, and a late one takes from it,
// and from late ones of lower rooms, whatever file they have already. So a class is the same class everywhere, and what
// a module remembers is remembered once.
import { execFileSync } from "node:child_process";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { build } from "esbuild";
import { nodeFlags } from "./runtime.mjs";
import { pinnedNode, root } from "./setup.mjs";

/** Rooms from the bottom up: where two late scripts need a file that is not in the main one, the lower has it. */
const rooms = JSON.parse(readFileSync(join(root, "src", "rooms.json"), "utf8")).flatMap(({ rooms }) => rooms);

/**
 * One late script makes another one's file set change; more rounds than this mean that they never come to rest. Five to
 * seven are usual, by the order in which the bundler comes upon the files, and more have been seen.
 */
const roundsMax = 40;

/**
 * Leaves the scripts of an executable in a directory, each with its code cache, koffi's binary, and start.cjs, which
 * runs them.
 */
export async function shipScripts(entry, directory) {
  copyFileSync(join(root, "src", "bin", "start.cjs"), join(directory, "start.cjs"));
  writeFileSync(join(directory, "koffi.node"), koffiBinary());
  const codeCache = join(import.meta.dirname, "code-cache.mjs");
  for (const { name, text, heavy } of await bundle(entry)) {
    const source = join(directory, `${name}.js`);
    writeFileSync(source, text);
    execFileSync(pinnedNode, [
      ...nodeFlags,
      codeCache,
      source,
      join(directory, `${name}.cache`),
      ...(heavy ? ["heavy"] : []),
    ]);
  }
}

/**
 * @param {string} entry  the TypeScript file the executable starts in, from the root
 * @returns {Promise<{ name: string, text: string, heavy: boolean }[]>} scripts, "polynic" first, then those loaded
 *   late; each is one function expression with the parameters (exports, require, module, __filename, __dirname), in
 *   ASCII, the same for the same sources. A heavy one loads packages or many of Node's modules.
 */
export async function bundle(entry) {
  const main = {
    name: "polynic",
    id: "polynic",
    entry,
    heavy: false,
    files: new Set(),
    packages: new Set(),
    wanted: new Set(),
    text: "",
  };
  const late = new Map(),
    exportsOf = rememberedExports();
  let own = [main];
  for (let round = 0, before = ""; ; round++) {
    for (const [index, script] of own.entries()) await bundleOwn(script, own.slice(0, index), { late, exportsOf });
    own = [main, ...[...late.values()].filter(isOwn).sort(byRoom)];
    const state = JSON.stringify(own.map(({ text }) => text));
    if (state === before) break;
    before = state;
    if (round === roundsMax)
      throw new Error(
        `Cannot divide the sources among ${own.map(({ name }) => name).join(", ")}: they differ after ${roundsMax} ` +
          "rounds",
      );
  }
  refuseSharedPackages(own);
  for (const [index, script] of own.entries()) script.text = withPlaces(script.text, own.slice(0, index));
  // A package may itself load others late; the map grows while it is walked.
  for (const script of late.values()) {
    if (!isOwn(script)) await bundlePackage(script, late);
  }
  return [main, ...late.values()].map(({ name, text, heavy }) => ({ name, text, heavy }));
}

function isOwn({ entry }) {
  return entry.endsWith(".ts");
}

/** Within a room what stands at its top comes first: folders share it, and are not to load each other for it. */
function byRoom(a, b) {
  const rank = ({ entry }) => rooms.indexOf(entry.split("/")[1]);
  const depth = ({ entry }) => entry.split("/").length;
  return rank(a) - rank(b) || depth(a) - depth(b) || (a.name < b.name ? -1 : 1);
}

/** Builds a script of our sources again and notes which files it has, and which names it wants of `lower` scripts. */
async function bundleOwn(script, lower, { late, exportsOf }) {
  const ownerOf = (file) => lower.find(({ files }) => files.has(file));
  const first = script.wanted.size > 0 ? 'import "given";' : "";
  const contents = `${first}export * from ${JSON.stringify(`./${script.entry}`)};`;
  const plugins = [
    given(script),
    latePackages(late),
    taken(ownerOf, exportsOf),
    nativeKoffi,
    lateNodeModules,
    importOutside,
  ];
  const { text, inputs } = await bundleOne({ contents, resolveDir: root }, plugins);
  script.text = text;
  script.files = new Set(inputs.filter((input) => /^(src|build)\//.test(input)));
  script.packages = new Set(
    inputs
      .filter((input) => /node_modules\//.test(input))
      .map((input) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input)[1]),
  );
  script.heavy = script.name !== "polynic" && inputs.some((input) => /^late:node:|node_modules\//.test(input));
  for (const [, name, file] of text.matchAll(takenName)) ownerOf(file)?.wanted.add(name);
}

/** How the bundler writes what comes from `taken`: the file and the name in it. */
const takenName = /\["(((?:src|build)\/[^":]+):\w+)"\]/g;

/**
 * Names become places in the list that `given` makes: a list is there at once, an object of as many names takes 0.1 ms.
 */
function withPlaces(text, lower) {
  return text.replace(takenName, (written, name, file) => {
    const owner = lower.find(({ files }) => files.has(file));
    return owner === undefined ? written : `[${[...owner.wanted].sort().indexOf(name)} /* ${name} */]`;
  });
}

async function bundlePackage(script, late) {
  // Named exports only: a default one cannot be passed on without knowing whether there is one.
  const contents = `export * from ${JSON.stringify(script.entry)};`;
  ({ text: script.text } = await bundleOne({ contents, resolveDir: script.resolveDir }, [latePackages(late)]));
}

/** A package has state of its own, like a file of ours. */
function refuseSharedPackages(scripts) {
  for (const [index, { name, packages }] of scripts.entries()) {
    for (const other of scripts.slice(0, index)) {
      const both = [...packages].filter((each) => other.packages.has(each));
      if (both.length > 0)
        throw new Error(
          `Cannot bundle package ${both.join(", ")}: it is in ${other.name}.js and ${name}.js, expected one file of ` +
            "ours that imports it",
        );
    }
  }
}

async function bundleOne(stdin, plugins) {
  const { outputFiles: [file], warnings, metafile } = await build({
    stdin,
    absWorkingDir: root,
    bundle: true,
    write: false,
    metafile: true,
    platform: "node",
    format: "cjs",
    target: "node26",
    charset: "ascii",
    legalComments: "inline",
    plugins,
    // import() of one of Node's modules would bring up the loader of ECMAScript modules, 8 ms; as require() it does
    // not.
    supported: { "dynamic-import": false },
    define: {
      POLYNIC_INSTALLED: "true",
      "import.meta.dirname": "__dirname",
      "import.meta.filename": "__filename",
    },
  });
  if (warnings.length > 0) process.exitCode = 1;
  const [{ inputs }] = Object.values(metafile.outputs);
  return {
    text: `(function (exports, require, module, __filename, __dirname) {${file.text}\n})\n`,
    inputs: Object.keys(inputs).filter((input) => inputs[input].bytesInOutput > 0),
  };
}

/**
 * What a script lets later ones take: a function that start.cjs calls when the first of them is loaded. It stands
 * before the entry, since the main script may load a late one before it has come to its own end.
 */
function given({ id, wanted }) {
  return {
    name: "given",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^given$/ }, ({ path }) => ({ path, namespace: "given" }));
      onResolve({ filter: /^given:/ }, ({ path }) => ({ path, external: true }));
      onLoad({ filter: /./, namespace: "given" }, () => {
        const names = [...wanted].sort();
        const imports = names.map(
          (name, i) =>
            `import { ${name.split(":")[1]} as given${i} } from ${JSON.stringify(`./${name.split(":")[0]}`)};`,
        );
        const list = names.map((_, i) => `given${i}`).join(", ");
        const contents = `${imports.join("\n")}\nrequire("given:${id}")(() => [${list}]);`;
        return { contents, loader: "js", resolveDir: root };
      });
    },
  };
}

/**
 * Takes what is imported from a file that another script has from that script. Of the others no more comes along than
 * is used: a file of ours does nothing when it is imported but for what it exports, and only the entry is run for its
 * own sake.
 */
function taken(ownerOf, exportsOf) {
  return {
    name: "taken",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^taken:/ }, ({ path }) => ({ path, external: true, sideEffects: false }));
      onResolve({ filter: /^\.\.?\// }, ({ path, resolveDir, namespace }) => {
        const absolute = resolve(resolveDir, path), file = relative(root, absolute);
        if (ownerOf(file) !== undefined) return { path: file, namespace: "taken", sideEffects: false };
        return namespace === "file" && isOwn({ entry: file }) && resolveDir !== root
          ? { path: absolute, sideEffects: false }
          : undefined;
      });
      onLoad({ filter: /./, namespace: "taken" }, async ({ path }) => {
        const { names, passedOn } = await exportsOf(path);
        const own = names.map((name) => `${JSON.stringify(`${path}:${name}`)} as ${name}`);
        const contents = [`export { ${own.join(", ")} } from "taken:${ownerOf(path).id}";`, ...passedOn].join("\n");
        return { contents, loader: "js", resolveDir: dirname(join(root, path)) };
      });
    },
  };
}

/** Tells the names a source file exports, and its lines that pass on all of another one's. */
function rememberedExports() {
  const known = new Map();
  return (path) => {
    if (!known.has(path)) known.set(path, readExports(join(root, path)));
    return known.get(path);
  };
}

async function readExports(file) {
  const source = readFileSync(file, "utf8");
  // What is taken is taken once, as the value it is then.
  if (/^export let /m.test(source))
    throw new Error(
      `Cannot share ${relative(root, file)} between scripts: it exports a variable, expected constants and functions`,
    );
  const { metafile } = await build({
    entryPoints: [file],
    write: false,
    metafile: true,
    format: "esm",
    outdir: root,
    outExtension: { ".js": ".exports.js" },
  });
  const [{ exports }] = Object.values(metafile.outputs);
  return { names: exports, passedOn: source.match(/^export \* from "[^"]+";$/gm) ?? [] };
}

/**
 * koffi's own front end looks for its binary on many paths and costs ten times what loading it does. Only the native
 * part is shipped; its functions are the same but for the deprecated names.
 */
const nativeKoffi = {
  name: "native koffi",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^koffi$/ }, () => ({ path: "koffi", namespace: "native" }));
    onLoad({ filter: /^koffi$/, namespace: "native" }, () => ({
      contents: "process.dlopen(module, `${__dirname}/koffi.node`);",
      loader: "js",
    }));
  },
};

/** Node's modules that are in its start-up snapshot already, or next to nothing: required at once. */
const lightNodeModules = new Set(
  [
    "async_hooks",
    "buffer",
    "events",
    "fs",
    "path",
    "path/win32",
    "process",
    "string_decoder",
    "timers",
    "timers/promises",
    "url",
    "util",
  ].map((name) => `node:${name}`),
);

/**
 * Loads Node's other modules when one of their names is first used, not where they are imported: each brings dozens of
 * its own along, and most runs end without any. "late:" tells start.cjs that a heavy one is coming.
 */
const lateNodeModules = {
  name: "late node modules",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(late:)?node:/ }, ({ kind, path, namespace }) => {
      if (lightNodeModules.has(path)) return undefined;
      if (namespace === "late") return { path, external: true };
      return kind === "dynamic-import" ? { path: `late:${path}`, external: true } : { path, namespace: "late" };
    });
    onLoad({ filter: /^node:/, namespace: "late" }, ({ path }) => {
      const names = Object.keys(process.getBuiltinModule(path)).map((name) => JSON.stringify(name));
      const getters = names.map((name) => `get ${name}() { return (loaded ??= require("late:${path}"))[${name}]; },`);
      return { contents: `let loaded;\nmodule.exports = {\n${getters.join("\n")}\n};`, loader: "js" };
    });
  },
};

/**
 * What is installed elsewhere, by path: an ECMAScript module that waits at its top level, which require() refuses and
 * for which only start.cjs, a script Node itself loaded, can ask.
 */
const importOutside = {
  name: "import outside",
  setup({ onLoad }) {
    onLoad({ filter: /\/commands\/module\/import-file\.ts$/ }, () => ({
      contents: 'export const importFile = (path) => require("late:import")(path);',
      loader: "js",
    }));
  },
};

/**
 * Turns import("package") and import("./file.ts") into scripts of their own, gathered in `late` by what they are made
 * of.
 */
function latePackages(late) {
  return {
    name: "late packages",
    setup({ onResolve }) {
      onResolve({ filter: /^late:import$/ }, ({ path }) => ({ path, external: true }));
      onResolve({ filter: /./ }, ({ kind, path, resolveDir }) => {
        if (kind !== "dynamic-import" || path.startsWith("node:")) return undefined;
        const entry = path.startsWith(".") ? relative(root, resolve(resolveDir, path)) : path;
        return { path: lateScript(late, entry, resolveDir).id, external: true };
      });
    },
  };
}

/** "late:" tells start.cjs that something heavy is coming, "light:" that there is not. */
function lateScript(late, entry, resolveDir) {
  const name = entry.replace(/^src\/|(\/index)?\.ts$/g, "").replace(/[^\w-]+/g, "-");
  const known = late.get(name);
  if (known !== undefined) return known;
  const script = {
    name, entry, resolveDir, heavy: true, files: new Set(), packages: new Set(), wanted: new Set(), text: "",
    get id() { return `${this.heavy ? "late" : "light"}:${name}`; },
  };
  late.set(name, script);
  return script;
}

/** koffi's binary for this architecture and glibc. */
function koffiBinary() {
  const path = `node_modules/@koromix/koffi-linux-${process.arch}/linux_${process.arch}/koffi.node`;
  return readFileSync(join(root, path));
}

// node scripts/bundle.mjs ENTRY DIRECTORY: for the benchmark, whose own processes start as the executable does.
if (import.meta.main) await shipScripts(process.argv[2], process.argv[3]);
