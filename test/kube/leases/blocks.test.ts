// Leases as objects of the cluster: what is asked of the API and how often, and what happens when it conflicts,
// refuses, forgets, loses an answer or is away.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseAllDocuments } from "yaml";
import { formatAddress } from "../../../src/net/index.ts";
import { openKubeBlocks } from "../../../src/kube/index.ts";
import type { ApiServer } from "../../helpers/api-server.ts";
import { startApiServer } from "../../helpers/api-server.ts";
import { rejects } from "../../helpers/errors.ts";
import { random } from "../../helpers/random.ts";
import type { PretendNode } from "../../helpers/shared/nodes.ts";
import { Ledger, allocate, linesOf, nodeWith, rangesOf, scope } from "../../helpers/shared/nodes.ts";

const small = rangesOf("10.0.0.0/27"), both = rangesOf("10.0.0.0/27", "fd00::/64");
const who = (containerId: string) => ({ containerId, ifName: "eth0" });

interface Context { api: ApiServer }

const test = suite<Context>("leases in the cluster's API");
test.before(async (context) => { context.api = await startApiServer(); });
test.before.each(async ({ api }) => {
  await api.heal();
  await api.allowAll();
  for (const { metadata } of await api.blocks()) await api.removeBlock(metadata.name);
});
test.after(async ({ api }) => await api.stop());

function nodeOn(api: ApiServer, name: string, limitMs = 6_000): PretendNode {
  const engine = openKubeBlocks({ kubeconfig: api.kubeconfig, env: {}, limitMs });
  if (engine === undefined) throw new Error("there is a kubeconfig");
  return nodeWith(name, engine);
}

/** What was asked while `work` ran: `GET`, `PUT`. */
async function asked(api: ApiServer, work: () => Promise<unknown>): Promise<readonly string[]> {
  const before = (await api.requests()).length;
  await work();
  return (await api.requests()).slice(before).map(({ method }) => method);
}

test("takes one read and one write in the usual case, and as much for a release", async ({ api }) => {
  await allocate(nodeOn(api, "a"), who("c0"), small);
  const pod = { ...who("c1"), pod: { namespace: "shop", name: "web-5d9c7b8f6-x2x4k", uid: "u" } };
  assert.equal(await asked(api, () => allocate(nodeOn(api, "a"), pod, small)), ["GET", "PUT"]);
  assert.equal(await asked(api, () => nodeOn(api, "a").store.release(scope, pod)), ["GET", "PUT"]);
  // A name that may come back is looked for in blocks of other nodes as well.
  const named = { ...who("c2"), pod: { namespace: "shop", name: "db-0", uid: "u" } };
  assert.equal(await asked(api, () => allocate(nodeOn(api, "a"), named, small)), ["GET", "GET", "PUT"]);
});

test("takes one write and no read in a process that goes on, and is as exact", async ({ api }) => {
  const a = nodeOn(api, "a"), again = nodeOn(api, "a"), b = nodeOn(api, "b");
  await allocate(a, who("c0"), small);
  assert.equal(await asked(api, () => allocate(a, who("c1"), small)), ["PUT"]);
  assert.equal(await asked(api, () => a.store.release(scope, who("c1"))), ["PUT"]);
  assert.equal(await asked(api, () => a.store.release(scope, who("c1"))), ["GET"], "nothing is looked for anew");
  // What others have written meanwhile is refused, read, and begun again from.
  assert.equal(await allocate(again, who("c2"), small), ["10.0.0.3"]);
  assert.equal(await allocate(b, who("b1"), small), ["10.0.0.4"]);
  assert.equal(await asked(api, () => allocate(a, who("c3"), small)), ["PUT", "GET", "GET", "PUT"]);
  assert.equal(await linesOf(b), ["10.0.0.2 c0", "10.0.0.3 c2", "10.0.0.4 b1", "10.0.0.5 c3"]);
  await again.store.release(scope, who("c3"));
  await a.store.release(scope, who("c2"));
  assert.equal(await linesOf(b), ["10.0.0.2 c0", "10.0.0.4 b1"]);
});

test("has one object for each block, which says whose it is and who has what", async ({ api }) => {
  const a = nodeOn(api, "node-a.example.org");
  await allocate(a, who("c1"), small);
  const [block, ...others] = await api.blocks();
  assert.equal(others, []);
  assert.match(block?.["metadata"].name, /^pods-[0-9a-f]{16}-10-0-0-0-26$/);
  const { scope: of, cidr, node, allocations } = block?.["spec"];
  assert.equal([of, cidr, node, Object.keys(allocations)], ["pods", "10.0.0.0/26", "node-a.example.org", ["2"]]);
  assert.equal(allocations[2].owner, { containerId: "c1", ifName: "eth0", node: "node-a.example.org", bootId: "now" });
  assert.ok(Object.keys(block?.["metadata"].labels).every((label) => (label.split("/")[1] ?? "").length <= 63));
});

test("stays below 20 KB when a block is full", async ({ api }) => {
  const a = nodeOn(api, "a"), sets = rangesOf("10.0.0.0/26"), id = "0123456789abcdef".repeat(4);
  for (let i = 0; i < 61; i++)
    await allocate(a, { containerId: `${id}${i}`.slice(-64), ifName: "eth0",
      pod: { namespace: "a-namespace-of-some-length", name: `a-deployment-of-some-length-5d9c7b8f6-x2x4${i}`,
        uid: "6e6c0a8e-7f57-4a5c-9d0e-9d1f6a0f0f0f" } }, sets);
  assert.ok(JSON.stringify((await api.blocks())[0]).length < 25_000);
});

test("takes addresses of blocks whose labels somebody has taken away, however many at once", async ({ api }) => {
  const four = rangesOf("10.0.0.0/27", "10.0.1.0/27", "10.0.2.0/27", "fd00::/122");
  await allocate(nodeOn(api, "a"), who("c0"), four);
  for (const block of await api.blocks())
    await api.put("leaseblocks", { ...block, metadata: { ...block["metadata"], labels: {} } });
  assert.equal(await allocate(nodeOn(api, "a"), who("c1"), four), ["10.0.0.3", "10.0.1.3", "10.0.2.3", "fd00::3"]);
  assert.is((await linesOf(nodeOn(api, "b"))).length, 8, "and their labels are there again");
});

test("begins again from a fresh read where somebody has written the block meanwhile", async ({ api }) => {
  const a = nodeOn(api, "a");
  await allocate(a, who("c0"), small);
  await api.fault({ kind: "409", match: { method: "PUT" }, times: 2 });
  assert.equal(await allocate(a, who("c1"), small), ["10.0.0.3"]);
  assert.equal(await linesOf(a), ["10.0.0.2 c0", "10.0.0.3 c1"]);
});

test("finds what it has written when the answer is lost", async ({ api }) => {
  const a = nodeOn(api, "a");
  await api.fault({ kind: "lost", match: { method: "POST" }, times: 1 });
  assert.equal(await allocate(a, who("c0"), small), ["10.0.0.2"]);
  await api.fault({ kind: "lost", match: { method: "PUT" }, times: 1 });
  assert.equal(await allocate(a, who("c1"), small), ["10.0.0.3"]);
  await api.fault({ kind: "lost", match: { method: "PUT" }, times: 1 });
  await a.store.release(scope, who("c1"));
  assert.equal(await linesOf(a), ["10.0.0.2 c0"]);
});

test("takes all addresses or none: what was written before a refusal is taken back", async ({ api }) => {
  const a = nodeOn(api, "a");
  await allocate(a, who("c0"), both);
  const [, second] = (await api.blocks()).map(({ metadata }) => metadata.name).sort();
  await api.fault({ kind: "403", match: { method: "PUT", path: second ?? "" }, times: 1 });
  await rejects(allocate(a, who("c1"), both), 120);
  assert.equal((await linesOf(a)).length, 2);
  await api.fault({ kind: "409", match: { method: "PUT", path: second ?? "" }, times: 1 });
  assert.equal((await allocate(a, who("c1"), both)).length, 2);
  assert.equal((await linesOf(a)).length, 4);
});

test("gives up later what nobody knows whether it was written", async ({ api }) => {
  const a = nodeOn(api, "a", 300);
  await allocate(a, who("c0"), small);
  await api.fault({ kind: "lost", match: { method: "PUT" }, times: 100 });
  await rejects(allocate(a, who("c1"), small), 11);
  assert.is(a.journal.noted.length, 1);
  await api.heal();
  assert.equal(await allocate(a, who("c2"), small), ["10.0.0.3"]);
  assert.equal(await linesOf(a), ["10.0.0.2 c0", "10.0.0.3 c2"]);
});

test("says for what an ADD waits while the API is away, and notes what a DEL could not release", async ({ api }) => {
  const a = nodeOn(api, "a", 500);
  await allocate(a, who("c0"), small);
  await api.fault({ kind: "refuse" });
  const error = await rejects(allocate(nodeOn(api, "a", 500), who("c1"), small), 11);
  assert.match(error.message, /Cannot list reservations of "pods"/);
  assert.equal(await a.store.release(scope, who("c0")), []);
  assert.match(a.told.join(), /noted on this node/);
  assert.match(await a.store.status() ?? "", /Cannot list reservations/);
  await api.heal();
  assert.is(await a.store.status(), undefined);
  assert.equal(await allocate(a, who("c2"), small), ["10.0.0.2"]);
});

test("says which permission or definition is missing", async ({ api }) => {
  const a = nodeOn(api, "a");
  for (const [verb, message] of [
    ["list", /expected the permission to list leaseblocks\.polynic\.io/],
    ["create", /permission to create leaseblocks/],
  ] as const) {
    await api.deny({ resource: "leaseblocks", verb });
    assert.match((await rejects(allocate(a, who("c1"), small), 120)).message, message);
    await api.allowAll();
  }
  await api.serveDefinitions(false);
  assert.match((await rejects(allocate(a, who("c1"), small), 120)).message, /deploy\/cluster-ipam to be installed/);
  await api.serveDefinitions(true);
});

test("reads a long list in pages, and again where the API has forgotten its beginning", async ({ api }) => {
  const a = nodeOn(api, "a");
  await allocate(a, who("c0"), rangesOf("10.0.0.0/26"));
  const [block] = await api.blocks();
  for (let i = 1; i < 260; i++) {
    const cidr = `10.${i >> 2}.0.${(i & 3) * 64}/26`;
    const { name, labels, annotations } = block?.["metadata"];
    await api.putBlock({
      metadata: { name: name.replace("10-0-0-0-26", cidr.replace(/[./]/g, "-")), labels, annotations },
      spec: { scope, cidr, allocations: { 5: block?.["spec"].allocations[2] ?? {} } } });
  }
  assert.is((await a.store.list(scope)).length, 260);
  await api.fault({ kind: "410", match: { path: "continue=" } });
  assert.is((await a.store.list(scope)).length, 260);
});

for (const [title, edit, code] of [
  ["is another block", (spec: any) => { spec.cidr = "10.9.0.0/26"; }, 120],
  ["is of another scope", (spec: any) => { spec.scope = "other"; }, 120],
  ["has an address that there is not", (spec: any) => { spec.allocations[64] = {}; }, 120],
  ["has no map of addresses", (spec: any) => { spec.allocations = []; }, 120],
] as const)
  test(`refuses a block that ${title} by an edit, and gives nothing twice`, async ({ api }) => {
    const a = nodeOn(api, "a");
    await allocate(a, who("c0"), small);
    const [block] = await api.blocks();
    edit(block?.["spec"]);
    await api.putBlock(block ?? {});
    const error = await rejects(allocate(a, who("c1"), small), code);
    assert.match(error.message, /LeaseBlock "pods-.*expected/);
  });

test("keeps what a hand has written for an address, and gives it to nobody", async ({ api }) => {
  const a = nodeOn(api, "a");
  await allocate(a, who("c0"), small);
  const [block] = await api.blocks();
  block!["spec"].allocations[3] = { reserved: "for the printer" };
  block!["metadata"].labels = { team: "network" };
  block!["metadata"].annotations = { note: "ours" };
  await api.putBlock(block ?? {});
  assert.equal(await allocate(a, who("c1"), small), ["10.0.0.4"], "also where its labels are gone");
  const [after] = await api.blocks();
  assert.equal(after?.["spec"].allocations[3], { reserved: "for the printer" });
  assert.is(after?.["metadata"].labels.team, "network");
  assert.is(after?.["metadata"].annotations.note, "ours");
  assert.equal((await a.store.release(scope, who("c0"))).map(formatAddress), ["10.0.0.2"]);
});

test("never gives an address twice to twenty nodes that all begin at once", async ({ api }) => {
  const any = random(), ledger = new Ledger(any);
  const nodes = Array.from({ length: 20 }, (_, i) => nodeOn(api, `n${i}`));
  const before = (await api.requests()).length;
  await Promise.all(nodes.map(async (node) => {
    for (let i = 0; i < 5; i++) {
      const container = `${node.name}-${i}`;
      ledger.take(await allocate(node, who(container), rangesOf("10.0.0.0/16")), { node: node.name, container });
    }
  }));
  assert.equal(await linesOf(nodes[0] as PretendNode), ledger.lines);
  const writes = (await api.requests()).slice(before).filter(({ method, status }) => method !== "GET" && status < 300);
  assert.ok(writes.length <= 110, `${writes.length} writes for 100 allocations`);
});

test("asks for what its role permits, and for all of it", async ({ api }) => {
  const file = join(import.meta.dirname, "..", "..", "..", "deploy", "cluster-ipam", "rbac.yaml");
  const role = parseAllDocuments(readFileSync(file, "utf8")).map((document) => document.toJS())
    .find(({ kind }) => kind === "ClusterRole");
  assert.equal(role.rules.length, 1);
  const [{ apiGroups, resources, verbs }] = role.rules;
  assert.equal([apiGroups, resources], [["polynic.io"], ["leaseblocks"]]);
  const used = new Set((await api.requests()).map(({ method, path }) =>
    ({ GET: path.endsWith("/leaseblocks") ? "list" : "get", PUT: "update", POST: "create" })[method] ?? method));
  assert.equal([...used].sort(), [...verbs].sort());
});

test.run();
