// src/call/shared-leases: stores that nodes share, as configurations name them; from an example of conf/ to an engine.
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { OpenHandles } from "../../src/call/index.ts";
import { handlesWith } from "../../src/call/index.ts";
import { openSharedLeases } from "../../src/call/shared-leases/index.ts";
import type { PluginConf, PluginRequest } from "../../src/plugins/index.ts";
import { builtIn } from "../../src/plugins/index.ts";
import type { ApiServer } from "../helpers/api-server.ts";
import { startApiServer } from "../helpers/api-server.ts";
import { rejects } from "../helpers/errors.ts";
import type { Etcd } from "../helpers/shared/etcd.ts";
import { hasEtcd, startEtcd } from "../helpers/shared/etcd.ts";
import { addAll, delOf, handlesOf, ipamOf, requestOf } from "../helpers/shared/ipam-calls.ts";
import { random } from "../helpers/random.ts";

const examples = join(import.meta.dirname, "..", "..", "conf", "cluster-ipam");
const hostLocal = builtIn.get("host-local");
if (hostLocal === undefined) throw new Error("host-local is built in");

interface Context { directory: string; warnings: string[] }

/** An example with the servers of the test: what a plugin with addresses hands to the one in `ipam.type`. */
function exampleConf(file: string, store: object): PluginConf {
  const conf = JSON.parse(readFileSync(join(examples, file), "utf8")) as
    { cniVersion: string; name: string; plugins: [{ type: string; ipam: { store: object } }] };
  const [plugin] = conf.plugins;
  return { cniVersion: conf.cniVersion, name: conf.name, ...plugin,
    ipam: { ...plugin.ipam, store: { ...plugin.ipam.store, ...store } } };
}

const add = async (handles: OpenHandles, request: PluginRequest, plugin = hostLocal): Promise<string> =>
  (await addAll(handles, request, plugin))[0]?.replace(/ via .*/, "") ?? "";

const del = delOf;

const bare: PluginConf = { cniVersion: "1.1.0", name: "pods", type: "bridge",
  ipam: { type: "host-local", subnet: "10.0.0.0/24", store: { type: "etcd" } } };

const choosing = suite<Context>("a network's choice of a shared store");
for (const each of [choosing]) {
  each.before.each((context) => {
    context.directory = mkdtempSync(join(tmpdir(), "polynic-shared-"));
    context.warnings = [];
  });
  each.after.each(({ directory }) => rmSync(directory, { recursive: true }));
}

choosing("names no servers where the network is not the node's own", async (context) => {
  const named = { ...bare, ipam: { ...bare["ipam"] as object, store: { type: "etcd", endpoints: ["http://h:1"] } } };
  const error = await rejects(add(handlesOf(context, "a"), requestOf(named, "c1", { trusted: false })), 7);
  assert.match(error.message, /not the node's own: it names servers or files.*leaseStores\.etcd/);
});

choosing("needs servers from somewhere", async (context) => {
  const error = await rejects(add(handlesOf(context, "a"), requestOf(bare, "c1")), 7);
  assert.match(error.message, /no endpoints are named, expected ipam\.store\.endpoints, or leaseStores\.etcd/);
});

choosing("refuses keys without effect", async (context) => {
  const handles = handlesOf(context, "a"), ipam = { type: "host-local", subnet: "10.0.0.0/24" };
  for (const idle of [
    { scope: "lan" }, { store: { type: "files", prefix: "/p" } }, { store: { endpoints: ["http://h:1"] } },
    { store: { type: "etcd" }, dataDir: "/var/lib/cni/networks" },
  ]) await rejects(add(handles, requestOf({ ...bare, ipam: { ...ipam, ...idle } }, "c1")), 7);
  await rejects(add(handles, requestOf({ ...bare, ipam: { ...ipam, store: { type: "redis" } } }, "c1")), 7);
});

choosing("is not loaded for files", async (context) => {
  const ipam = { type: "host-local", subnet: "10.0.0.0/24", dataDir: join(context.directory, "files") };
  assert.is(await add(handlesOf(context, "a"), requestOf({ ...bare, ipam }, "c1")), "10.0.0.2/24");
  assert.equal(readdirSync(context.directory), ["files"], "nothing is made for a shared store");
});

const etcdSuite = suite<Context & { etcd: Etcd }>("the example with etcd");
etcdSuite.before(async (context) => { context.etcd = await startEtcd(); });
etcdSuite.before.each((context) => {
  context.directory = mkdtempSync(join(tmpdir(), "polynic-shared-"));
  context.warnings = [];
});
etcdSuite.after.each(({ directory }) => rmSync(directory, { recursive: true }));
etcdSuite.after(async ({ etcd }) => await etcd.close());

async function spanNodes(context: Context, conf: PluginConf): Promise<void> {
  const any = random(), nodes = ["a", "b", "c"].map((node) => handlesOf(context, node));
  const given = new Map<string, readonly [OpenHandles, PluginRequest]>();
  for (let step = 0; step < 30; step++) {
    const handles = any.pick(nodes), request = requestOf(conf, `c${step}`), plugin = ipamOf(handles, request);
    const address = await add(handles, request, plugin);
    assert.not(given.has(address), `seed ${any.seed}: ${address} twice`);
    given.set(address, [handles, request]);
    assert.is(await plugin.check({ ...request, prevResult: undefined }, handles), undefined);
  }
  for (const [handles, request] of given.values()) await del(handles, request);
  for (const [handles, request] of given.values()) await rejects(ipamOf(handles, request).check(request, handles), 111);
}

etcdSuite("spans three nodes", async (context) => {
  await spanNodes(context, exampleConf("etcd.conflist", { endpoints: context.etcd.endpoints, prefix: "/three" }));
});

etcdSuite("says what waits where etcd is away, and is right again afterwards", async (context) => {
  const conf = exampleConf("etcd.conflist", { endpoints: context.etcd.endpoints, prefix: "/away" });
  const first = requestOf(conf, "c1"), again = handlesOf(context, "a");
  await add(again, first);
  context.etcd.members[0]?.signal("SIGKILL");
  await rejects(add(handlesOf(context, "a"), requestOf(conf, "c2")), 11);
  const asking = handlesWith(again, { withoutEffect() {} });
  await rejects(hostLocal?.status(first, asking) ?? Promise.resolve(), 50);
  await del(handlesOf(context, "a"), first, hostLocal);
  assert.match(context.warnings.join(), /noted on this node/);
  context.etcd.members[0]?.restart();
  await context.etcd.ready();
  await add(handlesOf(context, "a"), requestOf(conf, "c3"));
  await rejects(hostLocal?.check(first, again) ?? Promise.resolve(), 111);
  assert.equal(readdirSync(join(context.directory, "a", "releases")), []);
});

etcdSuite("releases what was noted of servers that are called otherwise by then", async (context) => {
  const { endpoints: [url = ""] } = context.etcd, by = (endpoint: string, prefix = "/called") =>
    exampleConf("etcd.conflist", { endpoints: [endpoint], prefix });
  const releases = join(context.directory, "a", "releases"), call = () => handlesOf(context, "a");
  for (const prefix of ["/called", "/others"]) await add(call(), requestOf(by(url, prefix), "c1"));
  context.etcd.members[0]?.signal("SIGKILL");
  for (const prefix of ["/called", "/others"]) await del(call(), requestOf(by(url, prefix), "c1"), hostLocal);
  context.etcd.members[0]?.restart();
  await context.etcd.ready();
  const renamed = by(url.replace("127.0.0.1", "localhost"));
  await add(call(), requestOf(renamed, "c2"));
  await rejects(hostLocal?.check(requestOf(renamed, "c1"), call()) ?? Promise.resolve(), 111);
  const [other, ...more] = readdirSync(releases).map((name) => readFileSync(join(releases, name), "utf8"));
  assert.equal(more, []);
  assert.match(other ?? "", /below \/others.*"asked":\["etcd at http:\/\/localhost:\d+ below \/called"\]/);
  await add(call(), requestOf(renamed, "c3"));
  assert.is(readFileSync(join(releases, readdirSync(releases)[0] ?? ""), "utf8"), other, "it is asked once");
  await add(call(), requestOf(by(url, "/others"), "c2"));
  await rejects(hostLocal?.check(requestOf(by(url, "/others"), "c1"), call()) ?? Promise.resolve(), 111);
  assert.equal(readdirSync(releases), []);
});

etcdSuite("shares a scope among networks, of which each collects its own", async (context) => {
  const leaseStores = { etcd: { endpoints: context.etcd.endpoints, prefix: "/scope" } };
  const handles = handlesOf(context, "a", leaseStores);
  const ipam = { ...bare["ipam"] as object, subnet: "10.0.0.0/26", scope: "lan" };
  const blue = { ...bare, name: "blue", ipam }, red = { ...bare, name: "red", ipam };
  assert.is(await add(handles, requestOf(blue, "c1", { trusted: false })), "10.0.0.2/26");
  assert.is(await add(handles, requestOf(red, "c1", { trusted: false })).catch((error) => error.code), 102,
    "one interface of one container has one address");
  assert.is(await add(handles, requestOf(red, "c2")), "10.0.0.3/26");
  const store = openSharedLeases({ type: "etcd", trusted: true, servers: undefined }, { node: { name: "a", bootId: "" },
    stores: leaseStores, stateDir: context.directory, env: {}, log: { warn() {}, debug() {} } });
  const nowMs = Date.now;
  // Ten minutes later.
  Date.now = () => nowMs() + 600_000;
  try {
    await hostLocal?.gc({ ...requestOf(blue, ""), validAttachments: [] }, handles);
  } finally {
    Date.now = nowMs;
  }
  assert.equal((await store.list("lan")).map(({ owner }) => owner.containerId), ["c2"]);
});

etcdSuite("collects nothing that is younger than the runtime's list", async (context) => {
  const handles = handlesOf(context, "a", { etcd: { endpoints: context.etcd.endpoints, prefix: "/young" } });
  const request = requestOf(bare, "c1");
  await add(handles, request);
  await hostLocal?.gc({ ...request, validAttachments: [] }, handles);
  await hostLocal?.check(request, handles);
});

etcdSuite("leaves files in the journal alone that are none of its own", async (context) => {
  const handles = handlesOf(context, "a", { etcd: { endpoints: context.etcd.endpoints, prefix: "/journal" } });
  await add(handles, requestOf(bare, "c1"));
  const releases = join(context.directory, "a", "releases");
  mkdirSync(releases);
  for (const name of ["000000000000001-ab.json", "notes.txt"]) writeFileSync(join(releases, name), "{}");
  await add(handles, requestOf(bare, "c2"));
  assert.is(readdirSync(releases).length, 2);
});

const kubernetes = suite<Context & { api: ApiServer }>("the example with Kubernetes");
kubernetes.before(async (context) => { context.api = await startApiServer(); });
kubernetes.before.each((context) => {
  context.directory = mkdtempSync(join(tmpdir(), "polynic-shared-"));
  context.warnings = [];
});
kubernetes.after.each(({ directory }) => rmSync(directory, { recursive: true }));
kubernetes.after(async ({ api }) => await api.stop());

kubernetes("spans three nodes", async (context) => {
  await spanNodes(context, exampleConf("kubernetes.conflist", { kubeconfig: context.api.kubeconfig }));
  assert.ok((await context.api.blocks()).every(({ spec }) => Object.keys(spec.allocations).length === 0));
});

kubernetes("spans three nodes by a configuration of whereabouts", async (context) => {
  const conf = exampleConf("whereabouts.conflist", { kubeconfig: context.api.kubeconfig });
  const handles = handlesOf(context, "a"), first = requestOf(conf, "first");
  assert.is(await add(handles, first, ipamOf(handles, first)), "10.82.0.10/24");
  await spanNodes(context, conf);
});

kubernetes("is the node's own cluster for networks of anybody", async (context) => {
  const conf = { ...bare, ipam: { type: "host-local", subnet: "10.0.0.0/26", store: { type: "kubernetes" } } };
  const stores = { kubernetes: { kubeconfig: context.api.kubeconfig } };
  const untrusted = requestOf(conf, "c1", { trusted: false });
  assert.is(await add(handlesOf(context, "a", stores), untrusted), "10.0.0.2/26");
  await rejects(add(handlesOf(context, "a"), untrusted), 7);
  const ipam = { ...conf.ipam, store: { type: "kubernetes", kubeconfig: "/etc/cni/somebody.kubeconfig" } };
  await rejects(add(handlesOf(context, "a", stores), requestOf({ ...conf, ipam }, "c2", { trusted: false })), 7);
  const etcdKeys = { ...conf.ipam, store: { type: "kubernetes", endpoints: ["http://h:1"] } };
  await rejects(add(handlesOf(context, "a", stores), requestOf({ ...conf, ipam: etcdKeys }, "c2")), 7);
});

kubernetes("serves a WASM module in host-local's place", async (context) => {
  const ipam = { type: "lowest", subnet: "10.0.0.0/26", store: { type: "kubernetes" }, scope: "modules" };
  const handles = handlesOf(context, "a", { kubernetes: { kubeconfig: context.api.kubeconfig } });
  const lowest = handles.plugin("lowest"), given: string[] = [];
  for (const id of ["c1", "c2"]) given.push(await add(handles, requestOf({ ...bare, ipam }, id), lowest));
  assert.equal(given, ["10.0.0.2/26", "10.0.0.3/26"]);
  await del(handles, requestOf({ ...bare, ipam }, "c1"), lowest);
  assert.is(await add(handles, requestOf({ ...bare, ipam }, "c3"), lowest), "10.0.0.2/26");
});

choosing.run();
kubernetes.run();
if (hasEtcd) etcdSuite.run();
else console.warn("the example with etcd: skipped, there is no etcd");
