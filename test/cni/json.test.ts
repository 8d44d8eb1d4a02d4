import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  CniError, confSchema, jsonDepthMax, parseJson, parseJsonObject, printError, readConf,
} from "../../src/cni/index.ts";

const json = suite("parseJsonObject");

for (const text of [
  "", " ", "\n", "{", "}", "[", "[]", '"text"', "1", "null", "true", "{]", '{"a"}', '{"a":}', "{'a':1}", '{"a":1,}',
    '{"a":01}', '{"a":NaN}',
  '{"a":"\u0001"}', "{} {}", '{"a":1}x', "\ufeff{}", "not json", '{"a":"\\x"}', "<xml/>", "a".repeat(100_000),
]) {
  json(`refuses ${JSON.stringify(text.slice(0, 20))} as undecodable`, () => {
    assert.throws(() => parseJsonObject(text, "stdin"), (error: unknown) =>
      error instanceof CniError && error.code === 6 && error.message.startsWith("Cannot read stdin: ")
        && error.message.length < 120);
  });
}

for (const number of ["5.0", "1e3", "1E+3", "-2.000", "5e0"]) {
  json(`keeps ${number} as it is written, which is no integer`, () => {
    const { mtu, name } = parseJsonObject(`{"mtu": ${number}, "name": "${number}"}`, "stdin");
    assert.not.ok(Number.isInteger(mtu));
    assert.is(JSON.stringify({ mtu }), `{"mtu":${number}}`);
    assert.is(name, number);
  });
}
for (const number of ["1e400", "-1.5E+309", `1${"0".repeat(400)}`]) {
  json(`keeps ${number.slice(0, 9)} as it is written, which is no number that anybody has`, () => {
    const text = `{"cniVersion":"1.0.0","name":"blue","type":"bridge","mtu":${number}}`;
    const conf = parseJsonObject(text, "stdin");
    assert.is(JSON.stringify(conf), text);
    const shown = number.length > 60 ? `${number.slice(0, 60)}...` : number;
    const said = `Cannot read network "blue": mtu is ${shown} and too large to be a number, expected an integer`;
    assert.throws(() => readConf(confSchema("bridge"), conf), (error: unknown) => error instanceof CniError &&
      error.message === said);
  });
}
json("takes none of them for an object", () => {
  for (const [key, number, shown] of [["ipam", "1.0", "1"], ["ipam", "1e400", "Infinity and too large to be a number"],
    ["dns", "1e3", "1000"], ["runtimeConfig", "2.00", "2"]] as const) {
    const conf = parseJsonObject(`{"cniVersion":"1.0.0","name":"blue","type":"bridge","${key}":${number}}`, "stdin");
    assert.throws(() => readConf(confSchema("bridge"), conf), (error: unknown) => error instanceof CniError &&
      error.message.startsWith(`Cannot read network "blue": ${key} is ${shown}, expected `));
  }
});
json("tells of a number that YAML has and JSON has not", () => {
  for (const [mtu, said] of [[Infinity, "Infinity and too large to be a number"], [NaN, "NaN"]] as const)
    assert.throws(() => readConf(confSchema("bridge"), { name: "blue", mtu }), (error: unknown) =>
      error instanceof CniError && error.message.includes(`mtu is ${said}, expected an integer`));
});
json("looks at each digit of long numbers once", () => {
  const text = `{"a":[${Array.from({ length: 3_000 }, () => "1".repeat(308)).join()}]}`;
  const millisOf = (work: () => unknown) => {
    const begin = process.cpuUsage().user;
    work();
    return (process.cpuUsage().user - begin) / 1000;
  };
  const parse = () => JSON.parse(text), usual = Math.max(5, millisOf(parse), millisOf(parse), millisOf(parse));
  const tries = Array.from({ length: 3 }, () => millisOf(() => parseJsonObject(text, "stdin")));
  assert.ok(Math.min(...tries) < usual * 20, `${tries.join()} ms, JSON.parse ${usual} ms`);
});
json("reads other numbers as numbers", () => {
  assert.equal(parseJsonObject('{"a": 1500, "b": 1.5, "c": 0, "d": "1.0.0", "e": 1.0e-1}', "stdin"),
    { a: 1500, b: 1.5, c: 0, d: "1.0.0", e: 0.1 });
});
json("lets no plugin take one for an integer", () => {
  const conf = parseJsonObject('{"cniVersion":"1.0.0","name":"blue","type":"bridge","mtu":1500.0}', "stdin");
  assert.throws(() => readConf(confSchema("bridge"), conf), /mtu is 1500\.0, expected an integer/);
});

const nested = (levels: number, open: string,
  close: string): string => open.repeat(levels) + "1" + close.repeat(levels);

json("takes what can be printed again, and nothing deeper", () => {
  assert.is(JSON.stringify(parseJson(nested(jsonDepthMax, "[", "]"), "x")).length, jsonDepthMax * 2 + 1);
  for (const text of [nested(jsonDepthMax + 1, "[", "]"), nested(jsonDepthMax + 1, '{"a":', "}"),
    nested(1_000_000, "[", "]"), "[".repeat(1_000_000)]) {
    assert.throws(() => parseJson(text, "x"), (error: unknown) => error instanceof CniError && error.code === 6
      && error.message.includes("nested too deeply"));
  }
});

json("counts no brackets inside text", () => {
  const text = "[{".repeat(jsonDepthMax) + '\\"[';
  assert.equal(parseJsonObject(JSON.stringify({ a: text, b: [text] }), "x"), { a: text, b: [text] });
});

json("finds nothing special in __proto__", () => {
  const value = parseJsonObject('{"__proto__":{"polluted":true}}', "x");
  assert.is(Reflect.get({}, "polluted"), undefined);
  assert.equal(Object.keys(value), ["__proto__"]);
});

json.run();

const errors = suite("printError");

errors("prints code, msg and version, indented and without an end of line", () => {
  assert.is(printError(new CniError(7, "Cannot"), "1.0.0"),
    '{\n    "cniVersion": "1.0.0",\n    "code": 7,\n    "msg": "Cannot"\n}');
});

errors("prints details when there are any", () => {
  assert.equal(JSON.parse(printError(new CniError(1234, "m", { details: "d" }), "1.1.0")),
    { cniVersion: "1.1.0", code: 1234, msg: "m", details: "d" });
  assert.equal(JSON.parse(printError(new CniError(1234, "m", { details: "" }), "1.1.0")),
    { cniVersion: "1.1.0", code: 1234, msg: "m" });
});

errors("shows nothing that would be a line of its own or turn the direction of writing", () => {
  const said = "a\u202eb\u2066c\u200fd\u061ce\nf\u001b[2J\u0085g\u2028h";
  const { msg, details } = JSON.parse(printError(new CniError(7, said, { details: said }), "1.1.0"));
  assert.equal([msg, details], ["a b c d e f [2J g h", "a b c d e f [2J g h"]);
});

errors.run();
