import {
  AF_BRIDGE,
  BRIDGE_FLAGS_MASTER,
  BRIDGE_VLAN_INFO_PVID,
  BRIDGE_VLAN_INFO_RANGE_BEGIN,
  BRIDGE_VLAN_INFO_RANGE_END,
  BRIDGE_VLAN_INFO_UNTAGGED,
  bridgeVlanBody,
  RTEXT_FILTER_BRVLAN,
  RTM_DELLINK,
  RTM_GETLINK,
  RTM_SETLINK,
} from "../../netlink/index.ts";
import type { ValueOf } from "../../netlink/index.ts";
import type { LinkNames } from "./link-names.ts";
import type { BridgeVlan, BridgeVlans } from "../namespace.ts";
import type { NetlinkSocket, Request } from "../socket.ts";

type VlanMessage = ValueOf<typeof bridgeVlanBody>;

/** The VLANs of bridge ports, and of bridges themselves when listed, of the namespace a socket was opened in. */
export function bridgeVlansOf(socket: () => NetlinkSocket, names: LinkNames): BridgeVlans {
  return {
    list(index) {
      // The kernel lists all ports or none.
      return socket()
        .dump(
          {
            operation: `list VLANs of ${names.shown(index)}`,
            type: RTM_GETLINK,
            body: bridgeVlanBody,
            header: { family: AF_BRIDGE },
            attributes: { extMask: RTEXT_FILTER_BRVLAN },
          },
          bridgeVlanBody,
          (message) => (message.header.index === index ? toVlans(message) : undefined),
        )
        .flat();
    },

    add(index, vlan) {
      const { id, pvid, untagged } = vlan;
      const flags = (pvid ? BRIDGE_VLAN_INFO_PVID : 0) | (untagged ? BRIDGE_VLAN_INFO_UNTAGGED : 0);
      socket().execute(vlanRequest(`add VLAN ${id} to ${names.shown(index)}`, RTM_SETLINK, index, { flags, id }));
    },

    delete(index, id) {
      socket().execute(
        vlanRequest(`delete VLAN ${id} from ${names.shown(index)}`, RTM_DELLINK, index, { flags: 0, id }),
      );
    },
  };
}

function vlanRequest(
  operation: string, type: number, index: number, vlan: { readonly flags: number; readonly id: number },
): Request<VlanMessage["header"], VlanMessage["attributes"]> {
  return {
    operation,
    type,
    body: bridgeVlanBody,
    header: { family: AF_BRIDGE, index },
    attributes: { bridge: { flags: BRIDGE_FLAGS_MASTER, vlans: [vlan] } },
  };
}

function toVlans({ attributes }: VlanMessage): readonly BridgeVlan[] {
  const vlans: BridgeVlan[] = [];
  let first = 0;
  for (const { flags, id } of attributes.bridge?.vlans ?? []) {
    if ((flags & BRIDGE_VLAN_INFO_RANGE_BEGIN) !== 0) {
      first = id;
      continue;
    }
    const pvid = (flags & BRIDGE_VLAN_INFO_PVID) !== 0;
    const untagged = (flags & BRIDGE_VLAN_INFO_UNTAGGED) !== 0;
    const from = (flags & BRIDGE_VLAN_INFO_RANGE_END) !== 0 ? first : id;
    for (let each = from; each <= id; each++) vlans.push({ id: each, pvid, untagged });
  }
  return vlans;
}
