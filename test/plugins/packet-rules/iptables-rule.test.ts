import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  hasChain, hasRule, jumpOf, optionOf, rulesJumpingTo, rulesOf, ruleText, splitWords,
} from "../../../src/plugins/packet-rules/iptables-rule.ts";
import { throws } from "../../helpers/errors.ts";

const saved = [
  ":PREROUTING ACCEPT [0:0]",
  ":ENTRY - [0:0]",
  ":CHAIN-A - [0:0]",
  ":CHAIN-AB - [0:0]",
  `-A ENTRY -p tcp -m comment --comment "dnat name: \\"a b\\" id: \\"x\\"" -m multiport --dports 80,81 -j CHAIN-A`,
  "-A ENTRY -m comment --comment CHAIN-A -j CHAIN-AB",
  "-A PREROUTING -j CHAIN-A",
  "-A CHAIN-A -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.2:80",
];

const words = suite("splitWords");
for (const [line, expected] of [
  ["-A X  -j Y", ["-A", "X", "-j", "Y"]],
  [`--comment "name: \\"net\\" id: \\"c\\""`, ["--comment", `name: "net" id: "c"`]],
  [`"a\\\\b" 'c "d"' e\\ f ""`, ["a\\b", `c "d"`, "e f", ""]],
  [`half"quoted word"`, ["halfquoted word"]],
] as const) {
  words(`reads ${line}`, () => assert.equal(splitWords(line), expected));
}
words.run();

const text = suite("ruleText");
text("quotes only what needs it, so that splitWords gives the words back", () => {
  for (const word of ["plain", "10.0.0.0/8", "[fd00::1]:80", "a b", `say "x"`, "back\\slash", "", "ü"]) {
    assert.equal(splitWords(ruleText("C", ["--comment", word])), ["C", "--comment", word]);
  }
  assert.is(ruleText("C", ["-s", "10.0.0.0/8", "!", "-d", "::1/128"]), "C -s 10.0.0.0/8 ! -d ::1/128");
});
text("refuses a word that would end the line and start a rule of its own", () => {
  for (const word of ["a\nCOMMIT", "a\r", "a\0b"]) throws(() => ruleText("C", [word]), 7);
});
text.run();

const reading = suite("saved tables");
reading("tell chains by whole names", () => {
  assert.is(hasChain(saved, "CHAIN-A"), true);
  assert.is(hasChain(saved, "CHAIN"), false);
  assert.is(hasChain(saved, "PREROUTING"), true);
});
reading("tell rules by chain, target and words", () => {
  assert.equal(rulesJumpingTo(saved, "CHAIN-A").map(({ chain }) => chain), ["ENTRY", "PREROUTING"]);
  assert.is(rulesOf(saved, "ENTRY").length, 2);
  const [first, second] = rulesOf(saved, "ENTRY");
  assert.ok(first !== undefined && second !== undefined);
  assert.is(optionOf(first, "--comment"), `dnat name: "a b" id: "x"`);
  assert.is(jumpOf(second), "CHAIN-AB");
  assert.is(hasRule(saved, "PREROUTING", ["-j", "CHAIN-A"]), true);
  assert.is(hasRule(saved, "PREROUTING", ["-j", "CHAIN-AB"]), false);
});
reading.run();
