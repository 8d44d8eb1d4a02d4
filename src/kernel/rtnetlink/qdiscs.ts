import {
  filterBody,
  isQdiscKind,
  NLM_F_CREATE,
  NLM_F_ECHO,
  NLM_F_EXCL,
  qdiscBody,
  RTM_DELQDISC,
  RTM_GETQDISC,
  RTM_GETTFILTER,
  RTM_NEWQDISC,
  RTM_NEWTFILTER,
  TC_ACT_STOLEN,
  TC_H_INGRESS,
  TC_H_ROOT,
  TCA_EGRESS_REDIR,
} from "../../netlink/index.ts";
import type { QdiscInfo, U32Key, ValueOf } from "../../netlink/index.ts";
import type { LinkNames } from "./link-names.ts";
import { isErrno } from "../netlink-error.ts";
import type { NetlinkSocket } from "../socket.ts";

/** Where a link queues: what leaves by it, and what arrives at it. */
export type QdiscPlace = "root" | "ingress";

export interface Qdisc {
  /** `major:minor` as one number: 1:0 is 0x10000. */
  readonly handle: number;
  readonly kind: string;
  /** The same kind with its settings, where netlink/tc has a table for it. */
  readonly info?: QdiscInfo;
}

/** A filter of kind u32 at what arrives, whose packets leave by another link at once. */
export interface Redirection {
  /** From 1; lower ones are asked first. */
  readonly priority: number;
  /** What the packet must look like; a single key of zeroes takes any. */
  readonly keys: readonly U32Key[];
  /** TCA_U32_CLASSID, a handle. */
  readonly class: number;
  /** ifindex. */
  readonly to: number;
}

/** Queueing disciplines and filters. Everything at a link goes with it. */
export interface Qdiscs {
  /** The kernel's own choice has the handle 0; undefined where there is none, as for what arrives. */
  find(index: number, place: QdiscPlace): Qdisc | undefined;
  /** EEXIST when another one was put there before. */
  add(index: number, place: QdiscPlace, qdisc: { readonly handle: number; readonly info: QdiscInfo }): void;
  /** Back to the kernel's choice; the filters go too. ENOENT or EINVAL when none was put there. */
  delete(index: number, place: QdiscPlace): void;
  /** Needs a qdisc "ingress" or "clsact" there. */
  redirect(index: number, redirection: Redirection): void;
  /** In the order they are asked; other filters are left out. */
  redirections(index: number): readonly Redirection[];
}

/** The qdiscs of the namespace a socket was opened in. */
export function qdiscsOf(socket: () => NetlinkSocket, names: LinkNames): Qdiscs {
  return {
    find(index, place) {
      try {
        const operation = `get the ${place} qdisc of ${names.shown(index)}`;
        // Asked for alone: a list would be that of all links of the namespace.
        // The answer is sent as an announcement, of which the sender hears only when it asks to.
        const request = { ...qdiscRequest(index, place), operation, type: RTM_GETQDISC, flags: NLM_F_ECHO };
        const found = socket().getAny(request, qdiscBody);
        return found === undefined ? undefined : toQdisc(found);
      } catch (error) {
        // EINVAL: what older kernels say of a qdisc of their own, of which newer ones say nothing.
        if (isErrno(error, "ENOENT", "EINVAL")) return undefined;
        throw error;
      }
    },

    add(index, place, { handle, info }) {
      const { kind, ...options } = info;
      const request = qdiscRequest(index, place);
      socket().execute({
        ...request,
        operation: `add qdisc "${kind}" to ${names.shown(index)}`,
        type: RTM_NEWQDISC, flags: NLM_F_CREATE | NLM_F_EXCL,
        header: { ...request.header, handle },
        attributes: { kind, options: Object.keys(options).length === 0 ? undefined : options },
      });
    },

    delete(index, place) {
      const operation = `delete the ${place} qdisc of ${names.shown(index)}`;
      socket().execute({ ...qdiscRequest(index, place), operation, type: RTM_DELQDISC });
    },

    redirect(index, redirection) {
      socket().execute({
        operation: `redirect packets of ${names.shown(index)} to ${names.shown(redirection.to)}`,
        type: RTM_NEWTFILTER, flags: NLM_F_CREATE | NLM_F_EXCL, body: filterBody,
        header: { index, parent: ingressHandle, info: filterInfo(redirection.priority) },
        attributes: { kind: "u32", options: redirectionOptions(redirection) },
      });
    },

    redirections: (index) => socket().dump(
      {
        operation: `list filters of ${names.shown(index)}`,
        type: RTM_GETTFILTER, body: filterBody, header: { index, parent: ingressHandle }, attributes: {},
      },
      filterBody,
      toRedirection,
    ),
  };
}

const parents: Readonly<Record<QdiscPlace, number>> = { root: TC_H_ROOT, ingress: TC_H_INGRESS };
/** ffff:0, the handle of every qdisc for what arrives. */
const ingressHandle = 0xffff_0000;
/** linux/if_ether.h ETH_P_ALL, in network order as a number of the host. */
const anyProtocol = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 0x0300 : 0x0003;

function filterInfo(priority: number): number {
  return ((priority << 16) | anyProtocol) >>> 0;
}

function redirectionOptions({ keys, class: classId, to }: Redirection) {
  const parameters = { action: TC_ACT_STOLEN, direction: TCA_EGRESS_REDIR, index: to };
  return { class: classId, keys, actions: { first: { kind: "mirred", options: { parameters } } } };
}

function qdiscRequest(index: number, place: QdiscPlace) {
  return { body: qdiscBody, header: { index, parent: parents[place] }, attributes: {} };
}

function toQdisc({ header, attributes }: ValueOf<typeof qdiscBody>): Qdisc {
  const { kind = "", options } = attributes;
  return { handle: header.handle, kind, ...(isQdiscKind(kind) ? { info: toInfo(kind, options) } : {}) };
}

function toInfo(kind: QdiscInfo["kind"], options: object | undefined): QdiscInfo {
  // A kind with a table is never read as raw bytes, and its settings are named by that table.
  const { unknown: _, ...settings } = (options ?? {}) as { readonly unknown?: unknown };
  return { kind, ...settings } as QdiscInfo;
}

function toRedirection({ header, attributes }: ValueOf<typeof filterBody>): Redirection | undefined {
  const { options } = attributes;
  // The list also names the hash tables that filters of kind u32 are kept in, which have no keys.
  if (options === undefined || options instanceof Uint8Array || options.keys === undefined) return undefined;
  const mirred = options.actions?.first?.options?.parameters;
  if (mirred === undefined || mirred.direction !== TCA_EGRESS_REDIR) return undefined;
  return { priority: header.info >>> 16, keys: options.keys, class: options.class ?? 0, to: mirred.index };
}
