// The tree that npm run build leaves, copied elsewhere: it must start under every name, from anywhere, with nothing.
import { execFileSync, spawnSync } from "node:child_process";
import {
  copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, rmdirSync,
  symlinkSync, writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { allVersions, printVersions } from "../../src/cni/index.ts";
import { builtIn, standAloneTypes } from "../../src/plugins/index.ts";
import { multiplexerNames } from "../../src/program/index.ts";
import { builtDist, runtimeFlags } from "../helpers/dist.ts";
import { waitLimitMs } from "../helpers/limits.ts";
import { builtModules } from "../helpers/wasm.ts";

const names = [...multiplexerNames, ...standAloneTypes];

interface Place {
  /** Holds everything a test makes. */
  readonly directory: string;
  /** The copied tree, on a path with a space in it. */
  readonly dist: string;
}

/** With the shim, and as a build without a C compiler leaves it. */
const forms = ["shim", "launcher"] as const;

/** Undefined where there is no pids controller that is ours to use. */
function makePidsCgroup(): string | undefined {
  const path = join("/sys/fs/cgroup", existsSync("/sys/fs/cgroup/pids") ? "pids" : "", `polynic-dist-${process.pid}`);
  try {
    mkdirSync(path);
  } catch {
    return undefined;
  }
  if (existsSync(join(path, "pids.max"))) return path;
  rmdirSync(path);
  return undefined;
}

const dist = suite<Place>("dist");

for (const form of forms) {
  const tree = suite<Place>(`dist by its ${form}`);

  tree.before((place) => {
    // mkdtemp names are unique, so suites that share the machine cannot meet.
    const directory = mkdtempSync(join(tmpdir(), "polynic-dist-"));
    const copy = join(directory, "a copy");
    mkdirSync(copy);
    // Through tar, as an image layer or a release archive would carry it.
    const archive = execFileSync("tar", ["-C", builtDist(), "-cf", "-", "."], { maxBuffer: 512 * 1024 * 1024 });
    execFileSync("tar", ["-C", copy, "-xf", "-"], { input: archive });
    if (form === "launcher") copyFileSync(join(copy, "lib", "polynic", "launcher"), join(copy, "bin", "polynic"));
    Object.assign(place, { directory, dist: copy });
  });

  tree.after(({ directory }) => rmSync(directory, { recursive: true }));

  tree("has the executable and a link for every other name", ({ dist }) => {
    assert.equal(readdirSync(join(dist, "bin")).sort(), [...names].sort());
  });

  for (const name of names) {
    tree(`answers VERSION as ${name} with nothing else in its environment, and without its runtime`, ({ dist }) => {
      const runtime = join(dist, "lib", "polynic", "node");
      renameSync(runtime, `${runtime}.away`);
      const { status, stdout, stderr } = run(join(dist, "bin", name), { cwd: "/", env: { CNI_COMMAND: "VERSION" } });
      renameSync(`${runtime}.away`, runtime);
      assert.equal([status, stderr], [0, ""]);
      assert.is(stdout, printVersions(builtIn.get(name)?.versions ?? allVersions));
    });
    tree(`starts as ${name}`, ({ dist }) => assertStarts(run(join(dist, "bin", name), { cwd: "/" })));
  }

  if (form === "launcher") tree("says so where its cgroup, or one above, has no room for threads", ({ dist }) => {
    const above = makePidsCgroup();
    if (above === undefined) return console.warn("SKIPPED a launcher that gets no thread: no cgroup can be made");
    const own = join(above, "own");
    mkdirSync(own);
    try {
      const start = (most: number | "max") => run("sh", { cwd: "/", env: { FILE: join(dist, "bin", "bridge") }, args: [
        "-c", `echo $$ > ${own}/cgroup.procs && echo ${most} > ${above}/pids.max && exec "$FILE"`] });
      for (const most of [1, 2, 3]) {
        const { status, stdout } = start(most);
        assert.equal([status, JSON.parse(stdout).code], [1, 11], stdout);
        assert.match(JSON.parse(stdout).msg, `no thread can be had, cgroup ${above} has 1 of ${most}`);
      }
      for (const most of [100, "max"] as const) assertStarts(start(most));
    } finally {
      for (const path of [own, above]) rmdirSync(path);
    }
  });

  tree("runs through links in other directories, one after the other, relative or not", ({ directory, dist }) => {
    const far = join(directory, "opt", "cni", "bin"), farther = join(directory, "usr");
    for (const folder of [far, farther]) mkdirSync(folder, { recursive: true });
    symlinkSync("../../../a copy/bin/bridge", join(far, "bridge"));
    symlinkSync(join(dist, "bin", "macvlan"), join(far, "macvlan"));
    symlinkSync("../opt/cni/bin/bridge", join(farther, "bridge"));
    for (const link of [join(far, "bridge"), join(far, "macvlan"), join(farther, "bridge")])
      assertStarts(run(link, { cwd: "/" }));
  });

  tree("runs when its own directory is reached through a link", ({ directory, dist }) => {
    symlinkSync(dist, join(directory, "linked"));
    assertStarts(run(join(directory, "linked", "bin", "host-local"), { cwd: "/" }));
  });

  tree("runs by a relative path", ({ dist }) => {
    assertStarts(run("./bridge", { cwd: join(dist, "bin") }));
    assertStarts(run("bin/bridge", { cwd: dist }));
  });

  tree("runs with an empty PATH, also through a link", ({ directory, dist }) => {
    symlinkSync(join(dist, "bin", "bridge"), join(directory, "bridge"));
    for (const file of [join(dist, "bin", "bridge"), join(directory, "bridge")]) {
      assertStarts(run(file, { cwd: "/", env: { PATH: "" } }));
    }
  });

  tree("uses its own runtime, never a node found on PATH", ({ directory, dist }) => {
    const trap = join(directory, "trap");
    mkdirSync(trap);
    for (const program of ["node", "sh", "readlink", "env"]) {
      writeFileSync(join(trap, program), `#!/bin/sh\n: > "${join(trap, "sprung")}"\n`, { mode: 0o755 });
    }
    const elsewhere = join(directory, "elsewhere");
    mkdirSync(elsewhere);
    symlinkSync(join(dist, "bin", "bridge"), join(elsewhere, "bridge"));
    for (const file of [join(dist, "bin", "bridge"), join(elsewhere, "bridge")]) {
      assertStarts(run(file, { cwd: "/", env: { PATH: trap } }));
    }
    assert.not.ok(existsSync(join(trap, "sprung")));
  });

  tree("is not moved by what the caller's environment tells Node", ({ directory, dist }) => {
    const required = join(directory, "required.cjs");
    writeFileSync(required, "process.exit(99);");
    const env = {
      NODE_OPTIONS: `--require ${JSON.stringify(required)} --no-such-option`,
      NODE_COMPILE_CACHE: join(directory, "cache"),
      NODE_V8_COVERAGE: join(directory, "coverage"),
      NODE_DEBUG_NATIVE: "code_cache",
    };
    assertStarts(run(join(dist, "bin", "bridge"), { cwd: "/", env }));
    assert.not.ok(existsSync(env.NODE_COMPILE_CACHE) || existsSync(env.NODE_V8_COVERAGE));
  });

  tree("says in the shape of a CNI error that its library is missing", ({ directory, dist }) => {
    const stray = join(directory, "stray");
    copyFileSync(join(dist, "bin", "polynic"), stray);
    const answer = run(stray, { cwd: "/" });
    assert.is(answer.status, 1);
    assert.is(JSON.parse(answer.stdout).code, 5);
  });

  tree.run();
}

dist.before((place) => {
  Object.assign(place, { directory: mkdtempSync(join(tmpdir(), "polynic-dist-")), dist: builtDist() });
});

dist.after(({ directory }) => rmSync(directory, { recursive: true }));

dist("starts from its code cache and loads no heavy module of Node on the way to VERSION", ({ dist }) => {
  const lib = join(dist, "lib", "polynic");
  const flags = runtimeFlags(dist);
  const compiled = run(join(lib, "node"), {
    cwd: "/", args: [...flags, join(lib, "start.cjs"), "bridge"],
    env: { CNI_COMMAND: "VERSION", NODE_DEBUG_NATIVE: "code_cache" },
  });
  // Beyond the start-up snapshot Node compiles the runner of the main script, and node:vm for the code cache.
  assert.equal(compiledModules(compiled.stderr), ["internal/main/run_main_module", "vm"]);

  const scripts = scriptsOf(dist);
  for (const [name] of scripts) {
    const heavy = [...scripts.values()].some((text) => text.includes(`require("late:${name}")`));
    const check = `const { Script } = require("node:vm"), { readFileSync } = require("node:fs");
      const [source, cache] = process.argv.slice(1);
      const script = new Script(readFileSync(source, "latin1"), { cachedData: readFileSync(cache) });
      require("node:fs").writeSync(1, String(script.cachedDataRejected));`;
    const args = [...(heavy ? [] : flags), "-e", check, join(lib, `${name}.js`), join(lib, `${name}.cache`)];
    assert.is(run(join(lib, "node"), { cwd: "/", args }).stdout, "false", name);
  }
});

dist("has each of our source files and packages in one script only", ({ dist }) => {
  const places = new Map<string, string[]>();
  for (const [name, text] of scriptsOf(dist)) {
    // The bundler writes the file's name above what is in it.
    for (const [, file = ""] of text.matchAll(/^ *\/\/ ((?:src|build)\/\S+|\S*node_modules\/\S+)$/gm)) places.set(file,
      [...places.get(file) ?? [], name]);
  }
  assert.ok(places.has("src/cni/errors.ts"));
  assert.equal([...places].filter(([, names]) => new Set(names).size > 1), []);
});

dist("knows an error of the main script in one that is loaded late", ({ dist }) => {
  const { stderr } = run(join(dist, "bin", "polynic"), { cwd: "/",
    args: ["module", "install", join(dist, "lib", "polynic", "launcher")], env: { CNI_COMMAND: "" } });
  assert.match(stderr, /^polynic module install: .* \(code 142\)$/m);
});

dist("asks a WASM module without loading more of Node than its start", ({ directory, dist }) => {
  const ipam = { type: "host-local", dataDir: join(directory, "networks"), ranges: [[{ subnet: "10.0.0.0/24" }]] };
  const { stdout, stderr } = run(join(dist, "lib", "polynic", "node"), {
    cwd: "/", args: [...runtimeFlags(dist), join(dist, "lib", "polynic", "start.cjs"), "host-local"],
    env: {
      NODE_DEBUG_NATIVE: "code_cache", CNI_COMMAND: "ADD", CNI_CONTAINERID: "c1", CNI_NETNS: "/proc/self/ns/net",
        CNI_NETNS_OVERRIDE: "1",
      CNI_IFNAME: "eth0", CNI_PATH: "/none",
    },
    input: JSON.stringify({ cniVersion: "1.0.0", name: "mynet", type: "host-local", ipam }),
  });
  assert.is(JSON.parse(stdout).ips[0].address, "10.0.0.2/24");
  assert.equal(compiledModules(stderr), ["internal/main/run_main_module", "vm"]);
});

dist("finds an installed module without loading more of Node than its start", ({ directory, dist }) => {
  const moduleDir = join(directory, "modules");
  const installed = run(join(dist, "bin", "polynic"), {
    cwd: "/", args: ["module", "install", join(builtModules, "examples", "sticky.wasm"), "--dir", moduleDir],
      env: { CNI_COMMAND: "" },
  });
  assert.is(installed.status, 0, installed.stderr);
  const ipam = { type: "sticky", dataDir: join(directory, "networks"), ranges: [[{ subnet: "10.0.0.0/24" }]] };
  const status = (config: object) => run(join(dist, "lib", "polynic", "node"), {
    cwd: "/", args: [...runtimeFlags(dist), join(dist, "lib", "polynic", "start.cjs"), "polynic"],
    env: { NODE_DEBUG_NATIVE: "code_cache", CNI_COMMAND: "STATUS", CNI_PATH: "/none" },
    input: JSON.stringify({
      cniVersion: "1.1.0", name: "node", type: "polynic", moduleDir, cniDir: join(directory, "state"),
      delegates: [{ cniVersion: "1.1.0", name: "mynet", plugins: [{ type: "bridge", ipam: { ...ipam, config } }] }],
    }),
  });
  const { stdout, stderr } = status({ holdSeconds: 60 });
  assert.is(stdout, "");
  assert.equal(compiledModules(stderr), ["internal/main/run_main_module", "vm"]);
  assert.match(JSON.parse(status({ holdSeconds: "long" }).stdout).msg, /ipam\.config\.holdSeconds is "long"/);
});

dist.run();

/** Texts of the scripts beside start.cjs, by name. */
function scriptsOf(dist: string): ReadonlyMap<string, string> {
  const lib = join(dist, "lib", "polynic");
  const names = readdirSync(lib).filter((file) => file.endsWith(".js")).map((file) => file.slice(0, -".js".length));
  return new Map(names.map((name) => [name, readFileSync(join(lib, `${name}.js`), "utf8")]));
}

/** Node's own modules that a run compiled, as NODE_DEBUG_NATIVE=code_cache tells. */
function compiledModules(stderr: string): readonly (string | undefined)[] {
  return [...stderr.matchAll(/^Compiling (\S+) with/gm)].map(([, name]) => name);
}

interface Answer {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs DEL of nothing, unless `env` says otherwise, with nothing else in the environment and no daemon. */
function run(file: string, { cwd, args = [], env = {}, input = '{"cniVersion":"1.0.0"}' }: {
  readonly cwd: string; readonly args?: readonly string[]; readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}): Answer {
  const { status, stdout, stderr } = spawnSync(file, args, {
    cwd, env: { CNI_COMMAND: "DEL", POLYNIC_SOCKET: "", ...env }, input, encoding: "utf8", timeout: waitLimitMs,
  });
  return { status, stdout, stderr };
}

/** What only the runtime says of such a DEL. */
function assertStarts({ status, stdout, stderr }: Answer): void {
  assert.equal([status, stderr], [1, ""]);
  const { code, msg } = JSON.parse(stdout);
  assert.is(code, 4);
  assert.match(msg, /CNI_CONTAINERID,CNI_IFNAME,CNI_PATH are missing/);
}
