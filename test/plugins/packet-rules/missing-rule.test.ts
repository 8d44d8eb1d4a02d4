// Many rules are looked for in one reading of the table; only what is not there word for word is asked of the tool.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Iptables } from "../../../src/exec/index.ts";
import type { ChainRule } from "../../../src/plugins/packet-rules/iptables-rule.ts";
import { ruleText } from "../../../src/plugins/packet-rules/iptables-rule.ts";
import { missingRule } from "../../../src/plugins/packet-rules/missing-rule.ts";
import { counted } from "../../helpers/counts/reads.ts";

const many = (count: number): readonly ChainRule[] =>
  Array.from({ length: count }, (_, i) => ({ chain: "OURS", words: ["-p", "tcp", "--dport", `${i}`, "-j", "ACCEPT"] }));
const textOf = ({ chain, words }: ChainRule): string => ruleText(chain, words);

/** A tool over that table, which writes down what it is asked and finds nothing that is not there word for word. */
function toolOver(rules: readonly ChainRule[]) {
  const texts = new Set(rules.map(textOf)), asked: string[] = [];
  const lines = counted(rules.map((rule) => `-A ${textOf(rule)}`));
  const iptables: Pick<Iptables, "save" | "missing"> = {
    save: async (family, table) => { asked.push(`save ${family} ${table}`); return lines.list; },
    missing: async (_, __, wanted) => {
      asked.push(...wanted.map((text) => `missing ${text}`));
      return wanted.find((text) => !texts.has(text));
    },
  };
  return { iptables, asked, reads: lines.reads };
}

const table = { family: 4, table: "nat" } as const;
const missing = suite("missingRule");

missing("asks the tool for few rules at once, without reading the table", async () => {
  const { iptables, asked } = toolOver(many(64));
  assert.is(await missingRule(iptables, table, many(64)), undefined);
  assert.equal(asked, many(64).map((rule) => `missing ${textOf(rule)}`));
});

missing("reads the table once for many, each line once", async () => {
  const { iptables, asked, reads } = toolOver(many(5000));
  assert.is(await missingRule(iptables, table, many(3000)), undefined);
  assert.equal(asked, ["save 4 nat"]);
  assert.is(reads(), 5000);
});

missing("asks the tool for what is not there word for word, and tells what it says", async () => {
  const { iptables, asked } = toolOver(many(100));
  assert.is(await missingRule(iptables, table, many(102)), "OURS -p tcp --dport 100 -j ACCEPT");
  assert.equal(asked, ["save 4 nat", ...many(102).slice(100).map((rule) => `missing ${textOf(rule)}`)]);
});

missing("leaves it to who asks which those are", async () => {
  const { iptables, asked } = toolOver([]);
  assert.is(await missingRule(iptables, table, many(65), (_, all) => all.slice(0, 1)), textOf(many(1)[0] as ChainRule));
  assert.equal(asked.length, 2);
});

missing("asks nothing where there are no rules", async () => {
  const { iptables, asked } = toolOver([]);
  assert.is(await missingRule(iptables, table, []), undefined);
  assert.equal(asked, []);
});
missing.run();
