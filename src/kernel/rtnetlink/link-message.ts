import { IFF_ALLMULTI, IFF_LOOPBACK, IFF_PROMISC, IFF_UP, isLinkKind, linkBody } from "../../netlink/index.ts";
import type { LinkInfo, LinkKind, ValueOf } from "../../netlink/index.ts";
import type { BridgePort, Link, LinkChanges, OperState } from "../namespace.ts";

export type LinkAttributes = ValueOf<typeof linkBody>["attributes"];

/** What a request that changes a link says in its header. */
export function flagChanges(changes: LinkChanges): { readonly flags: number; readonly change: number } {
  let flags = 0, change = 0;
  for (const [name, flag] of changeableFlags) {
    const value = changes[name];
    if (value === undefined) continue;
    change |= flag;
    if (value) flags |= flag;
  }
  return { flags, change };
}

const changeableFlags = [["up", IFF_UP], ["promiscuous", IFF_PROMISC], ["allMulticast", IFF_ALLMULTI]] as const;

export function changeAttributes(changes: LinkChanges): LinkAttributes {
  const { name, mtu, mac, txQueueLength, master, alias, namespace } = changes;
  return { name, mtu, mac, txQueueLength, master, alias, netnsFd: namespace?.fd };
}

/** A link as the kernel tells of it. */
export function toLink({ header, attributes }: ValueOf<typeof linkBody>): Link {
  const {
    name = "",
    mac,
    mtu = 0,
    master,
    link: parent,
    linkNetnsId: parentNamespaceId,
    group = 0,
    alias,
    txQueueLength,
    promiscuity = 0,
    operState = 0,
  } = attributes;
  const { kind, data, portKind, portData } = attributes.linkInfo ?? {};
  return {
    index: header.index,
    name,
    ...(mac === undefined || mac === "" ? {} : { mac }),
    mtu,
    up: (header.flags & IFF_UP) !== 0,
    loopback: (header.flags & IFF_LOOPBACK) !== 0,
    promiscuity,
    allMulticast: (header.flags & IFF_ALLMULTI) !== 0,
    operState: operStates[operState] ?? "unknown",
    ...(master === undefined ? {} : { master }),
    ...(parent === undefined ? {} : { parent }),
    ...(parentNamespaceId === undefined ? {} : { parentNamespaceId }),
    group,
    ...(alias === undefined ? {} : { alias }),
    ...(txQueueLength === undefined ? {} : { txQueueLength }),
    ...(kind === undefined ? {} : { kind }),
    ...(kind === undefined || !isLinkKind(kind) ? {} : { info: toInfo(kind, data) }),
    ...(portKind === "bridge" ? { bridgePort: toBridgePort(portData) } : {}),
  };
}

/** IF_OPER_* (linux/if.h), by number. */
const operStates: readonly OperState[] = [
  "unknown",
  "notpresent",
  "down",
  "lowerlayerdown",
  "testing",
  "dormant",
  "up",
];

function toInfo(kind: LinkKind, data: LinkData): LinkInfo {
  // A kind with a table is never read as raw bytes, and its settings are named by its rows.
  const { unknown: _, ...settings } = (data ?? {}) as { readonly unknown?: unknown };
  return { kind, ...settings } as LinkInfo;
}

type LinkData = NonNullable<LinkAttributes["linkInfo"]>["data"];

function toBridgePort(data: object | undefined): BridgePort {
  // The port's table was chosen by the kind "bridge", so these are its rows.
  const { hairpin = false, isolated = false } = (data ?? {}) as Partial<BridgePort>;
  return { hairpin, isolated };
}
