// src/commands/output.ts: what reaches a person's terminal, a file and a pipe.
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Output } from "../../src/commands/output.ts";
import { outputOn } from "../../src/commands/output.ts";

function written(isTerminal: boolean, work: (output: Output) => void): string {
  let out = "";
  const write = (text: string): void => void (out += text);
  work(outputOn({ writeOut: write, writeError: write, isTerminal, columns: 80 }, {}));
  return out;
}

for (const [title, isTerminal, line, expected] of [
  ["our own colour stays in a terminal", true, "\x1b[31mred\x1b[39m", "\x1b[31mred\x1b[39m"],
  ["a clean screen stays in a terminal", true, "\x1b[H\x1b[2Ja\nb", "\x1b[H\x1b[2Ja\nb"],
  ["lines and columns stay in a pipe", false, "a\tb\nc", "a\tb\nc"],
  ["the title of a window is not set", true, "eth\x1b]0;owned\x07", "eth ]0;owned "],
  ["the cursor is not moved", true, "eth\x1b[5A\x1b[K", "eth [5A [K"],
  ["nothing is overwritten", true, "down\rup  ", "down up  "],
  ["nothing is read backwards", false, "a\u202eb\u2066c", "a b c"],
  ["a pipe gets no escapes", false, "\x1b[31mred", " [31mred"],
] as const) {
  test(title, () => {
    assert.is(written(isTerminal, ({ say }) => say(line)), `${expected}\n`);
    assert.is(written(isTerminal, ({ warn }) => warn(line)), expected);
  });
}
test("a document keeps what its values are", () => {
  assert.is(written(true, ({ json }) => json("a\u202eb\x1b")), '"a\u202eb\\u001b"\n');
});
test.run();
