import { suite } from "uvu";
import * as assert from "uvu/assert";
import { code } from "../../src/cni/index.ts";
import { withCniArgs, withDevice } from "../../src/nad/index.ts";
import type { JsonObject } from "../../src/schema/index.ts";
import { throws } from "../helpers/errors.ts";

const id = "0000:01:00.1";
const both = { deviceID: id, pciBusID: id };

const device = suite("withDevice");

for (const [title, conf, expected] of [
  ["puts it into a single plugin", { type: "x" }, { type: "x", ...both }],
  ["puts it into a list's one plugin", { name: "n", plugins: [{ type: "x" }] },
    { name: "n", plugins: [{ type: "x", ...both }] }],
  ["puts it into every plugin of a list", { plugins: [{ type: "x" }, { type: "y", k: 1 }] },
    { plugins: [{ type: "x", ...both }, { type: "y", k: 1, ...both }] }],
  ["replaces what stands there, in any spelling", { type: "x", deviceid: "old", PCIBusID: "old" },
    { type: "x", ...both }],
  ["takes a type for a single plugin, even beside plugins", { type: "x", plugins: [{ type: "y" }] },
    { type: "x", plugins: [{ type: "y" }], ...both }],
] as readonly (readonly [string, JsonObject, JsonObject])[]) {
  device(title, () => unchanged(conf, () => assert.equal(withDevice(conf, id), expected)));
}

device.run();

const args = suite("withCniArgs");

for (const [title, conf, expected] of [
  ["adds args to a configuration without", { type: "x" }, { type: "x", args: { cni: { a: 1 } } }],
  ["adds cni to args without", { type: "x", args: { other: true } },
    { type: "x", args: { other: true, cni: { a: 1 } } }],
  ["keeps other keys and wins the same", { type: "x", args: { cni: { a: { old: 1 }, b: 2 } } },
    { type: "x", args: { cni: { a: 1, b: 2 } } }],
  ["adds them to each plugin of a list", { plugins: [{ type: "x" }, { type: "y", args: { cni: { b: 2 } } }] },
    { plugins: [{ type: "x", args: { cni: { a: 1 } } }, { type: "y", args: { cni: { b: 2, a: 1 } } }] }],
  ["finds args in another spelling", { type: "x", Args: { CNI: { b: 2 } } },
    { type: "x", args: { cni: { b: 2, a: 1 } } }],
  ["takes null for absent", { type: "x", args: null }, { type: "x", args: { cni: { a: 1 } } }],
] as readonly (readonly [string, JsonObject, JsonObject])[]) {
  args(title, () => unchanged(conf, () => assert.equal(withCniArgs(conf, { a: 1 }), expected)));
}

args("refuses args that are no object", () => {
  assert.ok(throws(() => withCniArgs({ type: "x", args: "a=b" }, {}),
    code.invalidConfig).message.includes('args is "a=b", expected an object'));
  assert.ok(throws(() => withCniArgs({ type: "x", args: { cni: [1] } }, {}),
    code.invalidConfig).message.includes("args.cni is a list"));
});

args.run();

function unchanged(conf: JsonObject, work: () => void): void {
  const before = JSON.stringify(conf);
  work();
  assert.is(JSON.stringify(conf), before);
}
