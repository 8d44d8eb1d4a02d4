/** Rules as nft text and as their parts; the parser's tests and the comparison with the nft tool share them. */
import { parseAddress as a, parseMac, parsePrefix as net } from "../../../src/net/index.ts";
import { nft } from "../../../src/netlink/index.ts";
import type { NftFamily } from "../../../src/netlink/index.ts";

type Part = ReturnType<typeof nft.accept>;

export interface RuleRow {
  readonly family: NftFamily;
  readonly text: string;
  readonly parts: readonly Part[];
}

const row = (family: NftFamily, text: string, ...parts: readonly Part[]): RuleRow => ({ family, text, parts });

/** Matches only: what `parseMatch` reads. */
export const matchRows: readonly RuleRow[] = [
  row("inet", "ip saddr 10.0.0.2", nft.saddr("==", a("10.0.0.2"))),
  row("inet", "ip saddr == 10.0.0.2 ip daddr != 10.0.0.0/24", nft.saddr("==", a("10.0.0.2")),
    nft.daddr("!=", net("10.0.0.0/24"))),
  row("inet", "ip daddr 224.0.0.0/4", nft.daddr("==", net("224.0.0.0/4"))),
  row("inet", "ip6 daddr ff00::/8", nft.daddr("==", net("ff00::/8"))),
  row("inet", "ip6 saddr fd00::1 ip6 daddr != fd00::/61", nft.saddr("==", a("fd00::1")),
    nft.daddr("!=", net("fd00::/61"))),
  row("inet", "ip saddr 0.0.0.0/0 ip daddr 10.1.2.3/32", nft.saddr("==", net("0.0.0.0/0")),
    nft.daddr("==", net("10.1.2.3/32"))),
  row("inet", "ip saddr 10.1.2.3/24", nft.saddr("==", net("10.1.2.3/24"))),
  row("inet", "ip saddr 10.0.0.1-10.0.0.7", nft.saddr("==", { from: a("10.0.0.1"), to: a("10.0.0.7") })),
  row("inet", "ip saddr != 10.0.0.1-10.0.0.7", nft.saddr("!=", { from: a("10.0.0.1"), to: a("10.0.0.7") })),
  row("ip", "ip saddr { 10.0.0.1, 10.0.0.2 }", nft.saddr("==", a("10.0.0.1"), a("10.0.0.2"))),
  row("ip", "ip saddr != { 10.0.0.0/8, 192.168.0.0/16, 255.255.255.0/24 }",
    nft.saddr("!=", net("10.0.0.0/8"), net("192.168.0.0/16"), net("255.255.255.0/24"))),
  row("ip", "ip daddr { 0.0.0.0/8, 10.0.0.1-10.0.0.9, 10.0.0.10, 10.0.0.5 }",
    nft.daddr("==", net("0.0.0.0/8"), { from: a("10.0.0.1"), to: a("10.0.0.9") }, a("10.0.0.10"), a("10.0.0.5"))),
  row("ip6", "ip6 saddr { fd00::1, fd00:1::/64 }", nft.saddr("==", a("fd00::1"), net("fd00:1::/64"))),
  row("ip", "iifname eth0", nft.iifname("==", "eth0")),
  row("ip", "iifname != \"eth0\" oifname veth*", nft.iifname("!=", "eth0"), nft.oifname("==", "veth*")),
  row("ip", "iifname { a, b }", nft.iifname("==", "a", "b")),
  row("ip", "meta iifname != { a, eth* }", nft.iifname("!=", "a", "eth*")),
  row("ip", "meta mark 0x1", nft.mark("==", 1)),
  row("ip", "mark and 0x2000 == 0x2000", nft.mark("==", 0x2000, 0x2000)),
  row("ip", "meta mark & 0xff != 7", nft.mark("!=", 7, 0xff)),
  row("ip", "ct mark 5 ct state established,related ct status dnat",
    nft.ctMark("==", 5), nft.ctState("==", "established", "related"), nft.ctStatus("==", "dnat")),
  row("ip", "ct state != new ct status != snat", nft.ctState("!=", "new"), nft.ctStatus("!=", "snat")),
  row("inet", "tcp dport 80", nft.dport("tcp", "==", 80)),
  row("inet", "udp sport 1000-2000 udp dport != 53", nft.sport("udp", "==", { from: 1000, to: 2000 }),
    nft.dport("udp", "!=", 53)),
  row("inet", "sctp dport {80,443}", nft.dport("sctp", "==", 80, 443)),
  row("inet", "tcp dport != { 0-79, 81-65535 }", nft.dport("tcp", "!=", { from: 0, to: 79 }, { from: 81, to: 65535 })),
  row("inet", "ip daddr 10.0.0.1 meta l4proto tcp tcp dport 80",
    nft.daddr("==", a("10.0.0.1")), nft.l4proto("==", 6), nft.dport("tcp", "==", 80)),
  row("inet", "meta l4proto { tcp, udp }", nft.l4proto("==", 6, 17)),
  row("inet", "meta nfproto ipv6 ip6 saddr fd00::1", nft.nfprotocol("==", 6), nft.saddr("==", a("fd00::1"))),
  row("ip", "ip protocol udp udp dport 53", nft.nextHeader(4, "==", 17), nft.dport("udp", "==", 53)),
  row("ip6", "ip6 nexthdr != 58", nft.nextHeader(6, "!=", 58)),
  row("inet", "fib daddr type local", nft.fibDaddrType("==", "local")),
  row("ip", "fib daddr type != broadcast", nft.fibDaddrType("!=", "broadcast")),
  row("ip", "fib saddr type != local", nft.fibSaddrType("!=", "local")),
  row("ip", "th dport 8080", nft.dport("th", "==", 8080)),
  row("ip6", "th sport != 1000-2000", nft.sport("th", "!=", { from: 1000, to: 2000 })),
  row("ip", "ip saddr 10.0.0.1 counter tcp dport 80", nft.saddr("==", a("10.0.0.1")), nft.counter(),
    nft.dport("tcp", "==", 80)),
  row("bridge", "ether saddr 02:00:00:00:00:01 iifname v0", nft.etherSaddr("==", parseMac("02:00:00:00:00:01")),
    nft.iifname("==", "v0")),
  row("bridge", "ether daddr != { 02:00:00:00:00:01, 02:00:00:00:00:02 }",
    nft.etherDaddr("!=", parseMac("02:00:00:00:00:01"), parseMac("02:00:00:00:00:02"))),
  row("bridge", "ip saddr 10.0.0.1 udp dport 67", nft.saddr("==", a("10.0.0.1")), nft.dport("udp", "==", 67)),
  row("inet", "ether saddr 02:00:00:00:00:01", nft.etherSaddr("==", parseMac("02:00:00:00:00:01"))),
];

/** With statements; `other` is a chain beside. */
export const statementRows: readonly RuleRow[] = [
  row("inet", "masquerade", nft.masquerade()),
  row("ip", "ip saddr 10.0.0.2 ip daddr 10.0.0.2 masquerade", nft.saddr("==", a("10.0.0.2")),
    nft.daddr("==", a("10.0.0.2")), nft.masquerade()),
  row("ip", "tcp dport 8080 dnat to 10.1.0.2:80", nft.dport("tcp", "==", 8080), nft.dnat(a("10.1.0.2"), 80)),
  row("ip6", "ip6 daddr fd00::1 sctp dport 8080 dnat to [fd00::2]:80",
    nft.daddr("==", a("fd00::1")), nft.dport("sctp", "==", 8080), nft.dnat(a("fd00::2"), 80)),
  row("inet", "udp dport 53 dnat ip to 10.1.0.2:5353", nft.dport("udp", "==", 53), nft.dnat(a("10.1.0.2"), 5353)),
  row("inet", "dnat ip6 to fd00::2", nft.dnat(a("fd00::2"))),
  row("ip", "fib daddr type local jump other", nft.fibDaddrType("==", "local"), nft.jump("other")),
  row("inet", "goto other", nft.goto("other")),
  row("bridge", "ether saddr 02:00:00:00:00:01 return", nft.etherSaddr("==", parseMac("02:00:00:00:00:01")),
    nft.returnVerdict()),
  row("bridge", "drop", nft.drop()),
  row("inet", "counter accept", nft.counter(), nft.accept()),
];
