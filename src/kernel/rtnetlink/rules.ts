import type { Prefix } from "../../net/index.ts";
import {
  FIB_RULE_INVERT,
  FR_ACT_TO_TBL,
  NLM_F_CREATE,
  NLM_F_EXCL,
  RTM_DELRULE,
  RTM_GETRULE,
  RTM_NEWRULE,
  ruleBody,
} from "../../netlink/index.ts";
import type { ValueOf } from "../../netlink/index.ts";
import { described, familyNumber, toIp, toPrefix, unspecified } from "./ip.ts";
import type { NetlinkSocket } from "../socket.ts";

/** A policy routing rule that leads to a table. What is absent, a packet need not have. */
export interface NewRule {
  readonly family: 4 | 6;
  readonly src?: Prefix;
  readonly dst?: Prefix;
  /** Names of links, which need not be there. */
  readonly iif?: string;
  readonly oif?: string;
  readonly fwmark?: number;
  /** The bits of the mark that count; absent: all. */
  readonly fwmask?: number;
  /** From 1. */
  readonly table: number;
  /** Rules are tried from 0 up; absent: before all but the first, so that what is added later is tried earlier. */
  readonly priority?: number;
}

/** A rule as listed. */
export interface Rule extends NewRule {
  readonly priority: number;
  /** 0 for rules that lead to no table. */
  readonly table: number;
  /** FR_ACT_*: 1 leads to the table. */
  readonly action: number;
  /** RTPROT_*: who made it; 2 is the kernel. */
  readonly protocol: number;
  /** It applies to packets that are not as it says. */
  readonly inverted: boolean;
}

export interface Rules {
  /** In the order they are tried. */
  list(family: 4 | 6): readonly Rule[];
  /** EEXIST when there is an equal one; without a priority there never is. */
  add(rule: NewRule): void;
  /** The first rule that is as described; what is absent may be anything. ENOENT when there is none. */
  delete(rule: Omit<NewRule, "table"> & { readonly table?: number }): void;
}

/** The rules of the namespace a socket was opened in. */
export function rulesOf(socket: () => NetlinkSocket): Rules {
  return {
    list: (family) => socket().dump(
      {
        operation: `list IPv${family} rules`,
        type: RTM_GETRULE, body: ruleBody, header: { family: familyNumber(family) }, attributes: {},
      },
      ruleBody,
      toRule,
    ),

    add(rule) {
      socket().execute({ ...ruleRequest("add", rule), type: RTM_NEWRULE, flags: NLM_F_CREATE | NLM_F_EXCL });
    },

    delete(rule) {
      socket().execute({ ...ruleRequest("delete", rule), type: RTM_DELRULE });
    },
  };
}

function ruleRequest(verb: string, rule: Parameters<Rules["delete"]>[0]) {
  const { family, src, dst, table, ...rest } = rule;
  return {
    operation: `${verb} rule ${shown(rule)}`,
    body: ruleBody,
    header: {
      family: familyNumber(family),
      srcBits: src?.prefixBits ?? 0,
      dstBits: dst?.prefixBits ?? 0,
      action: table === undefined ? 0 : FR_ACT_TO_TBL,
    },
    attributes: { ...rest, src: addressIn(src), dst: addressIn(dst), table },
  };
}

/** The kernel takes no address of a prefix that holds all of them. */
function addressIn(prefix: Prefix | undefined): Uint8Array | undefined {
  return prefix === undefined || prefix.prefixBits === 0 ? undefined : prefix.address.bytes;
}

function shown({ src, dst, iif, oif, fwmark, table, priority }: Parameters<Rules["delete"]>[0]): string {
  const words = [
    `from ${src === undefined ? "all" : described(src)}`,
    ...(dst === undefined ? [] : [`to ${described(dst)}`]),
    ...(iif === undefined ? [] : [`iif "${iif}"`]),
    ...(oif === undefined ? [] : [`oif "${oif}"`]),
    ...(fwmark === undefined ? [] : [`fwmark ${fwmark}`]),
    ...(table === undefined ? [] : [`to table ${table}`]),
    ...(priority === undefined ? [] : [`with priority ${priority}`]),
  ];
  return words.join(" ");
}

function toRule({ header, attributes }: ValueOf<typeof ruleBody>): Rule {
  const { family } = header;
  const { iif, oif, fwmark, fwmask, table = header.table, priority = 0, protocol = 0 } = attributes;
  const src = prefixOf(family, attributes.src, header.srcBits);
  const dst = prefixOf(family, attributes.dst, header.dstBits);
  return {
    family: unspecified(family).family,
    ...(src === undefined ? {} : { src }),
    ...(dst === undefined ? {} : { dst }),
    ...(iif === undefined ? {} : { iif }),
    ...(oif === undefined ? {} : { oif }),
    ...(fwmark === undefined ? {} : { fwmark }),
    ...(fwmask === undefined ? {} : { fwmask }),
    table,
    priority,
    action: header.action,
    protocol,
    inverted: (header.flags & FIB_RULE_INVERT) !== 0,
  };
}

function prefixOf(family: number, bytes: Uint8Array | undefined, prefixBits: number): Prefix | undefined {
  const address = toIp(family, bytes);
  return address === undefined ? undefined : toPrefix(address, prefixBits);
}
