import { suite } from "uvu";
import * as assert from "uvu/assert";
import { toldOnce } from "../../../src/kube/index.ts";

const once = suite("toldOnce");

once("tells a line the first time, and again when it has told a thousand others", () => {
  const told: string[] = [], tell = toldOnce((line) => told.push(line));
  for (const line of ["a", "b", "a"]) tell(line);
  assert.equal(told, ["a", "b"]);
  for (let i = 0; i < 1_000; i++) tell(`line ${i}`);
  tell("a");
  assert.equal([told.length, told.at(-1)], [1_003, "a"]);
});
once.run();
