// polynic attach --again, killed: what was remembered stays so, whatever it was doing.
import { readdirSync } from "node:fs";
import * as assert from "uvu/assert";
import { runExecutable } from "../../helpers/executable.ts";
import { openDying } from "../../helpers/killed/die-at.ts";
import { canKill, isWhole } from "../../helpers/killed/sweep.ts";
import { attempt, ipJson, kernelSuite, run } from "../../helpers/netns.ts";
import { emptyMachine, restoreMachine, typedHere as typed, writeConf } from "../../helpers/typed.ts";

const bridges = ["two0", "two1"];
const delegates = bridges.map((bridge, i) => ({ cniVersion: "1.0.0", name: bridge, type: "bridge", bridge,
  ipam: { type: "host-local", ranges: [[{ subnet: `10.${i + 1}.0.0/24` }]] } }));

const again = kernelSuite("polynic attach --again", import.meta.url);
again.before(() => {
  emptyMachine();
  run("ip", "netns", "add", "web");
  writeConf("10-two.conflist", { cniVersion: "1.0.0", name: "two", plugins: [{ type: "polynic", delegates }] });
});
again.after(() => {
  attempt("ip", "netns", "del", "web");
  for (const bridge of bridges) attempt("ip", "link", "del", bridge);
  restoreMachine();
});

const startAnew = (): void => {
  for (const change of ["del", "add"]) run("ip", "netns", change, "web");
};
const links = (): readonly string[] => ipJson("-n web link show").map(({ ifname }) => ifname).toSorted();
const leased = (): readonly number[] => bridges.map((network) => readdirSync(`/var/lib/cni/networks/${network}`)
  .filter((name) => /^\d/.test(name)).length);
const succeeds = async (...words: readonly string[]): Promise<void> => {
  const { status, stderr } = await typed(...words);
  assert.is(status, 0, stderr);
};

/** The short form tries this many. */
const sampleCount = 12;

again("attaches again after a kill at any point, under the same names, with an address of each network", async () => {
  const dying = openDying();
  try {
    // Of two multiplexed networks the second one's further interface is not called as it would be alone.
    for (let time = 0; time < 2; time++) await succeeds("attach", "web", "two");
    const all = ["eth0", "eth1", "lo", "net1", "net2"];
    const killed = (step: number): string => {
      startAnew();
      dying.begin(step);
      runExecutable({ args: ["attach", "--again", "web"], env: dying.env });
      return `killed before ${dying.told().trim().split("\n").at(-1)}`;
    };
    killed(0);
    assert.equal(links(), all);
    const steps = dying.steps(), count = isWhole ? steps : sampleCount;
    for (let i = 0; i < count; i++) {
      const what = killed(1 + Math.floor(((i + 0.5) * steps) / count));
      const { status, stderr } = await typed("attach", "--again", "web");
      assert.equal([status, links(), leased()], [0, all, [2, 2]], `${what}: ${stderr}`);
    }
    await succeeds("detach", "web");
    assert.equal([links(), leased()], [["lo"], [0, 0]]);
  } finally {
    dying.remove();
  }
});

again("leaves what is remembered to detach after a kill", async () => {
  const dying = openDying();
  try {
    await succeeds("attach", "web", "two");
    startAnew();
    dying.begin(0);
    runExecutable({ args: ["attach", "--again", "web"], env: dying.env });
    startAnew();
    dying.begin(Math.floor(dying.steps() / 2));
    runExecutable({ args: ["attach", "--again", "web"], env: dying.env });
    await succeeds("detach", "web");
    assert.equal([links(), leased()], [["lo"], [0, 0]]);
    assert.match((await typed("attach", "--again", "web")).stderr, /nothing is remembered of it/);
  } finally {
    dying.remove();
  }
});
if (canKill("polynic attach --again killed")) again.run();
