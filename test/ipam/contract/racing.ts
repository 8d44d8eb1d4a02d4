/** Many writers at once. */
import * as assert from "uvu/assert";
import { random } from "../../helpers/random.ts";
import type { Tests } from "./subject.ts";
import { get, listed, now, scope, take, who, wide } from "./subject.ts";

export const racing = (steps: number): Tests => (test) => {
  test("one of many who want one address gets it", async ({ here }) => {
    const writers = Array.from({ length: 8 }, (_, i) => who(`w${i}`));
    const outcomes = await Promise.all(writers.map(async (owner) => await take(here, owner, "10.0.0.2")));
    assert.is(outcomes.filter(({ committed }) => committed).length, 1);
  });

  test("eight writers never hold one address twice, and lose none", async ({ store }) => {
    const any = random();
    const holders = new Map<string, string>();
    const opened = Array.from({ length: 8 }, () => store.open(now));
    await Promise.all(opened.map(async (own, number) => {
      const held: string[] = [];
      for (let step = 0; step < steps; step++) {
        if (held.length > 0 && any.once(2)) {
          const id = held.splice(any.below(held.length), 1)[0] ?? "";
          for (const [address, holder] of holders) if (holder === id) holders.delete(address);
          await own.release(scope, who(id));
          continue;
        }
        const id = `w${number}-${step}`;
        const [address = ""] = await get(own, who(id), { sets: wide });
        assert.is(holders.get(address), undefined, `seed ${any.seed}: ${address} is given to ${id}`);
        holders.set(address, id);
        held.push(id);
      }
    }));
    assert.equal(await listed(opened[0] ?? store.open(now)),
      [...holders].map(([address, id]) => `${address} ${id}`).sort(), `seed ${any.seed}`);
  });
};
