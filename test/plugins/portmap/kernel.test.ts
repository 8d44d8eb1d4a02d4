// portmap against the kernel, judged by iptables-save and nft; beside the reference's executable where it is installed.
import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { portmap } from "../../../src/plugins/portmap/index.ts";
import { rejects } from "../../helpers/errors.ts";
import { call, firewallContext, natTable, requestOf } from "../../helpers/firewall.ts";
import { waitLimitMs } from "../../helpers/limits.ts";
import type { TestNetns } from "../../helpers/netns.ts";
import { attempt, kernelSuite, makeNetns, nftJson, run, until } from "../../helpers/netns.ts";
import { addWith } from "../../helpers/handles.ts";

const references = {
  "Debian's release": "/usr/lib/cni/portmap",
  "the newer build": fileURLToPath(import.meta.resolve("../../../build/reference-plugins/portmap")),
};
const portMappings = [
  { hostPort: 8080, containerPort: 80, protocol: "tcp" },
  { hostPort: 8081, containerPort: 80, protocol: "tcp" },
  { hostPort: 8080, containerPort: 81, protocol: "udp" },
  { hostPort: 8083, containerPort: 83, protocol: "tcp", hostIP: "192.168.0.2" },
  { hostPort: 8084, containerPort: 84, protocol: "tcp", hostIP: "0.0.0.0" },
  { hostPort: 8085, containerPort: 85, protocol: "tcp", hostIP: "2001:db8:a::1" },
  { hostPort: 8086, containerPort: 86, protocol: "tcp", hostIP: "::" },
];
const conf = { runtimeConfig: { portMappings } };
const prevResult = {
  interfaces: [{ name: "host" }, { name: "eth0", sandbox: "/run/netns/c" }],
  ips: [{ interface: 1, address: "10.0.0.2/24" }, { interface: 1, address: "2001:db8::2/64" }],
  routes: [], dns: {},
};

/** Both nat tables without the rules and chains of containers: what may stay after DEL. */
const containerLines = () => [...natTable(4), ...natTable(6)].filter((line) => /CNI-DN-|CNI-SN-/.test(line));

function callReference(executable: string, command: "ADD" | "DEL" | "CHECK", extra: Readonly<Record<string,
  unknown>> = {}): void {
  const stdin = JSON.stringify({ cniVersion: "1.0.0", name: "test", type: "portmap", ...conf, ...extra,
    prevResult: { cniVersion: "1.0.0", ...prevResult } });
  const env = { ...process.env, CNI_COMMAND: command, CNI_CONTAINERID: "1234", CNI_NETNS: "/run/netns/reference",
    CNI_IFNAME: "eth0", CNI_PATH: "/usr/lib/cni" };
  if (!existsSync(env.CNI_NETNS)) makeNetns("reference");
  const { status, stdout } = spawnSync(executable, { input: stdin, env, encoding: "utf8", timeout: waitLimitMs });
  if (status !== 0) throw new Error(`${command}: ${stdout}`);
}

/** Rules of nft as they are where bridges pass the host's connection tracking; neighbours.test.ts has the others. */
const bridgedRules = (listed: string): string => listed
  .replace("ip saddr 10.0.0.0/24 ip daddr 10.0.0.2 ct status dnat", "ip saddr 10.0.0.2 ip daddr 10.0.0.2")
  .replace("ip6 saddr 2001:db8::/64 ip6 daddr 2001:db8::2 ct status dnat",
    "ip6 saddr 2001:db8::2 ip6 daddr 2001:db8::2");

function flush(): void {
  for (const family of ["iptables", "ip6tables"]) for (const act of ["-F", "-X"]) run(family, "-t", "nat", act);
}

const rules = kernelSuite("portmap rules", import.meta.url, { needs: ["nft_nat"] });

/** Handles of the skeleton's rules, which tell whether they were replaced. */
const skeleton = (): readonly string[] => nftJson("list table ip cni_hostport")
  .flatMap(({ rule }) => rule !== undefined && ["hostports_all", "prerouting", "output"].includes(rule.chain)
    ? [`${rule.chain} ${rule.handle}`] : []);

rules("nftables: a skeleton that is right stays as it is, another program's or other conditions' is made anew",
  async () => {
  const nftConf = { ...conf, backend: "nftables" };
  await call(portmap, "add", { conf: nftConf, prevResult });
  const first = skeleton();
  assert.is(first.length, 4);
  await call(portmap, "add", { conf: nftConf, prevResult });
  assert.equal(skeleton(), first);

  run("nft", "flush chain ip cni_hostport prerouting");
  await call(portmap, "add", { conf: nftConf, prevResult });
  const repaired = skeleton();
  assert.is(repaired.length, 4);
  assert.equal(repaired.filter((line) => first.includes(line)).length, 3);

  await call(portmap, "add", { conf: { ...nftConf, conditionsV4: ["iifname", "eth9"] }, prevResult });
  assert.equal(skeleton().filter((line) => repaired.includes(line)).map((line) => line.split(" ")[0]),
    ["hostports_all", "hostports_all"]);
  assert.match(run("nft", "list", "chain", "ip", "cni_hostport", "prerouting"),
    'iifname "eth9" fib daddr type local jump hostports_all');
  await call(portmap, "del", { conf: nftConf });
  for (const family of ["ip", "ip6"]) run("nft", `delete table ${family} cni_hostport`);
});

rules("ADD twice leaves one set of rules, CHECK passes, DEL twice leaves the shared chains", async () => {
  await rejects(call(portmap, "check", { conf, prevResult }), 111);
  await call(portmap, "add", { conf, prevResult });
  const tables = [natTable(4), natTable(6)];
  await call(portmap, "check", { conf, prevResult });
  await call(portmap, "add", { conf, prevResult });
  assert.equal([natTable(4), natTable(6)], tables);
  for (let i = 0; i < 2; i++) await call(portmap, "del", { conf });
  assert.equal(containerLines(), []);
  assert.equal(natTable(4), [
    ":CNI-HOSTPORT-DNAT", ":CNI-HOSTPORT-MASQ", ":CNI-HOSTPORT-SETMARK",
    "-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT",
    "-A OUTPUT -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT",
    `-A POSTROUTING -m comment --comment "CNI portfwd requiring masquerade" -j CNI-HOSTPORT-MASQ`,
    "-A CNI-HOSTPORT-MASQ -m mark --mark 0x2000/0x2000 -j MASQUERADE",
    `-A CNI-HOSTPORT-SETMARK -m comment --comment "CNI portfwd masquerade mark" -j MARK --set-xmark 0x2000/0x2000`,
  ]);
  await rejects(call(portmap, "check", { conf, prevResult }), 111);
});

rules("iptables: a mapping that is listed twice is added once, whether the chain is new or not", async () => {
  const twice = { runtimeConfig: { portMappings: [portMappings[0], portMappings[0]] } };
  for (let i = 0; i < 2; i++) {
    await call(portmap, "add", { conf: twice, prevResult });
    assert.is(natTable(4).filter((line) => line.endsWith("--to-destination 10.0.0.2:80")).length, 1);
    assert.is(natTable(4).filter((line) => /^-A CNI-DN-/.test(line)).length, 3);
  }
  await call(portmap, "check", { conf: twice, prevResult });
  await call(portmap, "del", { conf: twice });
  assert.equal(containerLines(), []);
});

for (const backend of ["iptables", "nftables"]) {
  rules(`${backend}: dccp is a protocol with ports too`, async () => {
    const mapped = { backend, runtimeConfig: { portMappings: [{ ...portMappings[0], protocol: "DCCP" }] } };
    await call(portmap, "add", { conf: mapped, prevResult });
    assert.match(run("nft", "list", "ruleset"), backend === "nftables" ? "dccp dport 8080 dnat to 10.0.0.2:80" : "");
    if (backend === "iptables") assert.ok(natTable(4).some((line) =>
      line.endsWith("-p dccp -m dccp --dport 8080 -j DNAT --to-destination 10.0.0.2:80")));
    await call(portmap, "check", { conf: mapped, prevResult });
    await call(portmap, "del", { conf: mapped });
  });
}

rules("iptables: a condition that is an option of the tool is refused by ADD and CHECK, and DEL goes on", async () => {
  const before = [natTable(4), natTable(6)];
  for (const conditionsV4 of [["-h"], ["--modprobe=/x"]]) {
    for (const verb of ["add", "check"] as const) {
      const error = await rejects(call(portmap, verb, { conf: { ...conf, conditionsV4 }, prevResult }), 7);
      assert.match(error.message, `Cannot use "${conditionsV4[0]}" in conditionsV4`);
    }
    await call(portmap, "del", { conf: { ...conf, conditionsV4 } });
  }
  assert.equal([natTable(4), natTable(6)], before);
});

rules("DEL forgets UDP connections to the container, and no others", async () => {
  const seen = () => attempt("conntrack", "-L").stdout.split("\n").flatMap((line) =>
    /src=(\S+) dst=192\.0\.2\.1/.exec(line)?.[1] ?? []).toSorted();
  const connection = (source: string, port: number, to: string) => run("conntrack", "-I", "-p", "udp", "-s", source,
    "-d", "192.0.2.1", "--sport", "1000", "--dport", `${port}`, "-r", to, "-q", source, "--reply-port-src", "81",
    "--reply-port-dst", "1000", "-t", "100");
  for (const [known, left] of [[prevResult, ["10.9.0.2", "10.9.0.3", "10.9.0.4"]],
    [undefined, ["10.9.0.3", "10.9.0.4"]]] as const) {
    attempt("conntrack", "-F");
    await call(portmap, "add", { conf, prevResult });
    connection("10.9.0.1", 8080, "10.0.0.2");
    connection("10.9.0.2", 8080, "10.0.0.7"); // another container's, whose port it now is
    connection("10.9.0.3", 8099, "10.0.0.2"); // no mapping of ours
    connection("10.9.0.4", 8080, "192.0.2.1"); // a program of the host
    assert.is(seen().length, 4);
    for (let i = 0; i < 2; i++) {
      await call(portmap, "del", { conf, ...(known === undefined ? {} : { prevResult: known }) });
      assert.equal(seen(), left);
    }
  }
});

rules("what an administrator removed from the shared chains comes back, once", async () => {
  run("iptables", "-t", "nat", "-F", "PREROUTING");
  await call(portmap, "add", { conf, prevResult });
  await call(portmap, "add", { conf: { ...conf, markMasqBit: 5 }, prevResult, containerId: "5678" });
  const table = natTable(4);
  for (const line of ["-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT",
    "-A OUTPUT -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT"]) {
    assert.is(table.filter((one) => one === line).length, 1, line);
  }
  assert.equal(table.filter((line) => line.startsWith("-A CNI-HOSTPORT-SETMARK")).map((line) => line.split(" ").at(-1)),
    ["0x2000/0x2000", "0x20/0x20"]);
  for (const containerId of ["1234", "5678"]) await call(portmap, "del", { conf, containerId });
  assert.equal(containerLines(), []);
});

rules("iptables: CHECK misses each shared rule on the way to the container, by name", async () => {
  await call(portmap, "add", { conf, prevResult });
  for (const [tool, address, chain] of [
    ["iptables", "10.0.0.2", "PREROUTING"], ["iptables", "10.0.0.2", "OUTPUT"], ["iptables", "10.0.0.2", "POSTROUTING"],
    ["iptables", "10.0.0.2", "CNI-HOSTPORT-MASQ"], ["iptables", "10.0.0.2", "CNI-HOSTPORT-SETMARK"],
    ["ip6tables", "2001:db8::2", "PREROUTING"],
  ] as const) {
    run(tool, "-t", "nat", "-D", chain, "1");
    const error = await rejects(call(portmap, "check", { conf, prevResult }), 111);
    assert.match(error.message, `Cannot find the port mappings of container "1234" to ${address}: ${chain} `);
    assert.match(error.message, / is not in table nat$/);
    await call(portmap, "add", { conf, prevResult });
    await call(portmap, "check", { conf, prevResult });
  }
  await call(portmap, "del", { conf });
});

rules("foreign rules stay, also in the entry chain", async () => {
  run("iptables", "-t", "nat", "-A", "CNI-HOSTPORT-DNAT", "-p", "tcp", "-m", "comment", "--comment", `not "ours"`, "-j",
    "RETURN");
  const before = natTable(4);
  await call(portmap, "add", { conf, prevResult });
  await call(portmap, "del", { conf });
  assert.equal(natTable(4), before);
  run("iptables", "-t", "nat", "-F", "CNI-HOSTPORT-DNAT");
});

rules("a failing ADD leaves nothing of the container in either family", async () => {
  const broken = { ...conf, conditionsV6: ["--no-such-option"] };
  const error = await rejects(call(portmap, "add", { conf: broken, prevResult }), 110);
  assert.match(error.message, /--no-such-option/);
  assert.equal(containerLines(), []);
});

rules("conditions cannot bring lines of their own", async () => {
  await rejects(call(portmap, "add", { conf: { ...conf, conditionsV4: ["-s", "10.0.0.0/8\nCOMMIT\n*filter"] },
    prevResult }), 7);
  assert.equal(containerLines(), []);
});

rules("an external mark chain is used and ours are not made", async () => {
  run("iptables", "-t", "nat", "-N", "PLZ-SET-MARK");
  const external = { ...conf, externalSetMarkChain: "PLZ-SET-MARK" };
  const only4 = { ...prevResult, ips: prevResult.ips.slice(0, 1) };
  await call(portmap, "add", { conf: external, prevResult: only4 });
  await call(portmap, "check", { conf: external, prevResult: only4 });
  assert.is(natTable(4).filter((line) => line.endsWith("-j PLZ-SET-MARK")).length, 10);
  await call(portmap, "del", { conf: external });
  assert.equal(containerLines(), []);
});

rules("a chain of releases before 0.8 goes with DEL", async () => {
  const legacy = "CNI-SN-2bbe0c48b91a7d1b8a675";
  for (const args of [["-N", "CNI-HOSTPORT-SNAT"], ["-N", legacy],
    ["-A", "CNI-HOSTPORT-SNAT", "-j", legacy]]) run("iptables", "-t", "nat", ...args);
  await call(portmap, "del", { conf });
  assert.equal(containerLines(), []);
});

rules("iptables-legacy: the same rules, where only that tool sees them", async () => {
  for (const tool of ["iptables", "ip6tables"]) {
    for (const suffix of ["", "-save", "-restore"]) run("ln", "-s", `/usr/sbin/${tool}-legacy${suffix}`,
      `/run/${tool}${suffix}`);
  }
  flush();
  await call(portmap, "add", { conf, prevResult });
  const tables = [natTable(4), natTable(6)];
  await call(portmap, "del", { conf });
  flush();
  const context = firewallContext({ env: { PATH: "/run" } });
  for (let i = 0; i < 2; i++) await addWith(portmap, requestOf(portmap, { conf, prevResult }), context);
  assert.equal([natTable(4, "-legacy"), natTable(6, "-legacy")], tables);
  assert.equal(containerLines(), []);
  await portmap.check(requestOf(portmap, { conf, prevResult }), context);
  for (let i = 0; i < 2; i++) await portmap.del(requestOf(portmap, { conf }), context);
  await rejects(portmap.check(requestOf(portmap, { conf, prevResult }), context), 111);
  context.close();
  assert.equal([...natTable(4, "-legacy"), ...natTable(6, "-legacy")].filter((line) => line.includes("CNI-DN-")), []);
});

rules("nftables: the exact rules, the skeleton after DEL, and CHECK at every step", async () => {
  const backend = { ...conf, backend: "nftables", conditionsV4: ["iifname", "!=", "lo"] };
  const plain = { ...backend, snat: false };
  await rejects(call(portmap, "check", { conf: backend, prevResult }), 111);
  await call(portmap, "add", { conf: plain, prevResult });
  await call(portmap, "check", { conf: plain, prevResult });
  await rejects(call(portmap, "check", { conf: backend, prevResult }), 111);
  await call(portmap, "del", { conf: plain });
  await call(portmap, "add", { conf: backend, prevResult });
  await call(portmap, "check", { conf: backend, prevResult });
  const mapped = (chain: string, family = "ip") => bridgedRules(run("nft", "list", "chain", family, "cni_hostport",
    chain)).split("\n").slice(2, -3).map((line) => line.trim());
  assert.equal(mapped("hostports"), [
    `tcp dport 8080 dnat to 10.0.0.2:80 comment "1234"`,
    `tcp dport 8081 dnat to 10.0.0.2:80 comment "1234"`,
    `udp dport 8080 dnat to 10.0.0.2:81 comment "1234"`,
    `ip daddr 192.168.0.2 tcp dport 8083 dnat to 10.0.0.2:83 comment "1234"`,
    `tcp dport 8084 dnat to 10.0.0.2:84 comment "1234"`,
  ]);
  assert.equal(mapped("hostports", "ip6").slice(3), [
    `ip6 daddr 2001:db8:a::1 tcp dport 8085 dnat to [2001:db8::2]:85 comment "1234"`,
    `tcp dport 8086 dnat to [2001:db8::2]:86 comment "1234"`,
  ]);
  const skeleton = (chain: string, family = "ip") => mapped(chain,
    family).filter((line) => line !== "" && !line.startsWith("type nat"));
  assert.equal(skeleton("prerouting"), [`iifname != "lo" fib daddr type local jump hostports_all`]);
  assert.equal(skeleton("output", "ip6"), ["fib daddr type local jump hostports_all"]);
  assert.equal(skeleton("hostports_all"), ["jump hostip_hostports", "jump hostports"]);
  assert.equal(skeleton("masquerading"), [
    `ip saddr 10.0.0.2 ip daddr 10.0.0.2 masquerade comment "1234"`,
    `ip saddr 127.0.0.1 ip daddr 10.0.0.2 masquerade comment "1234"`,
  ]);
  assert.equal(skeleton("masquerading", "ip6"),
    [`ip6 saddr 2001:db8::2 ip6 daddr 2001:db8::2 masquerade comment "1234"`]);
  for (let i = 0; i < 2; i++) await call(portmap, "del", { conf: backend });
  const rulesLeft = nftJson("list ruleset").flatMap(({ rule }) => rule?.table === "cni_hostport"
    ? [`${rule.family} ${rule.chain}`] : []);
  assert.equal(rulesLeft, ["ip hostports_all", "ip hostports_all", "ip prerouting", "ip output", "ip6 hostports_all",
    "ip6 hostports_all", "ip6 prerouting", "ip6 output"]);
  await rejects(call(portmap, "check", { conf: backend, prevResult }), 111);
});

rules("GC removes containers that are no longer valid", async () => {
  for (const containerId of ["gone", "kept"]) await call(portmap, "add", { conf, prevResult, containerId });
  await call(portmap, "add", { conf, prevResult, containerId: "gone", network: "other" });
  const context = firewallContext();
  const before = natTable(4);
  await portmap.gc({ ...requestOf(portmap, { conf }), validAttachments: undefined }, context);
  assert.equal(natTable(4), before);
  await portmap.gc({ ...requestOf(portmap, { conf }), validAttachments: [{ containerID: "kept", ifname: "eth0" }] },
    context);
  context.close();
  const comments = new Set(natTable(4).flatMap((line) => /dnat name: \\"(\w+)\\" id: \\"(\w+)\\"/.exec(line)?.slice(1).join(" ") ?? []));
  assert.equal(comments, new Set(["test kept", "other gone"]));
  await call(portmap, "del", { conf, containerId: "kept" });
  await call(portmap, "del", { conf, containerId: "gone", network: "other" });
  assert.equal(containerLines(), []);
});

for (const [release, executable] of Object.entries(references)) {
  if (!existsSync(executable)) {
    rules.skip(`interchange with ${release}, which is not installed`, () => {});
    continue;
  }

  rules(`makes the same table as ${release}`, async () => {
    flush();
    callReference(executable, "ADD");
    const theirs = [natTable(4), natTable(6)];
    callReference(executable, "DEL");
    flush();
    await call(portmap, "add", { conf, prevResult });
    assert.equal([natTable(4), natTable(6)], theirs);
  });

  rules(`${release} removes what we made, and we accept and remove what it made`, async () => {
    // CHECK of the release in Debian 12 refuses its own rules.
    if (release !== "Debian's release") callReference(executable, "CHECK");
    callReference(executable, "DEL");
    assert.equal(containerLines(), []);
    const conditional = { ...conf, conditionsV4: ["!", "-s", "10.9.0.0/16"] };
    callReference(executable, "ADD", conditional);
    await call(portmap, "check", { conf: conditional, prevResult });
    await call(portmap, "del", { conf: conditional });
    assert.equal(containerLines(), []);
  });

  if (release === "Debian's release") continue; // it has no nftables

  rules(`nftables: makes the same tables as ${release}, and either removes the other's rules`, async () => {
    const backend = { ...conf, backend: "nftables" };
    const tables = () => ["ip", "ip6"].map((family) => bridgedRules(run("nft", "list", "table", family,
      "cni_hostport")).replace(/\tcomment ".*"\n/g, ""));
    for (const family of ["ip", "ip6"]) attempt("nft", "delete", "table", family, "cni_hostport");
    callReference(executable, "ADD", backend);
    const theirs = tables();
    await call(portmap, "check", { conf: backend, prevResult });
    await call(portmap, "del", { conf: backend });
    const skeleton = tables();
    for (const family of ["ip", "ip6"]) run("nft", "delete", "table", family, "cni_hostport");
    await call(portmap, "add", { conf: backend, prevResult });
    assert.equal(tables(), theirs);
    callReference(executable, "CHECK", backend);
    callReference(executable, "DEL", backend);
    assert.equal(tables(), skeleton);
  });
}

rules("nftables: as many mappings as are taken fit into a transaction, at their longest", async () => {
  const hostIP = "2001:db8::1234:5678:9abc";
  const portMappings = Array.from({ length: 6000 },
    (_, i) => ({ hostPort: i + 1, containerPort: i + 1, protocol: "sctp", hostIP }));
  const more = { containerId: "c".repeat(128), conf: { backend: "nftables", runtimeConfig: { portMappings } } };
  const one = { ...more, prevResult: { ...prevResult, ips: [{ interface: 1, address: `${hostIP}/64` }] } };
  await call(portmap, "add", one);
  await call(portmap, "check", one);
  await call(portmap, "del", one);
  await rejects(call(portmap, "check", one), 111);
});

rules.run();

const races = kernelSuite("portmap at once", import.meta.url, { needs: ["nft_nat"] });

/** Calls of processes of their own, all at the same time, of each for one id after the other. */
async function atOnce(
  verb: "add" | "del", containerIds: readonly string[], { conf: chosen = conf as object, together = 1 } = {},
): Promise<void> {
  const script = `
    import { portmap } from ${JSON.stringify(import.meta.resolve("../../../src/plugins/portmap/index.ts"))};
    import { call } from ${JSON.stringify(import.meta.resolve("../../helpers/firewall.ts"))};
    const conf = ${JSON.stringify(chosen)}, prevResult = ${JSON.stringify(prevResult)};
    for (const containerId of process.argv.slice(1)) await call(portmap, "${verb}", { conf, prevResult, containerId });`;
  const groups = Array.from({ length: Math.ceil(containerIds.length / together) },
    (_, i) => containerIds.slice(i * together, (i + 1) * together));
  const children = groups.map((ids) => spawn(process.execPath, ["--input-type=module", "-e", script, ...ids],
    { stdio: ["ignore", "ignore", "pipe"] }));
  const outcomes = await Promise.all(children.map(async (child) => {
    let said = "";
    child.stderr?.on("data", (chunk: Buffer) => (said += chunk.toString()));
    const [status] = await once(child, "close");
    return status === 0 ? "" : said;
  }));
  assert.equal(outcomes.filter((said) => said !== ""), []);
}

races("ADDs of eight containers make each shared rule once and lose no entry", async () => {
  const ids = Array.from({ length: 8 }, (_, i) => `c${i}`);
  await atOnce("add", ids);
  const table = natTable(4);
  for (const [line, count] of [[/^-A PREROUTING .*CNI-HOSTPORT-DNAT/, 1], [/^-A OUTPUT .*CNI-HOSTPORT-DNAT/, 1],
    [/^-A POSTROUTING /, 1], [/^-A CNI-HOSTPORT-MASQ /, 1], [/^-A CNI-HOSTPORT-DNAT /, 16]] as const) {
    assert.is(table.filter((one) => line.test(one)).length, count, String(line));
  }
  await atOnce("del", ids);
  assert.equal(containerLines(), []);
});

races("nftables: 200 ADDs and 200 DELs of eight processes at once all succeed and leave no rule", async () => {
  // Lists of hundreds of rules, which change while they are read.
  const ids = Array.from({ length: 200 }, (_, i) => `n${i}`);
  const how = { conf: { ...conf, backend: "nftables" }, together: 25 };
  const rulesOf = () => nftJson("list ruleset").filter((entry) => entry.rule?.comment?.startsWith("n")).length;
  await atOnce("add", ids, how);
  assert.ok(rulesOf() >= 200 * 9, String(rulesOf()));
  await atOnce("del", ids, how);
  assert.is(rulesOf(), 0);
});

races("ten DELs of one container all succeed", async () => {
  await call(portmap, "add", { conf, prevResult });
  await atOnce("del", Array.from({ length: 10 }, () => "1234"));
  assert.equal(containerLines(), []);
});

races.run();

const live = kernelSuite("portmap traffic", import.meta.url, { needs: ["nft_nat"] });

let container: TestNetns;
let client: TestNetns;
const servers: ChildProcess[] = [];

live.before(async () => {
  run("ip", "link", "set", "lo", "up");
  run("ip", "link", "add", "br0", "up", "type", "bridge");
  run("ip", "addr", "add", "10.0.0.1/24", "dev", "br0");
  run("sysctl", "-qw", "net.ipv4.ip_forward=1");
  container = makeNetns("c");
  client = makeNetns("client");
  run("ip", "link", "add", "vc", "up", "master", "br0", "type", "veth", "peer", "name", "eth0", "netns", "c");
  run("bridge", "link", "set", "dev", "vc", "hairpin", "on");
  container.exec("ip", "addr", "add", "10.0.0.2/24", "dev", "eth0");
  container.exec("ip", "link", "set", "eth0", "up");
  container.exec("ip", "link", "set", "lo", "up");
  container.exec("ip", "route", "add", "default", "via", "10.0.0.1");
  run("ip", "link", "add", "vx", "up", "type", "veth", "peer", "name", "eth0", "netns", "client");
  run("ip", "addr", "add", "10.7.0.1/24", "dev", "vx");
  client.exec("ip", "addr", "add", "10.7.0.2/24", "dev", "eth0");
  client.exec("ip", "link", "set", "eth0", "up");
  servers.push(
    serve("c", "TCP-LISTEN:80,fork,reuseaddr", "container"),
    serve("c", "UDP-LISTEN:53,fork,reuseaddr", "container"),
  );
  await until("the server listens", () => container.exec("ss", "-tuln").includes(":80 ") && container.exec("ss",
    "-tuln").includes(":53 "));
});

live.after(() => {
  for (const server of servers) server.kill("SIGKILL");
});

/**
 * Answers everyone with a word, once it has read a line: a connection closed over unread bytes is reset, its answer
 * lost.
 */
function serve(netns: string, address: string, word: string): ChildProcess {
  return spawn("ip", ["netns", "exec", netns, "socat", address, `SYSTEM:read line; echo ${word}`], { stdio: "ignore" });
}

/**
 * The word the server says, "" when nobody answers. A busy machine gets time: a refused connection needs none of it.
 */
function ask(address: string, netns?: TestNetns): string {
  const waitSeconds = address.startsWith("UDP") ? 1 : 5;
  const socat = ["sh", "-c", `echo hello | timeout 10 socat -t${waitSeconds} - ${address}`];
  const [program = "", ...args] = netns === undefined ? socat : ["ip", "netns", "exec", netns.name, ...socat];
  return attempt(program, ...args).stdout.trim();
}

for (const backend of ["iptables", "nftables"] as const) {
  const mapped = { backend, runtimeConfig: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" },
    { hostPort: 5353, containerPort: 53, protocol: "udp" }] } };
  const own = { interfaces: [{ name: "eth0", sandbox: "/run/netns/c" }],
    ips: [{ interface: 0, address: "10.0.0.2/24" }], routes: [], dns: {} };

  live(`${backend}: reaches the container from outside, the host, localhost and itself, until DEL`, async () => {
    assert.is(ask("TCP:10.7.0.1:8080,connect-timeout=5", client), "");
    await call(portmap, "add", { conf: mapped, prevResult: own });
    client.exec("ip", "route", "replace", "10.0.0.0/24", "via", "10.7.0.1");
    assert.is(ask("TCP:10.7.0.1:8080,connect-timeout=5", client), "container", "outside");
    assert.is(ask("TCP:10.0.0.1:8080,connect-timeout=5"), "container", "host address");
    assert.is(ask("TCP:127.0.0.1:8080,connect-timeout=5"), "container", "localhost");
    assert.is(ask("TCP:10.0.0.1:8080,connect-timeout=5", container), "container", "hairpin");
    assert.is(ask("TCP:10.0.0.2:80,connect-timeout=5"), "container", "direct");
    assert.is(ask("UDP:10.7.0.1:5353", client), "container", "udp");
    assert.is(run("cat", "/proc/sys/net/ipv4/conf/br0/route_localnet").trim(), "1");
    await call(portmap, "del", { conf: mapped });
    assert.is(ask("TCP:10.7.0.1:8080,connect-timeout=5", client), "");
    assert.is(ask("TCP:127.0.0.1:8080,connect-timeout=5"), "");
  });
}

live("UDP of an old connection goes to the container that has the port now", async () => {
  const second = makeNetns("d");
  run("ip", "link", "add", "vd", "up", "master", "br0", "type", "veth", "peer", "name", "eth0", "netns", "d");
  second.exec("ip", "addr", "add", "10.0.0.3/24", "dev", "eth0");
  second.exec("ip", "link", "set", "eth0", "up");
  second.exec("ip", "route", "add", "default", "via", "10.0.0.1");
  servers.push(serve("d", "UDP-LISTEN:53,fork,reuseaddr", "second"));
  await until("the second server listens", () => second.exec("ss", "-uln").includes(":53 "));
  const mapped = { runtimeConfig: { portMappings: [{ hostPort: 5353, containerPort: 53, protocol: "udp" }] } };
  const to = (address: string) => ({ interfaces: [], ips: [{ address }], routes: [], dns: {} });
  const fromOnePort = "UDP:10.7.0.1:5353,bind=:40000";
  await call(portmap, "add", { conf: mapped, prevResult: to("10.0.0.2/24"), containerId: "first" });
  assert.is(ask(fromOnePort, client), "container");
  await call(portmap, "del", { conf: mapped, containerId: "first" });
  await call(portmap, "add", { conf: mapped, prevResult: to("10.0.0.3/24"), containerId: "second" });
  assert.is(ask(fromOnePort, client), "second");
  await call(portmap, "del", { conf: mapped, containerId: "second" });
});

live.run();
