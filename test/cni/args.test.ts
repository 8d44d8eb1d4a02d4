import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  CniError, formatArgPairs, parseArgBoolean, parseArgPairs, parseArgs, splitArgPairs,
} from "../../src/cni/index.ts";

const refused = (error: unknown): boolean => error instanceof CniError && error.code === 4
  && error.message.includes("CNI_ARGS");

const args = suite("parseArgs");

for (const [text, values] of [
  ["", {}],
  ["MAC=02:00:00:00:00:01", { MAC: "02:00:00:00:00:01" }],
  ["IP=10.0.0.1;MAC=x", { IP: "10.0.0.1", MAC: "x" }],
  ["MAC=", { MAC: "" }],
  ["MAC=a;MAC=b", { MAC: "b" }],
  ["IgnoreUnknown=1;FOO=bar", {}],
  ["FOO=bar;MAC=a;IgnoreUnknown=true", { MAC: "a" }],
  ["FOO=bar;IgnoreUnknown=TRUE", {}],
  ["IgnoreUnknown=0;MAC=a", { MAC: "a" }],
  ["IgnoreUnknown=1;__proto__=x;constructor=y", {}],
] as const) {
  args(`reads ${JSON.stringify(text)}`, () => assert.equal(parseArgs(text, ["MAC", "IP"]), values));
}

for (const text of [
  "FOO=bar", "mac=a", "IgnoreUnknown=0;FOO=bar", "IgnoreUnknown=false;FOO=bar", "IgnoreUnknown=yes", "IgnoreUnknown=",
    "ignoreunknown=1",
  "MAC", "MAC=a;", ";MAC=a", "MAC=a;;IP=b", "MAC=a=b", ";", "=;x", "MAC:a", "__proto__=x",
]) {
  args(`refuses ${JSON.stringify(text)}`, () => assert.throws(() => parseArgs(text, ["MAC", "IP"]), refused));
}

args("lists every unknown key and what is known", () => {
  assert.throws(() => parseArgs("A=1;MAC=x;B=2", ["MAC"]),
    'Cannot use CNI_ARGS: "A", "B" unknown, expected MAC, IgnoreUnknown, or IgnoreUnknown=1');
});

args.run();

const pairs = suite("parseArgPairs");

pairs("keeps order and repeats", () => assert.equal(parseArgPairs("B=1;A=2;B=3;C="),
  [["B", "1"], ["A", "2"], ["B", "3"], ["C", ""]]));
pairs("of nothing are none", () => assert.equal(parseArgPairs(""), []));
pairs("needs exactly one =", () => {
  assert.throws(() => parseArgPairs("A:1"), refused);
  assert.throws(() => parseArgPairs("A=1=2"), refused);
});
pairs("splitArgPairs takes values with = and skips what is no pair", () => {
  assert.equal(splitArgPairs("A=1=2;B;;C=3;=4"), [["A", "1=2"], ["C", "3"], ["", "4"]]);
});
pairs("formatArgPairs is the way back", () => assert.is(formatArgPairs(parseArgPairs("B=1;A=2")), "B=1;A=2"));

pairs.run();

const boolean = suite("parseArgBoolean");

for (const [text, value] of [["1", true], ["true", true], ["True", true], ["TRUE", true], ["0", false],
  ["false", false], ["False", false]] as const) {
  boolean(`takes ${text} for ${value}`, () => assert.is(parseArgBoolean(text), value));
}

for (const text of ["", "yes", "t", "2", " true", "on"]) boolean(`refuses ${JSON.stringify(text)}`,
  () => assert.throws(() => parseArgBoolean(text), refused));

boolean.run();
