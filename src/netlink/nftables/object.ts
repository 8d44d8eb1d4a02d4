/**
 * The objects of nftables on the wire: tables, chains, rules and the sets rules bring along
 * (linux/netfilter/nf_tables.h).
 */
import { attrs, by, repeated } from "../codec/attrs.ts";
import { body } from "../codec/message.ts";
import { nfgenmsg, nfnetlinkSubsystem } from "../nfnetlink.ts";
import { i32be, raw, stringz, u32be, u64be } from "../codec/scalars.ts";
import { dataAttrs, expressionAttrs, immediateAttrs } from "./expression-attrs.ts";
import { commentUserdata, ruleUserdata } from "./userdata.ts";

/** enum nf_tables_msg_types, with the subsystem in the upper byte. */
export const nftMessage = {
  newTable:   type(0),   // NFT_MSG_NEWTABLE
  delTable:   type(2),   // NFT_MSG_DELTABLE
  newChain:   type(3),   // NFT_MSG_NEWCHAIN
  getChain:   type(4),   // NFT_MSG_GETCHAIN
  delChain:   type(5),   // NFT_MSG_DELCHAIN
  newRule:    type(6),   // NFT_MSG_NEWRULE
  getRule:    type(7),   // NFT_MSG_GETRULE
  delRule:    type(8),   // NFT_MSG_DELRULE: without a handle, all rules of the chain
  newSet:     type(9),   // NFT_MSG_NEWSET
  newSetElem: type(12),  // NFT_MSG_NEWSETELEM
  getGen:     type(16),  // NFT_MSG_GETGEN
} as const;

/** NFTA_TABLE_*. */
export const tableAttrs = attrs({
  name:    [1, stringz],
  flags:   [2, u32be],            // NFTA_TABLE_FLAGS
  comment: [6, commentUserdata],  // NFTA_TABLE_USERDATA
});

/** NFTA_HOOK_*. */
const hookAttrs = attrs({
  number:   [1, u32be],  // NFTA_HOOK_HOOKNUM: NF_INET_*
  priority: [2, i32be],  // NFTA_HOOK_PRIORITY: lower runs earlier
});

/** NFTA_CHAIN_*. */
export const chainAttrs = attrs({
  table:   [1, stringz],
  name:    [3, stringz],
  hook:    [4, hookAttrs],         // NFTA_CHAIN_HOOK: base chains only
  policy:  [5, u32be],             // NFTA_CHAIN_POLICY: NF_DROP or NF_ACCEPT
  type:    [7, stringz],           // NFTA_CHAIN_TYPE: filter, nat, route
  comment: [12, commentUserdata],  // NFTA_CHAIN_USERDATA
});

/** NFTA_RULE_*. */
export const ruleAttrs = attrs({
  table:       [1, stringz],
  chain:       [2, stringz],
  handle:      [3, u64be],                                       // NFTA_RULE_HANDLE
  expressions: [4, attrs({ list: [1, repeated(expressionAttrs)] })],  // NFTA_RULE_EXPRESSIONS of NFTA_LIST_ELEM
  userdata:    [7, ruleUserdata],                                // NFTA_RULE_USERDATA
});

/** Of a rule's expressions a listing reads the verdicts, which tell the chain it jumps to. */
const listedExpressionAttrs = attrs({
  name: [1, stringz],
  data: [2, by("name", { immediate: immediateAttrs })],
}, { dropUnknown: true });

/** What listing rules reads of them; nothing is written back. */
export const listedRuleAttrs = attrs({
  table:       [1, stringz],
  chain:       [2, stringz],
  handle:      [3, u64be],
  expressions: [4, attrs({ list: [1, repeated(listedExpressionAttrs)] })],  // NFTA_RULE_EXPRESSIONS of NFTA_LIST_ELEM
  userdata:    [7, ruleUserdata],
}, { dropUnknown: true });

/** NFTA_SET_*. */
export const setAttrs = attrs({
  table:       [1, stringz],
  name:        [2, stringz],                         // "__set%d": the kernel puts a number there
  flags:       [3, u32be],                           // NFTA_SET_FLAGS: NFT_SET_*
  keyType:     [4, u32be],                           // NFTA_SET_KEY_TYPE: nft's, for listings
  keyBytes:    [5, u32be],                           // NFTA_SET_KEY_LEN
  id:          [10, u32be],                          // NFTA_SET_ID: names the set within the transaction
  description: [9, attrs({ size: [1, u32be] })],     // NFTA_SET_DESC of NFTA_SET_DESC_SIZE
  userdata:    [13, raw],                            // NFTA_SET_USERDATA
});

/** NFTA_SET_ELEM_*. */
export const setElementAttrs = attrs({
  flags:    [3, u32be],      // NFTA_SET_ELEM_FLAGS: NFT_SET_ELEM_INTERVAL_END
  key:      [1, dataAttrs],
  userdata: [6, raw],        // NFTA_SET_ELEM_USERDATA
});

/** NFTA_SET_ELEM_LIST_*. */
export const setElementsAttrs = attrs({
  table:    [1, stringz],
  set:      [2, stringz],
  setId:    [4, u32be],
  elements: [3, attrs({ list: [1, repeated(setElementAttrs)] })],  // of NFTA_LIST_ELEM
});

/** NFTA_GEN_*. */
const generationAttrs = attrs({
  id: [1, u32be],  // NFTA_GEN_ID: grows with every transaction in the namespace
}, { dropUnknown: true });

export const tableBody = body(nfgenmsg, tableAttrs);
export const chainBody = body(nfgenmsg, chainAttrs);
export const ruleBody = body(nfgenmsg, ruleAttrs);
export const listedRuleBody = body(nfgenmsg, listedRuleAttrs);
export const setBody = body(nfgenmsg, setAttrs);
export const setElementsBody = body(nfgenmsg, setElementsAttrs);
export const generationBody = body(nfgenmsg, generationAttrs);

function type(message: number): number {
  return (nfnetlinkSubsystem.nftables << 8) | message;
}
