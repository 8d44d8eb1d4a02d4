import { suite } from "uvu";
import * as assert from "uvu/assert";
import { fixedChain } from "../../../src/plugins/packet-rules/fixed-chain.ts";
import type { FixedRule } from "../../../src/plugins/packet-rules/fixed-chain.ts";

const chain = { family: "ip", table: "t", chain: "c" } as const;
const rule = (text: string): FixedRule => ({ text, expressions: () => [] });
const jump = rule("jump a"), long = rule("x".repeat(60));
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
  const neverMade = (): never => assert.unreachable("its expressions are made") as never;
  const wanted = [jump, long].map(({ text }) => ({ text, expressions: neverMade }));
  assert.equal(fixedChain(chain, listed(jump, long), wanted), []);
});
for (const [title, existing] of [
  ["of another order", listed(long, jump)],
  ["with one rule more", listed(jump, long, jump)],
  ["with one rule less", listed(jump)],
  ["that another program has filled", [{ handle: 1n }, { handle: 2n, comment: "jump a" }]],
  ["whose long rule differs at its end", listed(jump, rule(`${"x".repeat(59)}y`))],
] as const) {
  test(`fills a chain anew ${title}`, () => {
    assert.equal(fixedChain(chain, existing, [jump, long]).map((change) => change.do),
      ["flush chain", "add rule", "add rule"]);
  });
}
test.run();
