/** Taking addresses and giving them up. */
import * as assert from "uvu/assert";
import { formatAddress, parseAddress } from "../../../src/net/index.ts";
import { rejects } from "../../helpers/errors.ts";
import type { Tests } from "./subject.ts";
import { both, get, isTaken, listed, look, scope, take, texts, who } from "./subject.ts";

export const taking: Tests = (test) => {
  test("a free address is taken once: whoever comes second is told which it was", async ({ here }) => {
    assert.equal(await take(here, who("a"), "10.0.0.2"), { committed: true });
    assert.equal(await take(here, who("b"), "10.0.0.2"), { committed: false, conflicts: [parseAddress("10.0.0.2")] });
    assert.equal(await listed(here), ["10.0.0.2 a"]);
  });

  test("all addresses of a commit are taken or none", async ({ here }) => {
    await take(here, who("a"), "2001:db8::2");
    const lost = await take(here, who("b"), "10.0.0.3", "2001:db8::2", "10.0.1.3");
    assert.equal(lost, { committed: false, conflicts: [parseAddress("2001:db8::2")] });
    assert.equal(await listed(here), ["2001:db8::2 a"]);
    assert.equal(await take(here, who("b"), "10.0.0.3", "2001:db8::3"), { committed: true });
    assert.equal(await listed(here, who("b")), ["10.0.0.3 b", "2001:db8::3 b"]);
  });

  test("a view shows what is taken and reserved, what is one's own, and where each set was", async ({ here }) => {
    await take(here, who("a"), "10.0.0.2", "2001:db8::4");
    await take(here, who("b"), "10.0.0.3");
    const view = await look(here, who("a"), both);
    for (const text of ["10.0.0.1", "10.0.0.2", "10.0.0.3"]) assert.ok(isTaken(view, text), text);
    assert.not(isTaken(view, "10.0.0.4"));
    assert.equal(texts(view.mine), ["10.0.0.2", "2001:db8::4"]);
    assert.equal(view.cursors.map((cursor) => cursor && formatAddress(cursor)), ["10.0.0.3", "2001:db8::4"]);
    assert.equal((await look(here, who("c"), both)).mine, []);
  });

  test("scopes know nothing of each other", async ({ here }) => {
    await take(here, who("a"), "10.0.0.2");
    const leases = [{ address: parseAddress("10.0.0.2"), set: 0 }];
    const outcome = await here.exclusively("othernet",
      async (turn) => await turn.commit({ owner: who("a"), leases, stale: [] }));
    assert.equal(outcome, { committed: true });
    await here.release("othernet", who("a"));
    assert.equal(await listed(here), ["10.0.0.2 a"]);
  });

  test("ranges are exhausted when the last free address is given, and not before", async ({ here }) => {
    const given: string[] = [];
    for (const id of ["a", "b", "c", "d", "e"]) given.push(...await get(here, who(id), { sets: both }));
    const fours = [2, 3, 4, 5, 6].map((last) => `10.0.0.${last}`);
    assert.equal(given.filter((text) => text.includes(".")), fours);
    await rejects(get(here, who("f"), { sets: both }), 100);
    assert.is((await listed(here)).length, 10, "the refused one left nothing in the set that had room");
    await here.release(scope, who("c"));
    assert.equal(await get(here, who("f"), { sets: both }), ["10.0.0.4", "2001:db8::4"]);
  });

  test("an owner is refused a second address of a set", async ({ here }) => {
    await get(here, who("a"));
    await rejects(get(here, who("a")), 102);
    assert.equal(await get(here, who("a", "eth1")), ["10.0.0.3"]);
  });
};

export const releasing: Tests = (test) => {
  test("a release gives up all that the owner has and nothing else, however often it comes", async ({ here }) => {
    await take(here, who("a"), "10.0.0.2", "2001:db8::2");
    await take(here, who("a", "eth1"), "10.0.0.3");
    assert.equal(texts(await here.release(scope, who("a"))), ["10.0.0.2", "2001:db8::2"]);
    assert.equal(await here.release(scope, who("a")), []);
    assert.equal(await listed(here), ["10.0.0.3 a"]);
  });

  test("a release that comes late leaves what others were given meanwhile", async ({ here }) => {
    await take(here, who("a"), "10.0.0.2");
    await here.release(scope, who("a"));
    await take(here, who("b"), "10.0.0.2");
    assert.equal(await here.release(scope, who("a")), []);
    assert.equal(await listed(here), ["10.0.0.2 b"]);
  });

  test("a release where there is nothing is none", async ({ here }) => {
    assert.equal(await here.release("nowhere", who("a")), []);
    assert.equal(await here.list("nowhere"), []);
    assert.equal(await here.collect("nowhere", [], () => false), []);
  });
};
