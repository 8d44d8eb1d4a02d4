import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Nftables } from "../../../src/kernel/index.ts";
import { openOwnNamespace } from "../../../src/kernel/index.ts";
import type { NftChange } from "../../../src/netlink/index.ts";
import { SystemCallError } from "../../../src/os/index.ts";
import {
  collectSpoofChecks, setupSpoofCheck, spoofCheckSetup, teardownSpoofCheck,
} from "../../../src/plugins/bridge/mac-spoof-check.ts";
import { rejects, throws } from "../../helpers/errors.ts";
import { attempt, kernelSuite, makeNetns, nftJson, run } from "../../helpers/netns.ts";

const check = { containerId: "abc", ifName: "eth0", hostLink: "veth1", mac: "02:00:00:00:00:01" };
const noUndo = { add: (): void => {} };

/** An nftables that fails where it is told to. */
function failing(...where: readonly ("read" | "jump" | "chains")[]): Nftables {
  const fail = (what: string): never => {
    throw new Error(`${what} failed`);
  };
  const commit = async (changes: readonly NftChange[]): Promise<void> => {
    for (const { do: act } of changes) {
      const what = act === "delete rule" ? "jump" : "chains";
      if (where.includes(what)) fail(what);
    }
  };
  return {
    commit,
    update: async (plan) => await commit(plan()),
    rules: ({ chain }) => chain === "PREROUTING" && where.includes("read") ? fail("read")
      : [{ handle: 1n, comment: "macspoofchk-abc-eth0" }],
    rulesByChain: () => new Map(),
    wholeRules: () => [],
    exists: () => true,
    usable: () => true,
  };
}

const unit = suite("spoof check");

unit("refuses a container id that leaves no room in a rule's comment, and can still be taken down", async () => {
  const long = { ...check, containerId: "x".repeat(200) };
  const error = throws(() => spoofCheckSetup([], long), 4);
  assert.match(error.message, /CNI_CONTAINERID.* 217 bytes, expected at most 128/);
  await teardownSpoofCheck(failing(), long);
});

for (const where of [["read"], ["jump"], ["chains"], ["read", "chains"], ["jump", "chains"]] as const) {
  unit(`teardown reports what failed: ${where.join(" and ")}`, async () => {
    try {
      await teardownSpoofCheck(failing(...where), check);
    } catch (error) {
      assert.instance(error, Error);
      // The instance was just checked.
      assert.is((error as Error).message, where.map((what) => `${what} failed`).join("\n"));
      return;
    }
    assert.unreachable();
  });
}

unit("setup fails when its transaction does, and names a bad MAC", async () => {
  const refusing = { ...failing(), update: () => Promise.reject(new SystemCallError("send", 1)) };
  await rejects(setupSpoofCheck(refusing, check, noUndo), "EPERM");
  assert.throws(() => spoofCheckSetup([], { ...check, mac: "nonsense" }), /nonsense/);
});

unit("setup replaces the jump an earlier call has made", () => {
  const deleted = spoofCheckSetup([{ handle: 3n, comment: "macspoofchk-abc-eth0" },
    { handle: 4n, comment: "macspoofchk-abc-eth1" }], check)
    .filter((change) => change.do === "delete rule");
  assert.equal(deleted.map(({ handle }) => handle), [3n]);
});

unit.run();

const kernel = kernelSuite("spoof check in the kernel", import.meta.url, { needs: ["nft_nat"] });

/** How many rules nft lists in a chain of table bridge nat; undefined without the chain. */
function count(chain: string): number | undefined {
  const objects = nftJson("list ruleset");
  if (!objects.some((one) => one.chain?.family === "bridge" && one.chain.name === chain)) return undefined;
  return objects.filter(({ rule }) => rule?.family === "bridge" && rule.chain === chain).length;
}

const chains = ["PREROUTING", "cni-br-iface-abc-eth0", "cni-br-iface-abc-eth0-mac"];

kernel("makes one jump, one rule and two, even when repeated, and takes them back", async () => {
  const host = openOwnNamespace();
  assert.equal(chains.map(count), [undefined, undefined, undefined]);
  for (let i = 0; i < 2; i++) await setupSpoofCheck(host.nftables, check, noUndo);
  assert.equal(chains.map(count), [1, 1, 2]);
  const listing = run("nft", "list", "table", "bridge", "nat");
  assert.ok(listing.includes("type filter hook prerouting priority dstnat; policy accept;"));
  assert.ok(listing.includes(`iifname "veth1" jump cni-br-iface-abc-eth0 comment "macspoofchk-abc-eth0"`));
  assert.ok(listing.includes(`ether saddr 02:00:00:00:00:01 return comment "macspoofchk-abc-eth0"`));
  for (let i = 0; i < 2; i++) await teardownSpoofCheck(host.nftables, check);
  assert.equal(chains.map(count), [0, undefined, undefined]);
  host.close();
});

kernel("is collected once its bridge port is gone, and no other's is", async () => {
  const host = openOwnNamespace();
  run("ip", "link", "add", "veth1", "type", "veth", "peer", "name", "veth2");
  const other = { ...check, ifName: "eth1", hostLink: "veth2" };
  for (const each of [check, other]) await setupSpoofCheck(host.nftables, each, noUndo);
  run("nft", "add rule bridge nat PREROUTING iifname veth9 accept comment macspoofchk-of-others");
  await collectSpoofChecks(host);
  assert.equal(chains.map(count), [3, 1, 2]);
  run("ip", "link", "set", "veth1", "name", "veth7");
  await collectSpoofChecks(host);
  assert.equal(chains.map(count), [2, undefined, undefined]);
  assert.is(count("cni-br-iface-abc-eth1-mac"), 2);
  run("ip", "link", "del", "veth7");
  await collectSpoofChecks(host);
  assert.equal(chains.map(count), [1, undefined, undefined]);
  run("nft", "flush", "chain", "bridge", "nat", "PREROUTING");
  host.close();
});

kernel("drops frames with another MAC and passes those with the container's", async () => {
  const host = openOwnNamespace();
  const [a, b] = [makeNetns(), makeNetns()];
  run("ip", "link", "add", "br0", "up", "type", "bridge");
  for (const [i, netns] of [a, b].entries()) {
    run("ip", "link", "add", `v${i}`, "up", "master", "br0", "type", "veth", "peer", "name", "eth0", "netns",
      netns.name);
    netns.exec("ip", "link", "set", "eth0", "address", `02:00:00:00:00:0${i + 1}`, "up");
    netns.exec("ip", "addr", "add", `10.5.0.${i + 1}/24`, "dev", "eth0");
  }
  const ping = () => attempt("ip", "netns", "exec", a.name, "busybox", "ping", "-c1", "-W1", "10.5.0.2").status === 0;
  await setupSpoofCheck(host.nftables, { ...check, hostLink: "v0", mac: "02:00:00:00:00:07" }, noUndo);
  assert.is(ping(), false);
  a.exec("ip", "link", "set", "eth0", "address", "02:00:00:00:00:07");
  assert.is(ping(), true);
  await teardownSpoofCheck(host.nftables, check);
  assert.is(ping(), true);
  host.close();
});

kernel.run();
