/**
 * Moving a link between host and container. One request moves it and gives it its new name where it arrives, so it is
 * never in either namespace under a name that something else there has, and a name both have does not matter:
 * the kernel takes the new one on arrival when the old one is in use (net/core/dev.c, dev_change_net_namespace).
 * A moved link is down, and without its addresses.
 */
import type { Result } from "../../cni/index.ts";
import { CniError, code } from "../../cni/index.ts";
import type { Link, Links, Namespace } from "../../kernel/index.ts";
import type { AddContext, Attachment, Log } from "../contract/plugin.ts";
import type { Selector } from "./device.ts";

/** A host link and the name it gets in the container. */
export interface MoveIn {
  readonly device: Link;
  readonly ifName: string;
}

/**
 * The device in the container: named ifName, still down, its alias the name it had on the host, by which DEL returns
 * it.
 *
 * @throws CniError 7 when the container has an interface of that name; the device is then untouched
 */
export function moveIn(
  { device, ifName }: MoveIn,
  { host, container, undo }: Pick<AddContext, "host" | "container" | "undo">,
): Link {
  if (container.links.find(ifName) !== undefined) {
    throw new CniError(
      code.invalidConfig,
      `Cannot move link "${device.name}" to ${container.path} as "${ifName}": the container has an interface of that ` +
        "name already",
    );
  }
  // Before the request: should it fail halfway, the link may be on either side.
  undo.add(`move link "${device.name}" back to the host`, () => restore(device, ifName, host, container));
  host.links.set(device.index, { namespace: container, name: ifName, alias: device.name });
  return container.links.get(ifName);
}

function restore(device: Link, ifName: string, host: Namespace, container: Namespace): void {
  const { name, alias = "", up } = device;
  // Without a rename that succeeded it arrived under its old name; its MAC tells it from a namesake.
  const moved = [ifName, name]
    .map((candidate) => container.links.find(candidate))
    .find((link) => link?.mac === device.mac && link?.kind === device.kind);
  if (moved !== undefined && host.links.find(name) === undefined)
    container.links.set(moved.index, { namespace: host, name, alias });
  const back = host.links.find(name);
  if (back !== undefined && up) host.links.set(back.index, { up: true });
}

/** What is known of a device that was moved in. */
export interface MovedIn {
  readonly attachment: Attachment;
  readonly selector: Selector | undefined;
  /** Of the ADD; undefined where the runtime has none. */
  readonly prevResult: Result | undefined;
}

/**
 * The container's link that is the device: of the interface's name, or, where the container has renamed it, with an
 * alias that only a moved link has, and its MAC or the device's name there. The MAC comes first: the container may give
 * a link of its own the same alias.
 */
export function findMoved(links: Links, { attachment, selector, prevResult }: MovedIn): Link | undefined {
  const named = links.find(attachment.ifName);
  if (named !== undefined && isMoved(named)) return named;
  const { ifName, netns } = attachment;
  const entry = prevResult?.interfaces.find(({ name, sandbox }) => name === ifName && sandbox === netns);
  const mac = selector?.by === "hwaddr" ? selector.mac : entry?.mac?.toLowerCase();
  const moved = links.list().filter(isMoved);
  return moved.find((link) => mac !== undefined && link.mac === mac)
    ?? moved.find(({ alias }) => selector?.by === "device" && alias === selector.name) ?? named;
}

function isMoved({ alias = "" }: Link): boolean {
  return alias !== "";
}

/**
 * The device back on the host under its old name, down, without alias. A link without an alias is none of ours and
 * stays.
 *
 * @throws CniError 11 when the host has a link of the old name; the device then stays in the container as it is
 */
export function moveOut(link: Link, host: Namespace, container: Namespace, log: Log): void {
  const { alias: name = "" } = link;
  if (name === "") {
    log.warn(
      `Cannot return interface "${link.name}" to the host: its alias does not tell its name there; it stays where it ` +
        "is",
    );
    return;
  }
  if (host.links.find(name) !== undefined) {
    throw new CniError(
      code.tryAgainLater,
      `Cannot return interface "${link.name}" to the host as "${name}": the host has a link of that name, expected ` +
        "it gone",
    );
  }
  container.links.set(link.index, { namespace: host, name, alias: "" });
}
