/**
 * portmap: ports of the host lead into the container (`runtimeConfig.portMappings`). Chained: it needs a prevResult.
 *
 * ADD    for each family the container has, IPv4 first: installs rules, forgets UDP connections to those ports, lets
 *        localhost in (route_localnet). The result is prevResult.
 * DEL    removes the rules of both families, also where the mappings are not said any more, and forgets UDP connections
 *        to the container; already gone is success.
 * CHECK  every rule is there.
 * GC     removes the rules of containers of this network that are no longer valid; with nftables those that we made,
 *        since others' do not tell their network.
 * Refuses (7) conditions written for the other backend. Without mappings ADD and CHECK do nothing.
 */
import type { Result } from "../../cni/index.ts";
import { CniError, allVersions, code, confSchema, messageOf } from "../../cni/index.ts";
import type { Namespace, OriginalPorts } from "../../kernel/index.ts";
import type { Address, Prefix } from "../../net/index.ts";
import { formatAddress } from "../../net/index.ts";
import type { Call, LaterCall } from "../contract/define.ts";
import { definePlugin } from "../contract/define.ts";
import { hasErrno } from "../contract/errno.ts";
import type { Handles } from "../contract/plugin.ts";
import { throwAll } from "../contract/several-errors.ts";
import type { FirewallBackend } from "../packet-rules/backend.ts";
import { withBackend } from "../packet-rules/backend.ts";
import type { PortForwarding, PortMapping, PortmapConf, PortmapPlan } from "./conf.ts";
import { containerAddresses, readForwarding, refuseUnfit } from "./conf.ts";
import * as iptables from "./iptables.ts";
import * as nftables from "./nftables.ts";

export const portmap = definePlugin<PortmapConf, PortmapPlan>({
  type: "portmap",
  versions: allVersions,
  schema: confSchema("portmap"),
  ipam: "none",
  isChained: true,

  read(call) {
    const plan = readForwarding(call.conf, ownerOf(call));
    if (plan.backend !== undefined) refuseUnfit(plan.backend, plan.forwarding);
    return plan;
  },

  async add(call, context) {
    const result = requirePrevResult(call);
    const { backend, forwarding } = call.plan;
    if (forwarding.mappings.length === 0) return result;
    await withBackend(context, backend, async (chosen) => {
      // What is configured was looked at when it was read.
      if (backend === undefined) refuseUnfit(chosen, forwarding);
      context.undo.add("delete the port mappings", () => teardown(context, chosen, forwarding));
      for (const address of containerAddresses(result, call.attachment.ifName)) {
        await addRules(context, chosen, address, forwarding);
        forgetConnections(context, forwarding.mappings, { family: address.address.family });
        if (forwarding.snat && address.address.family === 4) allowLocalhost(context.host, address.address);
      }
    });
    return result;
  },

  async del(call, context) {
    const owner = ownerOf(call);
    const { backend } = call.conf;
    let isFound = false;
    // Of containers that never had mappings no tool is asked for, nor need there be one.
    const isAsked = (call.conf.runtimeConfig?.portMappings ?? []).length > 0;
    // With an unknown backend ADD has made nothing, and the attachment must stay deletable.
    if (backend === "nftables") {
      isFound = nftablesHolds(context, owner);
      await teardown(context, backend, owner);
    } else {
      const mayHold = (family: 4 | 6): boolean => isAsked || iptables.mayHoldPortmapRules(context, family, owner);
      const held = families.filter(mayHold);
      await teardown(context, "iptables", owner, held);
      isFound = held.length > 0;
      // ADD may have chosen it by itself, when iptables could not be used.
      if (backend !== "iptables" && nftablesHolds(context, owner)) {
        isFound = true;
        await teardown(context, "nftables", owner);
      }
    }
    if (isAsked) forgetDeadConnections(call, context);
    else if (isFound) forgetAllConnections(call, context);
  },

  async check(call, handles) {
    const result = requirePrevResult(call);
    const { backend, forwarding } = call.plan;
    if (forwarding.mappings.length === 0) return;
    await withBackend(handles, backend, async (chosen) => {
      // What is configured was looked at when it was read.
      if (backend === undefined) refuseUnfit(chosen, forwarding);
      for (const address of containerAddresses(result, call.attachment.ifName)) {
        const missing = chosen === "iptables"
          ? await iptables.missingPortmapRule(handles, address, forwarding)
          : nftables.missingPortmapRules(handles.host.nftables, address, forwarding);
        if (missing !== undefined) {
          throw new CniError(
            code.attachmentBroken,
            `Cannot find the port mappings of container "${forwarding.containerId}" to ` +
              `${formatAddress(address.address)}: ${missing}${chosen === "iptables" ? " is not in table nat" : ""}`,
          );
        }
      }
    });
  },

  async gc({ network, validAttachments }, handles) {
    if (validAttachments === undefined) return;
    const { nftables: tables } = handles.host;
    for (const family of families) await iptables.collectPortmapChains(handles, family, network, validAttachments);
    if (tables.usable()) await nftables.collectPortmapRules(tables, network, validAttachments);
  },
});

const families = [4, 6] as const;

type Owner = Pick<PortForwarding, "network" | "containerId">;

function ownerOf({ network, attachment }: Call<never> | Call<Partial<PortmapConf>>): Owner {
  return { network, containerId: attachment.containerId };
}

function requirePrevResult({ prevResult, network }: LaterCall<PortmapConf>): Result {
  if (prevResult !== undefined) return prevResult;
  throw new CniError(
    code.invalidConfig,
    `Cannot map ports in network "${network}": prevResult is missing, expected portmap behind a plugin that makes ` +
      "the interface",
  );
}

async function addRules(
  handles: Pick<Handles, "host" | "iptables" | "nftTool">,
  backend: FirewallBackend,
  address: Prefix,
  forwarding: PortForwarding,
): Promise<void> {
  if (backend === "iptables") await iptables.addPortmapRules(handles, address, forwarding);
  else await nftables.addPortmapRules(handles, address, forwarding);
}

/** Both families, the second even when the first fails. */
async function teardown(
  handles: Pick<Handles, "host" | "iptables">,
  backend: FirewallBackend,
  owner: Owner,
  of: readonly (4 | 6)[] = families,
): Promise<void> {
  const errors: unknown[] = [];
  for (const family of of) {
    try {
      if (backend === "iptables") await iptables.deletePortmapRules(handles, family, owner);
      else if (nftablesHolds(handles, owner))
        await nftables.deletePortmapRules(handles.host.nftables, family, owner);
    } catch (error) {
      errors.push(error);
    }
  }
  throwAll(errors);
}

/** False too where nftables cannot be used. */
function nftablesHolds({ host }: Pick<Handles, "host">, owner: Owner): boolean {
  try {
    return nftables.holdsPortmapRules(host.nftables, owner);
  } catch (error) {
    if (host.nftables.usable()) throw error;
    return false;
  }
}

/** IPPROTO_UDP (linux/in.h). */
const udp = 17;

type MappedPort = Pick<PortMapping, "hostPort"> & { readonly protocol: string };

/** Connections to the container that is no more; to which of its addresses is only known where prevResult is given. */
function forgetDeadConnections(
  { attachment, conf, prevResult }: LaterCall<Partial<PortmapConf>>, handles: Pick<Handles, "host" | "log">,
): void {
  // DEL takes what is there; a mapping that ADD would refuse has no connections.
  const mappings = (conf.runtimeConfig?.portMappings ?? []).filter(({ hostPort, protocol }) =>
    typeof protocol === "string" && Number.isInteger(hostPort) && hostPort >= 1 && hostPort <= 65_535);
  const addresses = prevResult === undefined ? [] : containerAddresses(prevResult, attachment.ifName);
  const dead = addresses.length > 0
    ? addresses.map(({ address }) => ({ family: address.family, translatedTo: address }))
    : ([4, 6] as const).map((family) => ({ family, translatedTo: true } as const));
  for (const which of dead) forgetConnections(handles, mappings, which);
}

/** Of a container that had mappings, of which nothing is said any more. */
function forgetAllConnections(
  { attachment, prevResult }: LaterCall<Partial<PortmapConf>>, { host, log }: Pick<Handles, "host" | "log">,
): void {
  if (prevResult === undefined || !hasConnections(host)) return;
  for (const { address } of containerAddresses(prevResult, attachment.ifName)) {
    try {
      host.conntrack.deleteByOriginalPorts({ family: address.family, protocol: udp, translatedTo: address });
    } catch (error) {
      log.warn(`Cannot delete UDP connections to ${formatAddress(address)}: ${messageOf(error)}`);
    }
  }
}

/** UDP has no end: packets of an old connection would go on to the container that had the port before. */
function forgetConnections(
  { host, log }: Pick<Handles, "host" | "log">,
  mappings: readonly MappedPort[],
  which: Pick<OriginalPorts, "family" | "translatedTo">,
): void {
  const ports = mappings.filter(({ protocol }) => protocol.toLowerCase() === "udp").map(({ hostPort }) => hostPort);
  if (ports.length === 0 || !hasConnections(host)) return;
  try {
    host.conntrack.deleteByOriginalPorts({ ...which, protocol: udp, destinationPorts: new Set(ports) });
  } catch (error) {
    log.warn(`Cannot delete connections to UDP ports ${named(ports)}: ${messageOf(error)}`);
  }
}

/** The first of a list that may have thousands. */
function named(ports: readonly number[]): string {
  const namedMax = 8, more = ports.length - namedMax;
  return `${ports.slice(0, namedMax).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

/** Listing connections walks the whole hash table, 9 ms even when it is empty. */
function hasConnections(host: Namespace): boolean {
  try {
    return host.sysctl.get("net/netfilter/nf_conntrack_count") !== "0";
  } catch {
    return true; // an older kernel, which does not tell
  }
}

/** Packets from 127.0.0.1 may leave by the link towards the container. Without a route to it there is none to open. */
function allowLocalhost(host: Namespace, container: Address): void {
  const index = routeIndex(host, container);
  if (index === undefined) return;
  host.sysctl.set(`net/ipv4/conf/${host.links.get(index).name}/route_localnet`, "1");
}

function routeIndex(host: Namespace, to: Address): number | undefined {
  try {
    return host.routes.lookup(to)?.index;
  } catch (error) {
    if (hasErrno(error, "ENETUNREACH", "EHOSTUNREACH")) return undefined;
    throw error;
  }
}
