import { suite } from "uvu";
import * as assert from "uvu/assert";
import { code } from "../../src/cni/index.ts";
import { parseGlobalNamespaces, refuseForeignNamespace } from "../../src/nad/index.ts";
import { throws } from "../helpers/errors.ts";

const isolation = suite("refuseForeignNamespace");

for (const [title, namespace, isolated, globalNamespaces] of [
  ["lets a pod use its own namespace", "blue", true, []],
  ["lets it use a global one", "shared", true, ["shared"]],
  ["lets it use any when isolation is off", "red", false, []],
] as const) {
  isolation(title, () => refuseForeignNamespace({ namespace, name: "net1" },
    { podNamespace: "blue", isolated, globalNamespaces }));
}

isolation("names both namespaces of what it refuses", () => {
  const { message } = throws(() => refuseForeignNamespace({ namespace: "red", name: "net1" },
    { podNamespace: "blue", isolated: true, globalNamespaces: ["default"] }), code.invalidConfig);
  for (const part of ['"red/net1"', 'namespace "blue"', 'namespace "red"',
    '"blue", "default"']) assert.ok(message.includes(part), message);
});

isolation("does not take default for global once others are named", () => {
  throws(() => refuseForeignNamespace({ namespace: "default", name: "net1" },
    { podNamespace: "blue", isolated: true, globalNamespaces: parseGlobalNamespaces("shared") }), code.invalidConfig);
});

isolation.run();

const globals = suite("parseGlobalNamespaces");

for (const [text, expected] of [
  [undefined, ["default"]], ["", ["default"]], [" foo,bar ,default", ["foo", "bar", "default"]], ["foo", ["foo"]],
    ["foo,,bar,", ["foo", "bar"]], [",", []],
] as const) {
  globals(`reads ${JSON.stringify(text)}`, () => assert.equal(parseGlobalNamespaces(text), expected));
}

globals.run();
