// src/plugins/wasm/policy.ts: a module that reviews the result so far; and the module that merges in place of the
// built-in one.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Result } from "../../../src/cni/index.ts";
import { wasm, wasmPolicy } from "../../../src/plugins/wasm/index.ts";
import type { NodeModules, PolicyChange } from "../../../src/wasm/index.ts";
import { installModule, openModules } from "../../../src/wasm/index.ts";
import { rejects } from "../../helpers/errors.ts";
import type { IpamCall } from "../../helpers/ipam.ts";
import { add, check, del, gc, status } from "../../helpers/ipam.ts";
import { describedModule, exampleModule, plant } from "../../helpers/modules.ts";
import { builtModules } from "../../helpers/wasm.ts";

let directory = "";
const prepare = (): void => { directory = mkdtempSync(join(tmpdir(), "polynic-modules-")); };
const cleanUp = (): void => rmSync(directory, { recursive: true });

const before: Result = {
  interfaces: [{ name: "eth0", mac: "02:00:5e:10:00:01", sandbox: "/run/netns/a" }],
  ips: [{ address: "10.1.2.3/24", gateway: "10.1.2.1", interface: 0 }, { address: "fd00::3/64", interface: 0 }],
  routes: [{ dst: "0.0.0.0/0", gw: "10.1.2.1" }, { dst: "10.9.0.0/16" }],
  dns: { nameservers: ["10.1.2.1"] },
};

function call(more: { readonly conf?: object; readonly prevResult?: Result; readonly node?: NodeModules } = {}): IpamCall {
  const { conf = {}, prevResult = before, node } = more;
  return { prevResult, modules: openModules(builtModules, { directory, ...node }), conf: { ...conf } };
}

const test = wasmPolicy("test");
const answering = (answer: object) => plant(directory, "test",
  describedModule({ answer: JSON.stringify(answer) }, { kind: "policy" }), { kind: "policy" });
const allowing = (...changes: PolicyChange[]): NodeModules => ({ policyAllow: { test: changes } });

const policy = suite("a policy module");
policy.before.each(prepare);
policy.after.each(cleanUp);

policy("lets a result pass as it is", async () => {
  for (const answer of [{}, { result: { cniVersion: "1.1.0", ...before } }]) {
    answering(answer);
    assert.equal(await add(test, call()), before);
    await check(test, call());
    await status(test, call());
  }
});

policy("refuses with its own code and words", async () => {
  answering({ error: { code: 107, msg: "Not on a Friday", details: "ask again" } });
  const error = await rejects(add(test, call()), 107);
  assert.is(error.message, "Not on a Friday");
  await rejects(check(test, call()), 107);
  await del(test, call());
  await gc(test, call(), []);
});

/** A change, what the node must allow for it, and the result then. */
const changes: readonly (readonly [string, object, PolicyChange, Partial<Result>])[] = [
  ["takes a route away", { routes: [before.routes[1]] }, "routes", { routes: before.routes.slice(1) }],
  ["adds a route", { routes: [...before.routes, { dst: "10.8.0.0/16", gw: "10.1.2.1" }] }, "routes",
    { routes: [...before.routes, { dst: "10.8.0.0/16", gw: "10.1.2.1" }] }],
  ["takes an address away", { ips: [before.ips[0]] }, "ips-remove", { ips: before.ips.slice(0, 1) }],
  ["changes DNS", { dns: { domain: "example" } }, "dns", { dns: { domain: "example" } }],
];
for (const [title, change, allow, after] of changes) {
  policy(`that ${title} needs the node's consent`, async () => {
    answering({ result: { ...before, ...change } });
    assert.match((await rejects(add(test, call()), 146)).message, new RegExp(`policyAllow: ${allow}`));
    const others = (["routes", "dns", "ips-remove"] as const).filter((other) => other !== allow);
    await rejects(add(test, call({ node: allowing(...others) })), 146);
    assert.equal(await add(test, call({ node: allowing(allow) })), { ...before, ...after });
  });
}

const everything = allowing("routes", "dns", "ips-remove");
const never: readonly (readonly [string, object, number])[] = [
  ["adds an address", { ips: [...before.ips, { address: "10.1.2.9/24" }] }, 146],
  ["changes an address", { ips: [{ ...before.ips[0], address: "10.1.2.4/24" }] }, 146],
  ["moves an address to another interface", { ips: [{ ...before.ips[0], interface: 1 }] }, 146],
  ["reorders addresses", { ips: before.ips.toReversed() }, 146],
  ["repeats an address", { ips: [before.ips[0], before.ips[0]] }, 146],
  ["renames an interface", { interfaces: [{ ...before.interfaces[0], name: "eth9" }] }, 146],
  ["drops the interfaces", { interfaces: [] }, 146],
  ["adds a route that is none", { routes: [{ dst: "all" }] }, 146],
  ["adds a route with a key nobody knows", { routes: [{ dst: "10.0.0.0/8", via: "x" }] }, 145],
  ["adds 65 routes", { routes: Array.from({ length: 66 }, (_, i) => ({ dst: `10.${i}.0.0/16` })) }, 145],
  ["adds a key", { sysctl: {} }, 145],
];
for (const [title, change, code] of never) {
  policy(`never ${title}, whatever the node allows`, async () => {
    answering({ result: { ...before, ...change } });
    await rejects(add(test, call({ node: everything })), code);
  });
}

policy("needs a result to review, and to be one of its kind", async () => {
  answering({});
  const { prevResult: _, ...alone } = call();
  assert.match((await rejects(add(test, alone), 7)).message, /prevResult is missing/);
  plant(directory, "test", describedModule());
  assert.match((await rejects(add(test, call()), 7)).message, /kind ipam, expected one of kind policy/);
});

policy("is named by the long form too", async () => {
  answering({ error: { code: 107, msg: "no" } });
  await rejects(add(wasm, call({ conf: { module: "test" } })), 107);
  await rejects(add(wasm, call({ conf: { module: "missing" } })), 140);
});

policy("single-default refuses a second default route of a family, by its own configuration", async () => {
  await installModule({ directory, bytes: exampleModule("single-default") });
  const single = wasmPolicy("single-default");
  assert.equal(await add(single, call()), before);
  const twice = { ...before, routes: [...before.routes, { dst: "0.0.0.0/0", gw: "10.1.2.2" }] };
  await rejects(add(single, call({ prevResult: twice })), 110);
  assert.match((await rejects(add(single, call({ conf: { config: { most: "one" } } })), 7)).message,
    /: config\.most is "one", expected an integer$/);
});

policy.run();

const merging = suite("a module of the node's choice merges");
merging.before.each(prepare);
merging.after.each(cleanUp);
merging("and may choose, not invent", async () => {
  const node = (answer: object): NodeModules => {
    plant(directory, "mine", describedModule({ answer: JSON.stringify(answer) }, { kind: "merge" }), { kind: "merge" });
    return { directory, merge: { module: "mine", config: {} } };
  };
  const inputs = [{ network: "a", ifName: "eth0", default: true, routesClaimed: null, result: before }];
  assert.equal(await openModules(builtModules, node({ result: { interfaces: before.interfaces } })).merge(inputs),
    { interfaces: before.interfaces, ips: [], routes: [], dns: {} });
  await rejects(openModules(builtModules, node({ result: { interfaces: [{ name: "eth7" }] } })).merge(inputs), 146);
  plant(directory, "mine", describedModule());
  await rejects(openModules(builtModules, { directory, merge: { module: "mine", config: {} } }).merge(inputs), 7);
  await rejects(openModules(builtModules, { directory, merge: { module: "gone", config: {} } }).merge(inputs), 140);
});
merging.run();
