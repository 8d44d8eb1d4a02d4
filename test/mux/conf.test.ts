// src/mux/conf.ts, resolve.ts and network-files.ts: the configuration as deployed, and networks found in files.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CniError, code } from "../../src/cni/index.ts";
import type { MuxConf } from "../../src/mux/index.ts";
import { parseMuxConf } from "../../src/mux/index.ts";
import { resolveDelegates } from "../../src/mux/networks/resolve.ts";
import { rejects, throws } from "../helpers/errors.ts";
import { extremes, shownValue, withValue } from "../helpers/extremes/values.ts";

const delegates = [{ name: "one", type: "bridge" }];
const parse = (json: object, verb = "ADD", invokedAs = "polynic"): MuxConf =>
  parseMuxConf({ cniVersion: "1.0.0", name: "pods", type: "polynic", ...json }, { invokedAs, verb });

const reading = suite("parseMuxConf");
reading("fills in Multus's defaults", () => {
  const config = parse({ delegates });
  assert.equal([config.confDir, config.cniDir, config.binDir],
    ["/etc/cni/multus/net.d", "/var/lib/cni/multus", "/opt/cni/bin"]);
  assert.equal([config.readinessFile, config.retryDeleteOnError, config.mergeResults, config.runtimeConfigToAll,
    config.execute], ["", false, true, false, []]);
  assert.equal(config.log, { toStderr: true, file: "", level: "", rotation: {} });
  assert.equal(config.cluster, {
    kubeconfig: "", multusNamespace: "kube-system", systemNamespaces: ["kube-system"], namespaceIsolation: false,
      globalNamespaces: undefined,
    strictSelections: true, requireDevices: false, networkTypes: undefined,
  });
});
reading("takes keys in any case, null for absent and ignores what it does not know", () => {
  const config = parse({ Delegates: delegates, CNIDIR: "/a", BinDir: null, LogFile: "/l", LOGLEVEL: "Debug",
    readinessIndicatorFile: "/r", cniConf: 7, defaultnetworkfile: "x" });
  assert.equal([config.cniDir, config.binDir, config.log.file, config.log.level, config.readinessFile],
    ["/a", "/opt/cni/bin", "/l", "Debug", "/r"]);
});
reading("reads log options, capabilities and what is ours", () => {
  const config = parse({ delegates, logOptions: { maxAge: 1, maxSize: 2, maxBackups: 3, compress: false },
    execute: true, mergeResults: false, runtimeConfigToAll: true, capabilities: { portMappings: true },
    runtimeConfig: { portMappings: [] } });
  assert.equal(config.log.rotation, { maxAge: 1, maxSize: 2, maxBackups: 3, compress: false });
  assert.equal([config.execute, config.mergeResults, config.runtimeConfigToAll, config.runtimeConfig],
    [true, false, true, { portMappings: [] }]);
});
reading("reads what the node says about modules", () => {
  const keys = { moduleDir: "/m", moduleLimits: { fuel: 5, memoryMiB: 2 }, policyAllow: { p: ["routes"] },
    mergeModule: "mine", mergeConfig: { a: 1 }, nodeName: "n", nodeIndex: 3 };
  assert.equal(parse({ delegates, ...keys }).modules, {
    directory: "/m", limits: { fuel: 5, memoryMiB: 2 }, policyAllow: { p: ["routes"] },
      merge: { module: "mine", config: { a: 1 } }, nodeName: "n", nodeIndex: 3,
  });
  assert.equal(parse({ delegates }).modules, { nodeName: "", nodeIndex: null });
});
reading("lets clusterNetwork take the place of delegates", () => {
  const config = parse({ delegates, clusterNetwork: "blue", defaultNetworks: ["red"] });
  assert.equal([config.delegates, config.clusterNetwork, config.defaultNetworks], [[], "blue", ["red"]]);
  assert.equal(parse({ delegates, defaultNetworks: ["red"] }).defaultNetworks, []);
});
reading("takes what it says about the cluster as Multus does", () => {
  const given = { kubeconfig: "/k", multusNamespace: "m", systemNamespaces: ["s"], namespaceIsolation: true,
    globalNamespaces: "a, b", strictSelections: false, requireDevices: true, networkTypes: ["macvlan"] };
  assert.equal(parse({ delegates, ...given }).cluster, given);
});
for (const [json, says] of [
  [{}, /neither delegates nor clusterNetwork is set/], [{ kubeconfig: "/k" }, /neither/],
    [{ delegates: "x" }, /delegates is "x"/],
  [{ delegates: ["x"] }, /delegates\[0\] is "x"/], [{ delegates, retryDeleteOnError: "true" },
    /retryDeleteOnError is "true"/],
  [{ delegates, logOptions: { maxAge: "5" } }, /logOptions\.maxAge is "5"/], [{ delegates, cniDir: 1 }, /cniDir is 1/],
    [{ delegates, execute: "bridge" }, /execute is "bridge", expected true, false or a list/],
  [{ delegates, policyAllow: { p: ["ips"] } }, /policyAllow\.p\[0\] is "ips", expected routes, dns or ips-remove/],
    [{ delegates, moduleLimits: { fuel: 2e9 } },
    /moduleLimits\.fuel is 2000000000, expected an integer from 1 to 1000000000/],
] as const) {
  reading(`refuses ${JSON.stringify(json)}`, () => { assert.match(throws(() => parse(json), 7).message, says); });
}
reading("drops a refused value for DEL, so that what is there can be deleted", () => {
  assert.is(parse({ delegates, logOptions: { maxAge: "5" } }, "DEL").delegates.length, 1);
});
reading("lets DEL do without networks: what was attached is written down elsewhere", () => {
  assert.equal(parse({}, "DEL").delegates, []);
  assert.equal(parse({ delegates: "x" }, "DEL").delegates, []);
});
reading("takes each value of each key or refuses it by that key, and none with NUL for a path", () => {
  const paths = new Set(["confDir", "cniDir", "binDir", "kubeconfig", "readinessindicatorfile", "logFile", "moduleDir",
    "clusterNetwork", "defaultNetworks", "auxiliaryCNIChainName", "dataDirs", "caFile", "certFile", "keyFile",
    "moduleRecordings", "mergeModule"]);
  const open = new Set<string>();
  let count = 0;
  for (const [path, value] of extremes("multiplexer")) {
    count++;
    const json = withValue({ delegates }, path, value), key = String(path.findLast((step) => typeof step === "string"));
    try {
      parse(json);
      if (paths.has(key) && value === "a\0b") open.add(key);
    } catch (error) {
      assert.is(error instanceof CniError && error.code, code.invalidConfig, shownValue(path, value));
      assert.ok(String(error).includes(key), `${shownValue(path, value)}: ${String(error)}`);
    }
    parse(json, "DEL");
  }
  assert.equal([...open], []);
  assert.ok(count > 500);
});
reading.run();

let directory = "";
const resolving = suite("resolveDelegates");
resolving.before.each(() => { directory = mkdtempSync(join(tmpdir(), "polynic-resolve-")); });
resolving.after.each(() => rmSync(directory, { recursive: true }));

function put(path: string, json: unknown): string {
  const file = join(directory, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, typeof json === "string" ? json : JSON.stringify(json));
  return file;
}
const resolved = (json: object) => resolveDelegates(parse({ confDir: directory, ...json }));
const shapes = async (json: object): Promise<unknown> => (await resolved(json)).map(({ displayName, network, list,
  fromFile }) =>
  [displayName, network.cniVersion, network.plugins.map(({ type }) => type), list, fromFile]);
const network = (name: string, type: string): object => ({ cniVersion: "0.4.0", name, type });

resolving("keeps inline networks in order, single or list, a type before plugins", async () => {
  assert.equal(await shapes({ delegates: [{ name: "a", TYPE: "bridge" },
    { name: "b", plugins: [{ type: "x" }, { type: "y" }] }, { name: "c", type: "z", plugins: [{ type: "x" }] }] }),
    [["a", "0.1.0", ["bridge"], false, false], ["b", "1.0.0", ["x", "y"], true, false],
      ["c", "0.1.0", ["z"], false, false]]);
});
resolving("writes down the version a list is run in, where it says none: Multus may have to delete it", async () => {
  const list = { name: "b", CNIVERSION: "", plugins: [{ type: "x" }] };
  const text = async (json: object) => JSON.parse((await resolved({ delegates: [json] }))[0]?.confText ?? "");
  assert.equal(await text(list), { cniVersion: "1.0.0", name: "b", plugins: [{ type: "x" }] });
  const said = { cniVersion: "0.4.0", name: "b", plugins: [{ type: "x" }] };
  assert.equal(await text(said), said);
  const single = { name: "b", type: "x" };
  assert.equal(await text(single), single, "a single plugin without one is of 0.1.0 to everybody");
});
resolving("chooses the newest usable version of a list", async () => {
  assert.equal((await resolved({ delegates: [{ name: "b", cniVersion: "0.4.0",
    cniVersions: ["1.0.0", "99.0.0", "1.1.0"], plugins: [{ type: "x" }] }] }))[0]?.network.cniVersion, "1.1.0");
});
resolving("finds a name in confDir by file name order, lists and single plugins together", async () => {
  put("20-b.conflist", { cniVersion: "1.0.0", name: "blue", plugins: [{ type: "late" }] });
  put("10-a.conf", network("red", "bridge"));
  put("15-x.json", network("blue", "early"));
  put("99-broken.conf", "{");
  assert.equal(await shapes({ clusterNetwork: "blue", defaultNetworks: ["red"] }),
    [["blue", "0.4.0", ["early"], false, true], ["red", "0.4.0", ["bridge"], false, true]]);
});
resolving("stops at a broken file before the match, naming it", async () => {
  put("10.conf", "{");
  put("20.conf", network("blue", "bridge"));
  assert.match((await rejects(resolved({ clusterNetwork: "blue" }), 6)).message, /10\.conf/);
  put("10.conf", { name: "x" });
  assert.match((await rejects(resolved({ clusterNetwork: "blue" }), 7)).message, /10\.conf.*type/);
});
resolving("appends the plugins of a list's folder, by path and by name, unless it wants its own only", async () => {
  put("net.d/10.conflist", { cniVersion: "1.0.0", name: "blue", plugins: [{ type: "bridge" }] });
  put("net.d/blue/b.conf", { type: "second" });
  put("net.d/blue/a.conf", { type: "first", sysctl: { x: "1" } });
  put("net.d/blue/c.json", { type: "never" });
  const wanted = [["blue", "1.0.0", ["bridge", "first", "second"], true, true]];
  for (const clusterNetwork of [join(directory, "net.d/10.conflist"), join(directory, "net.d"),
    `${join(directory, "net.d")}/`]) {
    assert.equal(await shapes({ clusterNetwork }), wanted, clusterNetwork);
  }
  assert.equal(await shapes({ clusterNetwork: "blue", confDir: join(directory, "net.d") }), wanted);
  const [delegate] = await resolved({ clusterNetwork: "blue", confDir: join(directory, "net.d") });
  assert.equal(JSON.parse(delegate?.confText ?? "").plugins.length, 3, "DEL gets the same plugins");
  put("net.d/10.conflist", { cniVersion: "1.0.0", name: "blue", loadOnlyInlinedPlugins: "True",
    plugins: [{ type: "bridge" }] });
  assert.equal(await shapes({ clusterNetwork: join(directory, "net.d") }), [["blue", "1.0.0", ["bridge"], true, true]]);
});
resolving("takes a list whose plugins are all in its folder", async () => {
  put("10.conflist", { cniVersion: "1.0.0", name: "blue" });
  (await rejects(resolved({ clusterNetwork: "blue" }), 7));
  put("blue/a.conf", { type: "bridge" });
  assert.equal(await shapes({ clusterNetwork: "blue" }), [["blue", "1.0.0", ["bridge"], true, true]]);
});
resolving("takes the first file of a directory, which must not hold .json files only", async () => {
  put("d/20.conf", network("late", "x"));
  put("d/10.json", network("early", "x"));
  put("d/00.txt", "{");
  assert.equal(await shapes({ clusterNetwork: join(directory, "d") }), [["early", "0.4.0", ["x"], false, true]]);
  put("e/10.json", network("early", "x"));
  assert.match((await rejects(resolved({ clusterNetwork: join(directory, "e") }), 7)).message,
    /no \.conf or \.conflist/);
});
for (const [name, reference] of [["a name nobody has", "green"], ["a path that is not there", "/nowhere/x.conf"],
  ["an empty directory", "./"]] as const) {
  resolving(`refuses ${name}`, async () => {
    put("10.conf", network("blue", "x"));
    const clusterNetwork = reference === "./" ? join(directory, "empty") : reference;
    mkdirSync(join(directory, "empty"));
    assert.match((await rejects(resolved({ clusterNetwork }), 7)).message, /Cannot find network/);
  });
}
resolving("says that confDir is empty or missing", async () => {
  assert.match((await rejects(resolved({ clusterNetwork: "blue", confDir: join(directory, "none") }), 7)).message,
    /no configuration file in .*none/);
});
resolving("refuses a list in a file for single plugins", async () => {
  const file = put("10.conf", { name: "blue", plugins: [{ type: "x" }] });
  assert.match((await rejects(resolved({ clusterNetwork: file }), 7)).message, /type/);
});
resolving("reads a file up to 2 MiB, and none that is longer", async () => {
  const padding = " ".repeat(2 * 1024 * 1024 - JSON.stringify({ name: "blue", type: "x", comment: "" }).length);
  const file = put("10.conf", { name: "blue", type: "x", comment: padding });
  assert.equal(await shapes({ clusterNetwork: file }), [["blue", "0.1.0", ["x"], false, true]]);
  put("10.conf", { name: "blue", type: "x", comment: `${padding} ` });
  assert.match((await rejects(resolved({ clusterNetwork: file }), 5)).message,
    /10\.conf: it is longer than 2097152 bytes/);
});
resolving("appends the auxiliary chain last, when its folder has files", async () => {
  const clusterNetwork = put("net.d/10.conf", network("blue", "bridge"));
  assert.is((await resolved({ clusterNetwork, auxiliaryCNIChainName: "extra" })).length, 1);
  put("net.d/extra/a.conf", { type: "tuning" });
  assert.equal(await shapes({ clusterNetwork, auxiliaryCNIChainName: "extra" }),
    [["blue", "0.4.0", ["bridge"], false, true], ["extra", "1.0.0", ["passthru", "tuning"], true, true]]);
  assert.match((await rejects(resolved({ clusterNetwork: "blue", confDir: join(directory, "net.d"),
    auxiliaryCNIChainName: "extra" }), 7)).message, /clusterNetwork is "blue"/);
});
resolving.run();
