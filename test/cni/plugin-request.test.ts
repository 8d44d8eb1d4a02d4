import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CniError, parsePluginRequest, prevResultOf } from "../../src/cni/index.ts";

const refusedWith = (code: number, message: string, details?: string) => (error: unknown): boolean =>
  error instanceof CniError && error.code === code && error.message.includes(message)
    && (details === undefined || error.details === details);

const request = suite("parsePluginRequest");

request("takes the envelope off and leaves the rest as it was", () => {
  const { conf, prevResult, validAttachments } = parsePluginRequest(
    '{"CNIVersion":"1.0.0","Name":"blue","TYPE":"bridge","isGateway":true,"IPAM":{"Type":null},"x":null,' +
      '"PrevResult":{"ips":[]},"runtimeConfig":{"Mac":"m"}}');
  assert.equal(conf, { cniVersion: "1.0.0", name: "blue", type: "bridge", isGateway: true, IPAM: { Type: null },
    x: null, runtimeConfig: { Mac: "m" } });
  assert.equal(prevResult, { ips: [] });
  assert.is(validAttachments, undefined);
});

for (const [text, version] of [['{"name":"a"}', "0.1.0"], ['{"name":"a","cniVersion":""}', "0.1.0"],
  ['{"name":"a","cniVersion":null}', "0.1.0"], ['{"name":"a","cniVersion":"x"}', "x"]] as const) {
  request(`takes ${text} for version ${version}`, () => assert.equal(parsePluginRequest(text).conf,
    { cniVersion: version, name: "a", type: "" }));
}

for (const [text, code, message, details] of [
  ["", 6, "it is empty", undefined],
  ["{", 6, "it is not JSON", undefined],
  ["[]", 6, "it is a list", undefined],
  ['"text"', 6, "it is a string", undefined],
  ["null", 6, "it is null", undefined],
  [`{"name":"a","x":${"[".repeat(10_000)}${"]".repeat(10_000)}}`, 6, "nested too deeply", undefined],
  ["{}", 7, "name is missing", undefined],
  ['{"name":null}', 7, "name is missing", undefined],
  ['{"name":""}', 7, 'name is "", expected a string that is not empty', undefined],
  ['{"name":5}', 7, "name is 5, expected a string", undefined],
  ['{"name":"../x"}', 7, "name", "../x"],
  ['{"name":"a b"}', 7, "name", "a b"],
  ['{"name":"a","cniVersion":1}', 7, "cniVersion is 1, expected a string", undefined],
  ['{"name":"a","type":[]}', 7, "type is [], expected a string", undefined],
  ['{"name":"a","prevResult":"x"}', 7, 'prevResult is "x", expected an object', undefined],
  ['{"name":"a","cni.dev/valid-attachments":{}}', 7, '["cni.dev/valid-attachments"] is {}, expected a list', undefined],
  ['{"name":"a","cni.dev/valid-attachments":[{"containerID":"c"}]}', 7, "ifname is missing", undefined],
] as const) {
  request(`refuses ${text.slice(0, 60)}`, () => assert.throws(() => parsePluginRequest(text),
    refusedWith(code, message, details)));
}

const both = [{ containerID: "c", ifname: "eth0" }];

for (const [title, text, valid] of [
  ["a list", '{"name":"a","cni.dev/valid-attachments":[{"containerID":"c","ifname":"eth0"}]}', both],
  ["keys in any case", '{"name":"a","cni.dev/valid-attachments":[{"containerId":"c","ifName":"eth0","x":1}]}', both],
  ["the older name", '{"name":"a","cni.dev/attachments":[{"containerID":"c","ifname":"eth0"}]}', both],
  ["the newer name before the older",
    '{"name":"a","cni.dev/attachments":[],"cni.dev/valid-attachments":[{"containerID":"c","ifname":"eth0"}]}', both],
  ["an empty list", '{"name":"a","cni.dev/valid-attachments":[]}', []],
  ["null as an empty list", '{"name":"a","cni.dev/valid-attachments":null,"cni.dev/attachments":null}', []],
  ["nothing as no list at all", '{"name":"a"}', undefined],
] as const) {
  request(`reads valid attachments: ${title}`, () => {
    const { conf, validAttachments } = parsePluginRequest(text);
    assert.equal(validAttachments, valid);
    assert.equal(Object.keys(conf).sort(), ["cniVersion", "name", "type"]);
  });
}

request("reads prevResult once the version is accepted", () => {
  assert.is(prevResultOf(parsePluginRequest('{"name":"a"}')), undefined);
  assert.equal(prevResultOf(parsePluginRequest('{"name":"a","cniVersion":"0.4.0","prevResult":{"ips":[{"version":"4",' +
    '"address":"10.0.0.1/8"}]}}'))?.ips, [{ address: "10.0.0.1/8" }]);
  assert.throws(() => prevResultOf(parsePluginRequest('{"name":"a","cniVersion":"1.1.0",' +
    '"prevResult":{"cniVersion":"0.4.0"}}')), refusedWith(1, "0.4.0"));
});

request("finds nothing special in __proto__", () => {
  const { conf } = parsePluginRequest('{"name":"a","__proto__":{"type":"evil","polluted":true},"constructor":1}');
  assert.is(conf.type, "");
  assert.is(Object.getPrototypeOf(conf), Object.prototype);
  assert.is(Reflect.get({}, "polluted"), undefined);
});

/** Deterministic, so that a failure can be had again. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
}

const seed = Number(process.env["SEED"] ?? 20_261_121);

request(`answers a broken request with a CniError, whatever is broken (SEED=${seed})`, () => {
  const random = randomNumbers(seed);
  const whole = '{"cniVersion":"1.0.0","name":"blue","type":"bridge","prevResult":{"cniVersion":"1.0.0",' +
    '"ips":[{"address":"10.0.0.1/8"}]},"cni.dev/valid-attachments":[{"containerID":"c","ifname":"e"}]}';
  const pieces = ["", "null", "[]", "{}", "1", '"', '"x"', ",", "}", "{", "]", "\\", "-", '{"__proto__":1}', "\u0000",
    "\ud800"];
  for (let round = 0; round < 3000; round++) {
    const at = random(whole.length);
    const broken = whole.slice(0, at) + pieces[random(pieces.length)] + whole.slice(at + random(12));
    try {
      prevResultOf(parsePluginRequest(broken));
    } catch (error) {
      assert.ok(error instanceof CniError, `${broken}: ${String(error)}`);
    }
  }
});

request.run();
