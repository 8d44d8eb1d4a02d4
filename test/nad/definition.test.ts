import { suite } from "uvu";
import * as assert from "uvu/assert";
import { code } from "../../src/cni/index.ts";
import { definitionLimits, parseDefinition } from "../../src/nad/index.ts";
import { throws } from "../helpers/errors.ts";

const metadata = { namespace: "blue", name: "storage" };

function definition(config: unknown, annotations?: object): object {
  return { apiVersion: "k8s.cni.cncf.io/v1", kind: "NetworkAttachmentDefinition",
    metadata: { ...metadata, ...(annotations === undefined ? {} : { annotations }) }, spec: { config } };
}

const definitions = suite("parseDefinition");

for (const [title, object, config] of [
  ["gives a configuration without a name the object's", definition('{"type":"x"}'), { type: "x", name: "storage" }],
  ["fills in an empty name", definition('{"name":"","type":"x"}'), { type: "x", name: "storage" }],
  ["fills in a null name of any spelling", definition('{"NAME":null,"type":"x"}'), { type: "x", name: "storage" }],
  ["leaves a name there is", definition('{"name":"own","type":"x"}'), { name: "own", type: "x" }],
  ["leaves a name in another spelling", definition('{"Name":"own","type":"x"}'), { Name: "own", type: "x" }],
  ["gives a list a name, and not its plugins", definition('{"plugins":[{"type":"x"}]}'),
    { plugins: [{ type: "x" }], name: "storage" }],
  ["knows no configuration where spec is absent", { metadata }, undefined],
  ["knows no configuration where spec is null", { metadata, spec: null }, undefined],
  ["knows no configuration where spec is empty", { metadata, spec: {} }, undefined],
  ["knows no configuration where config is empty", definition(""), undefined],
  ["knows no configuration where config is null", definition(null), undefined],
] as const) {
  definitions(title, () => assert.equal(parseDefinition(object as Readonly<Record<string, unknown>>), {
    namespace: "blue", name: "storage", displayName: "blue/storage", config, resourceName: "",
  }));
}

definitions("finds the resource its devices come from", () => {
  const object = definition('{"type":"x"}', { "k8s.v1.cni.cncf.io/resourceName": "example.com/nic" });
  assert.is(parseDefinition({ ...object }).resourceName, "example.com/nic");
});

for (const [title, object, errorCode, problem] of [
  ["broken JSON", definition('{"type":"x",}'), code.decodingFailure,
    'Cannot read spec.config of NetworkAttachmentDefinition "blue/storage": it is not JSON at line 1, column 13'],
  ["a configuration of white space", definition("  "), code.decodingFailure, "it is empty, expected JSON"],
  ["a configuration that is a list", definition("[]"), code.invalidConfig,
    'Cannot read NetworkAttachmentDefinition "blue/storage": spec.config holds [], expected a CNI configuration as a ' +
      'JSON object'],
  ["a configuration that is no text", definition({ type: "x" }), code.invalidConfig,
    "spec.config is an object, expected a string that holds"],
  ["a spec that is no object", { metadata, spec: "x" }, code.invalidConfig, 'spec is "x", expected an object'],
  ["a configuration nested too deeply", definition(`{"a":${"[".repeat(definitionLimits.depthMax)}`),
    code.decodingFailure, "it is too big"],
  ["a configuration that is too long", definition(" ".repeat(definitionLimits.charsMax) + "{}"), code.decodingFailure,
    "expected at most 1572864"],
  ["an object without a name", { metadata: { namespace: "blue" } }, code.invalidConfig, "metadata.name is missing"],
  ["an object without a namespace", { metadata: { name: "storage" } }, code.invalidConfig,
    'NetworkAttachmentDefinition "storage": metadata.namespace is missing'],
  ["a resource name that is no text", definition("", { "k8s.v1.cni.cncf.io/resourceName": 1 }), code.invalidConfig,
    "annotation k8s.v1.cni.cncf.io/resourceName is 1"],
] as const) {
  definitions(`refuses ${title}`, () => {
    const error = throws(() => parseDefinition({ ...object }), errorCode);
    assert.ok(error.message.includes(problem), error.message);
  });
}

definitions.run();
