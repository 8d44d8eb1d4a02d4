import { suite } from "uvu";
import * as assert from "uvu/assert";
import { undoSteps } from "../../src/call/index.ts";

const undoing = suite("undoSteps");
undoing("runs newest first, past errors, once", async () => {
  const undo = undoSteps(), order: string[] = [], error = new Error("no");
  undo.add("first", () => { order.push("first"); });
  undo.add("second", () => { throw error; });
  undo.add("third", async () => { order.push("third"); });
  assert.equal(await undo.run(), [{ what: "second", error }]);
  assert.equal(order, ["third", "first"]);
  assert.equal(await undo.run(), []);
});
undoing.run();
