import type { Confs, Result } from "../../cni/index.ts";
import { CniError, allVersions, code, confSchema, messageOf } from "../../cni/index.ts";
import type { DhcpRequest } from "../../dhcp/index.ts";
import { askedOf } from "../../dhcp/index.ts";
import type { DhcpDaemon } from "../../exec/index.ts";
import { definePlugin } from "../contract/define.ts";
import type { Call } from "../contract/define.ts";
import type { Handles } from "../contract/plugin.ts";

type DhcpConf = Confs["dhcp"];

const socketDefault = "/run/cni/dhcp.sock";

/**
 * dhcp: an address that a DHCP server on the container's own network gives, through a daemon that keeps it.
 *
 * ADD     asks the daemon at `daemonSocketPath`, which asks the servers: the address, routers, routes (option 121, else
 *         33), name servers, domains and MTU that they tell.
 * DEL     has it given back, over the link that the address is on: so it is asked before that link goes. Without a
 *         daemon there is nobody who could, and the address is free when the lease is over.
 * CHECK   asks again, which takes up a lease that was lost; the address must still be the one of prevResult.
 * STATUS  whether a daemon listens.
 * GC      nothing: the daemon lets go of leases whose links are gone.
 * Refuses (7) an option of no known name, and a value of more than 255 bytes.
 */
export const dhcp = definePlugin<DhcpConf>({
  type: "dhcp",
  versions: allVersions,
  schema: confSchema("dhcp"),
  ipam: "provider",
  releasesOverLink: true,
  read({ conf, attachment }) {
    askedOf(conf.ipam ?? {}, attachment.args);
    return undefined;
  },
  async add(call, context) {
    // Also when it fails: nobody knows how far the daemon had come.
    context.undo.add("give the address back", () => giveBack(call, context));
    return await daemonOf(call, context).allocate(requestOf(call));
  },
  del: giveBack,
  async check(call, handles) {
    requireSame(call, await daemonOf(call, handles).allocate(requestOf(call)));
  },
  async status(call, handles) {
    try {
      await daemonOf(call, handles).requireListening();
    } catch (error) {
      throw new CniError(code.notReady, messageOf(error), { cause: error });
    }
  },
});

/** Without a daemon nothing is to be done that another try could do. */
async function giveBack(call: DhcpCall, handles: Handles): Promise<void> {
  try {
    await daemonOf(call, handles).release(requestOf(call));
  } catch (error) {
    handles.log.warn(`${messageOf(error)}; the address is free when the time of its lease is over`);
  }
}

type DhcpCall = Call<Partial<DhcpConf>>;

function daemonOf({ conf }: DhcpCall, handles: Pick<Handles, "dhcpDaemon">): DhcpDaemon {
  return handles.dhcpDaemon(conf.ipam?.daemonSocketPath || socketDefault);
}

/** What the reference's plugin says to its daemon. */
function requestOf({ attachment, conf, network, cniVersion }: DhcpCall): DhcpRequest {
  const { containerId, netns, ifName, args, path } = attachment;
  const stdin = { cniVersion, name: network, type: "dhcp", ipam: { ...conf.ipam, type: "dhcp" } };
  return { containerId, netns, ifName, args, path: path.join(":"), stdin: JSON.stringify(stdin) };
}

/** @throws CniError 111 when the lease was lost, and another address was given than the container has */
function requireSame(
  { network, attachment: { ifName, containerId }, prevResult }: DhcpCall & { readonly prevResult: Result | undefined },
  { ips }: Result,
): void {
  const given = ips.map(({ address }) => address);
  const had = prevResult?.ips.map(({ address }) => address) ?? given;
  if (given.some((address) => had.includes(address))) return;
  throw new CniError(
    code.attachmentBroken,
    `Cannot accept the lease of "${ifName}" in container "${containerId}" of network "${network}": the server gives ` +
      `${given.join(", ")} now, expected ${had.join(", ")} as by ADD`,
  );
}
