// Leases in a real etcd of three members, of which one is cut off from the others and can still be asked: it may
// neither give what is taken nor say that something is free.
import * as assert from "uvu/assert";
import { openEtcdBlocks } from "../../src/etcd/index.ts";
import { random } from "../helpers/random.ts";
import { rejects } from "../helpers/errors.ts";
import { kernelSuite, run } from "../helpers/netns.ts";
import type { Etcd } from "../helpers/shared/etcd.ts";
import { hasEtcd, leaderOf, startEtcd } from "../helpers/shared/etcd.ts";
import type { PretendNode } from "../helpers/shared/nodes.ts";
import { Ledger, allocate, churn, linesOf, nodeWith, rangesOf, scope } from "../helpers/shared/nodes.ts";

/** Of nobody on this machine. */
const uids = [64_001, 64_002, 64_003];
const wide = rangesOf("10.0.0.0/16"), who = (containerId: string) => ({ containerId, ifName: "eth0" });

let etcd: Etcd, prefixes = 0;

function nodeOn(name: string, endpoints: readonly string[], prefix: string, deadlineMs = 6_000): PretendNode {
  return nodeWith(name, openEtcdBlocks({ endpoints, prefix },
    { node: { name, bootId: "now" }, machine: `of ${name}`, deadlineMs }));
}

/** Nothing goes between that member and the others any more. */
function cutOff(index: number): void {
  const ports = etcd.members.map(({ peerPort }) => String(peerPort));
  const others = ports.filter((_, i) => i !== index).join(", "), own = ports[index] ?? "", uid = String(uids[index]);
  run("nft", "add", "table", "inet", "cut");
  run("nft", "add chain inet cut out { type filter hook output priority 0; }");
  run("nft", `add rule inet cut out meta skuid ${uid} tcp dport { ${others} } drop`);
  run("nft", `add rule inet cut out meta skuid != ${uid} tcp dport ${own} drop`);
}

const partition = kernelSuite("three members of etcd, one cut off", import.meta.url);
partition.before(async () => {
  run("ip", "link", "set", "lo", "up");
  etcd = await startEtcd({ members: 3, uids, args: ["--heartbeat-interval", "50", "--election-timeout", "500"] });
});
partition.after(async () => await etcd.close());

for (const whom of ["the leader", "another member"] as const)
  partition(`never give an address twice while ${whom} is cut off, also to who asks that one first`, async () => {
    const any = random(), ledger = new Ledger(any), prefix = `/t/${++prefixes}`;
    const leader = await leaderOf(etcd), cut = whom === "the leader" ? leader : (leader + 1) % 3;
    const { endpoints } = etcd, own = endpoints[cut] ?? "";
    const ownFirst = [own, ...endpoints.filter((one) => one !== own)];
    const nodes = [endpoints, ownFirst, endpoints.toReversed()].map((order, i) => nodeOn(`n${i}`, order, prefix));
    await churn(nodes, { ledger, steps: 10, any, sets: wide });
    cutOff(cut);
    try {
      await churn(nodes, { ledger, steps: 10, any, sets: wide });
      const alone = nodeOn("d", [own], prefix, 2_000);
      const error = await rejects(allocate(alone, who("d0"), wide), 11);
      assert.match(error.message, /etcd has not answered in \d+ tries/);
      assert.match(await alone.store.status() ?? "", /has not answered/);
    } finally {
      run("nft", "delete", "table", "inet", "cut");
    }
    await etcd.ready();
    await churn(nodes, { ledger, steps: 5, any, sets: wide });
    // What was noted is released with the next call of each node.
    for (const node of nodes) await node.store.collect(scope, [], () => true);
    assert.equal(await linesOf(nodes[0] as PretendNode), ledger.lines, `seed ${any.seed}`);
  });

if (hasEtcd) partition.run();
else console.warn("etcd with a member cut off: skipped, there is no etcd");
