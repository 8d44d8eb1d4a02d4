// Bundles the executable: one script for everything an ADD or DEL runs through, one for each package that only some
// of them need, and one for the commands people type. Written in full, not minified: with the code cache it starts no slower, and a stack trace can be read.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { root } from "./setup.mjs";

/**
 * @param {string} entry  the TypeScript file the executable starts in
 * @returns {Promise<{ name: string, text: string, late: boolean }[]>} scripts, "polynic" first, then those loaded late;
 *   each is one function expression with the parameters (exports, require, module, __filename, __dirname), in ASCII, the
 *   same for the same sources
 */
export async function bundle(entry) {
  const late = new Map();
  const scripts = [{ name: "polynic", late: false, text: await bundleOne(entry, [nativeKoffi, lateNodeModules, latePackages(late)]) }];
  // A package may itself load others late; the map grows while it is walked.
  for (const [name, { specifier, resolveDir }] of late) {
    // Named exports only: a default one cannot be passed on without knowing whether there is one.
    const stdin = { contents: `export * from ${JSON.stringify(specifier)};`, resolveDir };
    const own = specifier.startsWith(".") ? [nativeKoffi, lateNodeModules, importOutside] : [];
    scripts.push({ name, late: true, text: await bundleOne({ stdin }, [...own, latePackages(late)]) });
  }
  return scripts;
}

async function bundleOne(entry, plugins) {
  const { outputFiles: [file], warnings } = await build({
    ...(typeof entry === "string" ? { entryPoints: [entry] } : entry),
    absWorkingDir: root,
    bundle: true,
    write: false,
    platform: "node",
    format: "cjs",
    target: "node26",
    charset: "ascii",
    legalComments: "inline",
    plugins,
    // import() of one of Node's modules would bring up the loader of ECMAScript modules, 8 ms; as require() it does not.
    supported: { "dynamic-import": false },
    define: {
      POLYNIC_INSTALLED: "true",
      "import.meta.dirname": "__dirname",
      "import.meta.filename": "__filename",
    },
  });
  if (warnings.length > 0) process.exitCode = 1;
  return `(function (exports, require, module, __filename, __dirname) {${file.text}\n})\n`;
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
const lightNodeModules = new Set(["async_hooks", "buffer", "events", "fs", "path", "path/win32", "process", "string_decoder",
  "timers", "timers/promises", "url", "util"].map((name) => `node:${name}`));

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
 * What is installed elsewhere, by path: an ECMAScript module that waits at its top level, which require() refuses and for
 * which only start.cjs, a script Node itself loaded, can ask.
 */
const importOutside = {
  name: "import outside",
  setup({ onLoad }) {
    onLoad({ filter: /\/bin\/module\/import-file\.ts$/ }, () => ({
      contents: 'export const importFile = (path) => require("late:import")(path);',
      loader: "js",
    }));
  },
};

/** Turns import("package") and import("./file.ts") into scripts of their own, gathered in `late`. */
function latePackages(late) {
  return {
    name: "late packages",
    setup({ onResolve }) {
      onResolve({ filter: /^late:import$/ }, ({ path }) => ({ path, external: true }));
      onResolve({ filter: /./ }, ({ kind, path, resolveDir }) => {
        if (kind !== "dynamic-import") return undefined;
        const name = path.replace(/^\.\/|(\/index)?\.ts$/g, "").replace(/[^\w-]+/g, "-");
        late.set(name, { specifier: path, resolveDir });
        return { path: `late:${name}`, external: true };
      });
    },
  };
}

/** koffi's binary for this architecture and glibc. */
export function koffiBinary() {
  const path = `node_modules/@koromix/koffi-linux-${process.arch}/linux_${process.arch}/koffi.node`;
  return readFileSync(join(root, path));
}
