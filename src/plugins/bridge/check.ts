import type { Interface } from "../../cni/index.ts";
import type { Link, Namespace } from "../../kernel/index.ts";
import type { Handles } from "../contract/plugin.ts";
import type { CheckedCall } from "../interface/check.ts";
import { broken, checkedLink, checkInterface, requirePrevResult } from "../interface/check.ts";
import type { BridgeSettings } from "./conf.ts";

/**
 * Bridge, container end and host end are as prevResult says, joined to each other, with the addresses and routes it
 * lists.
 */
export function checkBridge(
  call: CheckedCall,
  settings: BridgeSettings,
  { host, container }: Pick<Handles, "host" | "container">,
): void {
  const { interfaces } = requirePrevResult(call.prevResult, call.network);
  const bridge = checkBridgeLink(host, interfaces, settings);
  const link = checkInterface(call, container, "veth");
  checkHostEnd(host, interfaces, bridge, link);
}

function checkBridgeLink(
  host: Namespace,
  interfaces: readonly Interface[],
  { bridge: name, promiscuous, isGateway }: BridgeSettings,
): Link {
  const entry = interfaces.find((candidate) => candidate.name === name && isOnHost(candidate));
  if (entry === undefined) throw broken(`Cannot check bridge "${name}": prevResult does not list it`);
  // Only a bridge that holds a gateway has its MAC pinned; any other takes the lowest of its ports', and that is no
  // fault.
  const bridge = checkedLink(host, isGateway ? entry : { name }, "bridge");
  if (bridge.promiscuity > 0 !== promiscuous) {
    throw broken(
      `Cannot accept bridge "${name}": promiscuous mode is ${promiscuous ? "off" : "on"}, expected it ` +
        `${promiscuous ? "on" : "off"}`,
    );
  }
  return bridge;
}

/** The port of the bridge whose other end is the container's; it must be among the result's host links. */
function checkHostEnd(host: Namespace, interfaces: readonly Interface[], bridge: Link, containerEnd: Link): void {
  const port = containerEnd.parent === undefined ? undefined : host.links.find(containerEnd.parent);
  const entry = interfaces.find((candidate) => candidate.name === port?.name && isOnHost(candidate));
  if (port === undefined || entry === undefined) {
    const fact = port === undefined ? "it is gone" : `prevResult does not list "${port.name}"`;
    throw broken(`Cannot find the host end of interface "${containerEnd.name}": ${fact}`);
  }
  checkedLink(host, entry, "veth");
  if (port.master !== bridge.index)
    throw broken(`Cannot accept host link "${port.name}": it is no port of bridge "${bridge.name}"`);
}

function isOnHost({ sandbox = "" }: Interface): boolean {
  return sandbox === "";
}
