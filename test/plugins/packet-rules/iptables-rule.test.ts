import { suite } from "uvu";
import * as assert from "uvu/assert";
import { jumpOf, optionOf, parseRule, ruleText, splitWords } from "../../../src/plugins/packet-rules/iptables-rule.ts";
import { throws } from "../../helpers/errors.ts";

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

const reading = suite("parseRule");
reading("tells chain, words, options and target", () => {
  const line = `-A ENTRY -m comment --comment "dnat name: \\"a b\\"" -m multiport --dports 80,81 -j A --random`;
  const rule = parseRule(line);
  assert.is(rule.chain, "ENTRY");
  assert.is(`-A ${rule.text}`, line);
  assert.is(optionOf(rule, "--comment"), `dnat name: "a b"`);
  assert.is(optionOf(rule, "--sports"), undefined);
  assert.is(jumpOf(rule), "A");
  assert.is(jumpOf(parseRule("-A ENTRY -p tcp")), undefined);
});
reading.run();
