// polynic ipam gc and what is left of nodes and of IPAMClaims that are gone, on each store that nodes share.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { parseAllDocuments } from "yaml";
import { openEtcdBlocks } from "../../../src/etcd/index.ts";
import type { Claimant, Survey } from "../../../src/ipam/index.ts";
import { reserve } from "../../../src/ipam/index.ts";
import { openKubeBlocks } from "../../../src/kube/index.ts";
import { formatAddress } from "../../../src/net/index.ts";
import { bootId } from "../../../src/os/index.ts";
import type { ApiServer } from "../../helpers/api-server.ts";
import { startApiServer } from "../../helpers/api-server.ts";
import { kernelSuite } from "../../helpers/netns.ts";
import type { Etcd } from "../../helpers/shared/etcd.ts";
import { hasEtcd, startEtcd } from "../../helpers/shared/etcd.ts";
import { nodeWith, rangesOf } from "../../helpers/shared/nodes.ts";
import { emptyMachine, restoreMachine, typedHere, typedHereWithJson } from "../../helpers/typed.ts";
import { lowestFree } from "../../ipam/contract/lowest-free.ts";

const directory = "/var/lib/cni/conf", subnet = "10.1.0.0/20";
const claimed: Claimant = { containerId: "vm", ifName: "net1", claim: "shop/vm.lan" };
const podOf = (name: string): Claimant =>
  ({ containerId: `c-${name}`, ifName: "net1", pod: { namespace: "shop", name, uid: `u-${name}` } });
/** Everything counts as old enough. */
const now = ["--grace", "0", "--node-grace", "0"] as const;

let api: ApiServer, etcd: Etcd | undefined, scopes = 0, scope = "";

function storeOf(type: "kubernetes" | "etcd", name: string) {
  const node = { name, bootId: bootId() };
  const engine = type === "etcd" ? openEtcdBlocks({ endpoints: etcd?.endpoints ?? [] }, { node })
    : openKubeBlocks({ kubeconfig: api.kubeconfig, env: {} });
  if (engine === undefined) throw new Error("there is a kubeconfig");
  return nodeWith(name, engine, node).store;
}

async function take(type: "kubernetes" | "etcd", node: string, owner: Claimant): Promise<string> {
  const { reserved: [given] } = await reserve({ store: storeOf(type, node), scope, network: scope, requested: [],
    owner, sets: rangesOf(subnet), decide: lowestFree });
  return given === undefined ? "" : formatAddress(given.address);
}

async function survey(type: "kubernetes" | "etcd"): Promise<Survey> {
  const found = await storeOf(type, "any").survey?.(scope);
  if (found === undefined) throw new Error("the store is shared");
  return found;
}

/** Somebody's edit of all labels, or of all keys by which others are found. */
async function unfile(type: "kubernetes" | "etcd"): Promise<void> {
  if (type === "kubernetes") {
    for (const block of (await api.blocks()).filter(({ spec }) => spec.scope === scope))
      await api.put("leaseblocks", { ...block, metadata: { ...block["metadata"], labels: {} } });
    return;
  }
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  const key = base64(`/polynic/${scope}/k`), end = base64(`/polynic/${scope}/o`);
  await etcd?.post("/v3/kv/deleterange", { key, range_end: end });
}

/** `10.1.0.2 freed: WHY`, in order; blocks by their node. */
async function gc(...words: readonly string[]): Promise<readonly string[]> {
  const { json } = await typedHereWithJson("ipam", "gc", scope, "--conf-dir", directory, ...words);
  return json.map(({ address, node, state, why }: Record<string, string>) =>
    `${address?.includes("/") === true ? `block of ${node}` : address} ${state}: ${why}`);
}

const started = kernelSuite("what is left of nodes and claims that are gone", import.meta.url);
started.before(async () => {
  emptyMachine();
  mkdirSync(directory);
  api = await startApiServer();
  if (hasEtcd) etcd = await startEtcd();
});
started.before.each(async () => {
  scope = `lan${++scopes}`;
  rmSync("/var/lib/cni/polynic", { recursive: true, force: true });
  for (const name of ["a", "b", "c"]) await api.putNode({ name });
});
started.after(async () => {
  await etcd?.close();
  await api.stop();
  restoreMachine();
});

function configured(type: "kubernetes" | "etcd", kubeconfig = api.kubeconfig): void {
  const conf = { cniVersion: "1.1.0", name: "pods", type: "polynic", nodeName: "a", kubeconfig,
    leaseStores: { ...(etcd && { etcd: { endpoints: etcd.endpoints } }) },
    delegates: [{ cniVersion: "1.1.0", name: scope, type: "bridge",
      ipam: { type: "host-local", subnet, store: { type } } }] };
  writeFileSync(join(directory, "10-pods.conf"), JSON.stringify(conf));
}

for (const type of ["kubernetes", ...(hasEtcd ? ["etcd" as const] : [])] as const) {
  started(`goes once the cluster has not had the node for the grace, and its pods are gone (${type})`, async () => {
    configured(type);
    const own = await take(type, "a", podOf("own")), other = await take(type, "b", podOf("other"));
    const lost = await take(type, "c", podOf("lost")), kept = await take(type, "c", podOf("kept"));
    await api.putPod({ namespace: "shop", name: "kept", uid: "u-kept" });
    await api.putPod({ namespace: "shop", name: "lost", uid: "another" });
    assert.equal((await gc("--dry-run", ...now)).filter((line) => !line.startsWith(own)).sort(), [
      `${kept} stays: it is of node "c"`, `${lost} stays: it is of node "c"`, `${other} stays: it is of node "b"`,
    ].sort());

    await api.removeNode("c");
    const waiting = (await gc("--dry-run")).filter((line) => line.startsWith(lost));
    assert.equal(waiting, [`${lost} stays: the cluster has had no node "c" for 0 s, less than 900 s`]);
    assert.equal(await gc("--grace", "0"), []);
    assert.equal(await gc("--node-grace", "0"), [], "what is younger than an ADD takes stays");

    const [block, freed, ...more] = [...await gc("--dry-run", ...now)].filter((line) =>
      !line.startsWith(own) && !line.startsWith(other)).sort().reverse();
    assert.match(block ?? "", /^block of c stays: the cluster has had no node "c" for \d+ s, and 1 address of it stay/);
    assert.match([freed, ...more].sort().join("\n"), new RegExp(`${lost} would be freed: the cluster has had no node`));
    assert.match([freed, ...more].join("\n"), new RegExp(`${kept} stays: .*, and its pod "shop/kept" is th`));

    assert.equal((await gc(...now)).length, 1);
    await api.removePod({ namespace: "shop", name: "kept" });
    assert.match((await gc(...now)).join("\n"), new RegExp(`${kept} freed: .*\nblock of c given back: `));
    const { leases, blocks } = await survey(type);
    assert.equal([leases.map(({ owner: { node } }) => node).sort(), blocks.map(({ node }) => node).sort()],
      [["a", "b"], ["a", "b"]]);
  });

  started(`is the claim's until that is gone (${type})`, async () => {
    configured(type);
    await api.put("ipamclaims", { metadata: { namespace: "shop", name: "vm.lan" }, spec: { network: scope } });
    const address = await take(type, "c", claimed), node = storeOf(type, "c");
    await node.release(scope, claimed);
    assert.equal(await gc("--dry-run", ...now),
      [`${address} stays: it is kept for IPAMClaim "shop/vm.lan", which is there`]);
    const words = ["--conf-dir", directory] as const, ls = await typedHere("ipam", "ls", scope, ...words);
    assert.match(ls.stdout, new RegExp(`${address} +IPAMClaim shop/vm.lan +- +kept`));
    assert.match((await typedHere("ipam", "free", address, ...words)).stderr, /it is kept for IPAMClaim shop\/vm\.lan/);
    await api.removeNode("c");
    assert.equal((await gc(...now)).length, 1, "the block alone");
    await api.serve("ipamclaims", false);
    assert.match((await gc("--dry-run", ...now)).join(), /knows no such objects, which is no evidence/);
    await api.serve("ipamclaims", true);
    await api.fault({ kind: "403", match: { method: "GET", path: "/ipamclaims" } });
    assert.match((await gc("--dry-run", ...now)).join(), /nobody can tell of it: .*permission to list ipamclaims/);
    await api.remove("ipamclaims", "shop", "vm.lan");
    assert.equal(await gc("--dry-run"),
      [`${address} would be freed: IPAMClaim "shop/vm.lan", which it was kept for, is gone`]);
    assert.equal((await gc()).length, 1);
    assert.equal((await survey(type)).kept, []);
    await take(type, "b", { ...claimed, containerId: "again" });
    await storeOf(type, "b").release(scope, { ...claimed, containerId: "again" });
    const [{ address: kept = "" } = {}] = (await survey(type)).kept.map((one) =>
      ({ address: formatAddress(one.address) }));
    assert.is((await typedHere("ipam", "free", kept, "--force", ...words)).status, 0);
    assert.equal((await survey(type)).kept, []);
    assert.is(await take(type, "a", { ...podOf("next"), claim: "shop/next.lan" }) === "", false);
  });

  started(`is found again where an edit has taken away what it is found by (${type})`, async () => {
    configured(type);
    const own = [await take(type, "a", podOf("one")), await take(type, "a", podOf("two"))].sort();
    await unfile(type);
    await storeOf(type, "a").release(scope, podOf("one"));
    const block = own[0]?.replace(/\.\d+$/, ".");
    const why = "an edit has taken away what its addresses are found by, and DEL releases none of them";
    const { status, stdout } = await typedHere("ipam", "check", scope, "--conf-dir", directory);
    assert.is(status, 1);
    assert.match(stdout, new RegExp(`block ${block}\\d+/26: ${why}; polynic ipam gc puts it right`));
    const dry = await gc("--dry-run");
    assert.equal(dry.filter((line) => line.includes("would")), [`block of  would be put right: ${why}`]);
    assert.equal(await gc(), [`block of  put right: ${why}`]);
    assert.equal(await gc(), []);
    assert.equal((await typedHere("ipam", "check", scope, "--conf-dir", directory)).status, 0);
    await storeOf(type, "a").release(scope, podOf("one"));
    assert.equal((await survey(type)).leases.map(({ owner }) => owner.containerId), ["c-two"]);
  });

  started(`stays where nobody can tell, and where the cluster calls its nodes otherwise (${type})`, async () => {
    configured(type);
    const address = await take(type, "c", podOf("lost"));
    await api.removeNode("c");
    await api.fault({ kind: "403", match: { method: "GET", path: "/nodes" } });
    assert.equal(await gc("--dry-run", ...now), [`${address} stays: it is of node "c"`]);
    await gc();
    await api.removeNode("a");
    assert.equal(await gc("--dry-run", ...now), [`${address} stays: it is of node "c"`]);
    const { stderr } = await typedHere("ipam", "gc", scope, "--conf-dir", directory, ...now);
    assert.match(stderr, /has no node "a", which is this one: .*expected nodeName to be the name/);
  });
}

started("stays where the cluster was never seen to have the node: another one may share the store", async () => {
  configured("kubernetes");
  const address = await take("kubernetes", "z", podOf("stranger"));
  for (const _ of [1, 2])
    assert.equal(await gc("--dry-run", ...now),
      [`${address} stays: the cluster was never seen to have its node "z", which is no evidence`,
        'block of z stays: the cluster was never seen to have its node "z", which is no evidence']);
  assert.match((await gc("--gone", "z", ...now)).join(), new RegExp(`${address} freed: its node "z" is gone, as`));
});

if (hasEtcd) started("goes when somebody says that a node is gone, where no cluster tells of any", async () => {
  configured("etcd", "");
  const address = await take("etcd", "c", podOf("lost"));
  assert.equal(await gc("--dry-run", ...now), [`${address} stays: it is of node "c"`]);
  const words = ["ipam", "gc", scope, "--conf-dir", directory, "--gone"] as const;
  assert.match((await typedHere(...words, "a")).stderr, /Cannot take node "a" for gone: it is this one/);
  assert.equal(await gc("--gone", "c", "--dry-run"), [`${address} stays: it is younger than 180 s`,
    'block of c stays: its node "c" is gone, as --gone says, and 1 address of it stay']);
  assert.equal(await gc("--gone", "c", ...now), [`${address} freed: its node "c" is gone, as --gone says`,
    'block of c given back: its node "c" is gone, as --gone says']);
  assert.equal((await survey("etcd")).blocks, []);
  configured("etcd");
  await take("etcd", "b", podOf("there"));
  assert.match((await typedHere(...words, "b")).stderr, /Cannot take node "b" for gone: .* has it, expected/);
});

started("is asked about as its role permits, and with all of it", async () => {
  const file = join(import.meta.dirname, "..", "..", "..", "deploy", "cluster-ipam", "collection", "rbac.yaml");
  const role = parseAllDocuments(readFileSync(file, "utf8")).map((document) => document.toJS())
    .find(({ kind }) => kind === "ClusterRole");
  const permitted = role.rules.flatMap(({ resources, verbs }: { resources: string[]; verbs: string[] }) =>
    resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource}`)));
  const used = (await api.requests()).flatMap(({ path }) => {
    const [, plural = "", name] = /\/v1(?:alpha1)?(?:\/namespaces\/[^/]+)?\/([^/]+)(?:\/([^/]+))?$/.exec(path) ?? [];
    return plural === "leaseblocks" ? [] : [`${name === undefined ? "list" : "get"} ${plural}`];
  });
  assert.equal([...new Set(used)].sort(), permitted.sort());
});

started.run();
