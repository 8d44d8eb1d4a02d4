// src/schema/pattern.ts against the engine's own regular expressions, and for patterns those take for ever.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { matches, tableOf } from "../../src/schema/pattern.ts";
import { random } from "../helpers/random.ts";

/** Patterns as schemas of configurations have them, and each piece of the syntax. */
const patterns: readonly string[] = [
  "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$", "^[0-9a-f]{64}$", "^(even|odd)$",
    "^\\d+(ms|s|m|h)$", "a", "^a", "a$", "^$", "", "^a*$", "b|^a$",
  "^(?:[0-9]{1,3}\\.){3}[0-9]{1,3}(/[0-9]{1,2})?$", "^[^/]+/[^/]+$", "^\\S+$", "\\s", "^\\w{2,4}?$", "^.{2}$",
    "^[\\d.-]+$", "^[a-]$", "^[\\w-]+$", "(a|b)*abb$", "^(a|ab)(c|bcd)(d*)$",
  "^\\x41\\u0042\\u{43}$", "^[\\u{1f600}-\\u{1f64f}]+$", "^(a?){3}a{3}$", "^(a*)*b$", "(a+)+$", "^a{0}b$", "x{2,}",
    "^(|a)b$", "^[^]$", "$a", "a^", "\\.", "^[\\^\\]\\-]$", "^\\t|\\0$",
];

const letters = ["a", "b", "c", "d", "0", "9", ".", "-", "/", "_", " ", "\t", "\n", "A", "B", "C", "x", "^", "]", "é",
  "\u{1f600}", "\u2028", "even", "odd", "10.0.0.1", "ms", "\0"];

const table = suite("a pattern's table");
for (const pattern of patterns) {
  table(`says of ${JSON.stringify(pattern)} what the engine says`, () => {
    const any = random(), compiled = tableOf(pattern), engine = new RegExp(pattern, "u");
    for (let i = 0; i < 2000; i++) {
      const text = Array.from({ length: any.below(7) }, () => letters[any.below(letters.length)]).join("");
      assert.is(matches(compiled, text), engine.test(text), `seed ${any.seed}: ${JSON.stringify(text)}`);
    }
  });
}

table("answers at once what the engine needs years for", () => {
  for (const pattern of ["^(a+)+$", "^(a|aa)+$", "^(a|a?)+$", "^(.*a){12}$",
    "^(a?){60}a{60}$"]) assert.not.ok(matches(tableOf(pattern), `${"a".repeat(100_000)}!`));
});

const refused: readonly (readonly [string, RegExp])[] = [
  ["^(?=a)", /looks around/], ["(?!a)b", /looks around/], ["(?<name>a)", /names a group/], ["(a)\\1", /has \\1/],
    ["\\bword", /has \\b/], ["\\p{L}", /has \\p/],
  ["a{1,100000}", /repeats too often/], ["((a{100}){100}){100}", /too long/], ["^.*a.{14}$", /too many states/],
    ["(", /[Uu]nterminated/],
];
for (const [pattern, message] of refused) table(`is not made of ${JSON.stringify(pattern)}`,
  () => assert.throws(() => tableOf(pattern), message));
table.run();
