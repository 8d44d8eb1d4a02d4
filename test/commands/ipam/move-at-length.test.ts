// polynic ipam import and export whereabouts, of what large and old clusters have: long objects, several ranges, IPv6
// far inside its range, pods that tell nothing of themselves, objects that an edit has broken.
import { rmSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { startApiServer } from "../../helpers/api-server.ts";
import type { MoveContext } from "../../helpers/shared/moves.ts";
import { add, confOf, fresh, move, ours, range } from "../../helpers/shared/moves.ts";
import { Whereabouts } from "../../helpers/shared/whereabouts.ts";

const test = suite<MoveContext>("a move of much, and of odd things");
test.before(async (context) => {
  context.type = "kubernetes";
  context.api = await startApiServer();
});
test.before.each(fresh);
test.after.each(({ directory }) => rmSync(directory, { recursive: true }));
test.after(async ({ api }) => await api.stop());

const namespace = "kube-system";

/** A pod that is there and says nothing of its addresses. */
async function silentPod({ api }: MoveContext, name: string): Promise<void> {
  await api.putPod({ namespace: "shop", name, uid: `uid-${name}`, spec: { nodeName: "a", containers: [] } });
}

test("a pod with an address of each of several ranges has them all, whatever it tells of itself", async (context) => {
  const { api } = context, six = "fd00:10::/64", wide = "2001:db8::/32", blue = new Whereabouts(api, "blue");
  const ipam = { type: "whereabouts", network_name: "blue", range: "10.3.0.0/24",
    ipRanges: [{ range: six, exclude: ["fd00:10::/127"] }, { range: wide, range_start: "2001:db8::4000:0:0:5" }] };
  await api.putDefinition({ namespace: "shop", name: "blue", config: { ...confOf(ipam, "blue") } });
  for (const own of ["10.3.0.0/24", six]) await blue.add(own, { name: "p-1", node: "a", container: "c1" });
  await api.put("ippools", { metadata: { namespace, name: blue.nameOf(wide) }, spec: { range: wide, allocations: {
    [String((1n << 62n) + 5n)]: { id: "c1", podref: "shop/p-1", ifname: "net1" } } } });
  await silentPod(context, "p-1");
  assert.is((await move(context, "import")).status, 0);
  const all = ["10.3.0.1 shop/p-1 c1 a -", "2001:db8::4000:0:0:5 shop/p-1 c1 a -", "fd00:10::1 shop/p-1 c1 a -"];
  assert.equal(await ours(context, "blue"), all);
  assert.is((await move(context, "import")).status, 0);
  assert.equal(await ours(context, "blue"), all);
  assert.is((await move(context, "export")).status, 0);
  assert.equal(await blue.lines("10.3.0.0/24"), ["10.3.0.1 shop/p-1 c1 net1"]);
  assert.equal(await blue.lines(six), ["fd00:10::1 shop/p-1 c1 net1"]);
  assert.equal(await blue.lines(wide), ["2001:db8::4000:0:0:5 shop/p-1 c1 net1"]);
});

test("pools that together are longer than an answer may be come page by page", async (context) => {
  const { api } = context, id = "0123456789abcdef".repeat(4);
  for (let pool = 0; pool < 7; pool++) {
    const podref = `shop/${"long".repeat(60)}-${pool}`;
    const allocations = Object.fromEntries(Array.from({ length: 4_000 }, (_, i) =>
      [i + 1, { id, podref: `${podref}-${i}`, ifname: "net1" }]));
    const spec = { range: `10.${pool}.0.0/16`, allocations };
    assert.ok(JSON.stringify(spec).length < 1_500_000, "what etcd takes");
    await api.put("ippools", { metadata: { namespace, name: `10.${pool}.0.0-16` }, spec });
  }
  const { status, json: { pools } } = await move(context, "import");
  assert.is(status, 0, JSON.stringify(pools).slice(0, 1000));
  assert.equal(pools.map(({ held }: { held: string[] }) => held.length), Array.from({ length: 7 }, () => 4_000));
});

test("a pool that an edit has broken is left as it is, and others are handed over", async (context) => {
  const { api } = context, whereabouts = new Whereabouts(api);
  await api.put("ippools", { metadata: { namespace, name: "10.1.0.0-24" }, spec: { range, allocations: { 5: "x" } } });
  const other = { type: "whereabouts", range: "10.2.0.0/24" };
  await api.putDefinition({ namespace: "shop", name: "other", config: { ...confOf(other, "other") } });
  await add(context, "a", "p-1", "c1");
  await add(context, "a", "p-2", "c2", confOf(other, "other"));
  const { status, json: { problems } } = await move(context, "export");
  assert.is(status, 1);
  assert.equal(problems, ['IPPool "10.1.0.0-24": allocation 5 is "x", expected id, podref and ifname']);
  assert.equal(await whereabouts.lines("10.2.0.0/24"), ["10.2.0.1 shop/p-2 c2 net1"]);
  assert.equal((await whereabouts.pool(range)).spec.allocations, { 5: "x" });
});

test.run();
