// A saved table is gone over once, however much is asked of it.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { jumpOf, optionOf } from "../../../src/plugins/packet-rules/iptables-rule.ts";
import { savedTable } from "../../../src/plugins/packet-rules/saved-table.ts";
import { counted } from "../../helpers/counts/reads.ts";

const saved = [
  ":PREROUTING ACCEPT [0:0]",
  ":ENTRY - [0:0]",
  ":CHAIN-A - [0:0]",
  ":CHAIN-AB - [0:0]",
  `-A ENTRY -p tcp -m comment --comment "dnat name: \\"a b\\" id: \\"x\\"" -m multiport --dports 80,81 -j CHAIN-A`,
  "-A ENTRY -m comment --comment CHAIN-A -j CHAIN-AB",
  "-A PREROUTING -j CHAIN-A",
  "-A CHAIN-A -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.2:80",
];

const reading = suite("savedTable");
reading("tells chains by whole names", () => {
  const table = savedTable(saved);
  assert.equal(["CHAIN-A", "CHAIN", "PREROUTING"].map((name) => table.hasChain(name)), [true, false, true]);
});

reading("tells rules by chain, target and words", () => {
  const table = savedTable(saved);
  assert.equal(table.rulesJumpingTo("CHAIN-A").map(({ chain }) => chain), ["ENTRY", "PREROUTING"]);
  assert.equal(table.rulesJumpingTo("CHAIN").map(({ chain }) => chain), []);
  assert.equal(table.rulesOf("CHAIN"), []);
  const [first, second, ...more] = table.rulesOf("ENTRY");
  assert.ok(first !== undefined && second !== undefined && more.length === 0);
  assert.is(optionOf(first, "--comment"), `dnat name: "a b" id: "x"`);
  assert.is(jumpOf(second), "CHAIN-AB");
  assert.is(table.hasRule("PREROUTING", ["-j", "CHAIN-A"]), true);
  assert.is(table.hasRule("PREROUTING", ["-j", "CHAIN-AB"]), false);
  assert.is(table.hasRule("OUTPUT", ["-j", "CHAIN-A"]), false);
});

reading("is not led astray by a comment that looks like a jump, nor lists a rule twice", () => {
  const table = savedTable([`-A A -m comment --comment "to -j B" -j C`, `-A A -m comment --comment "to -j C" -j C`,
    "-A A -g C"]);
  assert.equal(table.rulesJumpingTo("B"), []);
  assert.is(table.rulesJumpingTo("C").length, 3);
});

reading("reads each line once, whatever is asked", () => {
  const count = 2000, lines = counted(Array.from({ length: count }, (_, i) => `-A CHAIN -p tcp --dport ${i} -j T${i}`));
  const table = savedTable(lines.list);
  for (let i = 0; i < count; i++) {
    assert.is(table.hasRule("CHAIN", ["-p", "tcp", "--dport", `${i}`, "-j", `T${i}`]), true);
    assert.is(table.rulesJumpingTo(`T${i}`).length, 1);
  }
  assert.is(lines.reads(), count);
});
reading.run();
