/**
 * Carrying a move out, and undoing it. The link that is moved from keeps its addresses until the gateway has answered
 * over the other one, so that undoing takes hardly more than the routes back. All of it may be done again, whatever of
 * it has been done: after a kill nobody knows.
 */
import type { Link, Namespace, WholeAddress, WholeState } from "../../kernel/index.ts";
import { factsOfAddress, isErrno } from "../../kernel/index.ts";
import { samePrefix } from "../../net/index.ts";
import type { Move } from "./move.ts";
import { acceptDad, labelOn, rolesOf, routesAfter, settingName, settingOf } from "./move.ts";
import { settleRoutes } from "./routes.ts";

/** What works on the machine. */
export interface Tools {
  readonly host: Namespace;
  openState(links: readonly Link[]): WholeState;
}

/** Up to where the gateway can be asked over the other link. */
export function begin(move: Move, tools: Tools): void {
  if (move.direction === "over") readyBridge(move, tools.host);
  const { host } = tools, { from, to } = rolesOf(move), other = host.links.get(to);
  withState(tools, (state) => {
    if (move.acceptDad !== undefined) host.sysctl.set(settingName(acceptDad, to), "0");
    for (const one of [...move.copied, ...move.addresses])
      state.addresses.put(one, { index: other.index, label: labelOn(to, from, one) });
    setPort(move, host, move.direction === "over");
    const wanted = routesAfter(move, other.index);
    settleRoutes(state, { wanted, instead: move.routes, madeFor: move.addresses, index: other.index });
  });
}

/** What is left once the gateway has answered. */
export async function finish(move: Move, tools: Tools): Promise<void> {
  const { host } = tools, { from, to } = rolesOf(move);
  const [link, other] = [host.links.find(from), host.links.get(to)];
  withState(tools, (state) => {
    if (link !== undefined) deleteAddresses(move.addresses, link, state);
    const wanted = routesAfter(move, other.index);
    settleRoutes(state, { wanted, instead: move.routes, madeFor: move.addresses, index: other.index });
  });
  if (move.acceptDad !== undefined) host.sysctl.set(settingName(acceptDad, to), move.acceptDad);
  if (move.direction === "back" && link !== undefined) await leaveBridge(move, link, host);
}

/** Everything as it was. */
export async function undo(move: Move, tools: Tools): Promise<void> {
  const { host } = tools, { from, to } = rolesOf(move);
  const [link, other] = [host.links.get(from), host.links.find(to)];
  if (other !== undefined) {
    setPort(move, host, move.direction === "back" || move.before.isPort);
    withState(tools, (state) => {
      putMissing(move, link, { host, state });
      if (!isGoing(move)) deleteAddresses(strangers(move), other, state);
      const instead = routesAfter(move, other.index);
      settleRoutes(state, { wanted: move.routes, instead, madeFor: move.addresses, index: other.index });
    });
    if (move.acceptDad !== undefined) host.sysctl.set(settingName(acceptDad, to), move.acceptDad);
    if (move.direction === "over") await giveBridgeBack(move, other, host);
  }
  // An address that goes with its bridge takes the routes along that it is the source of.
  const settlement = { wanted: move.routes, instead: [], madeFor: [], index: link.index };
  withState(tools, (state) => settleRoutes(state, settlement));
}

function withState({ host, openState }: Tools, work: (state: WholeState) => void): void {
  const state = openState(host.links.list());
  try {
    work(state);
  } finally {
    state.close();
  }
}

/** The bridge, up, with the NIC's address: neighbours and DHCP servers know the machine by that. */
function readyBridge({ bridge, nic, isMade, settings }: Move, { links, sysctl }: Namespace): void {
  const { mac } = links.get(nic), address = mac === undefined ? {} : { mac };
  if (isMade) {
    links.add({ name: bridge, info: { kind: "bridge" }, ...address });
    for (const [key, value] of Object.entries(settings)) sysctl.set(settingName(key, bridge), value);
  }
  links.set(links.get(bridge).index, { up: true, ...(isMade ? {} : address) });
}

function setPort({ nic, bridge }: Move, { links }: Namespace, isPort: boolean): void {
  const port = links.get(nic), master = isPort ? links.get(bridge).index : 0;
  if ((port.master ?? 0) !== master) links.set(port.index, { master });
}

/** Whether the link that was moved to goes when the move is undone. */
function isGoing({ direction, isMade }: Move): boolean {
  return direction === "over" && isMade;
}

/** What the link that was moved to has of the other one. */
function strangers({ copied, addresses, there }: Move): readonly WholeAddress[] {
  const own = there.map(factsOfAddress);
  return [...copied, ...addresses].filter((one) => !own.some((other) => samePrefix(factsOfAddress(one), other)));
}

/** Newest first: the first address of a network takes the others along. */
function deleteAddresses(addresses: readonly WholeAddress[], { index }: Link, state: WholeState): void {
  for (const one of addresses.toReversed()) {
    try {
      state.addresses.delete(one, index);
    } catch (error) {
      if (!isErrno(error, "EADDRNOTAVAIL")) throw error;
    }
  }
}

/** The addresses that have gone from a link that was to keep them. */
function putMissing(
  { addresses }: Move, { index, name }: Link, { host, state }: Pick<Tools, "host"> & { readonly state: WholeState },
): void {
  const there = state.addresses.list(index).map(factsOfAddress);
  const missing = addresses.filter((one) => !there.some((other) => samePrefix(factsOfAddress(one), other)));
  const dad = settingOf(host, acceptDad, name);
  if (missing.length === 0) return;
  if (dad !== undefined) host.sysctl.set(settingName(acceptDad, name), "0");
  for (const one of missing) state.addresses.put(one, { index, label: factsOfAddress(one).label });
  if (dad !== undefined) host.sysctl.set(settingName(acceptDad, name), dad);
}

async function giveBridgeBack({ isMade, before: { bridgeMac, bridgeUp = true } }: Move, bridge: Link, host: Namespace) {
  if (isMade) await host.links.delete(bridge.index);
  else host.links.set(bridge.index, { up: bridgeUp, ...(bridgeMac === undefined ? {} : { mac: bridgeMac }) });
}

/** A bridge that was made for the NIC goes, unless it has other ports by now. */
async function leaveBridge({ isMade, before: { bridgeMac } }: Move, { index }: Link, { links }: Namespace) {
  if (isMade && !links.list().some(({ master }) => master === index)) await links.delete(index);
  else if (bridgeMac !== undefined) links.set(index, { mac: bridgeMac });
}
