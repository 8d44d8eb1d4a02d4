/**
 * tap: gives the container a link whose frames a program in it reads and writes, such as a virtual machine's.
 *
 * ADD    makes the link in the container, which stays without anybody having it open; a port of a bridge there where
 * one
 *        is named; leases addresses where there is IPAM, brings it up.
 * DEL    deletes the link and releases the addresses; already gone is success.
 * CHECK  compares MAC, addresses and routes with prevResult.
 * Refuses (7) a bridge that the container does not have, and selinuxContext.     Source: linux/if_tun.h
 */
import type { Confs } from "../../cni/index.ts";
import { allVersions, CniError, code, confSchema } from "../../cni/index.ts";
import type { Namespace, NewLink } from "../../kernel/index.ts";
import { definePlugin } from "../contract/define.ts";
import { attachInterface, makeInterface } from "../interface/attach.ts";
import { checkInterface } from "../interface/check.ts";
import { deleteInterface } from "../interface/delete.ts";
import { requestedEthernetMac } from "../interface/mac.ts";
import { refuseMtu } from "../interface/mtu.ts";

type TapPlan = Omit<NewLink, "name">;

/** Of Ethernet's, 14 bytes are its header's (drivers/net/tun.c). */
const mtuLimits = { min: 68, max: 65521 };

export const tap = definePlugin<Confs["tap"], TapPlan>({
  type: "tap",
  makesInterface: true,
  versions: allVersions,
  schema: confSchema("tap"),
  ipam: "optional",

  read({ attachment: { args }, conf }) {
    refuseContext(conf.selinuxContext);
    refuseMtu(conf.mtu, mtuLimits);
    const { mac: configured, runtimeConfig } = conf;
    const mac = requestedEthernetMac({ configured, args, runtimeConfig: runtimeConfig?.mac, stronger: "args" });
    return tapLink(conf, mac);
  },

  async add({ attachment, conf, plan, ipam }, context) {
    const port = conf.bridge ? { master: bridgeIndex(context.container, conf.bridge) } : {};
    const link = makeInterface({ name: attachment.ifName, ...plan, ...port }, context);
    const result = await attachInterface({ link, attachment, ipam, announce: true }, context);
    return { ...result, dns: conf.dns ?? {} };
  },

  async del({ attachment }, context) {
    deleteInterface(attachment, context);
  },

  async check(call, { container }) {
    checkInterface(call, container);
  },
});

/** With an owner and a group frames have the header of virtio, which is what the reference gives virtual machines. */
function tapLink({ multiQueue = false, mtu = 0, owner, group }: Confs["tap"], mac: string | undefined): TapPlan {
  const isOwned = owner !== undefined && group !== undefined;
  return {
    info: {
      kind: "tun", type: "tap", multiQueue,
      ...(owner === undefined ? {} : { owner }), ...(group === undefined ? {} : { group }),
      vnetHeader: isOwned, packetInfo: isOwned && !multiQueue,
    },
    ...(mtu === 0 ? {} : { mtu }),
    ...(mac === undefined ? {} : { mac }),
  };
}

function bridgeIndex(container: Namespace, name: string): number {
  const link = container.links.find(name);
  if (link?.kind === "bridge") return link.index;
  const present = link === undefined ? "no link of that name" : `a link of kind ${link.kind ?? "physical"}`;
  throw new CniError(
    code.invalidConfig,
    `Cannot use bridge "${name}": the container has ${present}, expected a bridge`,
  );
}

/** A label belongs to the process that makes the link, and this one makes the links of all networks. */
function refuseContext(selinuxContext = ""): void {
  if (selinuxContext === "") return;
  throw new CniError(
    code.invalidConfig,
    `Cannot use selinuxContext ${JSON.stringify(selinuxContext)}: links are made in this process, expected none, ` +
      'or "execute": ["tap"] and a plugin that starts a process for it',
  );
}
