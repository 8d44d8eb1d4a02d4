import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CniError, confSchema, readConf } from "../../src/cni/index.ts";

const reading = suite("readConf");

const schema = confSchema("plugin-conf");
const read = (raw: unknown): unknown => readConf(schema, raw);
const readLeniently = (raw: unknown): unknown => readConf(schema, raw, { lenient: true });

for (const [title, raw, conf] of [
  ["takes keys in any case at every level", '{"NAME":"a","Ipam":{"TYPE":"x"},"dns":{"NameServers":["1.1.1.1"]}}',
    { name: "a", ipam: { type: "x" }, dns: { nameservers: ["1.1.1.1"] } }],
  ["lets the last scalar of several spellings win", '{"type":"a","TYPE":"b","Type":"c"}', { type: "c" }],
  ["takes a long s and a Kelvin sign as Go does", '{"dn\u017f":{"\u017fearch":["a"]}}', { dns: { search: ["a"] } }],
  ["lets the last list of several spellings win", '{"dns":{"search":["a","b"],"SEARCH":["c"]}}',
    { dns: { search: ["c"] } }],
  ["merges objects of several spellings", '{"dns":{"domain":"a","search":["s"]},"DNS":{"DOMAIN":"b"}}',
    { dns: { domain: "b", search: ["s"] } }],
  ["lets null leave what another spelling gave", '{"type":"a","TYPE":null}', { type: "a" }],
  ["takes null for absent", '{"name":null,"ipam":null,"dns":{"domain":null}}', { dns: {} }],
  ["drops unknown keys, whatever their type", '{"name":"a","bogus":{"x":[1]},"ipam":{"subnet":5}}',
    { name: "a", ipam: {} }],
  ["keeps the keys of free maps as they are", '{"capabilities":{"portMappings":true,"MAC":false,"mac":true}}',
    { capabilities: { portMappings: true, MAC: false, mac: true } }],
  ["leaves objects without known keys untouched", '{"runtimeConfig":{"Mac":null,"x":{"Y":[null]}}}',
    { runtimeConfig: { Mac: null, x: { Y: [null] } } }],
] as const) {
  reading(title, () => assert.equal(read(JSON.parse(raw)), conf));
}

for (const [raw, message] of [
  ['{"name":"blue","type":5}', 'Cannot read network "blue": type is 5, expected a string'],
  ['{"name":"blue","dns":[]}', 'Cannot read network "blue": dns is [], expected an object'],
  ['{"name":"blue","dns":{"nameservers":"1.1.1.1"}}',
    'Cannot read network "blue": dns.nameservers is "1.1.1.1", expected a list'],
  ['{"name":"blue","DNS":{"NAMESERVERS":["a",{}]}}',
    'Cannot read network "blue": dns.nameservers[1] is {}, expected a string'],
  ['{"name":"blue","capabilities":{"a b":"true"}}',
    'Cannot read network "blue": capabilities["a b"] is "true", expected true or false'],
  ['{"name":7}', "Cannot read the network configuration: name is 7, expected a string"],
  ["[]", "Cannot read the network configuration: it is [], expected an object"],
  ['"text"', 'Cannot read the network configuration: it is "text", expected an object'],
  ["null", "Cannot read the network configuration: it is null, expected an object"],
  [JSON.stringify({ name: "blue", ipam: "x".repeat(10_000) }),
    `Cannot read network "blue": ipam is "${"x".repeat(59)}..., expected an object`],
] as const) {
  reading(`refuses ${raw.slice(0, 60)} with the key and what is allowed`, () => {
    assert.throws(() => read(JSON.parse(raw)), (error: unknown) => error instanceof CniError && error.code === 7
      && error.message === message);
  });
}

for (const [schemaName, raw, message] of [
  ["bridge", { mtu: "1500" }, 'mtu is "1500", expected an integer'],
  ["bridge", { mtu: 1500.5 }, "mtu is 1500.5, expected an integer"],
  ["bridge", { vlan: 4095 }, "vlan is 4095, expected an integer from 0 to 4094"],
  ["bridge", { vlan: -1 }, "vlan is -1, expected an integer from 0 to 4094"],
  ["bridge", { isGateway: "true" }, 'isGateway is "true", expected true or false'],
  ["bridge", { VlanTrunk: [{ MinID: "2" }] }, 'vlanTrunk[0].minID is "2", expected an integer'],
  ["bridge", { args: { CNI: { MAC: 5 } } }, "args.cni.mac is 5, expected a string"],
  ["macvlan", { mode: "bridgey" }, 'mode is "bridgey", expected bridge, private, vepa or passthru'],
  ["network-list", { plugins: [] }, "plugins is [], expected a list of at least 1 entries"],
] as const) {
  reading(`says ${message}`, () => {
    assert.throws(() => readConf(confSchema(schemaName), { name: "blue", ...raw }), (error: unknown) =>
      error instanceof CniError && error.code === 7 && error.message === `Cannot read network "blue": ${message}`);
  });
}

reading("names what else is read when told", () => {
  assert.throws(() => readConf(schema, [], { subject: 'cache "/x"' }),
    'Cannot read cache "/x": it is [], expected an object');
});

reading("does not change what it was given", () => {
  const raw = JSON.parse('{"TYPE":"a","dns":{"Domain":null}}');
  read(raw);
  assert.equal(raw, { TYPE: "a", dns: { Domain: null } });
});

reading("takes refused values for absent when lenient", () => {
  const raw = { name: "a", dns: { domain: 5, search: ["a", 5], options: ["x"] }, ipam: { type: "x" },
    capabilities: { a: 1, b: true } };
  assert.equal(readLeniently(raw), { name: "a", dns: { options: ["x"] }, ipam: { type: "x" },
    capabilities: { b: true } });
  assert.throws(() => read(raw));
});

reading("takes missing keys for absent when lenient, and drops what is incomplete below the top", () => {
  assert.equal(readConf(confSchema("network-list"), { plugins: [{ type: "a" }], disableCheck: 5 }, { lenient: true }),
    { plugins: [{ type: "a" }] });
  assert.throws(() => readConf(confSchema("network-list"), { plugins: [{ type: "a" }] }),
    "Cannot read the network configuration: name is missing, expected a string");
});

reading("still refuses what is no configuration at all when lenient", () => {
  assert.throws(() => readLeniently([]), (error: unknown) => error instanceof CniError && error.code === 7);
});

for (const key of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
  reading(`finds nothing special in the key ${key}`, () => {
    const hostile = JSON.parse(`{"${key}":{"type":5,"polluted":true},"capabilities":{"${key}":true},` +
      `"ipam":{"${key}":{"type":5}}}`);
    const conf = readConf(schema, hostile);
    assert.is(Object.getPrototypeOf(conf), Object.prototype);
    assert.equal(Object.keys(conf), ["capabilities", "ipam"]);
    assert.equal(Object.entries(conf["capabilities"] ?? {}), [[key, true]]);
    assert.is(Reflect.get({}, "polluted"), undefined);
  });
}

reading("is not troubled by deep nesting in what it does not know", () => {
  const deep = JSON.parse(`${'{"a":'.repeat(5000)}1${"}".repeat(5000)}`);
  assert.equal(Object.keys(readConf(schema, { name: "a", bogus: deep })), ["name"]);
  assert.throws(() => read({ name: "a", type: deep }), 'Cannot read network "a": type is an object, expected a string');
});

reading.run();
