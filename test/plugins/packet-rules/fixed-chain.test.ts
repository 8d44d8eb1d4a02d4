import { suite } from "uvu";
import * as assert from "uvu/assert";
import { fixedChain } from "../../../src/plugins/packet-rules/fixed-chain.ts";
import type { FixedRule } from "../../../src/plugins/packet-rules/fixed-chain.ts";

const chain = { family: "ip", table: "t", chain: "c" } as const;
const jump = { text: "jump a", expressions: [] }, long = { text: "x".repeat(60), expressions: [] };
/** The chain as the kernel lists it after these changes. */
const listed = (...rules: FixedRule[]) => fixedChain(chain, undefined, rules)
  .flatMap((change, index) => change.do === "add rule" ? [{ handle: BigInt(index), mark: change.mark ?? "" }] : []);

const test = suite("fixedChain");
test("fills a chain that is empty, and makes one that is missing", () => {
  assert.equal(fixedChain(chain, [], [jump]).map((change) => change.do), ["flush chain", "add rule"]);
  const base = { type: "nat", hook: "output", priority: -100 } as const;
  assert.equal(fixedChain(chain, undefined, [jump], base).slice(0, 1), [{ do: "add chain", ...chain, base }]);
});
test("leaves a chain alone that holds just these rules", () => {
  assert.equal(fixedChain(chain, listed(jump, long), [jump, long]), []);
});
for (const [title, existing] of [
  ["of another order", listed(long, jump)],
  ["with one rule more", listed(jump, long, jump)],
  ["with one rule less", listed(jump)],
  ["that another program has filled", [{ handle: 1n }, { handle: 2n, comment: "jump a" }]],
  ["whose long rule differs at its end", listed(jump, { text: `${"x".repeat(59)}y`, expressions: [] })],
] as const) {
  test(`fills a chain anew ${title}`, () => {
    assert.equal(fixedChain(chain, existing, [jump, long]).map((change) => change.do),
      ["flush chain", "add rule", "add rule"]);
  });
}
test.run();
