// src/plugins/packet-rules/table-view.ts: what one list of a table's rules tells of its chains.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { NftRule } from "../../../src/kernel/index.ts";
import { tableView } from "../../../src/plugins/packet-rules/table-view.ts";

const view = suite("tableView");
const table = { family: "inet", table: "t" } as const;
const named = (chain: string) => ({ ...table, chain });
const jump: NftRule = { handle: 1n, jump: "led" }, accept: NftRule = { handle: 2n };

/** Of a table whose chains without rules are `empty`; `asked` has those that were asked for by themselves. */
function open(rules: Readonly<Record<string, readonly NftRule[]>>, empty: readonly string[]) {
  const asked: string[] = [];
  const lists: unknown[] = [];
  return {
    asked, lists,
    ...tableView({
      rulesByChain(which) {
        lists.push(which);
        return new Map(Object.entries(rules));
      },
      exists({ chain }) {
        asked.push(chain);
        return empty.includes(chain);
      },
    }, table),
  };
}

view("lists the table once, and asks nothing of chains with rules or that rules jump to", () => {
  const { lists, asked, rules, exists } = open({ hook: [jump, accept] }, []);
  assert.equal([rules(named("hook")), rules(named("led"))], [[jump, accept], []]);
  assert.equal([exists(named("hook")), exists(named("led"))], [true, true]);
  assert.equal([lists, asked], [[table], []]);
});

view("asks of every other chain once", () => {
  const { asked, rules, exists } = open({ hook: [accept] }, ["empty"]);
  for (let time = 0; time < 2; time++) {
    assert.equal([rules(named("empty")), rules(named("none"))], [[], undefined]);
    assert.equal([exists(named("empty")), exists(named("none"))], [true, false]);
  }
  assert.equal(asked, ["empty", "none"]);
});

view.run();
