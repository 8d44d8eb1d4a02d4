/** nftables over nfnetlink as values: expressions, rules that read like nft text, and the messages that carry them. */
export type { AnonymousSet } from "./anonymous-set.ts";
export type { BaseChain, ChainName, NftChange } from "./change.ts";
export { nfproto, transportProtocol } from "./expression.ts";
export type { Expression, NftData, NftFamily } from "./expression.ts";
export { expressionAttrs } from "./expression-attrs.ts";
export { chainBody, generationBody, listedRuleAttrs, listedRuleBody, nftMessage, ruleBody } from "./object.ts";
export { chainText, transaction } from "./transaction.ts";
export type { NftMessage } from "./transaction.ts";
export { NftExpressionError, rule } from "./rule.ts";
export type { RulePart } from "./rule.ts";
export type { Operator } from "./field.ts";
export {
  ctMark,
  ctState,
  ctStatus,
  daddr,
  dport,
  etherDaddr,
  etherSaddr,
  fibDaddrType,
  fibSaddrType,
  iifname,
  l4proto,
  mark,
  nextHeader,
  nfprotocol,
  oifname,
  saddr,
  sport,
} from "./matches.ts";
export type { PortProtocol, Span } from "./matches.ts";
export { accept, counter, dnat, drop, goto, jump, masquerade, returnVerdict } from "./statements.ts";
export { parseMatch } from "./parse-match.ts";
export { maxCommentBytes } from "./userdata.ts";
