/** What an IPAMClaim keeps: its address stays with it whatever becomes of containers and nodes. */
import * as assert from "uvu/assert";
import type { Claimant } from "../../../src/ipam/index.ts";
import { parseAddress } from "../../../src/net/index.ts";
import { rejects } from "../../helpers/errors.ts";
import type { Tests } from "./subject.ts";
import { get, isTaken, listed, look, scope, take, who } from "./subject.ts";

const claimed = (containerId: string, claim = "shop/vm.lan"): Claimant => ({ ...who(containerId), claim,
  pod: { namespace: "shop", name: `virt-launcher-vm-${containerId}`, uid: containerId } });

export const claiming: Tests = (test) => {
  test("a claim's address waits for it on every node, for pods of any name", async ({ store, here }) => {
    const there = store.open({ name: "there", bootId: "now" });
    await take(here, who("x"), "10.0.0.2");
    assert.equal(await get(here, claimed("a")), ["10.0.0.3"]);
    await here.release(scope, claimed("a"));
    await here.release(scope, claimed("a"));
    assert.equal(await listed(here), ["10.0.0.2 x"]);
    await here.release(scope, who("x"));
    assert.equal(await get(there, claimed("b")), ["10.0.0.3"]);
    await there.release(scope, who("b"));
    assert.equal(await get(here, claimed("c")), ["10.0.0.3"], "what is released knows whose it is");
    assert.equal(await get(there, claimed("d", "shop/other.lan")), ["10.0.0.2"]);
  });

  test("a claim's address gives way to nobody, however full the range is", async ({ here }) => {
    await get(here, claimed("a"));
    await here.release(scope, claimed("a"));
    for (const id of ["v", "w", "x", "y"]) await get(here, who(id));
    await rejects(get(here, who("z")), 100);
    await rejects(get(here, who("z"), { requested: ["10.0.0.2"] }), 101);
    assert.ok(isTaken(await look(here, who("z")), "10.0.0.2"));
    assert.equal(await get(here, claimed("b"), { requested: ["10.0.0.2"] }), ["10.0.0.2"]);
  });

  test("a claim's next pod has its address while the last one is there, whose DEL is late", async ({ store, here }) => {
    const there = store.open({ name: "there", bootId: "now" });
    assert.equal(await get(here, claimed("source")), ["10.0.0.2"]);
    assert.equal(await get(there, claimed("target")), ["10.0.0.2"]);
    assert.equal(await listed(here), ["10.0.0.2 target"]);
    await here.release(scope, claimed("source"));
    assert.equal(await listed(there), ["10.0.0.2 target"]);
    assert.equal(await get(here, who("x")), ["10.0.0.3"]);
  });

  test("what a module asks to be held is the claim's without an end", async ({ here }) => {
    await take(here, claimed("a"), "10.0.0.5");
    await here.release(scope, claimed("a"), [{ address: parseAddress("10.0.0.5"), seconds: 1 }]);
    await new Promise((resolve) => setTimeout(resolve, 1100));
    assert.equal(await get(here, claimed("b")), ["10.0.0.5"]);
  });
};
