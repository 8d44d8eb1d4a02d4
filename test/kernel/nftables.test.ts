import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openNftables } from "../../src/kernel/netfilter/nftables.ts";
import type { ChainName, NftChange, Nftables } from "../../src/kernel/netfilter/nftables.ts";
import { slowRequestsHere } from "../../src/kernel/slow-requests.ts";
import { NetlinkSocket } from "../../src/kernel/socket.ts";
import { NETLINK_NETFILTER } from "../../src/kernel/transport.ts";
import { parseAddress as a, parseMac, parsePrefix as net } from "../../src/net/index.ts";
import { nft } from "../../src/netlink/index.ts";
import { SystemCallError } from "../../src/os/libc.ts";
import { rejects } from "../helpers/errors.ts";
import { kernelSuite, makeNetns, nftJson, run } from "../helpers/netns.ts";
import type { TestNetns } from "../helpers/netns.ts";
import { matchRows, statementRows } from "../netlink/nftables/rule-rows.ts";
import type { RuleRow } from "../netlink/nftables/rule-rows.ts";

function open(): Nftables {
  const socket = NetlinkSocket.open(NETLINK_NETFILTER);
  return nftablesOf(() => socket);
}

function nftablesOf(socket: () => NetlinkSocket): Nftables {
  return openNftables(socket, slowRequestsHere(socket));
}

/** What `nft` lists, without the handles, which count up from whatever was there before. */
function ruleset(netns?: TestNetns): unknown[] {
  return nftJson("list ruleset", netns)
    .filter((entry) => entry.metainfo === undefined)
    .map((entry) => JSON.parse(JSON.stringify(entry, (key, value) => (key === "handle" ? undefined : value))));
}

/** The instructions and comments as the kernel holds them, one per line; a listing may print different ones alike. */
function instructions(netns?: TestNetns): string[] {
  const args = ["--debug=netlink", "list", "ruleset"];
  const text = netns === undefined ? run("nft", ...args) : netns.exec("nft", ...args);
  return text.split("\n").filter((line) => /^ {2}(\[|userdata)/.test(line));
}

/** What the nft tool makes of a script in a namespace of its own. */
function byNft<T>(script: string, look: (netns: TestNetns) => T): T {
  const netns = makeNetns();
  netns.exec("nft", "-f", scriptFile(script));
  const seen = look(netns);
  netns.remove();
  return seen;
}

function rulesetOf(script: string): unknown[] {
  return byNft(script, ruleset);
}

/** For `nft -f`; the suite has a /run of its own. */
function scriptFile(script: string): string {
  const path = "/run/script.nft";
  writeFileSync(path, `${script}\n`);
  return path;
}

function flush(): void {
  run("nft", "flush", "ruleset");
}

const c = { family: "inet", table: "t", chain: "c" } as const;
const c4 = { ...c, family: "ip" } as const;

// ---- what nft prints of our rules

const listing = kernelSuite("nftables commit, as nft lists it", import.meta.url, { needs: ["nft_nat"] });
listing.before.each(flush);

async function sameAsNft({ family, text, parts }: RuleRow): Promise<void> {
  const chain = { family, table: "t", chain: "c" } as const;
  await open().commit([
    { do: "add table", family, table: "t" },
    { do: "add chain", ...chain, chain: "other" },
    { do: "add chain", ...chain },
    { do: "add rule", ...chain, expressions: nft.rule(family, ...parts), comment: "x" },
  ]);
  const script = `add table ${family} t\nadd chain ${family} t other\nadd chain ${family} t c\nadd rule ${family} t ` +
    `c ${text} comment "x"`;
  assert.equal([ruleset(), instructions()], byNft(script, (netns) => [ruleset(netns), instructions(netns)]));
}

for (const rule of [...matchRows, ...statementRows]) {
  listing(`${rule.family}: ${rule.text}`, async () => await sameAsNft(rule));
}

listing("masquerading as the reference plugins lay it out", async () => {
  const table = { family: "inet", table: "cni_plugins_masquerade" } as const;
  const checks = { ...table, chain: "masq_checks" } as const;
  const postrouting = { ...table, chain: "postrouting" } as const;
  const comment = "6fd94d501e58f0aa-287fc69eff0574a2, net: unit-test, if: eth0, id: one";
  const add = (chain: ChainName, ...parts: Parameters<typeof nft.rule> extends [unknown, ...infer P] ? P
    : never): NftChange =>
    ({ do: "add rule", ...chain, expressions: nft.rule("inet", ...parts) });
  const changes: NftChange[] = [
    { do: "add table", ...table, comment: "Masquerading" },
    { do: "add chain", ...checks, comment: "Checks" },
    { do: "add chain", ...postrouting, base: { type: "nat", hook: "postrouting", priority: 100 } },
    { do: "flush chain", ...postrouting },
    add(postrouting, nft.daddr("==", net("224.0.0.0/4")), nft.returnVerdict()),
    add(postrouting, nft.daddr("==", net("ff00::/8")), nft.returnVerdict()),
    add(postrouting, nft.goto("masq_checks")),
    { ...add(checks, nft.saddr("==", a("10.0.0.2")), nft.daddr("!=", net("10.0.0.2/24")), nft.masquerade()),
      comment } as NftChange, // an "add rule"
  ];
  await open().commit(changes);
  assert.equal(ruleset(), rulesetOf(`
    add table inet cni_plugins_masquerade { comment "Masquerading" ; }
    add chain inet cni_plugins_masquerade masq_checks { comment "Checks" ; }
    add chain inet cni_plugins_masquerade postrouting { type nat hook postrouting priority 100 ; }
    flush chain inet cni_plugins_masquerade postrouting
    add rule inet cni_plugins_masquerade postrouting ip daddr == 224.0.0.0/4 return
    add rule inet cni_plugins_masquerade postrouting ip6 daddr == ff00::/8 return
    add rule inet cni_plugins_masquerade postrouting goto masq_checks
    add rule inet cni_plugins_masquerade masq_checks ip saddr == 10.0.0.2 ip daddr != 10.0.0.2/24 masquerade comment "${comment}"
  `));
});

listing("the spoof check as the reference plugins lay it out", async () => {
  const table = { family: "bridge", table: "nat" } as const;
  const prerouting = { ...table, chain: "PREROUTING" } as const;
  const iface = { ...table, chain: "cni-br-iface-one-eth0" } as const;
  const macs = { ...table, chain: "cni-br-iface-one-eth0-mac" } as const;
  const comment = "macspoofchk-one-eth0";
  const nftables = open();
  await nftables.commit([
    { do: "add table", ...table },
    { do: "add chain", ...prerouting, base: { type: "filter", hook: "prerouting", priority: -300, policy: "accept" } },
    { do: "add chain", ...iface },
    { do: "add chain", ...macs },
    { do: "add rule", ...prerouting, expressions: nft.rule("bridge", nft.iifname("==", "veth0"), nft.jump(iface.chain)),
      comment },
    { do: "add rule", ...iface, expressions: nft.rule("bridge", nft.jump(macs.chain)), comment },
    { do: "add rule", ...macs, expressions: nft.rule("bridge", nft.etherSaddr("==", parseMac("02:00:00:00:00:01")),
      nft.returnVerdict()), comment },
    { do: "add rule", ...macs, expressions: nft.rule("bridge", nft.drop()), comment },
  ]);
  assert.equal(ruleset(), rulesetOf(`
    add table bridge nat
    add chain bridge nat PREROUTING { type filter hook prerouting priority -300 ; policy accept ; }
    add chain bridge nat ${iface.chain}
    add chain bridge nat ${macs.chain}
    add rule bridge nat PREROUTING iifname == "veth0" jump ${iface.chain} comment "${comment}"
    add rule bridge nat ${iface.chain} jump ${macs.chain} comment "${comment}"
    add rule bridge nat ${macs.chain} ether saddr == 02:00:00:00:00:01 return comment "${comment}"
    add rule bridge nat ${macs.chain} drop comment "${comment}"
  `));

  const [first] = nftables.rules(prerouting) ?? [];
  assert.is(first?.comment, comment);
  // A chain goes with its rules, so the one that jumps goes first.
  await nftables.commit([
    { do: "delete rule", ...prerouting, handle: first?.handle ?? 0n },
    { do: "delete chain", ...iface },
    { do: "delete chain", ...macs },
  ]);
  assert.equal(ruleset(),
    rulesetOf("add table bridge nat\nadd chain bridge nat PREROUTING { type filter hook prerouting priority -300 ; " +
      "policy accept ; }"));
});

listing("host ports as the reference plugins lay them out", async () => {
  const chain = (name: string) => ({ family: "ip", table: "cni_hostport", chain: name }) as const;
  const base = (hook: "prerouting" | "output" | "postrouting",
    priority: number) => ({ type: "nat", hook, priority }) as const;
  const conditions = nft.parseMatch(["ip", "saddr", "!=", "10.9.0.0/16"], "ip");
  await open().commit([
    { do: "add table", family: "ip", table: "cni_hostport", comment: "host ports" },
    ...["hostports", "hostip_hostports", "hostports_all"].map((name): NftChange => ({ do: "add chain",
      ...chain(name) })),
    { do: "add chain", ...chain("prerouting"), base: base("prerouting", -100) },
    { do: "add chain", ...chain("masquerading"), base: base("postrouting", 100) },
    { do: "add rule", ...chain("prerouting"), expressions: nft.rule("ip", ...conditions,
      nft.fibDaddrType("==", "local"), nft.jump("hostports_all")) },
    { do: "add rule", ...chain("hostports_all"), expressions: nft.rule("ip", nft.jump("hostip_hostports")) },
    { do: "add rule", ...chain("hostports_all"), expressions: nft.rule("ip", nft.jump("hostports")) },
    { do: "add rule", ...chain("hostports"), comment: "one",
      expressions: nft.rule("ip", nft.daddr("==", a("192.168.0.2")), nft.dport("tcp", "==", 8080),
        nft.dnat(a("10.1.0.2"), 80)) },
    { do: "add rule", ...chain("masquerading"), comment: "one",
      expressions: nft.rule("ip", nft.saddr("==", a("127.0.0.1")), nft.daddr("==", a("10.1.0.2")), nft.masquerade()) },
  ]);
  assert.equal(ruleset(), rulesetOf(`
    add table ip cni_hostport { comment "host ports" ; }
    add chain ip cni_hostport hostports
    add chain ip cni_hostport hostip_hostports
    add chain ip cni_hostport hostports_all
    add chain ip cni_hostport prerouting { type nat hook prerouting priority -100 ; }
    add chain ip cni_hostport masquerading { type nat hook postrouting priority 100 ; }
    add rule ip cni_hostport prerouting ip saddr != 10.9.0.0/16 fib daddr type local jump hostports_all
    add rule ip cni_hostport hostports_all jump hostip_hostports
    add rule ip cni_hostport hostports_all jump hostports
    add rule ip cni_hostport hostports ip daddr 192.168.0.2 tcp dport 8080 dnat to 10.1.0.2:80 comment "one"
    add rule ip cni_hostport masquerading ip saddr 127.0.0.1 ip daddr 10.1.0.2 masquerade comment "one"
  `));
});

listing.run();

// ---- transactions

const commit = kernelSuite("nftables commit", import.meta.url, { needs: ["nft_nat"] });
commit.before.each(flush);

const skeleton: readonly NftChange[] = [{ do: "add table", family: "ip", table: "t" }, { do: "add chain", ...c4 }];

commit("of nothing does nothing", async () => {
  await open().commit([]);
  assert.equal(ruleset(), []);
});

commit("twice leaves tables and chains as they are and appends the rules again", async () => {
  const nftables = open();
  const changes: NftChange[] = [...skeleton, { do: "add rule", ...c4, expressions: nft.rule("ip", nft.accept()) }];
  await nftables.commit(changes);
  await nftables.commit(changes);
  assert.equal(ruleset(),
    rulesetOf("add table ip t\nadd chain ip t c\nadd rule ip t c accept\nadd rule ip t c accept"));
});

const refused: readonly [title: string, change: NftChange, errno: string, operation: string][] = [
  ["a missing chain is deleted", { do: "delete chain", ...c4, chain: "nope" }, "ENOENT",
    'delete chain "nope" of table "ip t"'],
  ["a missing chain is flushed", { do: "flush chain", ...c4, chain: "nope" }, "ENOENT",
    'flush chain "nope" of table "ip t"'],
  ["a missing table is deleted", { do: "delete table", family: "ip6", table: "t" }, "ENOENT", 'delete table "ip6 t"'],
  ["a missing rule is deleted", { do: "delete rule", ...c4, handle: 999n }, "ENOENT",
    'delete rule 999 from chain "c" of table "ip t"'],
  ["a chain gets into a missing table", { do: "add chain", ...c4, table: "u" }, "ENOENT",
    'add chain "c" of table "ip u"'],
  ["a rule jumps nowhere", { do: "add rule", ...c4, expressions: nft.rule("ip", nft.jump("nope")) }, "ENOENT",
    'add rule to chain "c" of table "ip t"'],
  ["a rule with a set gets into a missing chain", { do: "add rule", ...c4, chain: "nope",
    expressions: nft.rule("ip", nft.l4proto("==", 6, 17)) },
    "ENOENT", 'add rule to chain "nope" of table "ip t"'],
  ["a rule masquerades in a filter chain", { do: "add rule", ...c4, chain: "b",
    expressions: nft.rule("ip", nft.masquerade()) },
    "EOPNOTSUPP", 'add rule to chain "b" of table "ip t"'],
];

for (const [title, change, errno, operation] of refused) {
  commit(`changes nothing when ${title}, and names that change`, async () => {
    const nftables = open();
    await nftables.commit([...skeleton, { do: "add chain", ...c4, chain: "b",
      base: { type: "filter", hook: "output", priority: 0 } }]);
    const before = ruleset();
    const more = { do: "add table", family: "ip", table: "more" } as const;
    for (const times of [1, 2]) {
      const error = await rejects(nftables.commit([more, { do: "flush chain", ...c4 }, change,
        { ...more, table: "even more" }]), errno);
      assert.match(error.message, `Cannot ${operation}: kernel said ${errno}`, `time ${times}`);
    }
    assert.equal(ruleset(), before);
    await nftables.commit([more]);
    assert.is(ruleset().length, before.length + 1, "the socket still works");
  });
}

commit("refuses to delete a chain that is jumped to", async () => {
  const nftables = open();
  const other = { ...c4, chain: "other" } as const;
  await nftables.commit([...skeleton, { do: "add chain", ...other },
    { do: "add rule", ...c4, expressions: nft.rule("ip", nft.jump("other")) }]);
  await rejects(nftables.commit([{ do: "delete chain", ...other }]), "EBUSY");
  await nftables.commit([{ do: "flush chain", ...c4 }, { do: "delete chain", ...other }]);
  assert.equal(ruleset(), rulesetOf("add table ip t\nadd chain ip t c"));
});

commit("deletes a table with everything in it", async () => {
  const nftables = open();
  const setOfTwo = nft.rule("ip", nft.l4proto("==", 6, 17));
  await nftables.commit([...skeleton, { do: "add rule", ...c4, expressions: setOfTwo }]);
  await nftables.commit([{ do: "delete table", family: "ip", table: "t" }]);
  assert.equal(ruleset(), []);
});

commit("takes the rules of hundreds of ports at once", async () => {
  const nftables = open();
  const ports = Array.from({ length: 250 }, (_, index): NftChange => ({
    do: "add rule", ...c4, comment: "x".repeat(64),
    expressions: nft.rule("ip", nft.daddr("==", a("192.168.0.2")), nft.dport("tcp", "==", 1000 + index),
      nft.dnat(a("10.1.0.2"), 80)),
  }));
  await nftables.commit([...skeleton, ...ports]);
  assert.is(nftables.rules(c4)?.length, 250);
});

commit.run();

// ---- listing

const rules = kernelSuite("nftables rules", import.meta.url);
rules.before.each(flush);

rules("tells a missing table or chain from an empty chain", async () => {
  const nftables = open();
  assert.is(nftables.rules(c4), undefined);
  await nftables.commit([{ do: "add table", family: "ip", table: "t" }]);
  assert.is(nftables.rules(c4), undefined);
  await nftables.commit(skeleton);
  assert.equal(nftables.rules(c4), []);
  assert.is(nftables.rules({ ...c4, family: "ip6" }), undefined);
});

rules("are those of the chain alone, in order, with the handles and comments nft knows", () => {
  run("nft", "add table ip t; add chain ip t c; add chain ip t other; add table ip6 t; add chain ip6 t c");
  run("nft", 'add rule ip t c tcp dport 80 accept comment "first"; add rule ip t other drop; add rule ip6 t c drop; ' +
    'add rule ip t c drop; insert rule ip t c tcp dport { 1, 2 } comment "zeroth"');
  const listed = nftJson("list chain ip t c").filter((entry) => entry.rule !== undefined)
    .map(({ rule: { handle, comment } }) => ({ handle: BigInt(handle),
      ...(comment === undefined ? {} : { comment }) }));
  assert.equal(open().rules(c4), listed);
  assert.equal(listed.map(({ comment }) => comment), ["zeroth", "first", undefined]);
});

rules("by chain are those of the whole table, each chain's in order; chains without any are absent", () => {
  const table = { family: "ip", table: "t" } as const;
  assert.equal(open().rulesByChain(table), new Map());
  run("nft", "add table ip t; add chain ip t c; add chain ip t empty; add chain ip t other; add table ip u; " +
    "add chain ip u c; add table ip6 t; add chain ip6 t c");
  assert.equal(open().rulesByChain(table), new Map());
  run("nft", 'add rule ip t other jump empty comment "o"; add rule ip u c drop; add rule ip6 t c drop; ' +
    'add rule ip t c tcp dport 80 accept comment "first"; add rule ip t c drop');
  const nftables = open(), listed = nftables.rulesByChain(table);
  assert.equal([...listed.keys()].sort(), ["c", "other"]);
  for (const chain of ["c", "other"]) assert.equal(listed.get(chain), nftables.rules({ ...table, chain }), chain);
  assert.equal(listed.get("other")?.map(({ jump }) => jump), ["empty"]);
});

rules("are all there when they fill many datagrams", () => {
  run("nft", "-f", scriptFile(`add table ip t\nadd chain ip t ` +
    `c\n${Array.from({ length: 3000 }, (_, i) => `add rule ip t c tcp dport ${i} accept comment "${i}"`).join("\n")}`));
  const comments = open().rules(c4)?.map(({ comment }) => comment);
  assert.equal(comments, Array.from({ length: 3000 }, (_, i) => `${i}`));
});

rules("tell the chain they jump or go to, those of iptables too", () => {
  run("nft", "add table ip nat; add chain ip nat a; add chain ip nat b; add rule ip nat a tcp dport 80 counter jump " +
    "b; add rule ip nat a goto b; add rule ip nat a accept");
  assert.equal(open().rules({ family: "ip", table: "nat", chain: "a" })?.map(({ jump }) => jump),
    ["b", "b", undefined]);
  flush();
  run("iptables-nft", "-t", "nat", "-N", "CNI-DN-1");
  run("iptables-nft", "-t", "nat", "-A", "PREROUTING", "-p", "tcp", "--dport", "80", "-j", "CNI-DN-1");
  assert.equal(open().rules({ family: "ip", table: "nat", chain: "PREROUTING" })?.map(({ jump }) => jump),
    ["CNI-DN-1"]);
});

rules.run();

// ---- usable

const usable = kernelSuite("nftables usable", import.meta.url);

usable("is true and leaves nothing", () => {
  assert.is(open().usable(), true);
  assert.equal(ruleset(), []);
});

usable.run();

/**
 * The kernel's refusal of the message with that number in a datagram: NLMSG_ERROR with the errno and that message's
 * header.
 */
function refusalOf(index: number, errno: number, sent: Uint8Array): Uint8Array {
  const request = new DataView(sent.buffer, sent.byteOffset);
  let at = 0;
  for (let i = 0; i < index; i++) at += request.getUint32(at, true);
  const answer = new DataView(new ArrayBuffer(36));
  answer.setUint32(0, 36, true);
  answer.setUint16(4, 2, true); // NLMSG_ERROR
  answer.setUint16(6, 0x100, true); // NLM_F_CAPPED
  answer.setUint32(8, request.getUint32(at + 8, true), true);
  answer.setInt32(16, -errno, true);
  for (let i = 0; i < 16; i++) answer.setUint8(20 + i, request.getUint8(at + i));
  return new Uint8Array(answer.buffer);
}

/** A kernel that refuses message `index` of every datagram. */
function refusing(index: number, errno: number): Nftables {
  const answers: Uint8Array[] = [];
  const socket = new NetlinkSocket({
    send: (bytes, count) => void answers.push(refusalOf(index, errno, bytes.slice(0, count))),
    receive(into) {
      const answer = answers.shift();
      if (answer === undefined) return undefined;
      into.set(answer);
      return answer.length;
    },
    sendAside: async () => undefined,
    close: () => undefined,
  });
  return nftablesOf(() => socket);
}

const EPERM = 1;
const ENOMEM = 12;
const ERESTART = 85;
const EPROTONOSUPPORT = 93;
const EOPNOTSUPP = 95;

const scripted = suite("nftables over a scripted kernel");

scripted("is not usable when there is no such socket", async () => {
  const nftables = nftablesOf(() => { throw new SystemCallError("socket", EPROTONOSUPPORT); });
  assert.is(nftables.usable(), false);
  await rejects(nftables.commit(skeleton), "EPROTONOSUPPORT");
});

scripted("is not usable when the transaction or the table is refused", () => {
  assert.is(refusing(0, EOPNOTSUPP).usable(), false);
  assert.is(refusing(1, EOPNOTSUPP).usable(), false);
});

scripted("is usable where the kernel cannot just now, or not for us, so that no error is swallowed for it", () => {
  for (const errno of [EPERM, 4, 11, ENOMEM, 16, ERESTART, 105]) {
    assert.is(refusing(1, errno).usable(), true, String(errno));
    assert.is(nftablesOf(() => { throw new SystemCallError("socket", errno); }).usable(), true, String(errno));
  }
});

scripted("says which message was refused", async () => {
  assert.match((await rejects(refusing(0, EPERM).commit(skeleton), "EPERM")).message, "begin an nftables transaction");
  assert.match((await rejects(refusing(1, ENOMEM).commit(skeleton), "ENOMEM")).message, 'add table "ip t"');
  const third = await rejects(refusing(2, ENOMEM).commit(skeleton), "ENOMEM");
  assert.match(third.message, 'add chain "c" of table "ip t"');
});

scripted("does not repeat a commit nobody asked to repeat", async () => {
  await rejects(refusing(0, ERESTART).commit(skeleton), "ERESTART");
});

scripted("other errors than ours pass through usable", () => {
  assert.throws(() => nftablesOf(() => { throw new RangeError("a mistake"); }).usable(), "a mistake");
});

scripted.run();

// ---- several writers

const writers = kernelSuite("nftables with several writers", import.meta.url);
writers.before.each(flush);

/** A process that runs `body`, in which `nftables`, `nft`, `c4` and `me` are known. */
function writer(me: string, body: string): Promise<void> {
  const source = (path: string) => new URL(`../../src/${path}`, import.meta.url).href;
  const script = `
    import { slowRequestsHere } from "${source("kernel/slow-requests.ts")}";
    import { NetlinkSocket } from "${source("kernel/socket.ts")}";
    import { NETLINK_NETFILTER } from "${source("kernel/transport.ts")}";
    import { openNftables } from "${source("kernel/netfilter/nftables.ts")}";
    import { nft } from "${source("netlink/index.ts")}";
    const socket = NetlinkSocket.open(NETLINK_NETFILTER);
    const nftables = openNftables(() => socket, slowRequestsHere(() => socket));
    const c4 = ${JSON.stringify(c4)};
    const me = "${me}";
    ${body}`;
  const child = spawn(process.execPath, [...process.execArgv, "--input-type=module", "-e", script],
    { stdio: ["ignore", "inherit", "inherit"] });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status) => (status === 0 ? resolve() : reject(new Error(`writer ${me} ended with ${status}`))));
  });
}

writers("two processes that commit 50 times each lose nothing", async () => {
  await open().commit(skeleton);
  const body = `for (let i = 0; i < 50; i++) await nftables.commit([
    { do: "add table", family: "ip", table: "t" }, { do: "add chain", ...c4 },
    { do: "add rule", ...c4, expressions: nft.rule("ip", nft.dport("tcp", "==", i, 1000 + i), nft.accept()), comment: me + i },
  ]);`;
  await Promise.all([writer("a", body), writer("b", body)]);
  const comments = nftJson("list chain ip t c").flatMap(({ rule: listed }) => (listed === undefined ? []
    : [listed.comment]));
  const expected = ["a", "b"].flatMap((me) => Array.from({ length: 50 }, (_, i) => `${me}${i}`));
  assert.equal(comments.sort(), expected.sort());
});

writers("two processes that update replace each other's rule and never fail", async () => {
  await open().commit(skeleton);
  const body = `for (let i = 0; i < 50; i++) await nftables.update(() => [
    ...nftables.rules(c4).map(({ handle }) => ({ do: "delete rule", ...c4, handle })),
    { do: "add rule", ...c4, expressions: nft.rule("ip", nft.accept()), comment: me + i },
  ]);`;
  await Promise.all([writer("a", body), writer("b", body)]);
  assert.is(open().rules(c4)?.length, 1);
});

writers("update makes its plan anew when the rules changed under it", async () => {
  const nftables = open();
  await nftables.commit([...skeleton, { do: "add rule", ...c4, expressions: nft.rule("ip", nft.accept()) }]);
  let plans = 0;
  await nftables.update(() => {
    const changes = (nftables.rules(c4) ?? []).map(({ handle }): NftChange => ({ do: "delete rule", ...c4, handle }));
    plans += 1;
    if (plans === 1) run("nft", "flush chain ip t c; add rule ip t c drop");
    return changes;
  });
  assert.is(plans, 2);
  assert.equal(nftables.rules(c4), []);
});

writers("update gives up after half a minute", async () => {
  // Each pause counts as a second.
  let seconds = 0;
  const socket = NetlinkSocket.open(NETLINK_NETFILTER);
  const time = { now: () => seconds * 1000, sleep: async () => void seconds++ };
  const nftables = openNftables(() => socket, slowRequestsHere(() => socket), { time });
  await nftables.commit(skeleton);
  const error = await rejects(nftables.update(() => {
    void nftables.commit(skeleton);
    void nftables.commit([{ do: "add rule", ...c4, expressions: nft.rule("ip", nft.accept()) }]);
    return [{ do: "flush chain", ...c4 }];
  }), "ERESTART");
  assert.match(error.message, "begin an nftables transaction");
  assert.is(seconds, 30);
});

writers.run();
