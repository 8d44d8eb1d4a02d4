/**
 * ipvlan: gives the container addresses of its own on a host link, under that link's MAC address.
 *
 * ADD    creates the link in the container, leases addresses, brings it up. Chained without `ipam.type`, the addresses
 *        are those of prevResult, and so is the master where none is named.
 * DEL    deletes the link and releases the addresses; already gone is success.
 * CHECK  compares kind, mode, MAC, addresses and routes with prevResult.
 * STATUS whether the master is there, where one is named, and can carry such links.
 * Refuses (7) to be without addresses, and DHCP but in mode l2.     Source: linux/if_link.h, IFLA_IPVLAN_*
 */
import type { Confs, Result } from "../../cni/index.ts";
import { allVersions, CniError, code, confSchema } from "../../cni/index.ts";
import type { LinkSettings } from "../../kernel/index.ts";
import { definePlugin } from "../contract/define.ts";
import type { Ipam } from "../contract/ipam.ts";
import { attachInterface, makeInterface } from "../interface/attach.ts";
import { broken, checkInterface } from "../interface/check.ts";
import { deleteInterface } from "../interface/delete.ts";
import { refuseMtu } from "../interface/mtu.ts";
import { findMaster, linkOn, refusedOn, refuseMissingMaster, refusePort } from "../interface/master.ts";

type IpvlanMode = NonNullable<LinkSettings<"ipvlan">["mode"]>;

export type IpvlanConf = Confs["ipvlan"];

export const ipvlan = definePlugin<IpvlanConf, IpvlanMode>({
  type: "ipvlan",
  makesInterface: true,
  versions: allVersions,
  schema: confSchema("ipvlan"),
  ipam: "optional",
  isChainedWithoutIpam: true,

  read({ conf, ipamType }) {
    refuseMtu(conf.mtu);
    const mode = conf.mode || "l2";
    if (ipamType === "dhcp" && mode !== "l2") throw deafTo(mode);
    return mode;
  },

  async add({ attachment, conf, network, plan: mode, prevResult, ipam }, context) {
    const source = ipam ?? chainedIpam(prevResult, network);
    const master = findMaster({ ...conf, master: conf.master || masterOf(prevResult) }, context);
    refusePort(master);
    const info = { kind: "ipvlan", mode, flags: "bridge" } as const;
    const link = makeInterface({ ...linkOn(master, attachment.ifName, conf), info }, context, (refusal) => (
      refusedOn(master, refusal)));
    const result = await attachInterface({ link, attachment, ipam: source, announce: true }, context);
    return { ...result, dns: conf.dns ?? {} };
  },

  status({ conf }, handles) {
    const master = (conf.master ?? "") === "" ? undefined : refuseMissingMaster(conf, handles);
    if (master !== undefined) refusePort(master);
  },

  async del({ attachment }, context) {
    deleteInterface(attachment, context);
  },

  async check(call, handles) {
    const { conf, plan: wanted } = call;
    // One that was not named is not known any more: prevResult is by now that of this plugin's own ADD.
    if ((conf.master ?? "") !== "") findMaster(conf, handles);
    const { name, info } = checkInterface(call, handles.container, "ipvlan");
    const mode = info?.kind === "ipvlan" ? info.mode : undefined;
    if (mode !== wanted)
      throw broken(`Cannot accept interface "${name}": its ipvlan mode is ${mode ?? "unknown"}, expected ${wanted}`);
  },
});

/** A question to all of a network never leaves such a link (ipvlan_process_outbound in drivers/net/ipvlan). */
function deafTo(mode: IpvlanMode): CniError {
  return new CniError(code.invalidConfig,
    `Cannot use mode "${mode}" with ipam.type "dhcp": such a link takes no broadcasts, expected mode "l2"`);
}

/** Addresses of the plugin before this one, in place of an IPAM plugin's. */
function chainedIpam(prevResult: Result | undefined, network: string): Ipam {
  if (prevResult === undefined || prevResult.ips.length === 0) {
    throw new CniError(
      code.invalidConfig,
      `Cannot use network "${network}": it has no ipam.type, expected the type of an IPAM plugin, or a plugin before ` +
        "ipvlan that gives addresses",
    );
  }
  const ips = prevResult.ips.map(({ interface: _, ...ip }) => ip);
  return { add: async () => ({ ...prevResult, interfaces: [], ips }) };
}

/** The one interface that a plugin before this one has told of; "" without such a plugin, for the default route's. */
export function masterOf(prevResult: Result | undefined): string {
  if (prevResult === undefined) return "";
  const [name, ...others] = prevResult.interfaces.map((one) => one.name).filter((one) => one !== "");
  if (name !== undefined && others.length === 0) return name;
  throw new CniError(
    code.invalidConfig,
    `Cannot choose a master: prevResult has ${name === undefined ? "no" : others.length + 1} interfaces, ` +
      'expected "master" in the configuration, or one interface there',
  );
}
