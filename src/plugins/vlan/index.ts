/**
 * vlan: gives the container one VLAN of a host link, as an interface of its own.
 *
 * ADD    creates the 802.1Q link in the container, leases addresses, brings it up.
 * DEL    deletes the link and releases the addresses; already gone is success.
 * CHECK  compares kind, VLAN, MTU, MAC, addresses and routes with prevResult.
 * STATUS whether the master is there, and no link of the host has the VLAN.
 * Refuses (7) an MTU above the master's, and to be without IPAM.     Source: linux/if_link.h, IFLA_VLAN_*
 */
import { allVersions, CniError, code, confSchema } from "../../cni/index.ts";
import type { Link } from "../../kernel/index.ts";
import { definePlugin } from "../contract/define.ts";
import { hasErrno } from "../contract/errno.ts";
import { attachInterface, makeInterface } from "../interface/attach.ts";
import { broken, checkInterface } from "../interface/check.ts";
import { deleteInterface } from "../interface/delete.ts";
import type { Master } from "../interface/master.ts";
import {
  findMaster, linkOn, refusedOn, refuseMissingMaster, refuseMtuAbove, shownOnMaster,
} from "../interface/master.ts";

export const vlan = definePlugin({
  type: "vlan",
  makesInterface: true,
  versions: allVersions,
  schema: confSchema("vlan"),
  ipam: "required",

  async add({ attachment, conf, ipam }, context) {
    const master = findMaster(conf, context);
    refuseMtuAbove(master.link, conf.mtu);
    const info = { kind: "vlan", id: conf.vlanId ?? 0 } as const;
    const link = makeInterface({ ...linkOn(master, attachment.ifName, conf), info }, context, (refusal) => (
      hasErrno(refusal, "EEXIST") ? takenVlan(info.id, master, refusal) : refusedOn(master, refusal)));
    const result = await attachInterface({ link, attachment, ipam }, context);
    return { ...result, dns: conf.dns ?? {} };
  },

  status({ conf }, handles) {
    const master = refuseMissingMaster(conf, handles), id = conf.vlanId ?? 0;
    // One of another network namespace may be a container's, with whose end it goes.
    if (master !== undefined && ownVlan(master, id) !== undefined) throw takenVlan(id, master);
  },

  async del({ attachment }, context) {
    deleteInterface(attachment, context);
  },

  async check(call, handles) {
    const { conf } = call;
    findMaster(conf, handles);
    const { name, info, mtu } = checkInterface(call, handles.container, "vlan");
    const id = info?.kind === "vlan" ? info.id : undefined,
      wanted = conf.vlanId ?? 0;
    if (id !== wanted)
      throw broken(`Cannot accept interface "${name}": its VLAN is ${id ?? "unknown"}, expected ${wanted}`);
    if ((conf.mtu ?? 0) !== 0 && mtu !== conf.mtu)
      throw broken(`Cannot accept interface "${name}": its MTU is ${mtu}, expected ${conf.mtu}`);
  },
});

/** A link has each of its VLANs once, whatever network namespace it is in. */
function takenVlan(id: number, master: Master, cause?: unknown): CniError {
  const holder = shownOnMaster(master, isVlan(id));
  return new CniError(
    code.invalidConfig,
    `Cannot use vlanId ${id}: master "${master.link.name}" has that VLAN already, as ` +
      `${holder ?? "a link of another network namespace"}, expected another VLAN or master`,
    { cause },
  );
}

function ownVlan({ link: { index }, namespace }: Master, id: number): Link | undefined {
  return namespace.links.list().find((one) => (
    one.parent === index && one.parentNamespaceId === undefined && isVlan(id)(one)));
}

function isVlan(id: number): (link: Link) => boolean {
  return ({ info }) => info?.kind === "vlan" && (info.id ?? 0) === id;
}
