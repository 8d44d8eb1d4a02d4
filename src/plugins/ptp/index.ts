/**
 * ptp: joins the container and the host by a pair of links, with routes in place of a network between them.
 *
 * ADD    leases addresses, makes a veth pair, gives the container its gateways as neighbours and the host a route to
 * each
 *        of its addresses; masquerades (`ipMasq`).
 * DEL    deletes the pair, stops masquerading and releases the addresses; already gone is success.
 * CHECK  compares kind, MAC, addresses and routes with prevResult.
 * STATUS whether masquerading is possible, where it is asked for.
 * Refuses (7) to be without IPAM, and addresses without a gateway.
 */
import type { IpConfig } from "../../cni/index.ts";
import { allVersions, CniError, code, confSchema } from "../../cni/index.ts";
import type { Namespace } from "../../kernel/index.ts";
import type { Address, Prefix } from "../../net/index.ts";
import { bitsOf, hostPrefix, networkOf, parseAddress, parsePrefix } from "../../net/index.ts";
import { RT_SCOPE_HOST, RT_SCOPE_LINK, RT_TABLE_MAIN } from "../../netlink/index.ts";
import { definePlugin } from "../contract/define.ts";
import { hasErrno } from "../contract/errno.ts";
import {
  gcMasquerade, parseMasqueradeBackend, refuseUnusable, setupMasquerade, teardownMasquerade,
} from "../packet-rules/masquerade/index.ts";
import { containerEntry } from "../interface/attach.ts";
import { checkInterface } from "../interface/check.ts";
import { configureInterface } from "../interface/configure.ts";
import { deleteInterface } from "../interface/delete.ts";
import { configuredOrLeasedDns } from "../interface/dns.ts";
import { enableForwarding } from "../interface/forwarding.ts";
import { refuseMtu } from "../interface/mtu.ts";
import { refuseOwnGateway } from "../interface/own-gateway.ts";
import { createVeth } from "../interface/veth.ts";

/** An address of the container and the host's on the other end of the pair. */
interface Endpoints {
  readonly container: Prefix;
  readonly gateway: Address;
}

/** Where the container's end stands in the result: behind the host's. */
const containerIndex = 1;

export const ptp = definePlugin({
  type: "ptp",
  makesInterface: true,
  versions: allVersions,
  schema: confSchema("ptp"),
  ipam: "required",

  read({ conf }) {
    refuseMtu(conf.mtu);
    return conf.ipMasq === true ? parseMasqueradeBackend(conf.ipMasqBackend) : undefined;
  },

  async add({ attachment, conf, network, plan: backend, ipam }, context) {
    const { host, container, undo } = context;
    const { containerId, ifName } = attachment;
    const lease = await ipam?.add(context) ?? { ips: [], routes: [], dns: {} };
    const endpoints = lease.ips.map(endpointsOf);
    refuseOwnGateway(lease.ips);
    for (const family of new Set(endpoints.map(({ gateway }) => gateway.family))) enableForwarding(host, family);

    const { containerLink, hostIndex } = createVeth({ ifName, mtu: conf.mtu }, context);
    await configureInterface({ link: containerLink, ips: lease.ips, routes: lease.routes }, context);
    for (const one of endpoints) {
      routeToGateway(container, containerLink.index, one);
      routeToContainer(host, hostIndex, one);
    }
    if (conf.ipMasq === true) {
      const addresses = endpoints.map((one) => one.container);
      await setupMasquerade(context, { network, containerId, ifName, addresses }, backend, undo);
    }
    const { name, mac } = host.links.get(hostIndex);
    return {
      interfaces: [{ name, ...(mac === undefined ? {} : { mac }) }, containerEntry(containerLink, attachment)],
      ips: lease.ips.map((ip) => ({ ...ip, interface: containerIndex })),
      routes: lease.routes,
      dns: configuredOrLeasedDns(conf.dns, lease.dns),
    };
  },

  async status({ conf, plan: backend }, handles) {
    if (conf.ipMasq === true) await refuseUnusable(handles, backend);
  },

  async del({ attachment, conf, network, prevResult }, context) {
    const { containerId, ifName } = attachment;
    if (conf.ipMasq === true) {
      const addresses = (prevResult?.ips ?? []).map(({ address }) => parsePrefix(address));
      context.teardown.before(`stop masquerading interface "${ifName}"`, async () => {
        await teardownMasquerade(context, { network, containerId, ifName, addresses });
      });
    }
    deleteInterface(attachment, context);
  },

  async check(call, { container }) {
    checkInterface(call, container, "veth");
  },

  async gc({ network, validAttachments }, handles) {
    if (validAttachments !== undefined) await gcMasquerade(handles, network, validAttachments);
  },
});

function endpointsOf({ address, gateway = "" }: IpConfig): Endpoints {
  if (gateway !== "") return { container: parsePrefix(address), gateway: parseAddress(gateway) };
  throw new CniError(
    code.invalidConfig,
    `Cannot use address ${address}: it has no gateway, expected an IPAM plugin that gives one, as host-local does`,
  );
}

/**
 * In place of the kernel's route to the network, which would look for its hosts on a link that has only one other end.
 */
function routeToGateway(container: Namespace, index: number, { container: own, gateway }: Endpoints): void {
  const network = networkOf(own), source = own.address;
  if (own.prefixBits !== bitsOf(own.address)) deletePresent(container, { dst: network, index, table: RT_TABLE_MAIN });
  container.routes.add({ dst: hostPrefix(gateway), index, source, scope: RT_SCOPE_LINK });
  container.routes.add({ dst: network, index, source, gateway, scope: 0 });
}

/** A kernel that makes no such route (noprefixroute as a default) leaves nothing to delete. */
function deletePresent(
  container: Namespace,
  route: { readonly dst: Prefix; readonly index: number; readonly table: number },
): void {
  try {
    container.routes.delete(route);
  } catch (error) {
    if (!hasErrno(error, "ESRCH")) throw error;
  }
}

function routeToContainer(host: Namespace, index: number, { container: { address }, gateway }: Endpoints): void {
  host.addresses.add(index, hostPrefix(gateway), { scope: 0 });
  try {
    host.routes.add({ dst: hostPrefix(address), index, scope: RT_SCOPE_HOST });
  } catch (error) {
    if (!hasErrno(error, "EEXIST")) throw error;
  }
}
