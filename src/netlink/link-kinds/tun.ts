import { attrs } from "../codec/attrs.ts";
import { bool, named, u32, u8 } from "../codec/scalars.ts";

/**
 * IFLA_TUN_*, inside IFLA_INFO_DATA when IFLA_INFO_KIND is "tun" (linux/if_link.h). Only read: these links are made by
 * ioctl on /dev/net/tun, and the kernel refuses them here.
 */
export const tunAttrs = attrs({
  owner:              [1, u32],  // IFLA_TUN_OWNER: uid; absent: anybody's
  group:              [2, u32],  // IFLA_TUN_GROUP: gid
  type:               [3, named(u8, { tun: 1, tap: 2 })], // IFLA_TUN_TYPE: IFF_TUN, IFF_TAP
  packetInfo:         [4, bool], // IFLA_TUN_PI: each frame starts with struct tun_pi
  vnetHeader:         [5, bool], // IFLA_TUN_VNET_HDR: each frame starts with struct virtio_net_hdr
  persist:            [6, bool], // IFLA_TUN_PERSIST: stays without anybody having it open
  multiQueue:         [7, bool], // IFLA_TUN_MULTI_QUEUE
  queueCount:         [8, u32],  // IFLA_TUN_NUM_QUEUES: only with multiQueue
  disabledQueueCount: [9, u32],  // IFLA_TUN_NUM_DISABLED_QUEUES: only with multiQueue
});
