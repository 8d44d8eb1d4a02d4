/** Links that a network needs and no plugin makes, and those it leaves behind. */
import type { Link, Namespace } from "../../kernel/index.ts";
import { isErrno, openOwnNamespace } from "../../kernel/index.ts";
import { interfaceNameProblem } from "../../net/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { CommandError } from "../errors.ts";
import { madeFor } from "./conflist.ts";

/**
 * Makes `eth0.10` where it is missing: VLAN 10 of eth0, set up.
 *
 * @returns whether it had to be made
 * @throws CommandError for a link that is missing and no VLAN's name, or whose parent is missing
 */
export function ensureLink(name: string): boolean {
  return onHost((host) => {
    if (host.links.find(name) !== undefined) return false;
    const [, parent, id] = /^(.+)\.(\d{1,4})$/.exec(name) ?? [];
    const under = parent === undefined ? undefined : host.links.find(parent);
    if (under === undefined || id === undefined || Number(id) < 1 || Number(id) > 4094)
      throw new CommandError(`Cannot use parent "${name}": there is no such link, expected ${expectedLinks(host)}`);
    const problem = interfaceNameProblem(name);
    if (problem !== undefined)
      throw new CommandError(`Cannot make link "${name}": ${problem}, expected VLAN ${id} of "${under.name}" there`);
    host.links.add({ name, parent: under.index, info: { kind: "vlan", id: Number(id) } });
    setUp(host, name, under.name);
    return true;
  });
}

function setUp(host: Namespace, name: string, parent: string): void {
  const { index } = host.links.get(name);
  try {
    host.links.set(index, { up: true });
  } catch (error) {
    void host.links.delete(index);
    if (!isErrno(error, "ENETDOWN")) throw error;
    throw new CommandError(`Cannot use parent "${name}": ${parent} is down, expected it up (ip link set ${parent} up)`);
  }
}

/** A restart of the machine takes made links away; networks outlive it. */
export function ensureParent(json: JsonObject): void {
  const made = madeFor(json);
  if (made !== undefined && /\.\d{1,4}$/.test(made)) ensureLink(made);
}

/** Deletes a bridge without ports, or a VLAN; one that is gone, or in use by now, is none of ours. */
export async function removeMade(name: string): Promise<boolean> {
  const host = openOwnNamespace();
  try {
    const link = host.links.find(name);
    if (link === undefined || !isUnused(link, host)) return false;
    await host.links.delete(link.index);
    return true;
  } finally {
    host.close();
  }
}

function isUnused({ index, info }: Link, { links }: Namespace): boolean {
  if (info?.kind !== "bridge" && info?.kind !== "vlan") return false;
  // The other end of a pair in a container may have any index, this one's too.
  return !links.list().some(({ master, parent, parentNamespaceId }) =>
    master === index || (parent === index && parentNamespaceId === undefined));
}

function expectedLinks({ links }: Namespace): string {
  const names = links.list().map(({ name }) => name).filter((name) => name !== "lo");
  if (names.length === 0) return "one of this machine";
  return `one of ${names.slice(0, listedMax).join(", ")}, or VLAN ID 1 to 4094 of one, as ${names[0]}.10`;
}

const listedMax = 8;

export function onHost<T>(work: (host: Namespace) => T): T {
  const host = openOwnNamespace();
  try {
    return work(host);
  } finally {
    host.close();
  }
}
