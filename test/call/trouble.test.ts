// src/call/shared-leases in trouble: engines that are slow, refuse or take no writes, and ranges that have changed.
// Each is a clear error, and nothing is lost or given twice.
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { OpenHandles } from "../../src/call/index.ts";
import type { NodeStores } from "../../src/ipam/index.ts";
import type { PluginConf } from "../../src/plugins/index.ts";
import type { ApiServer } from "../helpers/api-server.ts";
import { startApiServer } from "../helpers/api-server.ts";
import { rejects } from "../helpers/errors.ts";
import type { Etcd } from "../helpers/shared/etcd.ts";
import { hasEtcd, startEtcd } from "../helpers/shared/etcd.ts";
import { addAll, delOf, handlesOf, requestOf } from "../helpers/shared/ipam-calls.ts";

interface Context { directory: string; warnings: string[]; api: ApiServer; etcd: Etcd | undefined; stores: NodeStores }

const trouble = suite<Context>("trouble with stores that nodes share");
let prefixes = 0;
trouble.before(async (context) => {
  context.api = await startApiServer();
  context.etcd = hasEtcd ? await startEtcd() : undefined;
});
trouble.before.each(async (context) => {
  const { api, etcd } = context;
  context.directory = mkdtempSync(join(tmpdir(), "polynic-trouble-"));
  context.warnings = [];
  await api.heal();
  await api.allowAll();
  await api.setLatency(0);
  for (const { metadata } of await api.blocks()) await api.removeBlock(metadata.name);
  context.stores = { kubernetes: { kubeconfig: api.kubeconfig },
    ...(etcd && { etcd: { endpoints: etcd.endpoints, prefix: `/t/${++prefixes}` } }) };
});
trouble.after.each(({ directory }) => rmSync(directory, { recursive: true }));
trouble.after(async ({ api, etcd }) => {
  await etcd?.close();
  await api.stop();
});

const types = hasEtcd ? ["kubernetes", "etcd"] as const : ["kubernetes"] as const;
const confOf = (type: string, subnet = "10.0.0.0/24", name = "pods", more: object = {}): PluginConf =>
  ({ cniVersion: "1.1.0", name, type: "bridge", ipam: { type: "host-local", subnet, store: { type }, ...more } });

const nodeOf = (context: Context, name = "a"): OpenHandles => handlesOf(context, name, context.stores);
const add = async (handles: OpenHandles, conf: PluginConf, id: string): Promise<string> =>
  (await addAll(handles, requestOf(conf, id)))[0]?.replace(/\/.*/, "") ?? "";

for (const type of types) {
  trouble(`a range that has shrunk leaves what lies outside to its owner, and gives nothing of it (${type})`,
    async (context) => {
      const wide = confOf(type, "10.0.0.0/24"), narrow = confOf(type, "10.0.0.0/29");
      const given: string[] = [];
      for (let i = 0; i < 8; i++) given.push(await add(nodeOf(context), wide, `c${i}`));
      const inside = given.filter((address) => Number(address.split(".")[3]) <= 6);
      for (let i = 0; i < 5 - inside.length; i++)
        given.push(await add(nodeOf(context, "b"), narrow, `n${i}`));
      assert.is(new Set(given).size, given.length);
      const full = await rejects(add(nodeOf(context), narrow, "more"), 100);
      assert.match(full.message, /10\.0\.0\.1-10\.0\.0\.6|10\.0\.0\.0\/29/);
      // A container of before is checked and released by the configuration of today.
      const outside = given.findIndex((address) => Number(address.split(".")[3]) > 6);
      const request = requestOf(narrow, `c${outside}`), handles = nodeOf(context);
      await handles.plugin("host-local").check(request, handles);
      await delOf(handles, request);
      assert.ok((await add(nodeOf(context), wide, "again")).startsWith("10.0.0."));
    });

  trouble(`networks of one scope whose ranges overlap never give an address twice (${type})`, async (context) => {
    const given: string[] = [];
    for (let i = 0; i < 10; i++) {
      const network = i % 2 === 0 ? confOf(type, "10.0.0.0/27", "blue", { scope: "lan" })
        : confOf(type, "10.0.0.0/26", "red", { scope: "lan" });
      given.push(await add(nodeOf(context, i % 3 === 0 ? "a" : "b"), network, `c${i}`));
    }
    assert.is(new Set(given).size, 10, given.join(" "));
  });
}

trouble("an API that is slow is waited for, and one that is too slow is told of", async (context) => {
  const { api } = context, conf = confOf("kubernetes"), handles = nodeOf(context);
  await api.setLatency(300);
  const first = await add(handles, conf, "c1");
  await api.setLatency(60_000);
  const error = await rejects(add(nodeOf(context), conf, "c2"), 11);
  assert.match(error.message, /Cannot list reservations of "pods": there was no whole answer within \d+ ms .*expect/);
  await api.setLatency(0);
  assert.is.not(await add(nodeOf(context), conf, "c2"), first);
});

trouble("an API that may only be read is told of, and DEL fails until it has the permission", async (context) => {
  const { api } = context, conf = confOf("kubernetes");
  await add(nodeOf(context), conf, "c1");
  for (const verb of ["create", "update"]) await api.deny({ resource: "leaseblocks", verb });
  const refused = await rejects(add(nodeOf(context), conf, "c2"), 120);
  assert.match(refused.message, /expected the permission to (update|create) leaseblocks\.polynic\.io/);
  const kept = await rejects(delOf(nodeOf(context), requestOf(conf, "c1")), 120);
  assert.match(kept.message, /expected the permission to update leaseblocks\.polynic\.io/);
  await api.allowAll();
  await delOf(nodeOf(context), requestOf(conf, "c1"));
  const handles = nodeOf(context);
  await rejects(handles.plugin("host-local").check(requestOf(conf, "c1"), handles), 111);
});

/** A member of etcd that lets nobody write: with roles, or a server in front of it. */
async function withRefusing(work: (endpoint: string) => Promise<void>): Promise<void> {
  const server = createServer((request, response) => {
    request.resume().on("end", () => {
      response.writeHead(403, { "content-type": "application/json" });
      response.end(JSON.stringify({ error: "etcdserver: permission denied", message: "etcdserver: permission denied",
        code: 7 }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

trouble("an etcd that permits nothing is told of, and DEL does not say that it has released", async (context) => {
  await withRefusing(async (endpoint) => {
    const handles = handlesOf(context, "a", { etcd: { endpoints: [endpoint] } }), conf = confOf("etcd");
    const error = await rejects(add(handles, conf, "c1"), 5);
    assert.match(error.message, /etcd at http:\/\/127.* refuses: it said "etcdserver: permission denied", expected/);
    await rejects(delOf(handles, requestOf(conf, "c1")), 5);
    assert.equal(context.warnings, []);
  });
});

if (hasEtcd) trouble("two clusters with one prefix meet at the first name that both have", async (context) => {
  const { etcd } = context.stores, conf = confOf("etcd");
  if (etcd === undefined) throw new Error("there is an etcd");
  const { openEtcdBlocks } = await import("../../src/etcd/index.ts");
  const open = (machine: string) => openEtcdBlocks(etcd, { node: { name: "worker-1", bootId: "now" }, machine });
  const ours = open("ours"), who = { node: "worker-1", keys: [] };
  await ours.readFor("pods", who);
  assert.ok(await ours.write("pods", []));
  const refused = await rejects(open("theirs").readFor("pods", who), 7);
  assert.match(refused.message, /another machine \(ours\) calls itself so there, expected a nodeName or a prefix of/);
  // Under names of their own they share the range, and no address of it is given twice.
  const given = [await add(nodeOf(context, "theirs-1"), conf, "c1"), await add(nodeOf(context, "ours-1"), conf, "c1")];
  assert.is(new Set(given).size, 2);
});

trouble.run();
