// src/commands/words.ts: words as a shell hands them over, read with tables.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UsageError } from "../../src/commands/errors.ts";
import type { OptionTable, ParameterTable } from "../../src/commands/options.ts";
import { readWords } from "../../src/commands/words.ts";

const options: OptionTable = {
  dir: { kind: "text", short: "d", value: "DIRECTORY", help: "" },
  add: { kind: "texts", help: "" },
  seed: { kind: "count", help: "" },
  json: { kind: "switch", short: "j", help: "" },
  kind: { kind: "text", choices: ["a", "b", "c"], help: "" },
};
const parameters: ParameterTable = { target: { count: "one", help: "" }, network: { count: "any", help: "" } };
const nothing = { dir: undefined, add: [], seed: undefined, json: undefined, kind: undefined };

const reading = suite("readWords");

for (const [words, wanted, network] of [
  [["t"], {}, []],
  [["t", "a", "b"], {}, ["a", "b"]],
  [["--dir", "x", "t", "--json", "a"], { dir: "x", json: true }, ["a"]],
  [["t", "--dir=x=y"], { dir: "x=y" }, []],
  [["t", "--dir="], { dir: "" }, []],
  [["t", "-d", "x", "-j"], { dir: "x", json: true }, []],
  [["t", "-dx"], { dir: "x" }, []],
  [["t", "-d=x"], { dir: "x" }, []],
  [["t", "--dir", "x", "--dir", "y"], { dir: "y" }, []],
  [["t", "--dir", "-"], { dir: "-" }, []],
  [["t", "--dir=-x"], { dir: "-x" }, []],
  [["t", "--add", "1", "--add=2"], { add: ["1", "2"] }, []],
  [["t", "--seed", "12"], { seed: 12 }, []],
  [["t", "--json=false"], { json: false }, []],
  [["t", "--json=T", "--kind", "b"], { json: true, kind: "b" }, []],
  [["t", "-", "--", "--json", "-x"], {}, ["-", "--json", "-x"]],
] as const) {
  reading(`reads ${words.join(" ")}`, () => {
    assert.equal(readWords("polynic try", { parameters, options }, words),
      { parameters: { target: "t", network }, options: { ...nothing, ...wanted } });
  });
}

for (const [words, says] of [
  [[], 'Cannot understand "polynic try": TARGET is missing, expected polynic try [OPTION...] TARGET [NETWORK...]'],
  [["t", "--dri", "x"], "Cannot understand --dri: there is no such option, expected --dir"],
  [["t", "--wholly-unknown"], "Cannot understand --wholly-unknown: there is no such option, expected --dir, --add, " +
    "--seed, --json or --kind"],
  [["t", "-x"], "Cannot understand -x: there is no such option, expected --dir, --add, --seed, --json or --kind"],
  [["t", "--dir"], "Cannot understand --dir: its value is missing, expected --dir DIRECTORY"],
  [["t", "-d", "--json"], "Cannot understand -d: its value is missing, expected -d DIRECTORY"],
  [["t", "--seed", "0"], "Cannot use --seed 0: expected a whole number from 1"],
  [["t", "--json=maybe"], "Cannot use --json=maybe: expected true or false"],
  [["t", "--kind", "d"], "Cannot use --kind d: expected a, b or c"],
  [["t", "--__proto__", "x"], /^Cannot understand --__proto__: there is no such option/],
] as const) {
  reading(`refuses ${words.join(" ") || "nothing"}`, () => {
    assert.throws(() => readWords("polynic try", { parameters, options }, words), (error: unknown) => {
      assert.instance(error, UsageError);
      // Told by the line above.
      const { message } = error as UsageError;
      return typeof says === "string" ? message === says : says.test(message);
    });
  });
}

reading("refuses a word too many, and a parameter that is none of its choices", () => {
  const one: ParameterTable = { shell: { count: "one", choices: ["bash", "zsh"], help: "" } };
  assert.throws(() => readWords("polynic try", { parameters: one, options: {} }, ["bash", "x"]),
    /^Cannot understand "x": it is one word too many, expected polynic try SHELL$/);
  assert.throws(() => readWords("polynic try", { parameters: one, options: {} }, ["sh"]),
    /^Cannot use SHELL sh: expected bash or zsh$/);
});

reading.run();
