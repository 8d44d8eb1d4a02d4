// Runs the bundle with V8's code cache, which saves half of what the bundle adds to a bare start. An ordinary require()
// would compile every function again; Node's own compile cache is keyed by user id and wants a directory to write to.
"use strict";
const { readFileSync } = require("node:fs");
const { Script } = require("node:vm");

let nodeCachesAccepted = false;

load("polynic");

/** Evaluates one of our scripts and returns its exports. A cache that V8 refuses is only ignored: slower, never wrong. */
function load(name) {
  const filename = `${__dirname}/${name}.js`;
  // The bundler writes ASCII only, which latin1 reads without a check of every byte.
  const source = readFileSync(filename, "latin1");
  const script = new Script(source, { filename, cachedData: readFileSync(`${__dirname}/${name}.cache`) });
  const module = { exports: {} };
  script.runInThisContext()(module.exports, requireFromBundle, module, filename, __dirname);
  return module.exports;
}

/** The bundler writes "late:" before what is heavy, a script beside this one or a module of Node; "late:import" is import(). */
function requireFromBundle(id) {
  if (!id.startsWith("late:")) return require(id);
  acceptNodeCaches();
  const name = id.slice("late:".length);
  // Scripts evaluated by node:vm have no import() of their own.
  if (name === "import") return (path) => import(path);
  return name.startsWith("node:") ? require(name) : load(name);
}

/**
 * The flags of V8 we are started with have done their work once this runs, and while they are set V8 refuses the code
 * caches built into Node, which belong to the default flags. Few modules are compiled on the usual way, but dozens by a
 * heavy import.
 */
function acceptNodeCaches() {
  if (nodeCachesAccepted) return;
  nodeCachesAccepted = true;
  const { setFlagsFromString } = require("node:v8");
  setFlagsFromString("--rehash-snapshot");
  setFlagsFromString("--min-semi-space-size=0");
}
