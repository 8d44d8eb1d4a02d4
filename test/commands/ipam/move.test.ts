// polynic ipam import and export whereabouts: over and back without renumbering, on each store that nodes share.
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseAllDocuments } from "yaml";
import { startApiServer } from "../../helpers/api-server.ts";
import { hasEtcd, startEtcd } from "../../helpers/shared/etcd.ts";
import type { MoveContext as Context } from "../../helpers/shared/moves.ts";
import { add, confOf, del, fresh, ipam, move, ours, range } from "../../helpers/shared/moves.ts";
import { Whereabouts, tellAddress } from "../../helpers/shared/whereabouts.ts";
import { typedHere } from "../../helpers/typed.ts";

function moving(test: ReturnType<typeof suite<Context>>): void {
  test("goes over and back without renumbering, as often as one likes", async (context) => {
    const { api } = context, whereabouts = new Whereabouts(api);
    await whereabouts.add(range, { name: "web-0", node: "a", container: "c1" });
    await whereabouts.add(range, { name: "web-1", node: "b", container: "c2" });
    await whereabouts.add(range, { name: "web-2", node: "b", container: "c3" });
    await whereabouts.del(range, "c2");
    await whereabouts.add(range, { name: "web-9", node: "a", container: "c4" }, { from: 70 });
    const before = await whereabouts.lines(range);

    const dry = await move(context, "import", "--dry-run");
    assert.equal(dry.json.pools[0].taken, ["10.1.0.1", "10.1.0.3", "10.1.0.70"]);
    assert.equal(await ours(context), []);
    assert.is((await move(context, "import")).status, 0);
    const moved = ["10.1.0.1 shop/web-0 c1 a lan", "10.1.0.3 shop/web-2 c3 b lan", "10.1.0.70 shop/web-9 c4 a lan"];
    assert.equal(await ours(context), moved);
    const again = await move(context, "import");
    assert.equal([again.status, again.json.pools[0].taken, again.json.pools[0].known.length], [0, [], 3]);
    assert.equal(await ours(context), moved);
    assert.equal(await whereabouts.lines(range), before, "its own book stays as it was");

    assert.is(await add(context, "b", "new-0", "c5"), "10.1.0.2");
    await tellAddress(api, { name: "new-0", node: "b", container: "c5" }, { network: "shop/lan", address: "10.1.0.2" });
    await del(context, "b", "c3");
    await api.removePod({ namespace: "shop", name: "web-2" });
    assert.is(await add(context, "a", "new-1", "c6"), "10.1.0.3", "what a container of before has left is free");
    await tellAddress(api, { name: "new-1", node: "a", container: "c6" }, { network: "shop/lan", address: "10.1.0.3" });
    await move(context, "import");
    assert.equal((await ours(context)).slice(0, 3), ["10.1.0.1 shop/web-0 c1 a lan", "10.1.0.2 shop/new-0 c5 b lan",
      "10.1.0.3 shop/new-1 c6 a lan"], "an old book changes nothing");

    assert.equal((await move(context, "export", "--dry-run")).json.pools[0].dropped, ["10.1.0.3"]);
    assert.equal(await whereabouts.lines(range), before);
    assert.is((await move(context, "export")).status, 0);
    const back = ["10.1.0.1 shop/web-0 c1 net1", "10.1.0.2 shop/new-0 c5 net1", "10.1.0.3 shop/new-1 c6 net1",
      "10.1.0.70 shop/web-9 c4 net1"];
    assert.equal(await whereabouts.lines(range), back);
    assert.equal(await whereabouts.reservations(), ["10.1.0.1 shop/web-0", "10.1.0.2 shop/new-0", "10.1.0.3 shop/new-1",
      "10.1.0.70 shop/web-9"]);
    const same = await move(context, "export");
    assert.equal([same.status, same.json.pools[0].state], [0, "same"]);

    await whereabouts.del(range, "c1");
    await api.removePod({ namespace: "shop", name: "web-0" });
    assert.is(await whereabouts.add(range, { name: "third", node: "b", container: "c7" }), "10.1.0.1");
    assert.is((await move(context, "import")).status, 0);
    assert.is((await ours(context))[0], "10.1.0.1 shop/third c7 b lan");
  });

}

/** What comes and goes after a move, on every store. */
function going(test: ReturnType<typeof suite<Context>>): void {
  test("a node's containers of before give back what they have, whatever else is gone", async (context) => {
    const whereabouts = new Whereabouts(context.api);
    for (const [i, node] of ["a", "b", "a"].entries())
      await whereabouts.add(range, { name: `web-${i}`, node, container: `c${i}`, ifName: i === 2 ? "" : "net1" });
    await move(context, "import");
    for (const i of [0, 1, 2]) await context.api.removePod({ namespace: "shop", name: `web-${i}` });
    await del(context, "a", "c1");
    assert.is((await ours(context)).length, 3, "another node's container of that id is another one");
    for (const [i, node] of ["a", "b", "a"].entries()) await del(context, node, `c${i}`);
    assert.equal((await ours(context)).map((line) => line.split(" ")[1]), ["left", "left", "left"]);
  });

}

/** What whereabouts' books say that is not so, on every store. */
function doubting(test: ReturnType<typeof suite<Context>>): void {
  test("keeps for a day what is nobody's, and takes what only one book has", async (context) => {
    const { api } = context, whereabouts = new Whereabouts(api);
    for (const name of ["there-0", "gone-0", "moved-0"])
      await whereabouts.add(range, { name, node: "a", container: name });
    await api.removePod({ namespace: "shop", name: "gone-0" });
    await api.putPod({ namespace: "shop", name: "moved-0", uid: "u", spec: { nodeName: "b", containers: [] },
      annotations: { "k8s.v1.cni.cncf.io/network-status": '[{"name": "x", "ips": ["10.1.0.99"]}]' } });
    await tellAddress(api, { name: "half-0", node: "b", container: "h" }, { network: "shop/lan", address: "10.1.0.8" });
    for (const [name, podref] of [["10.1.0.8", "shop/half-0"], ["10.1.0.9", "shop/gone-1"]])
      await api.put("overlappingrangeipreservations", { metadata: { namespace: "kube-system", name },
        spec: { podref, containerid: "h", ifname: "net1" } });
    const { status, json: { pools: [pool] } } = await move(context, "import");
    assert.equal([status, pool.taken, pool.held], [0, ["10.1.0.1", "10.1.0.8"], ["10.1.0.2", "10.1.0.3"]]);
    assert.equal(await ours(context), ["10.1.0.1 shop/there-0 there-0 a lan", "10.1.0.2 held shop/gone-0/net1",
      "10.1.0.3 held shop/moved-0/net1", "10.1.0.8 shop/half-0 h b lan"]);
    assert.is(await add(context, "a", "next-0", "c1"), "10.1.0.4");
    assert.is(await add(context, "b", "gone-0", "c2"), "10.1.0.2", "a pod of that name has it again");
  });

  test("tells of two who have an address, and takes nothing of their pool over", async (context) => {
    const { api } = context, whereabouts = new Whereabouts(api), other = new Whereabouts(api, "other");
    for (let i = 0; i < 70; i++) await whereabouts.add(range, { name: `web-${i}`, node: "a", container: `c${i}` });
    await other.add("10.2.0.0/24", { name: "web-0", node: "a", container: "c0" });
    await add(context, "b", "rival-0", "r", confOf({ ...ipam, range_start: "10.1.0.66" }));
    const rival = { name: "rival-0", node: "b", container: "r" };
    await tellAddress(api, rival, { network: "shop/lan", address: "10.1.0.66" });
    const { status, json: { pools } } = await move(context, "import");
    assert.is(status, 1);
    assert.equal(pools.map(({ pool, problems }: { pool: string; problems: string[] }) => [pool, ...problems]), [
      ["10.1.0.0-24",
        '10.1.0.66 is of shop/web-65 on node "a" by whereabouts, and of shop/rival-0 on node "b" by our store'],
      ["other-10.2.0.0-24"],
    ]);
    assert.equal(await ours(context), ["10.1.0.66 shop/rival-0 r b lan"]);
    assert.equal(await ours(context, "other"), ["10.2.0.1 shop/web-0 c0 a -"]);
    await del(context, "b", "r");
    await api.removePod({ namespace: "shop", name: "rival-0" });
    assert.is((await move(context, "import")).status, 0);
    assert.is((await ours(context)).length, 70);
  });

}

/** Objects that an edit has made into something else, on every store. */
function edited(test: ReturnType<typeof suite<Context>>): void {
  test("says which objects were edited into something else, and leaves them", async (context) => {
    const { api } = context, whereabouts = new Whereabouts(api), namespace = "kube-system";
    await whereabouts.add(range, { name: "web-0", node: "a", container: "c1" });
    const edited: readonly (readonly [string, object])[] = [
      ["range", { range: "10.9.0.0", allocations: {} }],
      ["offset", { range: "10.9.1.0/24", allocations: { 300: {} } }],
      ["list", { range: "10.9.2.0/24", allocations: [] }],
      ["text", { range: "10.9.3.0/24", allocations: { 1: "web-0" } }],
    ];
    for (const [name, spec] of edited) await api.put("ippools", { metadata: { namespace, name }, spec });
    const { status, stdout } = await typedHere("ipam", "import", "whereabouts", "--conf-dir", context.directory);
    assert.is(status, 1);
    assert.match(stdout, /10\.1\.0\.0-24 +whereabouts +1 +0 +0 +taken over/);
    assert.match(stdout, /IPPool "range": spec\.range is "10\.9\.0\.0", expected a prefix/);
    assert.match(stdout, /IPPool "offset": allocation "300" is no address of its range/);
    assert.match(stdout, /IPPool "list": spec\.allocations is no object/);
    assert.match(stdout, /IPPool "text": allocation 1 is "web-0", expected id, podref and ifname/);
    assert.is((await ours(context)).length, 1);
  });

}

/** Others at work at the same time, on every store. */
function meeting(test: ReturnType<typeof suite<Context>>): void {
  test("is whole while containers come and go at other nodes", async (context) => {
    const whereabouts = new Whereabouts(context.api), old: string[] = [];
    for (let i = 0; i < 40; i++)
      old.push(await whereabouts.add(range, { name: `web-${i}`, node: "a", container: `c${i}` }));
    const conf = confOf({ ...ipam, range_start: "10.1.0.41", range_end: "10.1.0.70" });
    const come = async (node: string): Promise<void> => {
      for (let i = 0; i < 6; i++) await add(context, node, `new-${node}-${i}`, `${node}${i}`, conf);
      for (let i = 0; i < 3; i++) await del(context, node, `${node}${i}`, conf);
    };
    const [imported] = await Promise.all([move(context, "import"), come("b"), come("c")]);
    assert.is(imported.status, 0, JSON.stringify(imported.json));
    const lines = (await ours(context)).filter((line) => !line.includes(" left "));
    assert.is(lines.length, 46);
    assert.equal(old.filter((address) => !lines.some((line) => line.startsWith(`${address} shop/web-`))), []);
  });
}

const kubernetes = suite<Context>("a move to the Kubernetes store");
const etcd = suite<Context>("a move to etcd");
for (const each of [kubernetes, etcd]) {
  each.before(async (context) => {
    context.type = each === etcd ? "etcd" : "kubernetes";
    context.api = await startApiServer();
    if (each === etcd) context.etcd = await startEtcd();
  });
  each.before.each(fresh);
  each.after.each(({ directory }) => rmSync(directory, { recursive: true }));
  each.after(async (context) => {
    await context.api.stop();
    await context.etcd?.close();
  });
  moving(each);
  going(each);
  doubting(each);
  edited(each);
  meeting(each);
}

kubernetes("finds the scope of a pool by the networks that have it, else by its name", async (context) => {
  const { api } = context, node = "a", six = "fd00:1::/64";
  const define = (name: string, own: object) => api.putDefinition({ namespace: "shop", name, config: {
    cniVersion: "1.0.0", name: `cni-${name}`,
    plugins: [{ type: "macvlan", ipam: { type: "whereabouts", ...own } }] } });
  await define("six", { range: "10.3.0.0/24", ipRanges: [{ range: six }], network_name: "blue" });
  await define("loose", { range: "10.4.0.0/16", enable_overlapping_ranges: false });
  await define("wide", { range: "10.5.0.0/16", scope: "wide" });
  await define("lan2", { range });
  const [blue, plain] = [new Whereabouts(api, "blue"), new Whereabouts(api)];
  await blue.add(six, { name: "p-1", node, container: "c1" });
  await plain.add("10.4.0.0/16", { name: "p-2", node, container: "c2" }, { network: "cni-loose", guarded: false });
  await plain.add("10.5.0.0/16", { name: "p-3", node, container: "c3" });
  await plain.add(range, { name: "p-4", node, container: "c4" }, { network: "shop/lan2" });
  await new Whereabouts(api, "red").add("10.6.0.0/24", { name: "p-5", node, container: "c5" });
  assert.is((await move(context, "import")).status, 0);
  assert.equal(await ours(context, "blue"), ["fd00:1::1 shop/p-1 c1 a cni-six"]);
  assert.equal(await ours(context, "10.4.0.0-16"), ["10.4.0.1 shop/p-2 c2 a cni-loose"]);
  assert.equal(await ours(context, "wide"), ["10.5.0.1 shop/p-3 c3 a cni-wide"]);
  assert.equal(await ours(context), ["10.1.0.1 shop/p-4 c4 a cni-lan2"]);
  assert.equal(await ours(context, "red"), ["10.6.0.1 shop/p-5 c5 a -"]);
  for (const pool of await api.list("ippools"))
    await api.put("ippools", { ...pool, spec: { ...pool["spec"], allocations: {} } });
  for (const { metadata } of await api.list("overlappingrangeipreservations"))
    await api.remove("overlappingrangeipreservations", "kube-system", metadata.name);
  assert.is((await move(context, "export")).status, 0);
  assert.equal(await blue.lines(six), ["fd00:1::1 shop/p-1 c1 net1"]);
  assert.equal(await plain.lines("10.4.0.0/16"), ["10.4.0.1 shop/p-2 c2 net1"]);
  assert.equal(await blue.reservations(), ["10.1.0.1 shop/p-4", "10.5.0.1 shop/p-3", "blue-fd00-1--1 shop/p-1",
    "red-10.6.0.1 shop/p-5"]);
  await define("strict", { range: "10.4.0.0/16" });
  const { json: { pools } } = await move(context, "import", "--dry-run");
  assert.match(JSON.stringify(pools), /10\.4\.0\.0-16.*several scopes \(10\.4\.0\.0-16, whereabouts\)/);
});

kubernetes("takes slices of nodes for parts of their range, and fills them again on the way back", async (context) => {
  const { api } = context, sliced = new Whereabouts(api, "lan-node-a");
  await api.put("nodeslicepools", { metadata: { namespace: "kube-system", name: "lan" },
    spec: { range: "10.7.0.0/24", sliceSize: "/26" },
    status: { allocations: [{ nodeName: "node-a", sliceRange: "10.7.0.64/26" },
      { nodeName: "", sliceRange: "10.7.0.0/26" }] } });
  await sliced.add("10.7.0.64/26", { name: "p-1", node: "node-a", container: "c1" });
  assert.is((await move(context, "import")).status, 0);
  assert.equal(await ours(context, "lan"), ["10.7.0.65 shop/p-1 c1 node-a -"]);
  const slices = { type: "whereabouts", range: "10.7.0.0/24", network_name: "lan", node_slice_size: "/26" };
  const conf = confOf(slices, "slices");
  await api.putDefinition({ namespace: "shop", name: "slices", config: { ...conf } });
  assert.is(await add(context, "node-b", "p-2", "c2", conf), "10.7.0.1");
  assert.is((await move(context, "export")).status, 0);
  assert.equal(await sliced.lines("10.7.0.64/26"), ["10.7.0.65 shop/p-1 c1 net1"]);
  assert.equal(await new Whereabouts(api, "lan").lines("10.7.0.0/24"), ["10.7.0.1 shop/p-2 c2 net1"]);
  // A slice that its node has taken nothing of yet: what another node has of it is given once all the same.
  await api.put("nodeslicepools", { metadata: { namespace: "kube-system", name: "lan" },
    spec: { range: "10.7.0.0/24", sliceSize: "/26" },
    status: { allocations: [{ nodeName: "node-a", sliceRange: "10.7.0.64/26" },
      { nodeName: "node-c", sliceRange: "10.7.0.0/26" }] } });
  assert.is((await move(context, "export")).status, 0);
  assert.equal(await new Whereabouts(api, "lan-node-c").lines("10.7.0.0/26"), ["10.7.0.1 shop/p-2 c2 net1"]);
});

kubernetes("keeps what is an IPAMClaim's the claim's, both ways", async (context) => {
  const { api } = context, whereabouts = new Whereabouts(api);
  const vm = { name: "virt-launcher-vm-x2x4k", node: "a", container: "c1", claim: "shop/vm.lan" };
  for (const name of ["vm.lan", "off.lan"])
    await api.put("ipamclaims", { metadata: { namespace: "shop", name }, spec: { network: "lan", interface: "net1" } });
  await whereabouts.add(range, vm);
  await whereabouts.add(range, { ...vm, name: "off", container: "c2", claim: "shop/off.lan" });
  await whereabouts.add(range, { ...vm, name: "deleted", container: "c3", claim: "shop/deleted.lan" });
  for (const name of ["off", "deleted"]) await api.removePod({ namespace: "shop", name });
  await move(context, "import");
  assert.equal(await ours(context), ["10.1.0.1 shop/virt-launcher-vm-x2x4k c1 a lan shop/vm.lan",
    "10.1.0.2 held claim:shop/off.lan", "10.1.0.3 held shop/deleted/net1"]);
  await del(context, "a", "c1");
  await api.removePod({ namespace: "shop", name: vm.name });
  assert.equal((await ours(context))[0], "10.1.0.1 held claim:shop/vm.lan");
  assert.is(await add(context, "b", "else-0", "c4"), "10.1.0.4");
  assert.is((await move(context, "export")).status, 0);
  const { spec: { allocations } } = await whereabouts.pool(range);
  assert.equal([1, 2, 3, 4].map((offset) => allocations[offset]?.ipamclaimref ?? "-"),
    ["shop/vm.lan", "shop/off.lan", "-", "-"]);
  await api.serve("ipamclaims", false);
  assert.is((await move(context, "import")).status, 0);
  await api.serve("ipamclaims", true);
});

kubernetes("wants to know which objects are meant, and says what it lacks", async (context) => {
  const { api } = context, words = ["ipam", "import", "whereabouts", "--conf-dir", context.directory];
  for (const namespace of ["kube-system", "cni"])
    await api.put("ippools", { metadata: { namespace, name: "10.1.0.0-24" }, spec: { range, allocations: {} } });
  assert.match((await typedHere(...words)).stderr, /some in (cni, kube-system|kube-system, cni), expected --namespace/);
  assert.is((await typedHere(...words, "--namespace", "cni")).status, 0);
  assert.match((await typedHere(...words, "--store", "files")).stderr, /expected.* kubernetes.*etcd/);
  assert.match((await typedHere("ipam", "import", "calico", "--conf-dir", context.directory)).stderr, /whereabouts/);
  await api.deny({ resource: "pods", verb: "list" });
  assert.match((await typedHere(...words, "--namespace", "cni")).stderr, /expected the permission to list pods/);
  await api.allowAll();
  await api.serve("ippools", false);
  assert.match((await typedHere(...words)).stderr, /expected a cluster that whereabouts is installed in/);
  await api.serve("ippools", true);
  rmSync(join(context.directory, "10-pods.conf"));
  assert.match((await typedHere(...words)).stderr, /expected --kubeconfig/);
  assert.is((await typedHere(...words, "--namespace", "cni", "--kubeconfig", api.kubeconfig)).status, 0);
});

kubernetes("leaves a pool that two write at once to the next try", async (context) => {
  const { api } = context, whereabouts = new Whereabouts(api);
  await whereabouts.add(range, { name: "web-0", node: "a", container: "c1" });
  await move(context, "import");
  assert.is(await add(context, "a", "web-1", "c2"), "10.1.0.2");
  await api.fault({ kind: "409", match: { method: "PUT", path: "/ippools/" } });
  assert.is((await move(context, "export")).status, 0);
  assert.equal(await whereabouts.lines(range), ["10.1.0.1 shop/web-0 c1 net1", "10.1.0.2 shop/web-1 c2 net1"]);
});

kubernetes("asks for what its role permits, and for all of it", async (context) => {
  const file = join(import.meta.dirname, "..", "..", "..", "deploy", "cluster-ipam", "whereabouts", "rbac.yaml");
  const role = parseAllDocuments(readFileSync(file, "utf8")).map((document) => document.toJS())
    .find(({ kind }) => kind === "ClusterRole");
  const permitted = role.rules.flatMap(({ resources, verbs }: { resources: string[]; verbs: string[] }) =>
    resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource}`)));
  const verbs: Readonly<Record<string, string>> = { PUT: "update", POST: "create", DELETE: "delete" };
  const used = (await context.api.requests()).flatMap(({ method, path }) => {
    const [, plural = "", name] = /\/v1(?:alpha1)?(?:\/namespaces\/[^/]+)?\/([^/]+)(?:\/([^/]+))?$/.exec(path) ?? [];
    return plural === "leaseblocks" ? [] : [`${verbs[method] ?? (name === undefined ? "list" : "get")} ${plural}`];
  });
  assert.equal([...new Set(used)].sort(), permitted.sort());
});

kubernetes.run();
if (hasEtcd) etcd.run();
else console.warn("a move to etcd: skipped, there is no etcd");
