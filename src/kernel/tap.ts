import { closeSync, openSync } from "node:fs";
import { controlDescriptor, errnoNumber, SystemCallError } from "../os/index.ts";
import type { LinkSettings } from "../netlink/index.ts";
import { NetlinkError } from "./netlink-error.ts";
import type { Inside } from "./netns.ts";

/** What a tun or tap link is made with; the other settings of its kind can only be read. */
export type TunSettings = Pick<
  LinkSettings<"tun">, "type" | "owner" | "group" | "packetInfo" | "vnetHeader" | "multiQueue"
>;

/**
 * Makes a tun or tap link that stays when nobody has it open. rtnetlink refuses to: these links are made by opening
 * /dev/net/tun, in the namespace that the thread is in at that moment, and asking for a name.
 *
 * @throws NetlinkError EEXIST when the name is taken
 */
export function addTun(inside: Inside, name: string, settings: TunSettings): void {
  const operation = `add link "${name}"`;
  const fd = inside(() => openSync("/dev/net/tun", "r+"));
  try {
    // Until the last step closing the descriptor takes the link away again.
    controlDescriptor(fd, "TUNSETIFF", TUNSETIFF, interfaceRequest(name, flagsOf(settings)));
    const { owner, group } = settings;
    if (owner !== undefined) controlDescriptor(fd, "TUNSETOWNER", TUNSETOWNER, owner);
    if (group !== undefined) controlDescriptor(fd, "TUNSETGROUP", TUNSETGROUP, group);
    controlDescriptor(fd, "TUNSETPERSIST", TUNSETPERSIST, 1);
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error;
    // What IFF_TUN_EXCL says to a name that any link has.
    const taken = error.call === "TUNSETIFF" && error.errnoName === "EBUSY";
    throw taken
      ? new NetlinkError(operation, errnoNumber.EEXIST)
      : new NetlinkError(operation, error.errno, `${error.call} was refused`);
  } finally {
    closeSync(fd);
  }
}

// linux/if_tun.h
const TUNSETIFF = 0x4004_54ca;
const TUNSETPERSIST = 0x4004_54cb;
const TUNSETOWNER = 0x4004_54cc;
const TUNSETGROUP = 0x4004_54ce;
const IFF_TUN = 0x0001;
const IFF_TAP = 0x0002;
const IFF_MULTI_QUEUE = 0x0100;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;
/** Refuse a link that is there, where it would be taken over. */
const IFF_TUN_EXCL = 0x8000;

function flagsOf({ type, packetInfo, vnetHeader, multiQueue }: TunSettings): number {
  return IFF_TUN_EXCL
    | (type === "tun" ? IFF_TUN : IFF_TAP)
    | (packetInfo === true ? 0 : IFF_NO_PI)
    | (vnetHeader === true ? IFF_VNET_HDR : 0)
    | (multiQueue === true ? IFF_MULTI_QUEUE : 0);
}

/** struct ifreq (linux/if.h): a name of 16 bytes with its NUL, and the flags as a short. */
function interfaceRequest(name: string, flags: number): Uint8Array {
  const bytes = new Uint8Array(40);
  bytes.set(Buffer.from(name).subarray(0, 15));
  new Uint16Array(bytes.buffer, 16, 1)[0] = flags;
  return bytes;
}
