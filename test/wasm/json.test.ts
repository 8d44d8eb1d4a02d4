// wasm-plugins/sdk/json-reader.ts, through the merge module: what is JSON is merged, what is not is refused with code
// 7.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readAnswer } from "../../src/wasm/call/answer.ts";
import { encodeFrame } from "../../src/wasm/call/frame.ts";
import { op } from "../../src/wasm/call/op.ts";
import { compileModule, runModule } from "../../src/wasm/call/sandbox.ts";
import { throws } from "../helpers/errors.ts";
import { builtModules } from "../helpers/wasm.ts";

const compiled = compileModule("merge", readFileSync(join(builtModules, "merge.wasm")));
const merge = (json: string) => readAnswer("merge", runModule(compiled, op.merge, encodeFrame(json, [])));
const withDns = (dns: string) => `{"inputs":[{"default":true,"result":{"dns":${dns}}}]}`;

const json = suite("the JSON reader of the modules");

for (const value of ['"plain"', '"é\u{1f980}"', String.raw`"\"\\\/\b\f\n\r\t\u00e9\ud83e\udd80"`, "0", "-0.5e+10",
  "1E3", "123456789012345678901234567890", "true", "false", "[]", "{}", ' [ 1 , { "a" : [ null ] } ] ', '{"a":1,"a":2}',
  "[".repeat(26) + "]".repeat(26)]) {
  json(`passes ${value.slice(0, 40)} through`, () => assert.equal(merge(withDns(value)),
    { result: { cniVersion: "1.1.0", interfaces: [], ips: [], routes: [], dns: JSON.parse(value) } }));
}

for (const value of ["", "nul", "nulll", "tru", "01", "1.", ".5", "-", "1e", "+1", "0x1", '"', '"\\', '"\\x"',
  '"\\u12g4"', '"\n"', "[", "[1", "[1,", "[1,]", "[,1]", "{", '{"a"', '{"a":', '{"a":1', '{"a":1,', '{"a":1,}', "{a:1}",
  "{1:1}", "}", "1 2", "'a'", "NaN", "[".repeat(40) + "]".repeat(40)]) {
  json(`refuses ${JSON.stringify(value.slice(0, 40))}`, () => void throws(() => merge(withDns(value)), 7));
}

json("finds members by name however the name is escaped, the last of equal ones", () => {
  const escaped = String.raw`{"inputs":[],"\u0069nputs":[{"def\u0061ult":true,"result":{"dns":{"domain":"x"}}}]}`;
  assert.equal(merge(escaped)["result"],
    { cniVersion: "1.1.0", interfaces: [], ips: [], routes: [], dns: { domain: "x" } });
});

json("refuses a request without inputs, and ops it does not know", () => {
  throws(() => merge("{}"), 7);
  throws(() => readAnswer("merge", runModule(compiled, 1, encodeFrame("{}", []))), 4);
});

json.run();
