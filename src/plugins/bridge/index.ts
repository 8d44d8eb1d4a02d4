/**
 * bridge: joins the container to a bridge of the host by a veth pair.
 *
 * ADD    ensures the bridge, makes the pair with its host end as a port of the bridge, sets the port up (hairpin,
 *        isolation, VLANs, spoof check), leases addresses and puts them on the container end; with `isGateway` the
 *        bridge (with `vlan` a link of its own in that VLAN) holds the gateways; with `ipMasq` the container's traffic
 *        is masqueraded.
 * DEL    deletes the pair, removes spoof check and masquerading, releases the addresses. Bridge, gateways and vlan
 *        gateway links stay: they are shared, and no container owns them.
 * CHECK  compares bridge, pair, MACs, addresses and routes with prevResult.
 * STATUS whether the bridge is one, where a link of its name is there, and separates VLANs where it is to; and whether
 *        there is a firewall for ipMasq and macspoofchk.
 * GC     removes the masquerading of attachments that are no longer valid.
 *
 * Result: the bridge, the host end, the container end, and with vlan and isGateway the vlan gateway link.
 * Source: linux/if_link.h IFLA_BR_*, IFLA_BRPORT_*; linux/if_bridge.h BRIDGE_VLAN_INFO_*
 */
import type { Interface, Result } from "../../cni/index.ts";
import { allVersions, CniError, code, confSchema, messageOf } from "../../cni/index.ts";
import type { Link, Namespace } from "../../kernel/index.ts";
import type { Prefix } from "../../net/index.ts";
import { isGlobalUnicast, parsePrefix } from "../../net/index.ts";
import { definePlugin } from "../contract/define.ts";
import type { Attachment, DelContext } from "../contract/plugin.ts";
import { allDone } from "../contract/several-errors.ts";
import type { FirewallBackend } from "../packet-rules/backend.ts";
import {
  gcMasquerade,
  parseMasqueradeBackend,
  refuseUnusable,
  setupMasquerade,
  teardownMasquerade,
} from "../packet-rules/masquerade/index.ts";
import { containerEntry } from "../interface/attach.ts";
import { configureInterface } from "../interface/configure.ts";
import { deleteInterface } from "../interface/delete.ts";
import { configuredOrLeasedDns } from "../interface/dns.ts";
import { requestedEthernetMac } from "../interface/mac.ts";
import { refuseOwnGateway } from "../interface/own-gateway.ts";
import { createVeth, waitUntilUp } from "../interface/veth.ts";
import { ensureBridge, refuseUnfitBridge, setPortVlans } from "./bridge-link.ts";
import { checkBridge } from "./check.ts";
import type { BridgeConf, BridgeSettings } from "./conf.ts";
import { bridgeSettings, isAlternative, nameOnHost } from "./conf.ts";
import {
  ensureVlanGateway,
  gatewayPrefixes,
  holdGateways,
  vlanGatewayName,
  withDefaultRoutes,
  withGateways,
} from "./gateway.ts";
import { collectSpoofChecks, setupSpoofCheck, teardownSpoofCheck } from "./mac-spoof-check.ts";

/** The configuration as ADD and CHECK act on it. */
export interface BridgePlan {
  readonly settings: BridgeSettings;
  readonly backend: FirewallBackend | undefined;
  /** Absent: the kernel draws one. */
  readonly mac: string | undefined;
  /** The host's link in the VLAN that holds the gateways; undefined where the bridge itself does. */
  readonly vlanGateway: string | undefined;
}

export const bridge = definePlugin<BridgeConf, BridgePlan>({
  type: "bridge",
  makesInterface: true,
  versions: allVersions,
  schema: confSchema("bridge"),
  ipam: "optional",

  read({ attachment, conf, ipamType }, handles) {
    const hasIpam = ipamType !== undefined, written = bridgeSettings(conf, hasIpam);
    const backend = conf.ipMasq === true ? parseMasqueradeBackend(conf.ipMasqBackend) : undefined;
    const mac = requestedEthernetMac({
      configured: conf.args?.cni?.mac,
      args: attachment.args,
      runtimeConfig: conf.runtimeConfig?.mac,
      stronger: "configured",
    });
    const hasVlanGateway = hasIpam && written.isGateway && written.vlan !== 0;
    if (hasVlanGateway && !isAlternative(written.bridge)) vlanGatewayName(written);
    // Last, for whoever reads a configuration where there is no host to ask. What else needs the name has the link.
    const isAsked = hasVlanGateway || isAlternative(written.bridge);
    const settings = isAsked ? { ...written, bridge: nameOnHost(written.bridge, handles.host) } : written;
    return { settings, backend, mac, vlanGateway: hasVlanGateway ? vlanGatewayName(settings) : undefined };
  },

  async add({ attachment, conf, network, plan, ipam }, context) {
    const { host, container, undo } = context;
    const { containerId, ifName } = attachment;
    const { settings, vlanGateway } = plan;

    const bridgeLink = await ensureBridge(settings, context);
    const pair = createVeth({ ifName, mac: plan.mac, mtu: settings.mtu, master: bridgeLink.index }, context);
    setPort(host, pair.hostIndex, settings);
    if (conf.macspoofchk === true) {
      await setupSpoofCheck(
        host.nftables,
        { containerId, ifName, hostLink: pair.hostName, mac: pair.containerLink.mac ?? "" },
        undo,
      );
    }

    const layer3 = ipam === undefined ? undefined : toLayer3(await ipam.add(context), settings);
    if (layer3 === undefined) {
      if (settings.containerUp) container.links.set(pair.containerLink.index, { up: true });
    } else {
      setAnnouncing(container, ifName, conf.enabledad === true);
      await configureInterface({ link: pair.containerLink, ips: layer3.ips, routes: layer3.routes }, context);
      const gateways = settings.isGateway ? gatewayPrefixes(layer3.ips) : [];
      const holder = vlanGateway === undefined ? bridgeLink : await ensureVlanGateway(host, bridgeLink, settings);
      holdGateways(host, holder, gateways, settings.forceAddress);
      if (conf.ipMasq === true) {
        const addresses = layer3.ips.map((ip) => parsePrefix(ip.address));
        await setupMasquerade(context, { network, containerId, ifName, addresses }, plan.backend, undo);
      }
    }

    const hostEnd = settings.containerUp ? await waitUntilUp(pair, context) : host.links.get(pair.hostIndex);
    const { ips, routes, dns } = layer3 ?? { ips: [], routes: [], dns: {} };
    return {
      interfaces: [
        hostEntry(!settings.isGateway && keepsMac(bridgeLink, hostEnd) ? bridgeLink : host.links.get(bridgeLink.index)),
        hostEntry(hostEnd),
        containerEntry(pair.containerLink, attachment),
        ...(vlanGateway === undefined ? [] : [hostEntry(host.links.get(vlanGateway))]),
      ],
      ips: ips.map((ip) => ({ ...ip, interface: containerIndex })),
      routes,
      dns: configuredOrLeasedDns(conf.dns, dns),
    };
  },

  async status({ conf, plan, ipamType }, context) {
    if (plan === undefined) return;
    const { settings, backend } = plan, { host } = context;
    const existing = host.links.find(settings.bridge);
    if (existing !== undefined) refuseUnfitBridge(existing, settings, context);
    if (conf.macspoofchk === true && !host.nftables.usable()) {
      const problem = "nftables cannot be used, expected a kernel with nf_tables";
      throw new CniError(code.notReady, `Cannot keep out other MACs (macspoofchk): ${problem}`);
    }
    if (conf.ipMasq === true && ipamType !== undefined) await refuseUnusable(context, backend);
  },

  async del({ attachment, conf, network, prevResult }, context) {
    const { teardown } = context;
    const { containerId, ifName } = attachment;
    // Registered first: what the host holds goes whether or not the namespace is still one.
    if (conf.macspoofchk === true)
      teardown.after(`remove the spoof check of interface "${ifName}"`, () => removeSpoofCheck(attachment, context));
    if (conf.ipMasq === true) {
      // Freeing nftables rules and deleting a link both wait for the kernel; in this order it does both at once.
      teardown.before(`stop masquerading interface "${ifName}"`, async () => {
        const addresses = heldAddresses(context, ifName) ?? addressesIn(prevResult);
        await teardownMasquerade(context, { network, containerId, ifName, addresses });
      });
    }
    deleteInterface(attachment, context);
  },

  async check(call, handles) {
    const { settings } = call.plan;
    checkBridge(call, { ...settings, bridge: nameOnHost(settings.bridge, handles.host) }, handles);
  },

  async gc({ network, validAttachments }, handles) {
    if (validAttachments === undefined) return;
    await allDone([gcMasquerade(handles, network, validAttachments), collectSpoofChecks(handles.host)]);
  },
});

/** A new port has neither flag, so only what is asked for is written. */
function setPort(host: Namespace, port: number, settings: BridgeSettings): void {
  const { hairpin, isolated } = settings;
  if (hairpin || isolated) host.links.setBridgePort(port, { hairpin, isolated });
  setPortVlans(host, port, settings);
}

/** IPAM's answer with gateways and default routes. */
export function toLayer3(
  { ips, routes, dns }: Pick<Result, "ips" | "routes" | "dns">,
  { isGateway, isDefaultGateway }: Pick<BridgeSettings, "isGateway" | "isDefaultGateway">,
): Omit<Result, "interfaces"> {
  const withGateway = withGateways(ips, isGateway);
  if (isGateway) refuseOwnGateway(withGateway);
  return { ips: withGateway, routes: isDefaultGateway ? withDefaultRoutes(routes, withGateway) : routes, dns };
}

/** Where the container end stands in the result: behind the bridge and the host end. */
const containerIndex = 2;

/**
 * The network learns of the addresses at once, and waits for no duplicate detection unless asked to. Best effort: a
 * family may be off.
 */
function setAnnouncing(container: Namespace, ifName: string, detectDuplicates: boolean): void {
  const ipv6 = `net/ipv6/conf/${ifName}`;
  container.sysctl.setPossible({
    ...(detectDuplicates ? { [`${ipv6}/enhanced_dad`]: "1" } : {}),
    [`${ipv6}/accept_dad`]: detectDuplicates ? "1" : "0",
    [`net/ipv4/conf/${ifName}/arp_notify`]: "1",
  });
}

/**
 * Whether a new port leaves a bridge the MAC that it had before: it takes the lowest of its ports' for its own
 * (br_stp_recalculate_bridge_id, net/bridge/br_stp_if.c), and one that was up had a port already.
 */
function keepsMac(before: Pick<Link, "operState" | "mac">, port: Pick<Link, "mac">): boolean {
  return before.operState === "up" && before.mac !== undefined && port.mac !== undefined && before.mac < port.mac;
}

function hostEntry({ name, mac }: Link): Interface {
  return { name, ...(mac === undefined ? {} : { mac }) };
}

/** The addresses a result gave to the container. */
function addressesIn(result: Result | undefined): readonly Prefix[] {
  return (result?.ips ?? []).map((ip) => parsePrefix(ip.address));
}

/** The addresses the container's link has; undefined when it cannot be looked at any more. */
function heldAddresses(context: DelContext, ifName: string): readonly Prefix[] | undefined {
  try {
    const container = context.containerIfPresent;
    const link = container?.links.find(ifName);
    if (container === undefined || link === undefined) return undefined;
    return container.addresses.list(link.index).filter(({ address }) => isGlobalUnicast(address));
  } catch {
    // The search for the link to delete tells what is wrong.
    return undefined;
  }
}

/** What cannot be removed names a host link that no longer exists and stops nothing, so DEL succeeds all the same. */
async function removeSpoofCheck(
  { containerId, ifName }: Attachment, { host, log }: DelContext,
): Promise<void> {
  try {
    await teardownSpoofCheck(host.nftables, { containerId, ifName });
  } catch (error) {
    log.error(messageOf(error));
  }
}
