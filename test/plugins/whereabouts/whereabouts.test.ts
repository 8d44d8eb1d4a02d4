// src/plugins/whereabouts: whereabouts' configuration as it is, on each store that nodes share.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { NodeStores } from "../../../src/ipam/index.ts";
import type { PluginConf } from "../../../src/plugins/index.ts";
import { whereaboutsOf } from "../../../src/plugins/index.ts";
import type { ApiServer } from "../../helpers/api-server.ts";
import { startApiServer } from "../../helpers/api-server.ts";
import { rejects, throws } from "../../helpers/errors.ts";
import type { Etcd } from "../../helpers/shared/etcd.ts";
import { hasEtcd, startEtcd } from "../../helpers/shared/etcd.ts";
import type { CallParts } from "../../helpers/shared/ipam-calls.ts";
import { addAll, delOf, handlesOf, ipamOf, requestOf } from "../../helpers/shared/ipam-calls.ts";

/** A configuration of whereabouts, whose kubeconfig and the like are its own business. */
const confOf = (ipam: object, name = "lan"): PluginConf => ({ cniVersion: "1.0.0", name, type: "macvlan",
  ipam: { type: "whereabouts", log_level: "debug", leader_lease_duration: 1500,
    kubernetes: { kubeconfig: "/etc/cni/net.d/whereabouts.d/whereabouts.kubeconfig" }, ...ipam } });

const podArgs = (name: string, uid = "u") =>
  `IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=${name};K8S_POD_UID=${uid};K8S_POD_INFRA_CONTAINER_ID=x`;

interface Context { directory: string; warnings: string[]; stores: NodeStores }

type Parts = CallParts & { readonly node?: string; readonly name?: string };

let count = 0;
/** A scope of the test's own. */
const fresh = () => `n${++count}`;
const add = async (context: Context, ipam: object, id: string, parts: Parts = {}) =>
  await addAll(handlesOf(context, parts.node ?? "a", context.stores), requestOf(confOf(ipam, parts.name), id, parts));
const del = async (context: Context, ipam: object, id: string, parts: Parts = {}) =>
  await delOf(handlesOf(context, parts.node ?? "a", context.stores), requestOf(confOf(ipam), id, parts));

/** What addresses are given, on every store. */
function giving(test: ReturnType<typeof suite<Context>>): void {
  test("gives the lowest free address, whichever node asks, and again when it is free again", async (context) => {
    const ipam = { range: "10.1.0.0/24", network_name: fresh(), gateway: "10.1.0.1", exclude: ["10.1.0.2/31"] };
    for (const [node, last] of [["a", 4], ["b", 5], ["a", 6], ["c", 7]] as const)
      assert.equal(await add(context, ipam, `c${last}`, { node }), [`10.1.0.${last}/24 via 10.1.0.1`]);
    await del(context, ipam, "c5", { node: "b" });
    await del(context, ipam, "c5", { node: "b" });
    assert.equal(await add(context, ipam, "c8", { node: "c" }), ["10.1.0.5/24 via 10.1.0.1"]);
    assert.equal(await add(context, ipam, "c9", { node: "b" }), ["10.1.0.8/24 via 10.1.0.1"]);
  });

  test("gives one of each range, of both families, and all that is added", async (context) => {
    const ipam = { range: "10.1.0.0/24", ipRanges: [{ range: "fd00::5-fd00::9/64" }], network_name: fresh(),
      addresses: [{ address: "192.0.2.7/32" }], gateway: "fd00::1" };
    assert.equal(await add(context, ipam, "c1", { args: "IP=198.51.100.9/24;GATEWAY=198.51.100.1" }),
      ["10.1.0.1/24", "fd00::5/64 via fd00::1", "192.0.2.7/32", "198.51.100.9/24 via 198.51.100.1"]);
    const handles = handlesOf(context, "a", context.stores), request = requestOf(confOf(ipam), "c1");
    await ipamOf(handles, request).check(request, handles);
    await del(context, ipam, "c1");
    await rejects(ipamOf(handles, request).check(request, handles), 111);
  });

  test("gives what is asked for where a range has it, and refuses what is nowhere", async (context) => {
    const ipam = { range: "10.1.0.0/24", ipRanges: [{ range: "10.2.0.0/24" }], network_name: fresh() };
    assert.equal(await add(context, ipam, "c1", { args: "IP=10.2.0.77/24" }), ["10.1.0.1/24", "10.2.0.77/24"]);
    await rejects(add(context, ipam, "c2", { args: "IP=10.2.0.77" }), 101);
    await rejects(add(context, ipam, "c2", { args: "IP=10.9.0.1" }), 101);
    assert.equal(await add(context, ipam, "c3"), ["10.1.0.2/24", "10.2.0.1/24"], "nothing was kept of what failed");
  });

  test("says that it is full when the last address is given, with nothing kept of the others", async (context) => {
    const ipam = { range: "10.1.0.0/24", ipRanges: [{ range: "10.2.0.0/30" }], network_name: fresh() };
    for (const id of ["c1", "c2"]) await add(context, ipam, id);
    await rejects(add(context, ipam, "c3"), 100);
    assert.equal(await add(context, { range: "10.1.0.0/24", network_name: ipam.network_name }, "c4"), ["10.1.0.3/24"]);
  });

  test("gives no address twice in networks of one name for them, or of none", async (context) => {
    const guarded = { range: "10.1.0.0/16", network_name: fresh() };
    assert.equal(await add(context, guarded, "c1", { name: "one" }), ["10.1.0.1/16"]);
    assert.equal(await add(context, { ...guarded, range: "10.1.0.0/24" }, "c2", { name: "two", node: "b" }),
      ["10.1.0.2/24"]);
    assert.equal(await add(context, { ...guarded, network_name: fresh() }, "c3"), ["10.1.0.1/16"]);
    const free = { ...guarded, enable_overlapping_ranges: false, ipRanges: [{ range: "fd00::/64" }] };
    assert.equal(await add(context, free, "c4"), ["10.1.0.1/16", "fd00::1/64"]);
    assert.equal(await add(context, { ...free, range: "10.1.0.0/24" }, "c5"), ["10.1.0.1/24", "fd00::2/64"]);
    await del(context, free, "c4");
    assert.equal(await add(context, free, "c6"), ["10.1.0.1/16", "fd00::1/64"]);
  });

}

/** Who keeps what, on every store. */
function keeping(test: ReturnType<typeof suite<Context>>): void {
  test("answers a second ADD of an interface, and one of a pod's next container, with the same", async (context) => {
    const ipam = { range: "10.1.0.0/24", network_name: fresh() }, args = podArgs("web-5d9c7b8f6-x2x4k");
    assert.equal(await add(context, ipam, "c1", { args }), ["10.1.0.1/24"]);
    assert.equal(await add(context, ipam, "c1", { args }), ["10.1.0.1/24"]);
    assert.equal(await add(context, ipam, "c2", { args }), ["10.1.0.1/24"]);
    await del(context, ipam, "c1", { args });
    assert.equal(await add(context, ipam, "c3"), ["10.1.0.2/24"], "a late DEL takes nothing from the next container");
    const another = podArgs("web-5d9c7b8f6-x2x4k", "v");
    assert.equal(await add(context, ipam, "c4", { args: another }), ["10.1.0.3/24"], "another pod of the same name");
    assert.equal(await add(context, ipam, "c2", { args, ifName: "net1" }), ["10.1.0.4/24"]);
  });

  test("gives a pod of a StatefulSet on any node what it had", async (context) => {
    const ipam = { range: "10.1.0.0/24", network_name: fresh() };
    await add(context, ipam, "c1");
    assert.equal(await add(context, ipam, "c2", { args: podArgs("db-0") }), ["10.1.0.2/24"]);
    await del(context, ipam, "c2", { args: podArgs("db-0") });
    await del(context, ipam, "c1");
    assert.equal(await add(context, ipam, "c3", { args: podArgs("db-0", "v"), node: "b" }), ["10.1.0.2/24"]);
  });

  test("fills a range to its last address from many nodes at once", async (context) => {
    const ipam = { range: "10.1.0.0/26", network_name: fresh() }, ids = Array.from({ length: 62 }, (_, i) => `c${i}`);
    const nodes = ["a", "b", "c", "d"].map((node) => handlesOf(context, node, context.stores));
    const given = await Promise.all(nodes.map(async (handles, at) => {
      const own: string[] = [];
      for (const id of ids.filter((_, i) => i % 4 === at))
        own.push(...await addAll(handles, requestOf(confOf(ipam), id)));
      return own;
    }));
    assert.is(new Set(given.flat()).size, 62);
    await rejects(add(context, ipam, "more"), 100);
  });

  test("collects what the runtime does not have, of its own network and its own node", async (context) => {
    const ipam = { range: "10.1.0.0/24", network_name: fresh() };
    for (const id of ["gone", "there"]) await add(context, ipam, id, { name: "one" });
    await add(context, ipam, "two", { name: "two" });
    await add(context, ipam, "far", { name: "one", node: "b" });
    const handles = handlesOf(context, "a", context.stores), request = requestOf(confOf(ipam, "one"), "");
    const plugin = ipamOf(handles, request), nowMs = Date.now;
    const valid = { ...request, validAttachments: [{ containerID: "there", ifname: "eth0" }] };
    await plugin.gc(valid, handles);
    assert.equal(await add(context, ipam, "c1"), ["10.1.0.5/24"], "what is young stays");
    Date.now = () => nowMs() + 600_000;
    try {
      await plugin.gc(valid, handles);
    } finally {
      Date.now = nowMs;
    }
    assert.equal(await add(context, ipam, "c2"), ["10.1.0.1/24"]);
    assert.equal(await add(context, ipam, "c3"), ["10.1.0.6/24"]);
  });
}

const kubernetes = suite<Context & { api: ApiServer }>("whereabouts on the Kubernetes store");
const etcd = suite<Context & { etcd: Etcd }>("whereabouts on etcd");
kubernetes.before(async (context) => {
  context.api = await startApiServer();
  context.stores = { kubernetes: { kubeconfig: context.api.kubeconfig }, whereabouts: "kubernetes" };
});
kubernetes.after(async ({ api }) => await api.stop());
etcd.before(async (context) => {
  context.etcd = await startEtcd();
  context.stores = { etcd: { endpoints: context.etcd.endpoints }, whereabouts: "etcd" };
});
etcd.after(async (context) => await context.etcd.close());
for (const each of [kubernetes, etcd]) {
  each.before.each((context) => {
    context.directory = mkdtempSync(join(tmpdir(), "polynic-whereabouts-"));
    context.warnings = [];
  });
  each.after.each(({ directory }) => rmSync(directory, { recursive: true }));
  giving(each);
  keeping(each);
}

const choosing = suite<Context>("whereabouts in an executable's place");
choosing.before.each((context) => {
  context.directory = mkdtempSync(join(tmpdir(), "polynic-whereabouts-"));
  context.warnings = [];
});
choosing.after.each(({ directory }) => rmSync(directory, { recursive: true }));

choosing("is there where a network or the node names a store, and nowhere else", (context) => {
  const bare = confOf({ range: "10.1.0.0/24" }), named = confOf({ Store: { type: "etcd" } });
  assert.is(whereaboutsOf(bare, undefined), undefined);
  assert.is(whereaboutsOf(undefined, undefined), undefined);
  for (const plugin of [whereaboutsOf(named, undefined), whereaboutsOf(bare, "etcd")])
    assert.is(plugin?.type, "whereabouts");
  const error = throws(() => handlesOf(context, "a").plugin("whereabouts", bare), 112);
  assert.match(error.message, /polynic does its work where ipam\.store, or leaseStores\.whereabouts of the node's/);
});

const refusals: readonly (readonly [object, number, RegExp])[] = [
  [{ store: { type: "files" } }, 7, /its ranges are all nodes', expected etcd or kubernetes/],
  [{ store: { type: "etcd" }, scope: "wide", enable_overlapping_ranges: false }, 7, /inside a scope an address is given/],
  [{ store: { type: "etcd" }, range_start: "10.2.0.1" }, 7, /range_start: 10\.2\.0\.1 is not in 10\.1\.0\.0\/24/],
  [{ store: { type: "etcd", kubeconfig: "/k" } }, 7, /ipam\.store\.kubeconfig/],
  [{ store: { type: "etcd" }, configuration_path: "/none/whereabouts.conf" }, 7, /there is no file \/none/],
  [{ store: { type: "etcd" }, exclude: "10.1.0.1" }, 7, /exclude is "10\.1\.0\.1", expected/],
];
for (const [ipam, number, words] of refusals)
  choosing(`refuses ${JSON.stringify(ipam)}`, async (context) => {
    const request = requestOf(confOf({ range: "10.1.0.0/24", ...ipam }), "c1");
    assert.match((await rejects(addAll(handlesOf(context, "a"), request), number)).message, words);
  });

choosing("leaves files of the node alone that somebody else's network names", async (context) => {
  const path = join(context.directory, "whereabouts.conf");
  writeFileSync(path, JSON.stringify({ range: "10.1.0.0/24" }));
  const request = requestOf(confOf({ store: { type: "etcd" }, configuration_path: path }), "c1", { trusted: false });
  assert.match((await rejects(addAll(handlesOf(context, "a"), request), 7)).message, /it is not the node's own/);
});

kubernetes("reads the file that a network names, of which the network's own keys count more", async (context) => {
  const path = join(context.directory, "whereabouts.conf");
  mkdirSync(context.directory, { recursive: true });
  writeFileSync(path, JSON.stringify({ datastore: "kubernetes", range: "10.7.0.0/24", gateway: "10.7.0.1",
    network_name: "file", kubernetes: { kubeconfig: "/none" } }));
  const handles = handlesOf(context, "a", context.stores);
  const plain = requestOf(confOf({ configuration_path: path }), "c1");
  assert.equal(await addAll(handles, plain), ["10.7.0.2/24 via 10.7.0.1"]);
  assert.equal(await addAll(handles, requestOf(confOf({ configuration_path: path, range: "10.7.0.8/29", gateway: "" }),
    "c2")), ["10.7.0.9/29 via 10.7.0.1"]);
  writeFileSync(path, "{");
  await rejects(addAll(handles, requestOf(confOf({ configuration_path: path }), "c3")), 6);
  await delOf(handles, requestOf(confOf({ configuration_path: path, network_name: "file" }), "c1"));
  assert.match(context.warnings.join(), /addresses are released without it/);
});

kubernetes("says what has no effect", async (context) => {
  const ipam = { range: "10.8.0.0/24", etcd_host: "h:2379", node_slice_size: "/28" };
  await addAll(handlesOf(context, "a", context.stores), requestOf(confOf(ipam), "c1"));
  assert.match(context.warnings.join("\n"), /etcd_host has no effect.*\n.*node_slice_size has no effect/);
});



choosing.run();
kubernetes.run();
if (hasEtcd) etcd.run();
else console.warn("whereabouts on etcd: skipped, there is no etcd");
