/** Giving up what is of nodes and claims that are gone: whosever it is, and only as it was surveyed. */
import * as assert from "uvu/assert";
import type { Claimant, LeaseStore, Reclaimable, Reclaimed, Survey } from "../../../src/ipam/index.ts";
import { formatAddress } from "../../../src/net/index.ts";
import type { Tests } from "./subject.ts";
import { get, listed, podOf, scope, take, texts, who, wide } from "./subject.ts";

const there = { name: "there", bootId: "other" };
const claimed = (containerId: string): Claimant => ({ ...who(containerId), claim: "shop/vm.lan" });

/** Of a store that nodes share. */
async function survey(store: LeaseStore): Promise<Survey> {
  if (store.survey === undefined) throw new Error("the store is surveyed by nobody");
  return await store.survey(scope);
}

async function reclaim(store: LeaseStore, what: Reclaimable): Promise<Reclaimed> {
  if (store.reclaim === undefined) throw new Error("nothing of the store is reclaimed");
  return await store.reclaim(scope, what);
}

const nodesIn = ({ blocks }: Survey): readonly string[] => blocks.map(({ node }) => node).sort();

export const reclaiming: Tests = (test) => {
  test("a survey tells of leases, of what is kept for claims, and of nodes' blocks", async ({ store, here }) => {
    await take(here, who("a"), "10.0.0.2");
    await take(store.open(there), who("b"), "10.0.0.70");
    await take(here, claimed("vm"), "10.0.0.3");
    await here.release(scope, claimed("vm"));
    await take(here, podOf("db-0", "c"), "10.0.0.4");
    await here.release(scope, podOf("db-0", "c"));
    const { leases, kept, blocks } = await survey(here);
    assert.equal(leases.map(({ address, owner: { node } }) => `${formatAddress(address)} ${node}`).sort(),
      ["10.0.0.2 here", "10.0.0.70 there"]);
    assert.equal(kept.map(({ address, claim }) => [formatAddress(address), claim]), [["10.0.0.3", "shop/vm.lan"]]);
    assert.equal(blocks.map(({ first, node }) => `${formatAddress(first)} ${node}`).sort(),
      ["10.0.0.0 here", "10.0.0.64 there"]);
  });

  test("another node's leases go, then its blocks, and are free to others", async ({ store, here }) => {
    const other = store.open(there);
    await take(other, who("a"), "10.0.0.2");
    await take(other, who("b"), "10.0.0.70");
    await take(here, who("c"), "10.0.0.3");
    const seen = await survey(here), own = seen.leases.filter(({ owner }) => owner.node === "there");
    assert.equal(await reclaim(here, { nodes: ["there"] }), { addresses: [], blocks: [] }, "leases of it are there");
    const { addresses, blocks } = await reclaim(here, { leases: own, nodes: ["there"] });
    assert.equal([texts(addresses), texts(blocks)], [["10.0.0.2", "10.0.0.70"], ["10.0.0.0", "10.0.0.64"]]);
    assert.equal(await listed(here), ["10.0.0.3 c"]);
    assert.equal(nodesIn(await survey(here)), []);
    assert.equal(await get(other, who("again"), { sets: wide, requested: ["10.0.0.2"] }), ["10.0.0.2"]);
    assert.equal(nodesIn(await survey(here)), ["there"], "a node that comes back claims a block as any other");
  });

  test("what was renewed, or came after the survey, stays, and so do its blocks", async ({ store, here }) => {
    const other = store.open(there);
    await take(other, who("a"), "10.0.0.2");
    await take(other, who("b"), "10.0.0.3");
    const { leases } = await survey(here);
    await other.release(scope, who("a"));
    await take(other, who("a"), "10.0.0.2");
    const { addresses, blocks } = await reclaim(here, { leases, nodes: ["there"] });
    assert.equal([texts(addresses), texts(blocks)], [["10.0.0.3"], []]);
    assert.equal(await listed(here), ["10.0.0.2 a"]);
    assert.equal(nodesIn(await survey(here)), ["there"]);
  });

  test("what waits for a claim goes when it is asked to, unless it has been taken meanwhile", async ({ here }) => {
    await take(here, claimed("a"), "10.0.0.2");
    await here.release(scope, claimed("a"));
    const { kept } = await survey(here);
    await take(here, claimed("b"), "10.0.0.2");
    assert.equal(await reclaim(here, { kept }), { addresses: [], blocks: [] });
    await here.release(scope, claimed("b"));
    await new Promise((resolve) => setTimeout(resolve, 5));
    const now = await survey(here);
    assert.equal(texts((await reclaim(here, { kept: now.kept })).addresses), ["10.0.0.2"]);
    assert.equal([(await survey(here)).kept, await get(here, who("x"))], [[], ["10.0.0.2"]]);
  });

};

export const clearing: Tests = (test) => {
  test("a node's own are told apart from what others have, in its blocks and in theirs", async ({ store, here }) => {
    const other = store.open(there);
    await take(here, who("a"), "10.0.0.2");
    await take(other, who("b"), "10.0.0.3");
    await take(other, who("c"), "10.0.1.2");
    await take(here, who("d"), "10.0.1.3");
    const own = async (node: LeaseStore) => texts(((await node.own?.(scope)) ?? []).map(({ address }) => address));
    assert.equal([await own(here), await own(other)], [["10.0.0.2", "10.0.1.3"], ["10.0.0.3", "10.0.1.2"]]);
  });

  test("a claim keeps what a container of it is taken, on whatever node", async ({ store, here }) => {
    const other = store.open(there);
    await take(other, claimed("a"), "10.0.0.2");
    await take(here, { ...claimed("b"), claim: "shop/other.lan" }, "10.0.0.3");
    const { leases } = await survey(here);
    await reclaim(here, { leases: leases.filter(({ owner }) => owner.node === "there"), nodes: ["there"] });
    await here.collect(scope, leases, () => false);
    const { kept } = await survey(here);
    assert.equal(kept.map(({ address, claim }) => [formatAddress(address), claim]).sort(),
      [["10.0.0.2", "shop/vm.lan"], ["10.0.0.3", "shop/other.lan"]]);
    assert.equal(await get(here, claimed("c")), ["10.0.0.2"]);
  });

  test("nodes are cleared of more than goes in one step", async ({ store, here }) => {
    const other = store.open(there), count = 70;
    for (let i = 0; i < count; i++) await take(other, who(`c${i}`), `10.0.${i}.2`);
    const { leases } = await survey(here);
    const { addresses, blocks } = await reclaim(here, { leases, nodes: ["there"] });
    assert.equal([addresses.length, blocks.length], [count, count]);
    const { leases: left, blocks: owned } = await survey(here);
    assert.equal([left, owned], [[], []]);
  });
};
