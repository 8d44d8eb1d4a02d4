import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CniError } from "../../../src/cni/index.ts";
import { allDone, throwAll } from "../../../src/plugins/contract/several-errors.ts";

const all = suite("throwAll");

all("throws nothing, the one as it is, or all together", () => {
  const one = new CniError(7, "one");
  throwAll([]);
  assert.throws(() => throwAll([one]), (error: unknown) => error === one);
  assert.throws(() => throwAll([one, "two"]), (error: unknown) => error instanceof AggregateError
    && error.message === "one\ntwo");
});

all("lets all work end, and throws what failed of it", async () => {
  const ended: string[] = [];
  const after = async (name: string, problem?: string): Promise<void> => {
    await Promise.resolve();
    ended.push(name);
    if (problem !== undefined) throw new Error(problem);
  };
  await allDone([after("a"), undefined]);
  const error = await allDone([after("b", "one"), after("c"), after("d", "two")]).then(() => undefined, String);
  assert.equal(ended, ["a", "b", "c", "d"]);
  assert.is(error, "AggregateError: one\ntwo");
});

all.run();
