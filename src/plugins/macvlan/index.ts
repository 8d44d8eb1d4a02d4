/**
 * macvlan: gives the container its own MAC address on a host link.
 *
 * ADD    creates the link in the container, leases addresses, brings it up.
 * DEL    deletes the link and releases the addresses; already gone is success.
 * CHECK  compares kind, mode, MAC, addresses and routes with prevResult.
 * Refuses (7) an MTU above the master's.     Source: linux/if_link.h, IFLA_MACVLAN_*
 */
import type { Dns, Result } from "../../cni/index.ts";
import { allVersions, CniError, code, confSchema } from "../../cni/index.ts";
import type { Link, LinkSettings, Namespace, NewLink } from "../../kernel/index.ts";
import { RT_TABLE_MAIN } from "../../netlink/index.ts";
import type { Call } from "../contract/define.ts";
import { definePlugin } from "../contract/define.ts";
import type { Handles } from "../contract/plugin.ts";
import {
  broken,
  checkAddressesAndRoutes,
  checkedLink,
  containerInterface,
  requirePrevResult,
} from "../interface/check.ts";
import { configureInterface } from "../interface/configure.ts";
import { deleteInterface, deleteLinkNamed } from "../interface/delete.ts";
import { requestedMac } from "../interface/mac.ts";

type MacvlanMode = NonNullable<LinkSettings<"macvlan">["mode"]>;

export interface MacvlanConf {
  readonly master?: string;
  readonly mode?: "" | Exclude<MacvlanMode, "source">;
  readonly mtu?: number;
  readonly mac?: string;
  readonly linkInContainer?: boolean;
  /** Broadcast queue length; 0 leaves the kernel's 1000. */
  readonly bcqueuelen?: number;
  readonly runtimeConfig?: { readonly mac?: string };
  readonly dns?: Dns;
}

export const macvlan = definePlugin<MacvlanConf>({
  type: "macvlan",
  versions: allVersions,
  schema: confSchema("macvlan"),
  delegatesIpam: true,

  validate: (call) => void macOf(call),

  async add(call, context) {
    const { attachment, conf, ipam } = call;
    const { container, undo } = context;
    const { ifName } = attachment;
    const mac = macOf(call);
    const parentNamespace = namespaceOfMaster(conf, context);
    const master = findMaster(parentNamespace, conf);
    refuseMtuAbove(master, conf.mtu);

    container.links.add(macvlanLink(conf, { ifName, mac, master: master.index, parentNamespace }));
    undo.add(`delete the interface "${ifName}"`, () => deleteLinkNamed(container, ifName));
    const link = container.links.get(ifName);
    const interfaces = [
      { name: ifName, ...(link.mac === undefined ? {} : { mac: link.mac }), sandbox: attachment.netns },
    ];
    const dns = conf.dns ?? {};

    if (ipam === undefined) {
      container.links.set(link.index, { up: true });
      return { interfaces, ips: [], routes: [], dns };
    }
    const lease = await ipam.add(context);
    const result: Result = {
      interfaces,
      ips: lease.ips.map((ip) => ({ ...ip, interface: 0 })),
      routes: lease.routes,
      dns,
    };
    announceAddresses(container, ifName);
    await configureInterface({ link, result }, context);
    return result;
  },

  async del({ attachment, ipam }, context) {
    await deleteInterface(attachment, ipam, context);
  },

  async check(call, handles) {
    const { attachment, conf, network, ipam } = call;
    const { container } = handles;
    const master = findMaster(namespaceOfMaster(conf, handles), conf);
    refuseMtuAbove(master, conf.mtu);
    await ipam?.check(handles);
    const result = requirePrevResult(call.prevResult, network);
    const link = checkedLink(container, containerInterface(result, attachment), "macvlan");
    const mode = link.info?.kind === "macvlan" ? link.info.mode : undefined;
    if (mode !== wantedMode(conf)) {
      throw broken(
        `Cannot accept interface "${link.name}": its macvlan mode is ${mode ?? "unknown"}, expected ` +
          `${wantedMode(conf)}`,
      );
    }
    checkAddressesAndRoutes(container, link, result);
  },
});

/** Where a macvlan link goes and what it sits on. */
export interface MacvlanPlace {
  readonly ifName: string;
  readonly mac: string | undefined;
  /** ifindex in `parentNamespace`. */
  readonly master: number;
  readonly parentNamespace: Namespace;
}

/** The request to the container: a macvlan link of the final name. Without an MTU the kernel takes the master's. */
export function macvlanLink(conf: MacvlanConf, { ifName, mac, master, parentNamespace }: MacvlanPlace): NewLink {
  const { mtu = 0, bcqueuelen = 0 } = conf;
  return {
    name: ifName,
    info: { kind: "macvlan", mode: wantedMode(conf), ...(bcqueuelen === 0 ? {} : { bcQueueLength: bcqueuelen }) },
    parent: master,
    ...(conf.linkInContainer === true ? {} : { parentNamespace }),
    ...(mtu === 0 ? {} : { mtu }),
    ...(mac === undefined ? {} : { mac }),
  };
}

export function refuseMtuAbove(master: Pick<Link, "name" | "mtu">, mtu = 0): void {
  if (mtu <= master.mtu) return;
  throw new CniError(
    code.invalidConfig,
    `Cannot use mtu ${mtu}: master "${master.name}" has ${master.mtu}, expected 0 to ${master.mtu}`,
  );
}

function macOf({ attachment, conf }: Call<MacvlanConf>): string | undefined {
  return requestedMac({
    configured: conf.mac,
    args: attachment.args,
    runtimeConfig: conf.runtimeConfig?.mac,
    stronger: "args",
  });
}

function wantedMode(conf: MacvlanConf): MacvlanMode {
  return conf.mode === undefined || conf.mode === "" ? "bridge" : conf.mode;
}

function namespaceOfMaster(conf: MacvlanConf, { host, container }: Pick<Handles, "host" | "container">): Namespace {
  return conf.linkInContainer === true ? container : host;
}

/** The master named, else the link of the first default route. */
function findMaster(namespace: Namespace, { master = "", linkInContainer = false }: MacvlanConf): Link {
  const where = linkInContainer ? "the container" : "the host";
  if (master !== "") {
    const link = namespace.links.find(master);
    if (link !== undefined) return link;
    throw new CniError(code.invalidConfig, `Cannot use master "${master}": ${where} has no link of that name`);
  }
  const index = defaultRouteLink(namespace, 4) ?? defaultRouteLink(namespace, 6);
  if (index !== undefined) return namespace.links.get(index);
  throw new CniError(
    code.invalidConfig,
    `Cannot choose a master: ${where} has no default route, expected "master" in the configuration`,
  );
}

function defaultRouteLink(namespace: Namespace, family: 4 | 6): number | undefined {
  return namespace.routes
    .list(family, { table: RT_TABLE_MAIN })
    .find(({ dst, index }) => dst.prefixBits === 0 && index !== undefined)?.index;
}

/** Neighbours learn of the new address at once; without these settings (no IPv6) they learn by asking. */
function announceAddresses(container: Namespace, ifName: string): void {
  for (const name of [`net/ipv4/conf/${ifName}/arp_notify`, `net/ipv6/conf/${ifName}/ndisc_notify`]) {
    try {
      container.sysctl.set(name, "1");
    } catch {
      // The family is off in this namespace.
    }
  }
}
