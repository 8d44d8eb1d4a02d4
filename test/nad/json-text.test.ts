import { suite } from "uvu";
import * as assert from "uvu/assert";
import { code } from "../../src/cni/index.ts";
import { findJsonProblem, lineAndColumn, parseBoundedJson } from "../../src/nad/json-text.ts";
import { throws } from "../helpers/errors.ts";
import { random } from "../helpers/random.ts";

const problems = suite("findJsonProblem");

for (const [text, offset, expected] of [
  ["", 0, "a value"],
  ["[", 1, 'a value or "]"'],
  ["[1,", 3, "a value"],
  ["[1 2]", 3, '"," or "]"'],
  ["{1:2}", 1, 'a key in double quotes or "}"'],
  ['{"a" 1}', 5, '":"'],
  ['{"a":1,}', 7, "a key in double quotes"],
  ['{"a":1 "b"', 7, '"," or "}"'],
  ["[1}", 2, '"," or "]"'],
  ["1 1", 2, "the end"],
  ['"abc', 4, "the closing quote of a string"],
  ['"a\\q"', 2, "an escape such as \\\\, \\n or \\u0041"],
  ['"a\nb"', 2, "an escape such as \\n"],
  ["01", 0, "a value"],
  ["-", 0, "a value"],
  ["truer", 0, "a value"],
  ['{"a":[1,1e400]}', 8, "at most 1.8e308"],
  [`-1${"0".repeat(309)}`, 0, "at most 1.8e308"],
  ["\u00a01", 0, "a value"],
] as const) {
  problems(`finds ${JSON.stringify(text)} wanting at ${offset}`, () => {
    const problem = findJsonProblem(text, 10);
    assert.is(problem?.offset, offset);
    assert.is(problem?.expected, expected);
  });
}

problems("agrees with JSON.parse on texts that were damaged at random", () => {
  const { seed, below } = random();
  const whole = JSON.stringify([{ name: "a\u0041\n\"", ips: ["10.0.0.1"], n: [-1.5e-7, 0, true, false, null, {}, []] },
    "x"], null, 1);
  const pieces = ['"', "\\", "{", "}", "[", "]", ",", ":", "0", "-", "e", ".", "t", "\n", "\u0001", " ", ""];
  for (let round = 0; round < 5000; round++) {
    const at = below(whole.length), length = below(3);
    const text = whole.slice(0, at) + (pieces[below(pieces.length)] ?? "") + whole.slice(at + length);
    assert.is(findJsonProblem(text, 100) === undefined, isJson(text), `seed ${seed}: ${text}`);
  }
});

problems("says that a text is nested too deeply at the bracket that is one too many", () => {
  assert.is(findJsonProblem("[[[]]]", 3), undefined);
  assert.is(findJsonProblem("[[[]]]", 2)?.offset, 2);
});

problems.run();

const bounded = suite("parseBoundedJson");

bounded("gives the value", () => assert.equal(parseBoundedJson(' {"a": [1]} ', "it", { charsMax: 100, depthMax: 2 }),
  { a: [1] }));
bounded("names the text and the place", () => {
  const { message } = throws(() => parseBoundedJson('{\n "a": oops}', "file x", { charsMax: 100, depthMax: 2 }),
    code.decodingFailure);
  assert.is(message, 'Cannot read file x: it is not JSON at line 2, column 7 (near `{  "a": oops}`): found "o", ' +
    'expected a value');
});
bounded("says that nothing is there", () => assert.is(throws(() => parseBoundedJson(" \n", "x", { charsMax: 9,
  depthMax: 9 }), code.decodingFailure).message, "Cannot read x: it is empty, expected JSON"));
bounded("refuses a text that is too long before reading it",
  () => void throws(() => parseBoundedJson("[[[[", "x", { charsMax: 3, depthMax: 9 }), code.decodingFailure));

bounded.run();

const places = suite("lineAndColumn");

places("counts both from 1", () => {
  assert.equal(lineAndColumn("abc", 0), { line: 1, column: 1 });
  assert.equal(lineAndColumn("a\nbc\n", 3), { line: 2, column: 2 });
  assert.equal(lineAndColumn("a\n", 2), { line: 2, column: 1 });
});

places.run();

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
