import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CniError } from "../../../src/cni/index.ts";
import { throwAll } from "../../../src/plugins/contract/several-errors.ts";

const all = suite("throwAll");

all("throws nothing, the one as it is, or all together", () => {
  const one = new CniError(7, "one");
  throwAll([]);
  assert.throws(() => throwAll([one]), (error: unknown) => error === one);
  assert.throws(() => throwAll([one, "two"]), (error: unknown) => error instanceof AggregateError
    && error.message === "one\ntwo");
});

all.run();
