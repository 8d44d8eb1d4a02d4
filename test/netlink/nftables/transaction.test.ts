import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parsePrefix } from "../../../src/net/index.ts";
import { CodecError, nft, Output, writeMessage } from "../../../src/netlink/index.ts";
import type { NftChange } from "../../../src/netlink/index.ts";

/** Each message of the transaction as hex, four bytes a line, sequence number 7. */
function wire(changes: readonly NftChange[]): string[][] {
  return nft.transaction(changes).map(({ type, flags = 0, body, header, attributes }) => {
    const out = new Output(4096);
    writeMessage(out, { type, flags: flags | 1, sequence: 7 }, body, { header, attributes });
    const words = Array.from({ length: out.length / 4 }, (_, i) => out.bytes.subarray(i * 4, i * 4 + 4));
    return words.map((word) => Buffer.from(word).toString("hex"));
  });
}

/** The first word of each line that has one; the rest explains it. */
function words(annotated: string): string[] {
  return annotated.trim().split("\n").map((line) => line.trim().split(" ")[0] ?? "");
}

const begin = words(`
  14000000 length 20
  10000100 NFNL_MSG_BATCH_BEGIN, NLM_F_REQUEST
  07000000 sequence
  00000000 port: the kernel
  0000000a AF_UNSPEC, NFNETLINK_V0, res_id NFNL_SUBSYS_NFTABLES
`);

const end = ["14000000", "11000100", "07000000", "00000000", "0000000a"];

const t = { family: "ip", table: "t" } as const;
const p = { ...t, chain: "p" } as const;

const rows: readonly [title: string, change: NftChange, ...messages: string[]][] = [
  ["a table with a comment", { do: "add table", family: "inet", table: "t", comment: "hi" }, `
    30000000 length 48
    000a0504 NFT_MSG_NEWTABLE of NFNL_SUBSYS_NFTABLES, NLM_F_REQUEST | ACK | CREATE
    07000000 sequence
    00000000 port
    01000000 NFPROTO_INET
    06000100 NFTA_TABLE_NAME, 2 bytes
    74000000 "t", NUL, padding
    08000200 NFTA_TABLE_FLAGS
    00000000 none
    09000600 NFTA_TABLE_USERDATA, 5 bytes
    00036869 type 0 comment, 3 bytes: "hi"
    00000000 NUL, padding
  `],
  ["a base chain", { do: "add chain", ...p, base: { type: "nat", hook: "postrouting", priority: -100, policy: "accept" } }, `
    48000000 length 72
    030a0504 NFT_MSG_NEWCHAIN, REQUEST | ACK | CREATE
    07000000 sequence
    00000000 port
    02000000 NFPROTO_IPV4
    06000100 NFTA_CHAIN_TABLE
    74000000 "t"
    06000300 NFTA_CHAIN_NAME
    70000000 "p"
    14000480 NFTA_CHAIN_HOOK, nested
    08000100 NFTA_HOOK_HOOKNUM
    00000004 NF_INET_POST_ROUTING
    08000200 NFTA_HOOK_PRIORITY
    ffffff9c -100
    08000500 NFTA_CHAIN_POLICY
    00000001 NF_ACCEPT
    08000700 NFTA_CHAIN_TYPE
    6e617400 "nat"
  `],
  ["a rule", {
    do: "add rule", ...p, comment: "c",
    expressions: nft.rule("ip", nft.saddr("==", parsePrefix("10.0.0.0/8")), nft.masquerade()),
  }, `
    a4000000 length 164
    060a050c NFT_MSG_NEWRULE, REQUEST | ACK | CREATE | APPEND
    07000000 sequence
    00000000 port
    02000000 NFPROTO_IPV4
    06000100 NFTA_RULE_TABLE
    74000000 "t"
    06000200 NFTA_RULE_CHAIN
    70000000 "p"
    78000480 NFTA_RULE_EXPRESSIONS, nested, 116 bytes
    34000180 NFTA_LIST_ELEM, nested
    0c000100 NFTA_EXPR_NAME
    7061796c "payl
    6f616400 oad"
    24000280 NFTA_EXPR_DATA, nested
    08000100 NFTA_PAYLOAD_DREG
    00000001 NFT_REG_1
    08000200 NFTA_PAYLOAD_BASE
    00000001 NFT_PAYLOAD_NETWORK_HEADER
    08000300 NFTA_PAYLOAD_OFFSET
    0000000c 12: saddr of struct iphdr
    08000400 NFTA_PAYLOAD_LEN
    00000001 one byte is the whole prefix
    2c000180 NFTA_LIST_ELEM
    08000100 NFTA_EXPR_NAME
    636d7000 "cmp"
    20000280 NFTA_EXPR_DATA
    08000100 NFTA_CMP_SREG
    00000001 NFT_REG_1
    08000200 NFTA_CMP_OP
    00000000 NFT_CMP_EQ
    0c000380 NFTA_CMP_DATA, nested
    05000100 NFTA_DATA_VALUE, 1 byte
    0a000000 10
    14000180 NFTA_LIST_ELEM
    09000100 NFTA_EXPR_NAME
    6d617371 "masq
    00000000 "
    04000280 NFTA_EXPR_DATA, empty
    08000700 NFTA_RULE_USERDATA, 4 bytes
    00026300 comment, 2 bytes: "c", NUL
  `],
  ["a rule with an anonymous set", {
    do: "add rule", ...p,
    expressions: nft.rule("ip", nft.l4proto("==", 6, 17)),
  }, `
    60000000 length 96
    090a0104 NFT_MSG_NEWSET, REQUEST | CREATE
    07000000 sequence
    00000000 port
    02000000 NFPROTO_IPV4
    06000100 NFTA_SET_TABLE
    74000000 "t"
    0c000200 NFTA_SET_NAME
    5f5f7365 "__se
    74256400 t%d"
    08000300 NFTA_SET_FLAGS
    00000003 NFT_SET_ANONYMOUS | NFT_SET_CONSTANT
    08000400 NFTA_SET_KEY_TYPE
    0000000c nft's inet_proto
    08000500 NFTA_SET_KEY_LEN
    00000001 1 byte
    08000a00 NFTA_SET_ID
    00000001 1
    0c000980 NFTA_SET_DESC, nested
    08000100 NFTA_SET_DESC_SIZE
    00000002 2 elements
    0a000d00 NFTA_SET_USERDATA, 6 bytes
    00040100 NFTNL_UDATA_SET_KEYBYTEORDER, 4 bytes:
    00000000 1, host order
  `, `
    54000000 length 84
    0c0a0104 NFT_MSG_NEWSETELEM, REQUEST | CREATE
    07000000 sequence
    00000000 port
    02000000 NFPROTO_IPV4
    06000100 NFTA_SET_ELEM_LIST_TABLE
    74000000 "t"
    0c000200 NFTA_SET_ELEM_LIST_SET
    5f5f7365 "__se
    74256400 t%d"
    08000400 NFTA_SET_ELEM_LIST_SET_ID
    00000001 1
    24000380 NFTA_SET_ELEM_LIST_ELEMENTS, nested
    10000180 NFTA_LIST_ELEM
    0c000180 NFTA_SET_ELEM_KEY, nested
    05000100 NFTA_DATA_VALUE
    06000000 IPPROTO_TCP
    10000180 NFTA_LIST_ELEM
    0c000180 NFTA_SET_ELEM_KEY, nested
    05000100 NFTA_DATA_VALUE
    11000000 IPPROTO_UDP
  `, `
    7c000000 length 124
    060a050c NFT_MSG_NEWRULE, REQUEST | ACK | CREATE | APPEND
    07000000 sequence
    00000000 port
    02000000 NFPROTO_IPV4
    06000100 NFTA_RULE_TABLE
    74000000 "t"
    06000200 NFTA_RULE_CHAIN
    70000000 "p"
    58000480 NFTA_RULE_EXPRESSIONS
    24000180 NFTA_LIST_ELEM
    09000100 NFTA_EXPR_NAME
    6d657461 "meta
    00000000 "
    14000280 NFTA_EXPR_DATA
    08000200 NFTA_META_KEY
    00000010 NFT_META_L4PROTO
    08000100 NFTA_META_DREG
    00000001 NFT_REG_1
    30000180 NFTA_LIST_ELEM
    0b000100 NFTA_EXPR_NAME
    6c6f6f6b "look
    75700000 up"
    20000280 NFTA_EXPR_DATA
    0c000100 NFTA_LOOKUP_SET
    5f5f7365 "__se
    74256400 t%d"
    08000200 NFTA_LOOKUP_SREG
    00000001 NFT_REG_1
    08000400 NFTA_LOOKUP_SET_ID
    00000001 1
  `],
  ["the deletion of a rule", { do: "delete rule", ...p, handle: 258n }, `
    30000000 length 48
    080a0500 NFT_MSG_DELRULE, REQUEST | ACK
    07000000 sequence
    00000000 port
    02000000 NFPROTO_IPV4
    06000100 NFTA_RULE_TABLE
    74000000 "t"
    06000200 NFTA_RULE_CHAIN
    70000000 "p"
    0c000300 NFTA_RULE_HANDLE
    00000000 258, upper half
    00000102 lower half
  `],
  ["the flushing of a chain", { do: "flush chain", ...p }, `
    24000000 length 36
    080a0500 NFT_MSG_DELRULE, REQUEST | ACK: no handle, so all rules
    07000000 sequence
    00000000 port
    02000000 NFPROTO_IPV4
    06000100 NFTA_RULE_TABLE
    74000000 "t"
    06000200 NFTA_RULE_CHAIN
    70000000 "p"
  `],
];

const transaction = suite("transaction");

for (const [title, change, ...messages] of rows) {
  transaction(`puts ${title} between begin and end`, () => {
    assert.equal(wire([change]), [begin, ...messages.map(words), end]);
  });
}

transaction("of nothing is nothing", () => {
  assert.equal(nft.transaction([]), []);
});

transaction("asks for an answer to its last change only", () => {
  const flags = nft.transaction([{ do: "add table", ...t },
    { do: "flush chain", ...p }]).map((message) => message.flags ?? 0);
  assert.equal(flags, [0, 0x400, 4, 0]);
});

transaction("without its end is a dry one", () => {
  assert.is(nft.transaction([{ do: "add table", ...t }], { dry: true }).length, 2);
});

transaction("numbers the sets of all its rules apart", () => {
  const expressions = nft.rule("ip", nft.dport("tcp", "==", 80, 81), nft.l4proto("==", 6, 17));
  const add = { do: "add rule", ...p, expressions } as const;
  const ids = nft.transaction([add, add])
    .filter(({ type }) => type === nft.nftMessage.newSet)
    // Messages of that type are made from the set table, which has an id.
    .map(({ attributes }) => (attributes as { id: number }).id);
  assert.equal(ids, [1, 2, 3, 4]);
});

transaction("refuses a comment nft would not take", () => {
  const long = { do: "add table", ...t, comment: "c".repeat(129) } as const;
  assert.throws(() => wire([long]), (error: Error) => error instanceof CodecError
    && /at most 128 bytes/.test(error.message));
  assert.is(wire([{ ...long, comment: "c".repeat(128) }]).length, 3);
});

transaction.run();
