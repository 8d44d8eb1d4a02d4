/** What is to be moved, of what is there; and why it cannot be. */
import { existsSync } from "node:fs";
import type { Link, Namespace } from "../../kernel/index.ts";
import { factsOfAddress, factsOfRoute } from "../../kernel/index.ts";
import { interfaceNameProblem, samePrefix } from "../../net/index.ts";
import { CommandError, UsageError } from "../errors.ts";
import { anyOf } from "../words.ts";
import type { Tools } from "./carry-out.ts";
import type { Belongings, Move } from "./move.ts";
import { acceptDad, belongingsOf, inherited, routesAfter, settingOf } from "./move.ts";

interface Named {
  readonly bridge: string;
  readonly nic: string;
}

/**
 * @returns undefined: the bridge has everything already
 * @throws CommandError for what the kernel would refuse, or what would leave the machine alone
 */
export function planOver({ bridge, nic }: Named, tools: Tools): Move | undefined {
  const { host } = tools, there = host.links.find(bridge), link = linkOf(nic, host);
  refuseBridge(bridge, there);
  refuseLink(link, there, host);
  const isPort = there !== undefined && link.master === there.index;
  const belongings = stateOf(tools, link);
  if (isPort && belongings.addresses.length + belongings.routes.length === 0) return undefined;
  refuseObjects(belongings, nic);
  return {
    direction: "over", nic, bridge, isMade: there === undefined, from: link.index, ...belongings,
    before: {
      isPort,
      ...(there?.mac === undefined ? {} : { bridgeMac: there.mac }),
      ...(there === undefined ? {} : { bridgeUp: there.up }),
    },
    there: there === undefined ? [] : addressesOf(tools, there),
    settings: Object.fromEntries(inherited.flatMap((key) => {
      const value = there === undefined ? settingOf(host, key, nic) : undefined;
      return value === undefined ? [] : [[key, value]];
    })),
    ...dadOf(host, there === undefined ? "default" : bridge),
  };
}

/** All that a bridge has which was made for the NIC; of another one what was moved there. */
export function planBack({ bridge, nic }: Named, earlier: Move | undefined, tools: Tools): Move {
  const { host } = tools, there = host.links.find(bridge), link = linkOf(nic, host);
  const { bridgeMac } = earlier?.before ?? {};
  if (earlier === undefined || earlier.bridge !== bridge)
    throw new CommandError(
      `Cannot move back to "${nic}": nothing is remembered of a move to "${bridge}", expected ` +
        (earlier === undefined
          ? "a move that polynic bridge-uplink has made since the machine was started"
          : `polynic bridge-uplink --undo ${earlier.bridge} ${nic}`),
    );
  if (there === undefined || link.master !== there.index)
    throw new CommandError(`Cannot move back to "${nic}": it is no port of "${bridge}" any more, expected that it is`);
  const all = stateOf(tools, there);
  refuseObjects(all, bridge);
  return {
    direction: "back", nic, bridge, isMade: earlier.isMade, from: there.index, settings: {},
    ...(earlier.isMade ? all : narrowed(all, earlier, there.index)),
    copied: [], there: addressesOf(tools, link),
    before: { isPort: true, ...(bridgeMac === undefined ? {} : { bridgeMac }) },
    ...dadOf(host, nic),
  };
}

function narrowed(all: Belongings, earlier: Move, index: number): Pick<Belongings, "addresses" | "routes"> {
  const moved = earlier.addresses.map(factsOfAddress);
  const routes = new Set(routesAfter(earlier, index).map(({ message }) => message));
  return {
    addresses: all.addresses.filter((one) => moved.some((other) => samePrefix(factsOfAddress(one), other))),
    routes: all.routes.filter(({ message }) => routes.has(message)),
  };
}

function linkOf(name: string, { links }: Namespace): Link {
  const link = links.find(name);
  if (link !== undefined) return link;
  const names = links.list().filter(({ loopback }) => !loopback).map((one) => one.name);
  throw new CommandError(
    `Cannot move anything of "${name}": there is no such link, expected ` +
      (anyOf(names.slice(0, listedMax)) || "a NIC"),
  );
}

const listedMax = 8;

function refuseBridge(bridge: string, there: Link | undefined): void {
  const problem = interfaceNameProblem(bridge);
  if (problem !== undefined) throw new UsageError(`Cannot make bridge "${bridge}": ${problem}`);
  if (there !== undefined && there.kind !== "bridge")
    throw new CommandError(
      `Cannot use "${bridge}" as a bridge: it is ${there.kind ?? "a NIC"}, expected a bridge, or a new name`,
    );
}

function refuseLink(link: Link, bridge: Link | undefined, { links }: Namespace): void {
  const refuse = (why: string): never => {
    throw new CommandError(`Cannot put "${link.name}" into a bridge: ${why}`);
  };
  if (link.loopback) refuse("it is the loopback link, expected a NIC");
  if (link.kind === "bridge") refuse("it is a bridge itself, expected a NIC");
  if (["phy80211", "wireless"].some((name) => existsSync(`/sys/class/net/${link.name}/${name}`)))
    refuse("it is a wireless one, whose access point takes one MAC address only, expected a wired one");
  const master = link.master === undefined ? undefined : links.find(link.master);
  if (master !== undefined && master.index !== bridge?.index)
    refuse(`it is a port of "${master.name}" already, expected that it is of none`);
  const child = links.list().find(({ parent, parentNamespaceId, kind = "" }) => {
    return parent === link.index && parentNamespaceId === undefined && /^(mac|ip)v(lan|tap)$/.test(kind);
  });
  if (child !== undefined)
    refuse(`"${child.name}" takes its frames (${child.kind}), expected no macvlan or ipvlan link of it`);
  if (!link.up) refuse(`it is down, expected it up (ip link set ${link.name} up)`);
}

/** They name their link by themselves, and other routes may share them. */
function refuseObjects({ routes }: Belongings, link: string): void {
  const facts = routes.map(factsOfRoute).find(({ hasObject }) => hasObject);
  if (facts === undefined) return;
  throw new CommandError(
    `Cannot move the routes of "${link}": that to ${facts.shown} has a next hop object (ip nexthop), expected a ` +
      "gateway",
  );
}

function stateOf(tools: Tools, link: Link): Belongings {
  const state = tools.openState([link]);
  try {
    return belongingsOf(link, state);
  } finally {
    state.close();
  }
}

function addressesOf(tools: Tools, link: Link): Move["there"] {
  const state = tools.openState([link]);
  try {
    return state.addresses.list(link.index);
  } finally {
    state.close();
  }
}

function dadOf(host: Namespace, link: string): { readonly acceptDad?: string } {
  const value = settingOf(host, acceptDad, link);
  return value === undefined ? {} : { acceptDad: value };
}
