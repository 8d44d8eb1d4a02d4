/** A list of changes as the messages of one nfnetlink transaction: begin, the changes, end. */
import { NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE } from "../codec/message.ts";
import type { Body } from "../codec/message.ts";
import { batchBody, NFNL_MSG_BATCH_BEGIN, NFNL_MSG_BATCH_END, nfnetlinkSubsystem } from "../nfnetlink.ts";
import type { ValueOf } from "../codec/payload.ts";
import type { AnonymousSet } from "./anonymous-set.ts";
import type { BaseChain, ChainName, NftChange } from "./change.ts";
import type { expressionAttrs } from "./expression-attrs.ts";
import { nfproto } from "./expression.ts";
import type { NftFamily } from "./expression.ts";
import { chainBody, nftMessage, ruleBody, setBody, setElementsBody, tableBody } from "./object.ts";
import type { chainAttrs } from "./object.ts";
import { setElements, setFlags, setUserdata } from "./set.ts";
import type { RuleUserdata } from "./userdata.ts";

/** One message; `operation` says in words what it does, for errors. */
export interface NftMessage<H = unknown, A = unknown> {
  readonly operation: string;
  readonly type: number;
  readonly flags?: number;
  readonly body: Body<H, A>;
  readonly header: Partial<H>;
  readonly attributes: A;
}

/**
 * The messages of one transaction. Only the last change asks for an answer: the kernel answers failures in any case,
 * and a long transaction must not fill the receive buffer.
 *
 * @param options.generation  refuse (ERESTART) when the rule set is of another generation by now
 * @param options.dry  without the end message the kernel tries everything and undoes it
 */
export function transaction(
  changes: readonly NftChange[], options: { readonly generation?: number; readonly dry?: boolean } = {},
): readonly NftMessage[] {
  const ids = { next: 1 };
  const messages = changes.flatMap((change) => messagesOf(change, ids));
  const last = messages.at(-1);
  if (last === undefined) return [];
  const { generation, dry = false } = options;
  return [
    batchMessage("begin an nftables transaction", NFNL_MSG_BATCH_BEGIN, generation),
    ...messages.slice(0, -1),
    { ...last, flags: (last.flags ?? 0) | NLM_F_ACK },
    ...(dry ? [] : [batchMessage("end an nftables transaction", NFNL_MSG_BATCH_END)]),
  ];
}

/** `chain "c" of table "inet t"`, for errors. */
export function chainText({ family, table, chain }: ChainName): string {
  return `chain "${chain}" of table "${family} ${table}"`;
}

/** Hooks are numbered alike in ip, ip6, inet and bridge: NF_INET_*, NF_BR_* (linux/netfilter.h, netfilter_bridge.h). */
const hookNumber: Readonly<Record<BaseChain["hook"], number>> = {
  prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4,
};

/** linux/netfilter.h NF_DROP, NF_ACCEPT. */
const policyNumber = { drop: 0, accept: 1 } as const;

/** What an anonymous set is called until the kernel has numbered it. */
const anonymousSetName = "__set%d";

function messagesOf(change: NftChange, ids: { next: number }): readonly NftMessage[] {
  const { family, table } = change;
  switch (change.do) {
    case "add table": return [message(`add table "${family} ${table}"`, family, {
      type: nftMessage.newTable, flags: NLM_F_CREATE, body: tableBody,
      attributes: { name: table, flags: 0, comment: change.comment },
    })];
    case "delete table": return [message(`delete table "${family} ${table}"`, family, {
      type: nftMessage.delTable, body: tableBody, attributes: { name: table },
    })];
    case "add chain": return [message(`add ${chainText(change)}`, family, {
      type: nftMessage.newChain, flags: NLM_F_CREATE, body: chainBody,
      attributes: { table, name: change.chain, ...baseAttributes(change.base), comment: change.comment },
    })];
    case "delete chain": return [message(`delete ${chainText(change)}`, family, {
      type: nftMessage.delChain, body: chainBody, attributes: { table, name: change.chain },
    })];
    case "flush chain": return [message(`flush ${chainText(change)}`, family, {
      type: nftMessage.delRule, body: ruleBody, attributes: { table, chain: change.chain },
    })];
    case "delete rule": return [message(`delete rule ${change.handle} from ${chainText(change)}`, family, {
      type: nftMessage.delRule, body: ruleBody, attributes: { table, chain: change.chain, handle: change.handle },
    })];
    case "add rule": return addRule(change, ids);
  }
}

function baseAttributes(base: BaseChain | undefined): ValueOf<typeof chainAttrs> {
  if (base === undefined) return {};
  return {
    hook: { number: hookNumber[base.hook], priority: base.priority },
    policy: base.policy === undefined ? undefined : policyNumber[base.policy],
    type: base.type,
  };
}

/** Absent when there is nothing to keep: an empty attribute would be listed as userdata of its own. */
function userdataOf({ comment, mark }: Extract<NftChange, { do: "add rule" }>): RuleUserdata | undefined {
  if (comment === undefined && mark === undefined) return undefined;
  return { ...(comment === undefined ? {} : { comment }), ...(mark === undefined ? {} : { mark }) };
}

/** The sets a rule uses come before it in the same transaction; the rule names them by their id there. */
function addRule(change: Extract<NftChange, { do: "add rule" }>, ids: { next: number }): readonly NftMessage[] {
  const { family, table, chain } = change;
  const operation = `add rule to ${chainText(change)}`;
  const sets: NftMessage[] = [];
  const list = change.expressions.map((expression): ValueOf<typeof expressionAttrs> => {
    if (expression.name !== "lookup") return expression;
    const setId = ids.next;
    ids.next += 1;
    sets.push(...addSet(operation, family, table, expression.set, setId));
    return { name: expression.name, data: { ...expression.data, set: anonymousSetName, setId } };
  });
  return [...sets, message(operation, family, {
    type: nftMessage.newRule, flags: NLM_F_CREATE | NLM_F_APPEND, body: ruleBody,
    attributes: { table, chain, expressions: { list }, userdata: userdataOf(change) },
  })];
}

function addSet(
  operation: string,
  family: NftFamily,
  table: string,
  set: AnonymousSet,
  id: number,
): readonly NftMessage[] {
  const list = setElements(set);
  return [
    message(operation, family, {
      type: nftMessage.newSet, flags: NLM_F_CREATE, body: setBody,
      attributes: {
        table, name: anonymousSetName, id, flags: setFlags(set), keyType: set.keyType.id, keyBytes: set.keyBytes,
        description: { size: list.length }, userdata: setUserdata(set),
      },
    }),
    message(operation, family, {
      type: nftMessage.newSetElem, flags: NLM_F_CREATE, body: setElementsBody,
      attributes: { table, set: anonymousSetName, setId: id, elements: { list } },
    }),
  ];
}

function batchMessage(operation: string, type: number, generation?: number): NftMessage {
  const header = { resourceId: nfnetlinkSubsystem.nftables };
  return widen({ operation, type, body: batchBody, header, attributes: { generation } });
}

function message<H extends { readonly family: number }, A>(
  operation: string, family: NftFamily,
  { type, flags = 0, body, attributes }: { type: number; flags?: number; body: Body<H, A>; attributes: A },
): NftMessage {
  // nfproto[family] is the one field of nfgenmsg an object's message sets.
  const header = { family: nfproto[family] } as Partial<H>;
  return widen({ operation, type, flags, body, header, attributes });
}

/** Lists hold messages of several kinds; each carries the body that knows its own types. */
function widen<H, A>(message: NftMessage<H, A>): NftMessage {
  return message;
}
