// Leases in a real etcd when something goes wrong with it: members killed, stopped, full, refusing.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openEtcdBlocks } from "../../src/etcd/index.ts";
import type { EtcdServers } from "../../src/ipam/index.ts";
import { certificates } from "../helpers/api-server-certificates.ts";
import { rejects } from "../helpers/errors.ts";
import type { Etcd } from "../helpers/shared/etcd.ts";
import { hasEtcd, leaderOf, startEtcd } from "../helpers/shared/etcd.ts";
import { random } from "../helpers/random.ts";
import type { PretendNode } from "../helpers/shared/nodes.ts";
import { Ledger, allocate, churn, linesOf, nodeWith, rangesOf, scope } from "../helpers/shared/nodes.ts";

const wide = rangesOf("10.0.0.0/16"), small = rangesOf("10.0.0.0/27");
let prefixes = 0;

function nodeOn(name: string, servers: EtcdServers, options: { machine?: string } = {}): PretendNode {
  return nodeWith(name, openEtcdBlocks(servers, { node: { name, bootId: "now" }, machine: `of ${name}`, ...options }));
}

const who = (containerId: string) => ({ containerId, ifName: "eth0" });
const base64 = (text: string) => Buffer.from(text).toString("base64");

const one = suite<{ etcd: Etcd; servers: EtcdServers }>("one member of etcd");

one.before(async (context) => { context.etcd = await startEtcd(); });
one.before.each((context) => {
  context.servers = { endpoints: context.etcd.endpoints, prefix: `/t/${++prefixes}` };
});
one.after(async ({ etcd }) => await etcd.close());

one("has a key for each address, with its owner, and no time to live", async ({ etcd, servers }) => {
  const a = nodeOn("a", servers);
  assert.equal(await allocate(a, who("c1"), small), ["10.0.0.2"]);
  const key = base64(`${servers.prefix}/pods/00000000000000000000ffff0a000002`);
  const { kvs } = await etcd.post("/v3/kv/range", { key }) as { kvs: { value: string; lease?: string }[] };
  const entry = JSON.parse(Buffer.from(kvs[0]?.value ?? "", "base64").toString()) as { owner: object };
  assert.equal(entry.owner, { containerId: "c1", ifName: "eth0", node: "a", bootId: "now" });
  assert.is(kvs[0]?.lease, undefined);
});

one("leaves nothing behind of pods that are gone, but what keeps nodes apart", async ({ etcd, servers }) => {
  const a = nodeOn("a", servers);
  for (const id of ["c1", "c2"]) await allocate(a, who(id), rangesOf("10.0.0.0/27", "fd00::/64"));
  for (const id of ["c1", "c2"]) await a.store.release(scope, who(id));
  const start = `${servers.prefix}/`, end = `${servers.prefix}0`;
  const { kvs } = await etcd.post("/v3/kv/range", { key: base64(start), range_end: base64(end), keys_only: true }) as
    { kvs: { key: string }[] };
  const keys = kvs.map(({ key }) => Buffer.from(key, "base64").toString().slice(start.length + "pods/".length));
  assert.ok(keys.every((key) => /(?:^|node\/a\/)[0-9a-f]{32}\/block$|^node\/a\/machine$/.test(key)), keys.join(" "));
});

one("gives every node a block of its own, which others borrow from when nothing else is left", async ({ servers }) => {
  const [a, b] = ["a", "b"].map((name) => nodeOn(name, servers)) as [PretendNode, PretendNode];
  const sets = rangesOf("10.0.0.0/25");
  const [first = ""] = await allocate(a, who("a0"), sets), [second = ""] = await allocate(b, who("b0"), sets);
  const half = (address: string) => Number(address.split(".")[3]) >> 6;
  assert.is.not(half(first), half(second));
  const rest = 126 - 1 - 2; // without the gateway and these two
  const given = [];
  for (let i = 0; i < rest; i++) given.push(...await allocate(a, who(`a${i + 1}`), sets));
  assert.is(new Set([first, second, ...given]).size, 125);
  assert.ok(given.some((address) => half(address) === half(second)), "a borrows");
  await rejects(allocate(b, who("full"), sets), 100);
});

one("is exact while it is compacted", async ({ etcd, servers }) => {
  const any = random(), ledger = new Ledger(any), nodes = ["a", "b", "c"].map((name) => nodeOn(name, servers));
  let isDone = false;
  const compacting = (async () => {
    while (!isDone) {
      const { header } = await etcd.post("/v3/kv/range", { key: base64("/") }) as { header: { revision: string } };
      await etcd.post("/v3/kv/compaction", { revision: header.revision, physical: true });
    }
  })();
  await churn(nodes, { ledger, steps: 20, any, sets: wide });
  isDone = true;
  await compacting;
  assert.equal(await linesOf(nodes[0] as PretendNode), ledger.lines);
});

one("that a second machine uses under the same name is refused to it", async ({ servers }) => {
  const a = nodeOn("a", servers), stranger = nodeOn("a", servers, { machine: "of another cluster" });
  await allocate(a, who("c1"), small);
  const error = await rejects(allocate(stranger, who("c2"), small), 7);
  assert.match(error.message, /another machine \(of a\) calls itself so/);
});

one("keeps what a hand has written from everybody, and from being taken away", async ({ etcd, servers }) => {
  const a = nodeOn("a", servers);
  const key = `${servers.prefix}/pods/00000000000000000000ffff0a000002`;
  await etcd.post("/v3/kv/put", { key: base64(key), value: base64("mine, says Bob") });
  assert.equal(await allocate(a, who("c1"), small), ["10.0.0.3"]);
  await a.store.release(scope, who("c1"));
  await a.store.collect(scope, await a.store.list(scope), () => false);
  const { kvs } = await etcd.post("/v3/kv/range", { key: base64(key) }) as { kvs: object[] };
  assert.is(kvs.length, 1);
});

one("sees several networks of one scope, and addresses outside a range that has shrunk", async ({ servers }) => {
  const a = nodeOn("a", servers);
  assert.equal(await allocate(a, who("c1"), rangesOf("10.0.0.0/26")), ["10.0.0.2"]);
  for (let i = 0; i < 8; i++) await allocate(a, who(`o${i}`), rangesOf("10.0.0.0/26"));
  // Others of the scope begin elsewhere, and still never get what is taken.
  assert.equal(await allocate(a, who("c2"), rangesOf("10.0.0.0/28")), ["10.0.0.11"]);
  assert.equal(await allocate(a, who("c3"), rangesOf("10.0.0.8/29")), ["10.0.0.12"]);
  assert.is((await a.store.release(scope, who("o7"))).length, 1, "what lies outside is released all the same");
});

one("that is stopped and started again gets the releases that were noted meanwhile", async ({ etcd, servers }) => {
  const a = nodeOn("a", servers), [member] = etcd.members;
  await allocate(a, who("c1"), small);
  member?.signal("SIGKILL");
  const error = await rejects(allocate(a, who("c2"), small), 11);
  assert.match(error.message, /etcd has not answered in \d+ tries .*expected one of its members to/);
  assert.equal(await a.store.release(scope, who("c1")), []);
  assert.match(a.told.join(), /noted on this node, and released as soon as it answers/);
  assert.match(await a.store.status() ?? "", /has not answered/);
  member?.restart();
  await etcd.ready();
  assert.is(await a.store.status(), undefined);
  assert.equal(await allocate(a, who("c2"), small), ["10.0.0.2"], "c1's is free before c2 looks");
  assert.equal(a.journal.noted, []);
});

const full = suite("a full etcd");

full("takes no reservation, and takes releases", async () => {
  const etcd = await startEtcd({ args: ["--quota-backend-bytes", String(1024 * 1024)] });
  try {
    const a = nodeOn("a", { endpoints: etcd.endpoints });
    const pod = { ...who("c1"), pod: { namespace: "shop", name: "db-0", uid: "" } };
    assert.equal(await allocate(a, pod, small), ["10.0.0.2"]);
    const value = base64("x".repeat(256 * 1024));
    for (let i = 0, said = ""; !said.includes("space exceeded"); i++)
      said = JSON.stringify(await etcd.post("/v3/kv/put", { key: base64(`/fill/${i}`), value }));
    assert.match(await a.store.status() ?? "", /NOSPACE/);
    const error = await rejects(allocate(a, who("c2"), small), 11);
    assert.match(error.message, /takes no writes: .*expected its database to be compacted/);
    assert.equal((await a.store.release(scope, pod)).length, 1);
    assert.equal(await linesOf(a), []);
  } finally {
    await etcd.close();
  }
});

const three = suite<{ etcd: Etcd; servers: EtcdServers }>("three members of etcd");

three.before(async (context) => {
  context.etcd = await startEtcd({ members: 3, args: ["--heartbeat-interval", "50", "--election-timeout", "500"] });
});
three.before.each((context) => {
  context.servers = { endpoints: context.etcd.endpoints, prefix: `/t/${++prefixes}` };
});
three.after(async ({ etcd }) => await etcd.close());

three("go on without one that does not answer", async ({ etcd, servers }) => {
  const a = nodeOn("a", servers);
  etcd.members[0]?.signal("SIGSTOP");
  try {
    assert.equal(await allocate(a, who("c1"), small), ["10.0.0.2"]);
    assert.equal(await allocate(a, who("c2"), small), ["10.0.0.3"]);
  } finally {
    etcd.members[0]?.signal("SIGCONT");
  }
});

three("never give an address twice while their leader is killed", async ({ etcd, servers }) => {
  const any = random(), ledger = new Ledger(any);
  const nodes = ["a", "b", "c"].map((name) => nodeOn(name, servers));
  const leader = await leaderOf(etcd);
  await Promise.all([churn(nodes, { ledger, steps: 30, any, sets: wide }), (async () => {
    await new Promise((resolve) => setTimeout(resolve, 200));
    etcd.members[leader]?.signal("SIGKILL");
  })()]);
  etcd.members[leader]?.restart();
  await etcd.ready();
  // What was noted is released with the next call of each node.
  for (const node of nodes) await node.store.collect(scope, [], () => true);
  assert.equal(await linesOf(nodes[0] as PretendNode), ledger.lines, `seed ${any.seed}`);
});

const tls = suite("etcd with TLS");

tls("serves who has a certificate, and is refused where it has none we trust", async () => {
  const made = certificates(), directory = mkdtempSync(join(tmpdir(), "polynic-etcd-tls-"));
  const file = (name: string, text: string): string => {
    writeFileSync(join(directory, name), text);
    return join(directory, name);
  };
  const caFile = file("ca.crt", made.authority);
  const certFile = file("client.crt", made.client.chain), keyFile = file("client.key", made.client.key);
  const etcd = await startEtcd({ scheme: "https", args: [
    "--cert-file", file("server.crt", made.server.chain), "--key-file", file("server.key", made.server.key),
    "--client-cert-auth", "--trusted-ca-file", caFile] });
  try {
    const { endpoints } = etcd;
    const a = nodeOn("a", { endpoints, caFile, certFile, keyFile });
    while (await a.store.status() !== undefined) await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(await allocate(a, who("c1"), small), ["10.0.0.2"]);
    const distrusted = await rejects(allocate(nodeOn("a", { endpoints }), who("c2"), small), 5);
    assert.match(distrusted.message, /refuses: .*certificate/);
    await rejects(allocate(nodeOn("a", { endpoints, caFile }), who("c2"), small), 5);
    assert.throws(() => nodeOn("a", { endpoints, caFile: join(directory, "none") }), /Cannot read .*none/);
    assert.throws(() => nodeOn("a", { endpoints: ["10.0.0.1:2379"] }), /expected a URL/);
    assert.throws(() => nodeOn("a", { endpoints, caFile, certFile }), /certFile .*stands alone, expected certFile and/);
    assert.throws(() => nodeOn("a", { endpoints, caFile, keyFile }), /keyFile .*stands alone/);
  } finally {
    await etcd.close();
    rmSync(directory, { recursive: true });
  }
});

if (hasEtcd) for (const each of [one, full, three, tls]) each.run();
else console.warn("leases in etcd: skipped, there is no etcd");
