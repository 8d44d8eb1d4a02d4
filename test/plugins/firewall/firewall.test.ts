// firewall against the kernel: judged by iptables-save, nft -j and packets between namespaces.
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import * as assert from "uvu/assert";
import type { Result } from "../../../src/cni/index.ts";
import { code, versionsFrom } from "../../../src/cni/index.ts";
import { firewall } from "../../../src/plugins/firewall/index.ts";
import { rejects } from "../../helpers/errors.ts";
import { failures } from "../../helpers/failing-handles.ts";
import type { Driven } from "../../helpers/handles.ts";
import { add, check, del, gc, status } from "../../helpers/handles.ts";
import { attempt, kernelSuite, nftJson, run } from "../../helpers/netns.ts";

const prevResult: Result = {
  interfaces: [{ name: "foo" }, { name: "eth0", sandbox: "/run/netns/c" }],
  ips: [{ interface: 1, address: "10.0.0.2/24" }, { interface: 1, address: "2001:db8:1:2::1/64" }],
  routes: [], dns: {},
};

function driven(conf: Readonly<Record<string, unknown>> = {}, more: Partial<Driven> = {}): Driven {
  return { plugin: firewall, netns: "/run/netns/c", conf: { backend: "iptables", ...conf }, prevResult, ...more };
}

/** Chains and rules of table filter as iptables has them, its own chains and counters left out. */
function filterTable(family: 4 | 6 = 4): readonly string[] {
  return run(family === 4 ? "iptables-save" : "ip6tables-save", "-t", "filter").split("\n")
    .filter((line) => line.startsWith("-A") || /^:\S+ -/.test(line)).map((line) => line.replace(/^(:\S+) - .*/, "$1"));
}
const both = () => [filterTable(4), filterTable(6)];
/** What nft makes of our own table, without handles. */
const ownTable = (): string => attempt("nft", "-s", "list", "table", "inet", "cni_firewall").stdout;

const comment = (text: string): string => `-m comment --comment "${text}"`;
const skeleton = (admin = "CNI-ADMIN") => [`:${admin}`, ":CNI-FORWARD",
  `-A FORWARD ${comment("CNI firewall plugin rules")} -j CNI-FORWARD`,
  `-A CNI-FORWARD ${comment("CNI firewall plugin admin overrides")} -j ${admin}`];
const letsThrough = (host: string) => [`-A CNI-FORWARD -d ${host} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
  `-A CNI-FORWARD -s ${host} -j ACCEPT`];

/** What ADD writes down with iptables; in a /run of the suite's own. */
const notes = "/run/cni/firewall";
const noted = () => (existsSync(notes) ? readdirSync(notes).sort() : []);

const kernel = kernelSuite("firewall", import.meta.url, { needs: ["nft_nat", "ipv6"] });
kernel.after.each(() => {
  run("nft", "flush", "ruleset");
  rmSync(notes, { recursive: true, force: true });
});

for (const cniVersion of versionsFrom("0.4.0")) {
  kernel(`iptables: ADD twice, CHECK, DEL twice, cniVersion ${cniVersion}`, async () => {
    const one = driven({ ifName: "ignored" }, { cniVersion });
    await rejects(check(one), code.attachmentBroken);
    assert.equal(await add(one), prevResult);
    const made = both();
    assert.equal(made, [[...skeleton(), ...letsThrough("10.0.0.2/32")],
      [...skeleton(), ...letsThrough("2001:db8:1:2::1/128")]]);
    await check(one);
    assert.equal(await add(one), prevResult);
    assert.equal(both(), made);
    for (let i = 0; i < 2; i++) {
      await del(one);
      assert.equal(both(), [skeleton(), skeleton()]);
    }
    await rejects(check(one), code.attachmentBroken);
  });
}

kernel("an operator's chain of another name, in both families, with what is in it", async () => {
  for (const tool of ["iptables", "ip6tables"]) {
    run(tool, "-N", "OPERATORS");
    run(tool, "-A", "OPERATORS", "-p", "tcp", "-j", "DROP");
  }
  const one = driven({ iptablesAdminChainName: "OPERATORS" });
  await add(one);
  await check(one);
  for (const family of [4, 6] as const) {
    assert.equal(filterTable(family).slice(0, 4), [":CNI-FORWARD", ":OPERATORS", ...skeleton("OPERATORS").slice(2)]);
    assert.ok(filterTable(family).includes("-A OPERATORS -p tcp -j DROP"));
  }
  // A second network with the usual chain is led to that one first.
  await add(driven());
  assert.equal(filterTable().filter((line) => line.endsWith("OPERATORS") || line.endsWith("CNI-ADMIN")).length, 4);
  await del(one);
  assert.ok(filterTable().includes("-A OPERATORS -p tcp -j DROP"));
});

const shared = comment("CNI firewall plugin rules (ingressPolicy: same-bridge|isolated)");
for (const [ingressPolicy, inside] of [["same-bridge", []], ["isolated", ["-A CNI-ISOLATION-STAGE-1 -i foo -o foo " +
  `${comment("CNI firewall plugin rules (ingressPolicy: isolated)")} -j DROP`]]] as const) {
  kernel(`iptables: the rules of ingressPolicy ${ingressPolicy} come before all, once, and stay`, async () => {
    const one = driven({ ingressPolicy });
    await add(driven());
    await add(one);
    await add(one);
    await check(one);
    const own = comment(`CNI firewall plugin rules (ingressPolicy: ${ingressPolicy})`);
    const expected = (...hosts: readonly string[]) => [
      ":CNI-ADMIN", ":CNI-FORWARD", ":CNI-ISOLATION-STAGE-1", ":CNI-ISOLATION-STAGE-2",
      `-A FORWARD ${shared} -j CNI-ISOLATION-STAGE-1`, ...skeleton().slice(2), ...hosts.flatMap(letsThrough), ...inside,
      `-A CNI-ISOLATION-STAGE-1 -i foo ! -o foo ${own} -j CNI-ISOLATION-STAGE-2`,
      `-A CNI-ISOLATION-STAGE-1 ${shared} -j RETURN`, `-A CNI-ISOLATION-STAGE-2 -o foo ${shared} -j DROP`,
      `-A CNI-ISOLATION-STAGE-2 ${shared} -j RETURN`,
    ];
    assert.equal(both(), [expected("10.0.0.2/32"), expected("2001:db8:1:2::1/128")]);
    await del(one);
    assert.equal(both(), [expected(), expected()]);
  });
}

kernel("a policy is asked for in the families that there are addresses of", async () => {
  const only4 = { ...prevResult, ips: prevResult.ips.slice(0, 1) };
  await add(driven({ ingressPolicy: "same-bridge" }, { prevResult: only4 }));
  assert.ok(filterTable(4).includes(":CNI-ISOLATION-STAGE-1"));
  assert.equal(filterTable(6), []);
});

kernel("an address that is listed twice has one pair of rules, and no address none", async () => {
  const [first] = prevResult.ips;
  await add(driven({}, { prevResult: { ...prevResult, ips: [first ?? { address: "" }, first ?? { address: "" }] } }));
  assert.equal(filterTable(), [...skeleton(), ...letsThrough("10.0.0.2/32")]);
  const none = driven({ ingressPolicy: "isolated" }, { containerId: "none", prevResult: { ...prevResult, ips: [] } });
  const before = both();
  await add(none);
  await check(none);
  await del(none);
  assert.equal(both(), before);
});

kernel("DEL leaves what others have made of the same address", async () => {
  await add(driven());
  const others = ["-A CNI-FORWARD -s 10.0.0.2/32 -p tcp -j ACCEPT", "-A CNI-FORWARD -d 10.0.0.2/32 -j DROP",
    "-A CNI-FORWARD -d 10.0.0.2/32 -m mac --mac-source 02:00:00:00:00:01 -j ACCEPT"];
  for (const rule of others) run("iptables", ...rule.split(" "));
  await add(driven({}, { containerId: "other", prevResult: { ...prevResult, ips: [{ address: "10.0.0.3/24" }] } }));
  await del(driven());
  assert.equal(filterTable(), [...skeleton(), ...others, ...letsThrough("10.0.0.3/32")]);
});

kernel("DEL without prevResult deletes what was noted; the reference's rules need one", async () => {
  const { prevResult: _, ...alone } = driven();
  await add(driven());
  assert.equal(noted(), ["test-container_eth0.json"]);
  await del({ ...alone, conf: { ...alone.conf, name: "another" } });
  assert.equal(filterTable(), [...skeleton(), ...letsThrough("10.0.0.2/32")]);
  rmSync(notes, { recursive: true });
  await del(alone);
  assert.equal(filterTable(), [...skeleton(), ...letsThrough("10.0.0.2/32")]);
  await add(driven());
  await del(alone);
  assert.equal([both(), noted()], [[skeleton(), skeleton()], []]);
});

kernel("an unknown policy keeps no DEL", async () => {
  await add(driven());
  await del(driven({ ingressPolicy: "closed", iptablesAdminChainName: "-x", backend: 5 }));
  assert.equal(filterTable(), skeleton());
});

kernel("a second ADD adds to what was noted, and one that fails leaves it as it was", async () => {
  await add(driven());
  const more = driven({}, { prevResult: { ...prevResult, ips: [{ address: "10.0.0.9/24" }] } });
  const failing = { ...more, through: ({ iptables }) => ({ iptables: { ...iptables,
    change: async () => { throw new Error("no"); } } }) } satisfies Driven;
  await rejects(add(failing), code.internal);
  await add(more);
  const { prevResult: _, ...alone } = driven();
  await del(alone);
  assert.equal([both(), noted()], [[skeleton(), skeleton()], []]);
});

kernel("an ingressPolicy that is empty is none", async () => {
  const one = driven({ ingressPolicy: "" });
  await add(one);
  await check(one);
  assert.equal(filterTable(), [...skeleton(), ...letsThrough("10.0.0.2/32")]);
  await del(one);
});

for (const [name, conf, more, number, message] of [
  ["an unknown policy", { ingressPolicy: "closed" }, {}, code.invalidConfig, /ingressPolicy/],
  ["a policy that is no text", { ingressPolicy: 1 }, {}, code.invalidConfig, /ingressPolicy/],
  ["a chain's name that is an option", { iptablesAdminChainName: "-F" }, {}, code.invalidConfig,
    /iptablesAdminChainName/],
  ["a chain's name in two words", { iptablesAdminChainName: "A B" }, {}, code.invalidConfig, /iptablesAdminChainName/],
  ["a chain's name of two lines", { iptablesAdminChainName: "A\n-F" }, {}, code.invalidConfig,
    /iptablesAdminChainName/],
  ["a chain's name that is too long", { iptablesAdminChainName: "A".repeat(29) }, {}, code.invalidConfig,
    /iptablesAdminChainName .* at most 28/],
  ["a chain that is its own", { iptablesAdminChainName: "CNI-FORWARD" }, {}, code.invalidConfig,
    /iptablesAdminChainName "CNI-FORWARD"/],
  ["a target for a chain", { iptablesAdminChainName: "ACCEPT" }, {}, code.invalidConfig, /iptablesAdminChainName/],
  ["a zone that is none", { firewalldZone: "a b" }, {}, code.invalidConfig, /firewalldZone/],
  ["a backend that is no text", { backend: 7 }, {}, code.invalidConfig, /backend/],
  ["to be the first", {}, { prevResult: undefined }, code.invalidConfig, /chained/],
  ["a policy without a bridge", { ingressPolicy: "isolated" }, { prevResult: { ...prevResult, interfaces: [],
    ips: [{ address: "10.0.0.2/24" }] } }, code.invalidConfig, /ingressPolicy isolated .* no interfaces/],
] as const) {
  kernel(`refuses ${name}, and has touched nothing`, async () => {
    const { prevResult: _, ...alone } = driven(conf);
    const call = { ...driven(conf), ...more }, one = "prevResult" in more && more.prevResult === undefined ? alone
      : call as Driven;
    for (const verb of [add, check]) {
      const error = await rejects(verb(one), number);
      assert.match(error.message, verb === check && name === "to be the first" ? /prevResult/ : message);
    }
    assert.equal(run("nft", "list", "ruleset"), "");
  });
}

kernel("an unknown backend is what none is, as in the reference", async () => {
  await add(driven({ backend: "pf" }));
  assert.equal(filterTable(), [...skeleton(), ...letsThrough("10.0.0.2/32")]);
});

kernel("nftables: ADD twice, CHECK, DEL twice, DEL without prevResult", async () => {
  const one = driven({ backend: "nftables" }), { prevResult: _, ...alone } = one;
  await rejects(check(one), code.attachmentBroken);
  await add(one);
  const made = ownTable(), rules = nftJson("list chain inet cni_firewall CNI-FORWARD").filter(({ rule }) => rule);
  assert.is(rules.length, 4);
  assert.match(made, /ip daddr 10\.0\.0\.2 ct state established,related accept comment/);
  assert.match(made, /ip6 saddr 2001:db8:1:2::1 accept comment ".*, net: testnet, if: eth0, id: test-container"/);
  assert.ok(made.replace(/\s+/g, " ").includes("{ type filter hook forward priority filter; policy accept; " +
    "jump CNI-ISOLATION-STAGE-1 jump CNI-ADMINS jump CNI-FORWARD }"));
  await check(one);
  await add(one);
  assert.equal(ownTable(), made);
  for (let i = 0; i < 2; i++) {
    await del(alone);
    assert.not.match(ownTable(), /10\.0\.0\.2|2001:db8/);
  }
  await rejects(check(one), code.attachmentBroken);
  assert.equal(both(), [[], []]);
});

kernel("nftables: a policy's rules, once; one that is less strict takes the others' away", async () => {
  const chain = (name: string) => run("nft", "-s", "list", "chain", "inet", "cni_firewall", name).split("\n")
    .map((line) => line.trim()).filter((line) => /^[io]ifname/.test(line));
  const isolated = driven({ backend: "nftables", ingressPolicy: "isolated" });
  await add(isolated);
  await add(isolated);
  await check(isolated);
  const leaving = 'iifname "foo" oifname != "foo" jump CNI-ISOLATION-STAGE-2';
  assert.equal(chain("CNI-ISOLATION-STAGE-1"), [leaving, 'iifname "foo" oifname "foo" drop']);
  assert.equal(chain("CNI-ISOLATION-STAGE-2"), ['oifname "foo" drop']);
  await add(driven({ backend: "nftables", ingressPolicy: "same-bridge" }));
  assert.equal(chain("CNI-ISOLATION-STAGE-1"), [leaving]);
  assert.match((await rejects(check(isolated), code.attachmentBroken)).message, /inside foo/);
  await del(isolated);
  assert.equal(chain("CNI-ISOLATION-STAGE-2"), ['oifname "foo" drop']);
});

kernel("nftables: GC takes what no valid attachment accounts for, of its own network", async () => {
  const one = driven({ backend: "nftables" });
  await add(one);
  await add({ ...one, containerId: "kept" });
  await add({ ...one, conf: { ...one.conf, name: "another" }, containerId: "elsewhere" });
  await gc(one, undefined);
  await gc(one, [{ containerID: "kept", ifname: "eth0" }]);
  assert.not.match(ownTable(), /id: test-container/);
  assert.match(ownTable(), /id: kept/);
  assert.match(ownTable(), /id: elsewhere/);
  await gc(one, []);
  assert.not.match(ownTable(), /id: kept/);
});

kernel("iptables: GC takes what no valid attachment accounts for, of its own network, by what was noted", async () => {
  const addressed = (containerId: string, address: string, conf = {}) =>
    driven(conf, { containerId, prevResult: { ...prevResult, ips: [{ address }] } });
  const kept = [{ containerID: "kept", ifname: "eth0" }];
  const rules = (...addresses: readonly string[]) => [...skeleton(), ...addresses.flatMap(letsThrough)];
  await add(addressed("gone", "10.0.0.2/24"));
  await add(addressed("kept", "10.0.0.3/24"));
  await add(addressed("elsewhere", "10.0.0.4/24", { name: "another" }));
  await gc(driven(), undefined);
  // Nobody knows what addresses the reference's has by now.
  await gc(driven(), [...kept, { containerID: "theirs", ifname: "eth0" }]);
  assert.equal(filterTable(), rules("10.0.0.2/32", "10.0.0.3/32", "10.0.0.4/32"));
  await gc(driven(), kept);
  assert.equal(filterTable(), rules("10.0.0.3/32", "10.0.0.4/32"));
  assert.equal(noted(), ["elsewhere_eth0.json", "kept_eth0.json"]);
});

kernel("iptables: GC leaves the rules of an address that another has by now, and what is no note of ours", async () => {
  const one = driven({}, { prevResult: { ...prevResult, ips: [{ address: "10.0.0.2/24" }] } });
  await add({ ...one, containerId: "gone" });
  await add({ ...one, containerId: "kept" });
  for (const [name, text] of [["a_b.json", "["], ["c_d.json", '{"network":"testnet"}'], ["e_f.json", "{}"]] as const)
    writeFileSync(`${notes}/${name}`, text);
  mkdirSync(`${notes}/g_h.json`);
  await gc(one, [{ containerID: "kept", ifname: "eth0" }]);
  assert.equal(filterTable(), [...skeleton(), ...letsThrough("10.0.0.2/32")]);
  assert.equal(noted(), ["a_b.json", "c_d.json", "e_f.json", "g_h.json", "kept_eth0.json"]);
});

kernel("where only nftables can be used, that is what is chosen", async () => {
  const unusable = async () => { throw new Error("there is no iptables"); };
  const one = driven({ backend: "" }, { through: ({ iptables }) => ({ iptables: {
    ...iptables, present: () => false, usable: async () => false, change: unusable, missing: unusable,
  } }) });
  await add(one);
  await check(one);
  assert.match(ownTable(), /10\.0\.0\.2/);
  await status(one);
  await del(one);
  assert.not.match(ownTable(), /10\.0\.0\.2/);
  assert.equal(both(), [[], []]);
  assert.match((await rejects(status({ ...one, conf: { backend: "iptables" } }), code.notReady)).message, /iptables/);
});

kernel("STATUS tells that firewalld does not answer", async () => {
  await status(driven());
  await status(driven({ backend: "nftables" }));
  const error = await rejects(status(driven({ backend: "firewalld" })), code.notReady);
  assert.match(error.message, /firewalld does not answer/);
});

kernel("iptables: when the second family fails, the first one's rules go, and an earlier ADD's stay", async () => {
  const one = driven(), [first = { address: "" }] = prevResult.ips;
  const failing = { ...one, through: ({ iptables }) => ({ iptables: { ...iptables,
    change: async (change) => {
      if (change.family === 6) throw new Error("made to fail");
      await iptables.change(change);
    } } }) } satisfies Driven;
  assert.match((await rejects(add(failing), code.internal)).message, /made to fail/);
  assert.equal(filterTable(), skeleton());
  await add({ ...one, prevResult: { ...prevResult, ips: [first] } });
  assert.match((await rejects(add(failing), code.internal)).message, /made to fail/);
  assert.equal(filterTable(), [...skeleton(), ...letsThrough("10.0.0.2/32")]);
});

kernel("iptables: what another program has torn out is made whole", async () => {
  await add(driven());
  run("iptables", "-D", "CNI-FORWARD", "-s", "10.0.0.2/32", "-j", "ACCEPT");
  assert.match((await rejects(check(driven()), code.attachmentBroken)).message, /CNI-FORWARD -s 10\.0\.0\.2\/32/);
  await add(driven());
  assert.equal(filterTable(), [...skeleton(), ...letsThrough("10.0.0.2/32")]);
  run("iptables", "-F", "FORWARD");
  await rejects(check(driven()), code.attachmentBroken);
  await add(driven());
  await check(driven());
});

for (const backend of ["iptables", "nftables"]) {
  kernel(`${backend}: a failure at any step leaves the rules as before`, async () => {
    const one = driven({ backend, ingressPolicy: "same-bridge" });
    await add(one);
    await del(one);
    const state = () => run("nft", "-s", "list", "ruleset");
    const steps = await failures(one, state, { times: 1 });
    assert.ok(steps >= (backend === "nftables" ? 1 : 0), `${steps}`);
  });
}

kernel.run();
