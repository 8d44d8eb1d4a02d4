/** What outlives a container: an earlier boot, a name, a hold. */
import * as assert from "uvu/assert";
import { formatAddress, parseAddress } from "../../../src/net/index.ts";
import { rejects } from "../../helpers/errors.ts";
import type { Tests } from "./subject.ts";
import { get, isTaken, listed, look, now, podOf, scope, take, texts, who } from "./subject.ts";

export const remembering: Tests = (test) => {
  test("what an earlier boot left to an owner is its own again, and given up by its next commit", async ({ store }) => {
    const before = store.open({ name: "here", bootId: "before" }), after = store.open(now);
    await take(before, who("a"), "10.0.0.5");
    await take(before, who("b"), "10.0.0.2");
    const view = await look(after, who("a"));
    assert.equal(view.mine, []);
    assert.equal(view.stale.map(({ address }) => formatAddress(address)), ["10.0.0.5"]);
    assert.not(isTaken(view, "10.0.0.5"));
    assert.ok(isTaken(view, "10.0.0.2"), "what is of others stays theirs");
    assert.equal(await get(after, who("a"), { remembers: true }), ["10.0.0.5"], "the same address again");
    assert.equal((await look(after, who("a"))).stale, []);
    await rejects(get(after, who("a"), { remembers: true }), 102);
    assert.equal(await listed(after), ["10.0.0.2 b", "10.0.0.5 a"]);
    assert.equal(await get(after, who("b"), { requested: ["10.0.0.6"] }), ["10.0.0.6"]);
    assert.equal(await listed(after), ["10.0.0.5 a", "10.0.0.6 b"], "the one of before is free");
  });

  test("what an earlier boot left and somebody has renewed meanwhile is not given up", async ({ store }) => {
    const before = store.open({ name: "here", bootId: "before" }), after = store.open(now);
    await take(before, who("a"), "10.0.0.5");
    const { stale } = await look(after, who("a"));
    await after.release(scope, who("a"));
    await take(after, who("b"), "10.0.0.5");
    const leases = [{ address: parseAddress("10.0.0.6") }];
    await after.exclusively(scope, async (turn) => await turn.commit({ owner: who("a"), leases, stale }));
    assert.equal(await listed(after), ["10.0.0.5 b", "10.0.0.6 a"]);
  });

  test("a named owner gets what it had last while that is free; the order of others goes on", async ({ here }) => {
    assert.equal(await get(here, podOf("web", "a"), { remembers: true }), ["10.0.0.2"]);
    assert.equal(await get(here, who("b"), { remembers: true }), ["10.0.0.3"]);
    await here.release(scope, podOf("web", "a"));
    const { cursors } = await look(here, who("c"));
    assert.equal(await get(here, podOf("web", "a2"), { remembers: true, requested: [] }), ["10.0.0.2"]);
    assert.equal((await look(here, who("c"))).cursors, cursors);
    await here.release(scope, podOf("web", "a2"));
    assert.equal(await get(here, who("c"), { requested: ["10.0.0.2"] }), ["10.0.0.2"]);
    assert.equal(await get(here, podOf("web", "a3"), { remembers: true }), ["10.0.0.4"]);
    await here.release(scope, podOf("web", "a3"));
    assert.equal(await get(here, podOf("web", "a4"), { requested: ["10.0.0.6"], remembers: true }), ["10.0.0.6"]);
  });
};

export const holding: Tests = (test) => {
  const hold = (text: string, seconds: number) => [{ address: parseAddress(text), seconds }];

  test("a held address is free for its owner key and taken for others, until its time is over", async ({ here }) => {
    await take(here, podOf("db", "a"), "10.0.0.2");
    await here.release(scope, podOf("db", "a"), hold("10.0.0.2", 1));
    const other = await look(here, who("b")), own = await look(here, podOf("db", "a2"));
    assert.ok(isTaken(other, "10.0.0.2"));
    assert.is(other.heldForOthers, 1);
    assert.not(isTaken(own, "10.0.0.2"));
    assert.equal(texts(own.held), ["10.0.0.2"]);
    await new Promise((resolve) => setTimeout(resolve, 1100));
    assert.not(isTaken(await look(here, who("b")), "10.0.0.2"));
  });

  test("who takes a held address ends its hold", async ({ here }) => {
    await take(here, podOf("db", "a"), "10.0.0.2");
    await here.release(scope, podOf("db", "a"), hold("10.0.0.2", 3600));
    assert.equal(await get(here, podOf("db", "a2")), ["10.0.0.2"]);
    await here.release(scope, podOf("db", "a2"));
    assert.is((await look(here, who("b"))).heldForOthers, 0);
  });

  test("what was not released is not held", async ({ here }) => {
    await take(here, podOf("db", "a"), "10.0.0.2");
    await here.release(scope, podOf("db", "a"), hold("10.0.0.3", 3600));
    assert.is((await look(here, who("b"))).heldForOthers, 0);
  });

  test("holds give way, oldest first, before a range is exhausted", async ({ here }) => {
    for (const last of [2, 3, 4, 5, 6]) {
      await take(here, podOf(`p${last}`, `c${last}`), `10.0.0.${last}`);
      await here.release(scope, podOf(`p${last}`, `c${last}`), hold(`10.0.0.${last}`, 3600));
    }
    assert.equal(await get(here, who("x")), ["10.0.0.2"]);
    assert.equal(await get(here, podOf("p6", "again")), ["10.0.0.6"]);
    const rest: string[] = [];
    for (const id of ["y", "z", "w"]) rest.push(...await get(here, who(id)));
    assert.equal(rest.sort(), ["10.0.0.3", "10.0.0.4", "10.0.0.5"]);
    await rejects(get(here, who("v")), 100);
  });
};
