import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parsePrefix } from "../../../src/net/index.ts";
import type { FirewallBackend } from "../../../src/plugins/packet-rules/backend.ts";
import type { Masquerade } from "../../../src/plugins/packet-rules/masquerade/index.ts";
import {
  gcMasquerade, parseMasqueradeBackend, setupMasquerade, teardownMasquerade,
} from "../../../src/plugins/packet-rules/masquerade/index.ts";
import {
  masqueradeChain, masqueradeChange, masqueradeComment, staleMasqueradeChains,
} from "../../../src/plugins/packet-rules/masquerade/iptables.ts";
import {
  attachmentComment, attachmentHash, networkHash, staleRules,
} from "../../../src/plugins/packet-rules/attachment-comment.ts";
import { masqueradeSetup } from "../../../src/plugins/packet-rules/masquerade/nftables.ts";
import { throws } from "../../helpers/errors.ts";
import { firewallContext, natTable } from "../../helpers/firewall.ts";
import { kernelSuite, nftJson, run } from "../../helpers/netns.ts";

const pod: Masquerade = {
  network: "test", containerId: "1234", ifName: "eth0",
  addresses: [parsePrefix("10.1.0.5/24"), parsePrefix("fd00:1::5/64")],
};
const chain = "CNI-2bbe0c48b91a7d1b8a6753a8";

const names = suite("masquerade names");
for (const [network, expected] of [
  ["test", chain],
  ["testalongnamethatdoesnotmakesense", "CNI-374f33fe84ab0ed84dcdebe3"],
] as const) {
  names(`chain of "${network}"`, () => assert.is(masqueradeChain({ network, containerId: "1234" }), expected));
}
names("hashes of an nftables comment", () => {
  assert.is(networkHash("unit-test"), "6fd94d501e58f0aa");
  assert.is(attachmentHash("eth0", "one"), "287fc69eff0574a2");
});
names("an nftables comment is cut to 128 bytes and holds no quotes", () => {
  const comment = attachmentComment({ network: `n"et`, ifName: "eth0", containerId: "c".repeat(200) });
  assert.is(new TextEncoder().encode(comment).length, 128);
  assert.match(comment, /^[0-9a-f]{16}-[0-9a-f]{16}, net: net, if: eth0, id: c+$/);
});
names("an unknown backend is refused", () => {
  assert.is(parseMasqueradeBackend(undefined), undefined);
  for (const known of ["iptables", "nftables"]) assert.is(parseMasqueradeBackend(known), known);
  for (const unknown of ["", "nft", "IPTables"]) throws(() => parseMasqueradeBackend(unknown), 7);
});
names.run();

const lines = suite("masqueradeChange");
const ipv4 = masqueradeChange(4, { ...pod, addresses: pod.addresses.slice(0, 1) });
const quoted = String.raw`"name: \"test\" id: \"1234\""`;
lines("makes the chain and the way into it, for a container that has neither", () => {
  assert.equal(ipv4.guess, [
    `-N ${chain}`,
    `-A ${chain} -d 10.1.0.0/24 -m comment --comment ${quoted} -j ACCEPT`,
    `-A ${chain} ! -d 224.0.0.0/4 -m comment --comment ${quoted} -j MASQUERADE`,
    `-A POSTROUTING -s 10.1.0.5/32 -m comment --comment ${quoted} -j ${chain}`,
  ]);
  assert.equal(ipv4.decide([]), ipv4.guess);
  assert.is(masqueradeComment(pod), `name: "test" id: "1234"`);
});
lines("adds nothing that is there", () => {
  const saved = [`:${chain} - [0:0]`, ...(ipv4.guess ?? []).slice(1)];
  assert.equal(ipv4.decide(saved), []);
  assert.equal(ipv4.decide(saved.slice(0, -1)), [ipv4.guess?.at(-1)]);
});
lines("accepts a further network before it masquerades", () => {
  const saved = [`:${chain} - [0:0]`, ...(ipv4.guess ?? []).slice(1)];
  const second = masqueradeChange(4, { ...pod, addresses: [parsePrefix("10.2.0.5/16")] });
  assert.equal(second.decide(saved), [
    `-I ${chain} 1 -d 10.2.0.0/16 -m comment --comment ${quoted} -j ACCEPT`,
    `-A POSTROUTING -s 10.2.0.5/32 -m comment --comment ${quoted} -j ${chain}`,
  ]);
});
lines.run();

const setup = suite("masqueradeSetup");
setup("replaces the attachment's own rules and leaves those of others", () => {
  const own = attachmentComment(pod), other = attachmentComment({ ...pod, ifName: "eth1" });
  const existing = [{ handle: 7n, comment: own }, { handle: 8n, comment: other }, { handle: 9n }];
  const changes = masqueradeSetup({ rules: ({ chain }) => chain === "masq_checks" ? existing : undefined }, pod);
  assert.equal(changes.filter((change) => change.do === "delete rule").map(({ handle }) => handle), [7n]);
  assert.is(changes.filter((change) => change.do === "add rule" && change.comment === own).length, 2);
});
setup.run();

const stale = suite("GC");
stale("of iptables takes chains whose name proves the owner", () => {
  const entry = (network: string, containerId: string, target = masqueradeChain({ network, containerId })) =>
    `-A POSTROUTING -s 10.0.0.1/32 -m comment --comment "name: \\"${network}\\" id: \\"${containerId}\\"" -j ${target}`;
  const saved = [entry("test", "gone"), entry("test", "kept"), entry("other", "gone"),
    entry("test", "forged", "KUBE-POSTROUTING"), "-A POSTROUTING -j X"];
  assert.equal(staleMasqueradeChains(saved, "test", [{ containerID: "kept", ifname: "eth0" }]),
    [masqueradeChain({ network: "test", containerId: "gone" })]);
});
stale("of nftables takes rules of the network that no valid attachment accounts for", () => {
  const comment = (network: string, ifName: string) => attachmentComment({ network, ifName, containerId: "c" });
  const rules = [{ handle: 1n, comment: comment("test", "eth0") }, { handle: 2n, comment: comment("test", "eth1") },
    { handle: 3n, comment: comment("other", "eth1") }, { handle: 4n }];
  assert.equal(staleRules(rules, "test", [{ containerID: "c",
    ifname: "eth0" }]).map(({ handle }) => handle), [2n]);
});
stale.run();

const kernel = kernelSuite("masquerade", import.meta.url, { needs: ["nft_nat"] });

/** Comments of the rules nft lists in masq_checks. */
const checks = (): string[] => nftJson("list ruleset").flatMap(({ rule }) => rule?.chain === "masq_checks"
  ? [rule.comment] : []);

async function withContext(work: (context: ReturnType<typeof firewallContext>) => Promise<void>): Promise<void> {
  const context = firewallContext();
  try {
    await work(context);
  } finally {
    context.close();
  }
}

for (const backend of [undefined, "iptables"] as const) {
  kernel(`with backend ${backend ?? "left open"} makes iptables rules once, and takes them back`,
    async () => await withContext(async (context) => {
    run("iptables", "-t", "nat", "-A", "POSTROUTING", "-s", "192.0.2.1", "-m", "comment", "--comment", "foreign", "-j",
      "MASQUERADE");
    const before = natTable();
    for (let i = 0; i < 2; i++) await setupMasquerade(context, pod, backend, context.undo);
    assert.equal(natTable().filter((line) => line.includes(chain)), [
      `:${chain}`,
      `-A POSTROUTING -s 10.1.0.5/32 -m comment --comment ${quoted} -j ${chain}`,
      `-A ${chain} -d 10.1.0.0/24 -m comment --comment ${quoted} -j ACCEPT`,
      `-A ${chain} ! -d 224.0.0.0/4 -m comment --comment ${quoted} -j MASQUERADE`,
    ]);
    assert.is(natTable(6).filter((line) => line.includes("fd00:1::5/128")).length, 1);
    assert.equal(checks(), []);
    for (let i = 0; i < 2; i++) await teardownMasquerade(context, { ...pod, addresses: [] });
    assert.equal(natTable(), before);
    assert.is(natTable(6).some((line) => line.includes(chain)), false);
    run("iptables", "-t", "nat", "-F", "POSTROUTING");
  }));
}

kernel("with nftables makes one commented rule for an address, and takes it back",
  async () => await withContext(async (context) => {
  const second = { ...pod, ifName: "eth1" };
  for (let i = 0; i < 2; i++) await setupMasquerade(context, pod, "nftables", context.undo);
  await setupMasquerade(context, second, "nftables", context.undo);
  assert.equal(checks(), [attachmentComment(pod), attachmentComment(pod), attachmentComment(second),
    attachmentComment(second)]);
  const listing = run("nft", "list", "table", "inet", "cni_plugins_masquerade");
  assert.ok(listing.includes("ip saddr 10.1.0.5 ip daddr != 10.1.0.0/24 masquerade"));
  assert.ok(listing.includes("ip6 saddr fd00:1::5 ip6 daddr != fd00:1::/64 masquerade"));
  assert.match(listing, new RegExp([
    "type nat hook postrouting priority srcnat; policy accept;", "ip daddr 224\\.0\\.0\\.0/4 return",
    "ip6 daddr ff00::/8 return", "goto masq_checks\\s",
  ].join("\\s+")));
  for (let i = 0; i < 2; i++) await teardownMasquerade(context, pod);
  assert.equal(checks(), [attachmentComment(second), attachmentComment(second)]);
  await context.unwind();
  assert.equal(checks(), []);
}));

for (const backend of ["iptables", "nftables"] satisfies FirewallBackend[]) {
  kernel(`GC collects stale rules of ${backend}`, async () => await withContext(async (context) => {
    const gone = { ...pod, containerId: "gone" }, other = { ...pod, network: "other", containerId: "gone" };
    for (const one of [pod, gone, other]) await setupMasquerade(context, one, backend, context.undo);
    await gcMasquerade(context, "test", [{ containerID: "1234", ifname: "eth0" }]);
    if (backend === "iptables") {
      const has = (one: Masquerade) => natTable().includes(`:${masqueradeChain(one)}`)
        && natTable(6).includes(`:${masqueradeChain(one)}`);
      assert.equal([pod, gone, other].map(has), [true, false, true]);
    } else {
      assert.equal(new Set(checks()), new Set([attachmentComment(pod), attachmentComment(other)]));
    }
    await context.unwind();
  }));
}

kernel("deletes rules of iptables-legacy too, which only that tool sees",
  async () => await withContext(async (context) => {
  run("ln", "-s", "/usr/sbin/iptables-legacy", "/run/iptables");
  for (const suffix of ["-save", "-restore"]) run("ln", "-s", `/usr/sbin/iptables-legacy${suffix}`,
    `/run/iptables${suffix}`);
  const legacy = firewallContext({ env: { PATH: "/run" } });
  const only = { ...pod, addresses: pod.addresses.slice(0, 1) };
  await setupMasquerade(legacy, only, "iptables", context.undo);
  assert.ok(natTable(4, "-legacy").includes(`:${chain}`));
  await teardownMasquerade(legacy, only);
  assert.equal(natTable(4, "-legacy"), []);
  legacy.close();
}));

kernel.run();
