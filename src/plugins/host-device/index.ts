/**
 * host-device: gives the container a link of the host as it is.
 *
 * ADD    finds the device (device, hwaddr, kernelpath, pciBusID, runtimeConfig.deviceID, first one given), moves it
 * into
 *        the container as CNI_IFNAME with its old name as alias, leases addresses, brings it up.
 * DEL    moves it back under its old name, left down, and releases the addresses; already gone is success.
 * CHECK  compares MAC, addresses and routes with prevResult.
 * STATUS whether the machine has the device, as far as it does not matter who has the link just now.
 *
 * A device bound to a driver for user space (DPDK) has no link: addresses are leased for it, and nothing is touched.
 */
import type { Result } from "../../cni/index.ts";
import { allVersions, confSchema } from "../../cni/index.ts";
import { definePlugin } from "../contract/define.ts";
import type { Ipam } from "../contract/ipam.ts";
import type { AddContext, Attachment, Plugin } from "../contract/plugin.ts";
import { attachInterface } from "../interface/attach.ts";
import { checkInterface, requirePrevResult } from "../interface/check.ts";
import type { HostDeviceConf, SelectedDevice } from "./device.ts";
import { findDevice, lookUpDevice, refuseAbsentDevice, selectDevice } from "./device.ts";
import { findMoved, moveIn, moveOut } from "./move.ts";

/** The plugin, looking for devices below the directory where sysfs is mounted. */
export function hostDeviceIn(sysfs: string): Plugin {
  return definePlugin<HostDeviceConf, SelectedDevice>({
    type: "host-device",
    makesInterface: true,
    versions: allVersions,
    schema: confSchema("host-device"),
    ipam: "optional",

    read: ({ conf }) => selectDevice(conf, sysfs),

    async add({ attachment, conf, plan, ipam }, context) {
      const { host } = context;
      const { selector, pciBusID, dpdk } = plan;
      const link = dpdk
        ? undefined
        : moveIn({ device: findDevice(host.links, selector, sysfs), ifName: attachment.ifName }, context);
      const attached = link === undefined
        ? await leaseFor(attachment, ipam, context)
        : await attachInterface({ link, attachment, ipam }, context);
      return {
        ...attached,
        interfaces: attached.interfaces.map((one) => (pciBusID === undefined ? one : { ...one, pciID: pciBusID })),
        dns: ipam === undefined ? {} : (conf.dns ?? {}),
      };
    },

    status({ plan }) {
      if (plan !== undefined) refuseAbsentDevice(plan.selector, sysfs);
    },

    async del({ attachment, conf, prevResult }, context) {
      const { host, containerIfPresent: container, log } = context;
      const selected = selectedOrNone(conf, sysfs);
      if (container === undefined || selected?.dpdk === true) return;
      const link = findMoved(container.links, { attachment, selector: selected?.selector, prevResult });
      if (link !== undefined) moveOut(link, host, container, log);
      else if (selected !== undefined && lookUpDevice(host.links, selected.selector, sysfs) === undefined) {
        log.warn(
          `Cannot return the device of interface "${attachment.ifName}" to the host: no link of the container has ` +
            "that name or tells by its alias that it is the device, and the host does not have it",
        );
      }
    },

    async check(call, { container }) {
      if (call.plan.dpdk) requirePrevResult(call.prevResult, call.network);
      else checkInterface(call, container);
    },
  });
}

/** The addresses of a device without a link, which its program in the container puts to use. */
async function leaseFor(
  { ifName, netns }: Attachment,
  ipam: Ipam | undefined,
  context: AddContext,
): Promise<Result> {
  const { ips = [], routes = [] } = (await ipam?.add(context)) ?? {};
  return {
    interfaces: [{ name: ifName, sandbox: netns }],
    ips: ips.map((ip) => ({ ...ip, interface: 0 })),
    routes,
    dns: {},
  };
}

/** host-device on this machine's sysfs. */
export const hostDevice = hostDeviceIn("/sys");

/** For DEL, which takes a device that cannot be looked up any more for an ordinary one. */
function selectedOrNone(conf: HostDeviceConf, sysfs: string): SelectedDevice | undefined {
  try {
    return selectDevice(conf, sysfs);
  } catch {
    return undefined;
  }
}
