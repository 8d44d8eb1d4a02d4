// Conditions in words that only the nft program knows, against the kernel, judged by what nft makes of the same words.
import * as assert from "uvu/assert";
import type { AddContext } from "../../../src/plugins/index.ts";
import { portmap } from "../../../src/plugins/portmap/index.ts";
import { rejects } from "../../helpers/errors.ts";
import type { FirewallContext } from "../../helpers/firewall.ts";
import { call, firewallContext, requestOf } from "../../helpers/firewall.ts";
import { addWith } from "../../helpers/handles.ts";
import { kernelSuite, nftJson, run } from "../../helpers/netns.ts";

const portMappings = [
  { hostPort: 8080, containerPort: 80, protocol: "tcp" },
  { hostPort: 8080, containerPort: 81, protocol: "udp" },
];
const conf = { backend: "nftables", runtimeConfig: { portMappings } };
const prevResult = {
  interfaces: [{ name: "host" }, { name: "eth0", sandbox: "/run/netns/c" }],
  ips: [{ interface: 1, address: "10.0.0.2/24" }, { interface: 1, address: "2001:db8::2/64" }],
  routes: [], dns: {},
};
/** Two translations in each family, and what masquerades: two rules for IPv4 and one for IPv6. */
const rulesOfOne = 7;

const conditions = kernelSuite("portmap conditions by nft", import.meta.url, { needs: ["nft_nat"] });

/** How many rules are the container's, in all tables. */
const commented = (comment: string) => nftJson("list ruleset").filter(({ rule }) => rule?.comment === comment).length;
/** The rules of one of our chains at a hook, as nft prints them. */
const entries = (hook: string, family = "ip", table = "cni_hostport") =>
  run("nft", "list", "chain", family, table, hook).split("\n").slice(3, -3).map((line) => line.trim());
/** What the same words are where nft alone makes the rule, in a table that it takes away again. */
function entryByNft(words: string, hook: string, family: string): readonly string[] {
  run("nft", [`add table ${family} beside`, `add chain ${family} beside hostports_all`,
    `add chain ${family} beside ${hook} { type nat hook ${hook} priority -100 ; }`,
    `add set ${family} beside friends { type ${family === "ip" ? "ipv4_addr" : "ipv6_addr"} ; }`,
    `add rule ${family} beside ${hook} ${words} fib daddr type local jump hostports_all`].join("\n"));
  const found = entries(hook, family, "beside");
  run("nft", `delete table ${family} beside`);
  return found;
}

conditions("conditions that only nft knows are the rules that nft makes of them", async () => {
  for (const family of ["ip", "ip6"]) {
    run("nft", `add table ${family} cni_hostport\nadd set ${family} cni_hostport friends { type ${family === "ip"
      ? "ipv4_addr" : "ipv6_addr"} ; }`);
  }
  const table = [
    ["iif lo", "iif lo"], ["iif != \"lo\"", "iif != lo"], ["oif lo", "meta oif lo"], ["ip ttl > 1", "ip6 hoplimit > 1"],
    ["meta pkttype unicast", "meta pkttype { unicast, broadcast }"],
    ["limit rate 10/second", "limit rate over 5/minute"],
    ["ip saddr . tcp dport { 10.0.0.1 . 80, 10.0.0.2 . 81 }", "ip6 saddr . tcp dport { 2001:db8::1 . 80 }"],
    ["ip saddr @friends", "ip6 saddr != @friends"], ["log prefix \"a;b # {\"", "meta skuid 0 counter"],
    ["dccp type reset", "dccp type { close, reset }"], ["iifname \"br\\*\"", "oifname br\\*"],
    ["tcp dport 010", "meta mark 010"], ["ip saddr 10.0.0.0/010", "ip6 saddr != 2001:db8::/040"],
    ["tcp flags & (syn|ack) == syn", "ip6 dscp ef"], ["tcp dport >= 1024", "th dport 1-5 udp length > 8"],
  ] as const;
  for (const [four, six] of table) {
    const given = { ...conf, conditionsV4: four.split(" "), conditionsV6: [six] };
    await call(portmap, "add", { conf: given, prevResult });
    await call(portmap, "check", { conf: given, prevResult });
    for (const hook of ["prerouting", "output"]) {
      assert.equal(entries(hook), entryByNft(four, hook, "ip"), four);
      assert.equal(entries(hook, "ip6"), entryByNft(six, hook, "ip6"), six);
    }
    assert.is(commented("1234"), rulesOfOne);
    await call(portmap, "del", { conf: given });
    assert.is(commented("1234"), 0);
    await rejects(call(portmap, "check", { conf: given, prevResult }), 111);
  }
  await call(portmap, "add", { conf, prevResult });
  assert.equal(entries("prerouting"), ["fib daddr type local jump hostports_all"]);
  await call(portmap, "del", { conf });
  for (const family of ["ip", "ip6"]) run("nft", `delete table ${family} cni_hostport`);
});

conditions("a skeleton that nft makes is ours in every word, and a link that is made anew is the one", async () => {
  const skeletonText = () => run("nft", "list table ip cni_hostport");
  run("ip", "link", "add", "reborn", "type", "bridge");
  await call(portmap, "add", { conf: { ...conf, conditionsV4: ["iifname", "reborn"] }, prevResult });
  const ours = skeletonText();
  run("nft", "delete table ip cni_hostport");
  await call(portmap, "add", { conf: { ...conf, conditionsV4: ["iif", "reborn"] }, prevResult });
  assert.equal(skeletonText().split("\n").toSorted(), ours.replaceAll("iifname", "iif").split("\n").toSorted());
  run("ip", "link", "delete", "reborn");
  run("ip", "link", "add", "reborn", "type", "bridge");
  await call(portmap, "add", { conf: { ...conf, conditionsV4: ["iif", "reborn"] }, prevResult, containerId: "5678" });
  assert.equal(entries("output"), [`iif "reborn" fib daddr type local jump hostports_all`]);
  for (const containerId of ["1234", "5678"]) await call(portmap, "del", { conf, containerId });
  run("ip", "link", "delete", "reborn");
  for (const family of ["ip", "ip6"]) run("nft", `delete table ${family} cni_hostport`);
});

conditions("a condition that nft refuses leaves no rule, and of a new table nothing", async () => {
  const before = run("nft", "list ruleset");
  for (const [words, said] of [["ip colour blue", /syntax error/], ["iif nosuch0", /Interface does not exist/],
    ["ip saddr @nobody", /No such file/], ["accept", /terminal statement/], ["ip6 hoplimit 1", /conflicting protocols/],
  ] as const) {
    const error = await rejects(call(portmap, "add", { conf: { ...conf, conditionsV4: [words] }, prevResult }), 7);
    assert.match(error.message, `Cannot use conditionsV4 "${words}": Cannot change tables with nft: `);
    assert.match(error.message, said);
    assert.equal(run("nft", "list ruleset"), before);
  }
  await rejects(call(portmap, "add", { conf: { ...conf, conditionsV4: ["iif", "lo"], conditionsV6: ["oif", "lo",
    "colour"] }, prevResult }), 7);
  assert.is(commented("1234"), 0);
  assert.not.match(run("nft", "list ruleset"), "ip6 cni_hostport");
  run("nft", "delete table ip cni_hostport");
});

conditions("without the nft program, conditions that it would be needed for are refused by name", async () => {
  const context = firewallContext();
  const before = run("nft", "list ruleset");
  const nftTool = { present: () => false, run: async (): Promise<never> => { throw new Error("it was run"); } };
  const without: AddContext = Object.assign(Object.create(context) as FirewallContext, { nftTool });
  const add = (conditionsV4: readonly string[]) =>
    addWith(portmap, requestOf(portmap, { conf: { ...conf, conditionsV4 }, prevResult }), without);
  const error = await rejects(add(["ip", "ttl", ">", "1"]), 7);
  assert.match(error.message, /^Cannot use conditionsV4 "ip ttl > 1": polynic itself has no expression for "ttl".*nft/);
  await context.unwind();
  assert.equal(run("nft", "list ruleset"), before);
  await add(["iifname", "eth0"]);
  await context.unwind();
  context.close();
  for (const family of ["ip", "ip6"]) run("nft", `delete table ${family} cni_hostport`);
});

conditions("CHECK misses what leads to the container's rules, by chain", async () => {
  for (const family of ["ip", "ip6"]) for (const [chain, to] of [["prerouting", "hostports_all"],
    ["output", "hostports_all"], ["hostports_all", "hostports"]]) {
    await call(portmap, "add", { conf, prevResult });
    await call(portmap, "check", { conf, prevResult });
    run("nft", `flush chain ${family} cni_hostport ${chain}`);
    const error = await rejects(call(portmap, "check", { conf, prevResult }), 111);
    assert.match(error.message, `: chain "${family} cni_hostport ${chain}" has no rule that leads to "${to}"`);
    await call(portmap, "del", { conf });
  }
  for (const family of ["ip", "ip6"]) run("nft", `delete table ${family} cni_hostport`);
});

conditions("many at once with conditions that only nft knows", async () => {
  const ids = Array.from({ length: 12 }, (_, index) => `many-${index}`);
  const given = (index: number) => ({ ...conf, conditionsV4: index % 2 === 0 ? ["iif", "!=", "lo"] : [] });
  await Promise.all(ids.map((containerId, index) => call(portmap, "add", { conf: given(index), prevResult,
    containerId })));
  assert.equal(ids.map(commented), ids.map(() => rulesOfOne));
  await Promise.all(ids.map((containerId) => call(portmap, "del", { conf, containerId })));
  assert.equal(ids.map(commented), ids.map(() => 0));
  for (const family of ["ip", "ip6"]) run("nft", `delete table ${family} cni_hostport`);
});

conditions.run();
