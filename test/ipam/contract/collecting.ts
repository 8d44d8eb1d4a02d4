/** Collecting what nobody has any more, on one node and on several. */
import * as assert from "uvu/assert";
import type { ListedLease } from "../../../src/ipam/index.ts";
import { parseAddress } from "../../../src/net/index.ts";
import type { Tests } from "./subject.ts";
import { get, isTaken, listed, look, podOf, scope, take, texts, who } from "./subject.ts";

export const collecting: Tests = (test) => {
  test("a collection frees what is not valid, and says which", async ({ here }) => {
    for (const [index, id] of ["a", "b", "c"].entries()) await take(here, who(id), `10.0.0.${index + 2}`);
    const seen = await here.list(scope);
    const freed = await here.collect(scope, seen, ({ owner }) => owner.containerId === "b");
    assert.equal(texts(freed), ["10.0.0.2", "10.0.0.4"]);
    assert.equal(await listed(here), ["10.0.0.3 b"]);
    assert.equal(await here.collect(scope, seen, () => false), [parseAddress("10.0.0.3")]);
  });

  test("what came or was renewed after the listing survives a collection", async ({ here }) => {
    await take(here, who("a"), "10.0.0.2");
    await take(here, who("b"), "10.0.0.3");
    const seen = await here.list(scope);
    await here.release(scope, who("a"));
    await take(here, who("a"), "10.0.0.2");
    await take(here, who("c"), "10.0.0.4");
    assert.equal(texts(await here.collect(scope, seen, () => false)), ["10.0.0.3"]);
    assert.equal(await listed(here), ["10.0.0.2 a", "10.0.0.4 c"]);
  });

  test("a listing says whose each lease is, of which node and boot", async ({ here }) => {
    await take(here, podOf("web-0", "a"), "10.0.0.2");
    const [lease] = await here.list(scope);
    assert.equal(lease?.owner, { containerId: "a", ifName: "eth0", node: "here", bootId: "now",
      pod: { namespace: "shop", name: "web-0", uid: "" } });
  });
};

export const sharing: Tests = (test) => {
  const there = { name: "there", bootId: "other" };

  test("an address is taken on all nodes at once", async ({ store, here }) => {
    await take(here, who("a"), "10.0.0.2");
    assert.is((await take(store.open(there), who("b"), "10.0.0.2")).committed, false);
    assert.ok(isTaken(await look(store.open(there), who("b")), "10.0.0.2"));
  });

  test("collecting on one node never frees an owner of another node", async ({ store, here }) => {
    const other = store.open(there);
    await take(here, who("a"), "10.0.0.2");
    await take(other, who("b"), "10.0.0.3");
    const seen: readonly ListedLease[] = await here.list(scope);
    assert.is(seen.length, 2, "it is seen");
    assert.equal(texts(await here.collect(scope, seen, () => false)), ["10.0.0.2"]);
    assert.equal(await listed(other), ["10.0.0.3 b"]);
    assert.equal(texts(await other.collect(scope, await other.list(scope), () => false)), ["10.0.0.3"]);
  });

  test("containers of one id on two nodes are two owners", async ({ store, here }) => {
    const other = store.open(there);
    await take(here, who("default-web"), "10.0.0.2");
    assert.equal((await look(other, who("default-web"))).mine, []);
    assert.equal(await other.release(scope, who("default-web")), []);
    assert.equal((await look(other, who("default-web"))).stale, []);
    await take(other, who("default-web"), "10.0.0.3");
    assert.equal(texts(await here.release(scope, who("default-web"))), ["10.0.0.2"]);
    assert.equal(await listed(other), ["10.0.0.3 default-web"]);
  });

  test("a pod that moves to another node gets what it had last there", async ({ store, here }) => {
    await get(here, who("first"));
    assert.equal(await get(here, podOf("db-0", "a"), { remembers: true }), ["10.0.0.3"]);
    await here.release(scope, podOf("db-0", "a"));
    await get(here, who("second"), { requested: ["10.0.0.6"] });
    assert.equal(await get(store.open(there), podOf("db-0", "b"), { remembers: true }), ["10.0.0.3"]);
  });
};
