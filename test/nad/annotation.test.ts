import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CniError, code } from "../../src/cni/index.ts";
import type { NetworkSelection } from "../../src/nad/index.ts";
import {
  annotationLimits, parseSelections, readSelections, selectionKeys, selectionsMax,
} from "../../src/nad/index.ts";
import { throws } from "../helpers/errors.ts";

const subject = 'annotation k8s.v1.cni.cncf.io/networks of pod "blue/web"';

function parse(text: string, strict = false): readonly NetworkSelection[] {
  return parseSelections(text, { subject, namespace: "blue", strict });
}

/** Elements of the JSON form, written with a name where a row is about another key. */
function json(...elements: readonly object[]): string {
  return JSON.stringify(elements.map((element) => ({ name: "a", ...element })));
}

const a = { namespace: "blue", name: "a" };
const allKeys = {
  name: "storage", namespace: "other", interface: "data0", ips: ["10.1.2.3/24", "2001:db8::1"],
    mac: "02:00:00:00:00:01",
  "infiniband-guid": "02:00:00:00:00:00:00:01", portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "UDP",
    hostIP: "10.0.0.1" }],
  bandwidth: { ingressRate: 1, ingressBurst: 2, egressRate: 3, egressBurst: 4 }, deviceID: "0000:01:00.1",
    "cni-args": { queue: [1] },
  "default-route": ["10.1.2.1"], "ipam-claim-reference": "claim",
};

const selections = suite("parseSelections");

for (const [text, expected] of [
  ["", []],
  ["[]", []],
  ["net1", [{ namespace: "blue", name: "net1" }]],
  ["net1,net2", [{ namespace: "blue", name: "net1" }, { namespace: "blue", name: "net2" }]],
  [" net1 , net2 ", [{ namespace: "blue", name: "net1" }, { namespace: "blue", name: "net2" }]],
  ["default/net1", [{ namespace: "default", name: "net1" }]],
  ["net1@my_interface", [{ namespace: "blue", name: "net1", ifName: "my_interface" }]],
  ["default/net1@my_interface", [{ namespace: "default", name: "net1", ifName: "my_interface" }]],
  ["net1@Eth.1,net1", [{ namespace: "blue", name: "net1", ifName: "Eth.1" }, { namespace: "blue", name: "net1" }]],
  [" default / net1 @ eth1 ", [{ namespace: "default", name: "net1", ifName: "eth1" }]],
  ["/net1", [{ namespace: "blue", name: "net1" }]],
  ["net1@", [{ namespace: "blue", name: "net1" }]],
  ['[{"name":"net1"},{"name":"net2","namespace":"other"}]',
    [{ namespace: "blue", name: "net1" }, { namespace: "other", name: "net2" }]],
  ['[{"NAME":"a","Interface":"eth1","deviceid":"d"}]', [{ ...a, ifName: "eth1", deviceId: "d" }]],
  [json({ interfaceRequest: "eth1" }), [{ ...a, ifName: "eth1" }]],
  [json({ interfaceRequest: "eth1", interface: "eth2" }), [{ ...a, ifName: "eth2" }]],
  [json({ interfaceRequest: "eth1", interface: "" }), [{ ...a, ifName: "eth1" }]],
  [json({ colour: "red", "example.com/x": { y: 1 } }), [a]],
  [json({ namespace: null, mac: null, ips: null, portMappings: null, "default-route": null }), [a]],
  ['[{"name":"b","name":"a"}]', [a]],
  ['[{"name":"b","NAME":"a"}]', [a]],
  ['[{"name":"with.dots"}]', [{ namespace: "blue", name: "with.dots" }]],
  [json({ namespace: "", interface: "", mac: "", ips: [], portMappings: [], bandwidth: {} }), [a]],
  [json({ mac: "02-00-5E-10-00-01" }), [{ ...a, mac: "02-00-5E-10-00-01" }]],
  [json({ mac: "02:00:5e:10:00:00:00:01" }), [{ ...a, mac: "02:00:5e:10:00:00:00:01" }]],
  [json({ "infiniband-guid": "02:00:5e:10:00:01" }), [{ ...a, infinibandGuid: "02:00:5e:10:00:01" }]],
  [json({ "default-route": [] }), [{ ...a, defaultRoute: [] }]],
  [json({ "default-route": ["2001:DB8::1", "10.0.0.1"] }), [{ ...a, defaultRoute: ["2001:db8::1", "10.0.0.1"] }]],
  [json({ portMappings: [{ HOSTPORT: 1, ContainerPort: 2, hostip: "::1", x: 1 }] }),
    [{ ...a, portMappings: [{ hostPort: 1, containerPort: 2, hostIP: "::1", protocol: "tcp" }] }]],
  [json({ portMappings: [{ hostPort: 70000, protocol: "icmp" }] }),
    [{ ...a, portMappings: [{ hostPort: 70000, protocol: "icmp" }] }]],
  [json({ bandwidth: { INGRESSRATE: 0, egressBurst: 5 } }), [{ ...a, bandwidth: { ingressRate: 0, egressBurst: 5 } }]],
  [json({ ips: ["10.0.0.1"], "ipam-claim-reference": "c" }), [{ ...a, ips: ["10.0.0.1"], ipamClaim: "c" }]],
  [json({ "default-route": ["10.0.0.1"] }, { "default-route": ["10.0.1.1"] }),
    [{ ...a, defaultRoute: ["10.0.0.1"] }, { ...a, defaultRoute: ["10.0.1.1"] }]],
  [json({ "cni-args": {} }), [{ ...a, cniArgs: {} }]],
  [json(allKeys), [{
    namespace: "other", name: "storage", ifName: "data0", ips: ["10.1.2.3/24", "2001:db8::1"], mac: "02:00:00:00:00:01",
    infinibandGuid: "02:00:00:00:00:00:00:01", portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "UDP",
      hostIP: "10.0.0.1" }],
    bandwidth: { ingressRate: 1, ingressBurst: 2, egressRate: 3, egressBurst: 4 }, deviceId: "0000:01:00.1",
      cniArgs: { queue: [1] },
    defaultRoute: ["10.1.2.1"], ipamClaim: "claim",
  }]],
] as const) {
  selections(`reads ${text.slice(0, 100) || "an empty text"}`, () => assert.equal(parse(text), expected));
}

for (const [text, problem] of [
  // The comma form.
  ["net1,", "element 2: it is empty"],
  [" ", "element 1: it is empty"],
  ["a/b/net1", 'element 1 ("a/b/net1"): it has more than one "/"'],
  ["net1@a@b", 'element 1 ("net1@a@b"): it has more than one "@"'],
  ["net1,root.user", 'element 2 ("root.user"): its name is "root.user", expected lower-case letters'],
  ["Net1", 'its name is "Net1"'],
  ["root_user/net1", 'its namespace is "root_user"'],
  ["../net1", 'its namespace is ".."'],
  ["default/", "its name is empty"],
  ["@eth1", "its name is empty"],
  ["net1@my interface", 'interface "my interface" cannot be used: it holds'],
  ["net1@a234567890123456", "it is longer than 15 bytes"],
  ['[{"name":"a","default-route":["0.0.0.0"]}]', '"default-route"[0] is "0.0.0.0", expected a gateway\'s address'],
  ['[{"name":"a","default-route":["10.0.0.1","::"]}]', '"default-route"[1] is "::", expected a gateway\'s address'],
  // The form as a whole.
  ['{"name":"a"}', 'it is an object, expected a list such as [{"name": "storage"}]'],
  ['"a"', "it is a single value, expected a list"],
  // An element.
  ['["a"]', 'element 1 ("a"): it is "a", expected an object with a "name"'],
  ["[null]", "element 1: it is null"],
  ['[{"name":"a"},{}]', 'element 2: "name" is missing'],
  ['[{"name":""}]', 'element 1: "name" is empty'],
  ['[{"name":null}]', '"name" is missing'],
  ['[{"name":7}]', 'element 1: "name" is 7, expected a string'],
  ['[{"name":"../../secrets/x"}]', '"name" is "../../secrets/x", expected'],
  [json({ namespace: "a/b" }), 'element 1 ("a"): "namespace" is "a/b"'],
  [json({ interface: "eth/1" }), '"interface" is "eth/1": it holds'],
  [json({ interface: 1 }), '"interface" is 1, expected a string'],
  [json({ ips: "10.0.0.1" }), '"ips" is "10.0.0.1", expected a list'],
  [json({ ips: ["10.0.0.1", "10.0.0"] }), '"ips"[1] is "10.0.0", expected an address'],
  [json({ ips: ["10.0.0.1/33"] }), '"ips"[0] is "10.0.0.1/33"'],
  [json({ ips: [null] }), '"ips"[0] is null'],
  [json({}, { name: "storage", mac: "zz" }),
    'element 2 ("storage"): "mac" is "zz", expected 6, 8 or 20 bytes such as 02:00:00:00:00:01'],
  [json({ mac: ["02:00:00:00:00:01"] }), '"mac" is a list, expected a string'],
  [json({ "infiniband-guid": "1" }), '"infiniband-guid" is "1", expected 6, 8 or 20 bytes'],
  [json({ portMappings: {} }), '"portMappings" is {}, expected a list'],
  [json({ portMappings: [1] }), '"portMappings"[0] is 1, expected an object'],
  [json({ portMappings: [{ hostPort: "80" }] }), '"portMappings"[0]."hostPort" is "80", expected an integer'],
  [json({ portMappings: [{ protocol: 6 }] }), '"portMappings"[0]."protocol" is 6, expected a string'],
  [json({ bandwidth: [] }), '"bandwidth" is [], expected an object'],
  [json({ bandwidth: { ingressRate: "1M" } }), '"bandwidth"."ingressRate" is "1M", expected an integer'],
  [json({ bandwidth: { ingressRate: 1.5 } }), '"bandwidth"."ingressRate" is 1.5, expected an integer'],
  [json({ deviceID: 1 }), '"deviceID" is 1, expected a string'],
  [json({ "cni-args": "x=y" }), '"cni-args" is "x=y", expected an object'],
  [json({ "default-route": "10.0.0.1" }), '"default-route" is "10.0.0.1", expected a list'],
  [json({ "default-route": ["10.0.0.0/24"] }), '"default-route"[0] is "10.0.0.0/24", expected a gateway'],
  [json({ "ipam-claim-reference": {} }), '"ipam-claim-reference" is {}, expected a string'],
] as const) {
  selections(`refuses ${text.slice(0, 100)}`, () => {
    const error = throws(() => parse(text), code.invalidConfig);
    assert.ok(error.message.startsWith(`Cannot read ${subject}: `), error.message);
    assert.ok(error.message.includes(problem), error.message);
  });
}

for (const [text, problem] of [
  ["[{'name':'a'}]", 'line 1, column 3 (near `[{\'name\':\'a\'}]`): found "\'", expected a key in double quotes or ' +
    '"}"'],
  ['[{"name":"a"},]', 'line 1, column 15'],
  ['[\n  {"name": "a",\n   "ips": [10.0.0.1]}\n]', "line 3, column 12"],
  ['[{"name":"a"', 'found the end, expected "," or "}"'],
  [`[${"[".repeat(100)}`, `it is too big at line 1, column 101`],
  ['[{"name":"a\u0000"}]', "found a control character in a string"],
] as const) {
  selections(`tells where ${JSON.stringify(text.slice(0, 60))} stops being JSON`, () => {
    const error = throws(() => parse(text), code.decodingFailure);
    assert.ok(error.message.includes(problem), error.message);
  });
}

selections("is bounded in size, elements and nesting", () => {
  assert.ok(throws(() => parse(`["${"x".repeat(annotationLimits.charsMax)}"]`),
    code.decodingFailure).message.includes("expected at most 262144"));
  assert.ok(throws(() => parse("a,".repeat(selectionsMax) + "a"),
    code.invalidConfig).message.includes("it has 1001 elements, expected at most 1000"));
  assert.is(parse(`${"a,".repeat(selectionsMax - 1)}a`).length, selectionsMax);
  const nested = (depth: number): string => `[{"name":"a","cni-args":{"x":${"[".repeat(depth)}${"]".repeat(depth)}}}]`;
  assert.is(parse(nested(annotationLimits.depthMax - 3)).length, 1);
  throws(() => parse(nested(annotationLimits.depthMax - 2)), code.decodingFailure);
});

selections("keeps hostile keys as data", () => {
  const [selection] = parse('[{"name":"a","__proto__":{"mac":"02:00:00:00:00:01"},"cni-args":{"__proto__":{"x":1}}}]');
  assert.is(selection?.mac, undefined);
  assert.equal(Object.keys(selection?.cniArgs ?? {}), ["__proto__"]);
});

for (const [rule, text] of [
  ["4.1.2.1.1: a name is a label", '[{"name":"with.dots"}]'],
  ["4.1.2.1.1: a name has at most 63 characters", `[{"name":"${"a".repeat(64)}"}]`],
  ["4.1.1: a namespace stands before its slash", "/net1"],
  ["4.1.1: an interface stands after its sign", "net1@"],
  ["4.1.2.1.3: at least one address", json({ ips: [] })],
  ["4.1.2.1.4: a MAC of six bytes", json({ mac: "02:00:5e:10:00:00:00:01" })],
  ["4.1.2.1.4: a MAC that is not empty", json({ mac: "" })],
  ["4.1.2.1.5: an interface that is not empty", json({ interface: "" })],
  ["4.1.2.1.7: host ports from 1", json({ portMappings: [{ hostPort: 0, containerPort: 80 }] })],
  ["4.1.2.1.7: container ports to 65535", json({ portMappings: [{ hostPort: 1, containerPort: 65536 }] })],
  ["4.1.2.1.7: both ports", json({ portMappings: [{ hostPort: 1 }] })],
  ["4.1.2.1.7: a known protocol", json({ portMappings: [{ hostPort: 1, containerPort: 1, protocol: "icmp" }] })],
  ["4.1.2.1.8: a rate above 0", json({ bandwidth: { ingressRate: 0 } })],
  ["4.1.2.1.8: a burst with its rate", json({ bandwidth: { ingressRate: 1, egressBurst: 1 } })],
  ["4.1.2.1.9: one attachment with an IPv4 default route", json({ "default-route": ["10.0.0.1"] },
    { "default-route": ["10.0.1.1"] })],
  ["4.1.2.1.10: a GUID of eight bytes", json({ "infiniband-guid": "02:00:5e:10:00:01" })],
  ["4.1.2.1.11: a claim or addresses", json({ ips: ["10.0.0.1"], "ipam-claim-reference": "c" })],
] as const) {
  selections(`strictly wants ${rule}, and else lets it pass`, () => {
    throws(() => parse(text, true), code.invalidConfig);
    assert.ok(parse(text).length > 0);
  });
}

selections("strictly takes everything that the specification allows", () => {
  const { deviceID: _, "ipam-claim-reference": claim, ...rest } = allKeys;
  assert.equal(parse(json(rest), true), parse(json(rest)));
  assert.is(parse(json({ "ipam-claim-reference": claim }), true)[0]?.ipamClaim, "claim");
  assert.is(parse(json({ "default-route": ["10.0.0.1"] }, { "default-route": ["2001:db8::1"] },
    { "default-route": [] }), true).length, 3);
  for (const protocol of ["TCP", "udp", "Sctp"]) assert.is(parse(json({ portMappings: [{ hostPort: 1,
    containerPort: 65535, protocol }] }), true).length, 1);
});

selections.run();

const reading = suite("readSelections");

reading("tells everything that is wrong, and gives what is not", () => {
  const text = json({ mac: "zz", ips: ["x"] }, { name: "b" }, { name: "c", portMappings: [{ hostPort: "1" }] });
  const { selections: found, indexes, problems } = readSelections(text, { namespace: "blue", strict: false });
  assert.equal(found.map(({ name }) => name), ["b"]);
  assert.equal(indexes, [1]);
  assert.equal(problems.map(({ path }) => path), [[0, "ips", 0], [0, "mac"], [2, "portMappings", 0, "hostPort"]]);
});

reading("throws nothing, whatever the text", () => {
  for (const text of ["{", '"', "[", ",", '[{"name":{}}]', "[[]]", "[{}]"]) assert.ok(readSelections(text,
    { namespace: "blue", strict: true }).problems.length > 0, text);
});

reading("reports every key's wrong type under that key", () => {
  for (const key of selectionKeys) {
    const { problems } = readSelections(json({ [key]: 12 }), { namespace: "blue", strict: false });
    assert.equal(problems.map(({ path }) => path), [[0, key]]);
  }
});

reading("is what parseSelections throws the first of", () => {
  const text = json({ mac: "zz" });
  const [problem] = readSelections(text, { namespace: "blue", strict: false }).problems;
  assert.throws(() => parse(text), (error: unknown) => error instanceof CniError
    && error.message === `Cannot read ${subject}: ${problem?.text}`);
});

reading.run();
