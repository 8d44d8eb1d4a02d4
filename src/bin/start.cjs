// Runs the bundle with V8's code cache, which saves half of what the bundle adds to a bare start. An ordinary require()
// would compile every function again; Node's own compile cache is keyed by user id and wants a directory to write to.
"use strict";
const { readFileSync } = require("node:fs");
const { Script } = require("node:vm");

/** Scripts that were loaded, by name; each is evaluated once. */
const loaded = new Map();
/** What scripts let later ones take, by name: a function at first, its result once somebody has taken something. */
const given = new Map();
let nodeCachesAccepted = false;

load("polynic");

/**
 * Evaluates one of our scripts and returns its exports. A cache that V8 refuses is only ignored: slower, never wrong.
 */
function load(name) {
  const known = loaded.get(name);
  if (known !== undefined) return known.exports;
  const filename = `${__dirname}/${name}.js`;
  // The bundler writes ASCII only, which latin1 reads without a check of every byte.
  const source = readFileSync(filename, "latin1");
  const script = new Script(source, { filename, cachedData: readFileSync(`${__dirname}/${name}.cache`) });
  const module = { exports: {} };
  loaded.set(name, module);
  script.runInThisContext()(module.exports, requireFromBundle, module, filename, __dirname);
  return module.exports;
}

/**
 * What the bundler writes where something is required: "late:" before what is heavy, a script beside this one or a
 * module of Node; "light:" before a script that is not; "given:" and "taken:" where scripts share what is in one of
 * them.
 */
function requireFromBundle(id) {
  const kind = id.slice(0, id.indexOf(":")), rest = id.slice(kind.length + 1);
  switch (kind) {
    case "late": return loadHeavy(rest);
    case "light": return load(rest);
    case "given": return (values) => void given.set(rest, values);
    case "taken": return takenFrom(rest);
    default: return require(id);
  }
}

function loadHeavy(name) {
  acceptNodeCaches();
  // Scripts evaluated by node:vm have no import() of their own.
  if (name === "import") return (path) => import(path);
  return name.startsWith("node:") ? require(name) : load(name);
}

/** The main script is there whenever another one is. */
function takenFrom(id) {
  if (id !== "polynic") requireFromBundle(id);
  const values = given.get(id);
  if (typeof values !== "function") return values;
  given.set(id, values());
  return given.get(id);
}

/**
 * The flags of V8 we are started with have done their work once this runs, and while they are set V8 refuses the code
 * caches built into Node, which belong to the default flags. Few modules are compiled on the usual way, but dozens by a
 * heavy import.
 */
function acceptNodeCaches() {
  if (nodeCachesAccepted) return;
  nodeCachesAccepted = true;
  const setFlag = flagSetter();
  setFlag("--rehash-snapshot");
  setFlag("--min-semi-space-size=0");
  setFlag("--wasm-tiering-budget=13000000");
}

/**
 * v8.setFlagsFromString without loading node:v8, which takes 5 ms as long as its own code cache is refused: V8's
 * function itself, by its name in the runtime that is shipped with us.
 */
function flagSetter() {
  try {
    const koffi = { exports: {} };
    process.dlopen(koffi, `${__dirname}/koffi.node`);
    return koffi.exports.load(null).func("_ZN2v82V818SetFlagsFromStringEPKc", "void", ["str"]);
  } catch {
    return require("node:v8").setFlagsFromString;
  }
}
