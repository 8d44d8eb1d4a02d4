import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openIptables } from "../../src/exec/index.ts";
import { rejects } from "../helpers/errors.ts";
import { kernelSuite, run } from "../helpers/netns.ts";

const missing = suite("iptables that is not installed");
missing("is looked for on PATH before the usual places, and only there when it is not absolute", () => {
  assert.is(openIptables({ env: { PATH: "relative" } }).present(4),
    openIptables({ env: {} }).present(4));
});
missing.run();

const batches = kernelSuite("iptables", import.meta.url, { needs: ["nft_nat"] });
const iptables = openIptables({ env: {} });
const chains = async (family: 4 | 6 = 4): Promise<string[]> =>
  (await iptables.save(family,
    "nat")).filter((line) => / - \[/.test(line)).map((line) => line.slice(1).split(" ")[0] ?? "");

batches("is present and usable for both families", async () => {
  for (const family of [4, 6] as const) {
    assert.is(iptables.present(family), true);
    assert.is(await iptables.usable(family), true);
  }
});

batches("restores all lines or none", async () => {
  await iptables.restore(4, "nat", ["-N AAA", "-A AAA -d 10.0.0.0/8 -j ACCEPT"]);
  assert.ok(run("iptables-save", "-t", "nat").includes("-A AAA -d 10.0.0.0/8 -j ACCEPT"));
  const error = await rejects(iptables.restore(4, "nat", ["-N BBB", "-A NOWHERE -j ACCEPT"]), 110);
  assert.match(error.message, /Cannot change table "nat" with iptables-restore at "-A NOWHERE -j ACCEPT"/);
  assert.equal(await chains(), ["AAA"]);
});

batches("says which of the rules is missing", async () => {
  assert.is(await iptables.missing(4, "nat", ["AAA -d 10.0.0.0/8 -j ACCEPT"]), undefined);
  assert.is(await iptables.missing(4, "nat", ["AAA -d 10.0.0.0/8 -j ACCEPT", "AAA -j RETURN"]), "AAA -j RETURN");
  assert.is(await iptables.missing(4, "nat", ["NOWHERE -j RETURN"]), "NOWHERE -j RETURN");
  assert.is(await iptables.missing(4, "nat", ["AAA -d 10.0.0.0/8 -j ACCEPT", "AAA -s 10.0.0.0/8 -j NOWHERE"]),
    "AAA -s 10.0.0.0/8 -j NOWHERE");
});

batches("takes a guess that holds without reading the table", async () => {
  await iptables.change({ family: 6, table: "nat", guess: ["-N GUESS"],
    decide: () => { throw new Error("it was read"); } });
  assert.equal(await chains(6), ["GUESS"]);
});

batches("reads the table when the guess does not hold", async () => {
  await iptables.change({
    family: 6, table: "nat", guess: ["-N OTHER", "-N GUESS"],
    decide: (saved) => saved.some((line) => line.startsWith(":GUESS ")) ? ["-N OTHER"] : [],
  });
  assert.equal((await chains(6)).sort(), ["GUESS", "OTHER"]);
});

batches("decides anew when another program was faster", async () => {
  let asked = 0;
  await iptables.change({
    family: 4, table: "nat",
    decide(saved) {
      if (++asked === 1) run("iptables", "-t", "nat", "-N", "RACE");
      return saved.some((line) => line.startsWith(":RACE ")) ? ["-A RACE -j RETURN"] : ["-N RACE"];
    },
  });
  assert.is(asked, 2);
  assert.ok(run("iptables-save", "-t", "nat").includes("-A RACE -j RETURN"));
});

batches("gives up on lines the tool will never take", async () => {
  let asked = 0;
  await rejects(iptables.change({ family: 4, table: "nat", decide: () => (asked++,
    ["-A AAA --no-such-option"]) }), 110);
  assert.is(asked, 2);
});

batches("runs a change under the lock it was given", async () => {
  let locked = false;
  const exclusive = async (work: () => Promise<void>): Promise<void> => {
    locked = true;
    try {
      await work();
    } finally {
      locked = false;
    }
  };
  await openIptables({ env: {}, exclusive }).change({ family: 4, table: "nat",
    decide: () => (assert.is(locked, true), []) });
  assert.is(locked, false);
});

batches.run();
