import { suite } from "uvu";
import * as assert from "uvu/assert";
import { deeplyFrozen, madeOnce } from "../../src/schema/index.ts";

const freezing = suite("deeplyFrozen");

freezing("freezes objects and lists at every level, and leaves bytes as they are", () => {
  const value = deeplyFrozen({ a: [{ b: 1 }], bytes: new Uint8Array(2), none: null, text: "x" });
  assert.throws(() => { (value.a[0] as { b: number }).b = 2; }, /read only/);
  assert.throws(() => value.a.push({ b: 2 }), /not extensible/);
  value.bytes[0] = 1;
  assert.equal(value, { a: [{ b: 1 }], bytes: Uint8Array.of(1, 0), none: null, text: "x" });
});
freezing.run();

const making = suite("madeOnce");

making("makes once of what is frozen, frozen as well, and each time of what is not", () => {
  let made = 0;
  const double = madeOnce(({ n }: { readonly n: number }) => ({ twice: 2 * n, times: ++made }));
  const fixed = Object.freeze({ n: 2 }), loose = { n: 2 };
  assert.equal([double(fixed), double(fixed)], [{ twice: 4, times: 1 }, { twice: 4, times: 1 }]);
  assert.ok(Object.isFrozen(double(fixed)));
  assert.equal([double(loose).times, double(loose).times], [2, 3]);
  loose.n = 3;
  assert.equal(double(loose), { twice: 6, times: 4 });
  assert.not(Object.isFrozen(double(loose)));
});

making("keeps nothing of what could not be made", () => {
  let tries = 0;
  const make = madeOnce((_of: object) => {
    if (++tries === 1) throw new Error("not yet");
    return { tries };
  });
  const fixed = Object.freeze({});
  assert.throws(() => make(fixed), "not yet");
  assert.equal(make(fixed), { tries: 2 });
});
making.run();
