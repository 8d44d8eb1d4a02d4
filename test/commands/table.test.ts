// src/commands/table.ts: rows under headings.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { coloured, plain } from "../../src/commands/style.ts";
import { tableLines } from "../../src/commands/table.ts";

const columns = [{ title: "name" }, { title: "count", isRight: true }, { title: "state" }] as const;

const table = suite("tableLines");

table("aligns text to the left and figures to the right", () => {
  assert.equal(tableLines({ columns, rows: [["a", "1", "well"], ["longer", "1,234", "ill"]] }, plain),
    ["name    count  state", "a           1  well", "longer  1,234  ill"]);
});

table("counts no colour as width", () => {
  const rows = [[{ text: "a", style: "red" }, "1", "x"], ["abcdef", "2", "y"]] as const;
  assert.equal(tableLines({ columns, rows }, coloured).map((line) => line.replace(/\x1b\[\d+m/g, "")),
    tableLines({ columns, rows }, plain));
  assert.ok(tableLines({ columns, rows }, coloured)[1]?.startsWith("\x1b[31ma\x1b[39m       "));
});

table("has a dash where there is nothing, and no headings over nothing", () => {
  assert.equal(tableLines({ columns, rows: [["", "", ""]] }, plain)[1], "-         -  -");
  assert.equal(tableLines({ columns, rows: [] }, plain), []);
});

table("leaves out what no row has", () => {
  const rows = [["a", " ", " "], ["b", " ", "x"]];
  assert.equal(tableLines({ columns, rows }, plain), ["name  state", "a", "b     x"]);
});

table("lets no name move the cursor or turn the writing's direction", () => {
  const [, line = ""] = tableLines({ columns, rows: [["a\x1b[2J\u202eb\nc", "1", "x"]] }, plain);
  assert.not.match(line, /[\x00-\x1f\u202e]/);
});

table.run();
