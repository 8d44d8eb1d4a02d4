/**
 * vxlan: joins containers of several nodes to one layer 2, over the nodes' own network.
 *
 * ADD    makes a bridge with a VXLAN link as port where they are missing, brings the link's peers and MTU up to date,
 *        and joins the container to the bridge by a veth pair; leases addresses. One ADD or DEL at a time does this.
 * DEL    deletes the pair and releases the addresses; bridge and VXLAN link go with the last container.
 * CHECK  compares VXLAN link, peers, MTU, bridge and pair with the configuration, addresses and routes with prevResult.
 * GC     deletes the pairs of attachments that are not valid, and bridge and VXLAN link when none is left.
 * Refuses (7) a VNI, device or bridge that is somebody else's, peers that are this node, an MTU that does not fit.
 *
 * Result: the bridge, the host end, the container end, the VXLAN link.      Source: linux/if_link.h, IFLA_VXLAN_*
 */
import type { Interface } from "../../cni/index.ts";
import { allVersions, confSchema } from "../../cni/index.ts";
import type { Link } from "../../kernel/index.ts";
import { definePlugin } from "../contract/define.ts";
import { attachInterface } from "../interface/attach.ts";
import { broken, checkInterface } from "../interface/check.ts";
import { deleteInterface } from "../interface/delete.ts";
import { configuredOrLeasedDns } from "../interface/dns.ts";
import { requestedEthernetMac } from "../interface/mac.ts";
import { createVeth, waitUntilUp } from "../interface/veth.ts";
import type { VxlanConf, VxlanSettings } from "./conf.ts";
import { linkNames, vxlanSettings } from "./conf.ts";
import { attachmentNote, refuseLongName } from "./note.ts";
import { checkOverlay, ensureOverlay, hostEnds, overlayLock, removeUnused } from "./overlay.ts";
import type { Place } from "./underlay.ts";
import { placeOf, refuseTaken } from "./underlay.ts";

interface VxlanPlan {
  readonly settings: VxlanSettings;
  readonly place: Place;
  /** Absent: the kernel draws one. */
  readonly mac: string | undefined;
}

/** Where the container end stands in the result: behind the bridge and the host end. */
const containerIndex = 2;

export const vxlan = definePlugin<VxlanConf, VxlanPlan>({
  type: "vxlan",
  makesInterface: true,
  versions: allVersions,
  schema: confSchema("vxlan"),
  ipam: "optional",

  read({ attachment, conf, network }, handles) {
    refuseLongName(network);
    const settings = vxlanSettings(conf);
    const mac = requestedEthernetMac({
      configured: conf.args?.cni?.mac, args: attachment.args, runtimeConfig: conf.runtimeConfig?.mac,
      stronger: "configured",
    });
    const place = placeOf(settings, handles);
    refuseTaken(settings, network, handles.host);
    return { settings, place, mac };
  },

  async add({ attachment, conf, network, plan: { settings, place, mac }, ipam }, context) {
    const { host, undo } = context, { ifName } = attachment;
    const { bridge, pair } = await context.alone(overlayLock, async () => {
      undo.add(`take network "${network}" away where no other container is on it`, () => (
        context.alone(overlayLock, () => removeUnused(host, network, linkNames(conf)))));
      const bridge = await ensureOverlay(host, network, settings, place);
      const pair = createVeth({ ifName, mac, mtu: place.mtu, master: bridge.index }, context);
      host.links.set(pair.hostIndex, { alias: attachmentNote(network, attachment) });
      return { bridge, pair };
    });
    const attached = await attachInterface({ link: pair.containerLink, attachment, ipam, announce: true }, context);
    const hostEnd = await waitUntilUp(pair, context);
    return {
      ...attached,
      interfaces: [
        hostEntry(host.links.get(bridge.index)), hostEntry(hostEnd), ...attached.interfaces,
        hostEntry(host.links.get(settings.device)),
      ],
      ips: attached.ips.map((ip) => ({ ...ip, interface: containerIndex })),
      dns: configuredOrLeasedDns(conf.dns, attached.dns),
    };
  },

  async del({ attachment, conf, network }, context) {
    const { host, teardown } = context;
    teardown.after(`take network "${network}" away where no other container is on it`, () => (
      context.alone(overlayLock, () => removeUnused(host, network, linkNames(conf)))));
    // By its note: the container's end may be in a namespace that has no name any more.
    const [hostEnd] = hostEnds(host.links.list(), network, attachment);
    if (hostEnd === undefined) deleteInterface(attachment, context);
    else teardown.deleteLink(host, hostEnd);
  },

  async check(call, { host, container }) {
    const { settings, place } = call.plan;
    const bridge = checkOverlay(host, settings, place);
    const { name, mtu, parent } = checkInterface(call, container, "veth");
    if (mtu !== place.mtu)
      throw broken(`Cannot accept interface "${name}": its MTU is ${mtu}, expected ${place.mtu}`);
    const hostEnd = parent === undefined ? undefined : host.links.find(parent);
    if (hostEnd?.master !== bridge.index) {
      throw broken(
        `Cannot accept the host end of interface "${name}": it is no port of bridge "${bridge.name}", expected it ` +
          "there",
      );
    }
  },

  async gc({ conf, network, validAttachments }, { host, alone }) {
    if (validAttachments === undefined) return;
    const valid = new Set(validAttachments.map(({ containerID, ifname }) => (
      attachmentNote(network, { containerId: containerID, ifName: ifname }))));
    await alone(overlayLock, async () => {
      const gone = hostEnds(host.links.list(), network).filter(({ alias = "" }) => !valid.has(alias));
      if (gone.length > 0) await host.links.deleteAll(gone.map(({ index }) => index));
      await removeUnused(host, network, linkNames(conf));
    });
  },
});

function hostEntry({ name, mac }: Link): Interface {
  return { name, ...(mac === undefined ? {} : { mac }) };
}
