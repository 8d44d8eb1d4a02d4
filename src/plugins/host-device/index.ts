/**
 * host-device: gives the container a link of the host as it is.
 *
 * ADD    finds the device (device, hwaddr, kernelpath, pciBusID, runtimeConfig.deviceID, first one given), moves it
 * into
 *        the container as CNI_IFNAME with its old name as alias, leases addresses, brings it up.
 * DEL    moves it back under its old name, left down, and releases the addresses; already gone is success.
 * CHECK  compares MAC, addresses and routes with prevResult.
 *
 * A device bound to a driver for user space (DPDK) has no link: addresses are leased for it, and nothing is touched.
 */
import type { Interface, Result } from "../../cni/index.ts";
import { allVersions, confSchema } from "../../cni/index.ts";
import { definePlugin } from "../contract/define.ts";
import type { Plugin } from "../contract/plugin.ts";
import { checkAddressesAndRoutes, checkedLink, containerInterface, requirePrevResult } from "../interface/check.ts";
import { configureInterface } from "../interface/configure.ts";
import type { HostDeviceConf } from "./device.ts";
import { findDevice, selectDevice } from "./device.ts";
import { moveIn, moveOut } from "./move.ts";

/** The plugin, looking for devices below the directory where sysfs is mounted. */
export function hostDeviceIn(sysfs: string): Plugin {
  return definePlugin<HostDeviceConf>({
    type: "host-device",
    versions: allVersions,
    schema: confSchema("host-device"),
    delegatesIpam: true,

    validate: ({ conf }) => void selectDevice(conf, sysfs),

    async add({ attachment, conf, ipam }, context) {
      const { host, container, undo } = context;
      const { ifName, netns: sandbox } = attachment;
      const { selector, pciBusID, dpdk } = selectDevice(conf, sysfs);
      const link = dpdk
        ? undefined
        : moveIn({ device: findDevice(host.links, selector, sysfs), ifName }, host, container, undo);
      const interfaces: Interface[] = [
        {
          name: ifName,
          ...(link?.mac === undefined ? {} : { mac: link.mac }),
          sandbox,
          ...(pciBusID === undefined ? {} : { pciID: pciBusID }),
        },
      ];

      if (ipam === undefined) {
        if (link !== undefined) container.links.set(link.index, { up: true });
        return { interfaces, ips: [], routes: [], dns: {} };
      }
      const lease = await ipam.add(context);
      const result: Result = {
        interfaces,
        ips: lease.ips.map((ip) => ({ ...ip, interface: 0 })),
        routes: lease.routes,
        dns: conf.dns ?? {},
      };
      if (link !== undefined) await configureInterface({ link, result }, context);
      return result;
    },

    async del({ attachment, conf, ipam }, context) {
      const { host, teardown, log } = context;
      const { ifName } = attachment;
      // Registered first: neither a bad namespace nor a device that cannot return keeps the addresses.
      if (ipam !== undefined) teardown.after(`release the addresses of interface "${ifName}"`, () => ipam.del(context));
      const { containerIfPresent: container } = context;
      if (container !== undefined && !isDpdk(conf, sysfs)) moveOut(ifName, host, container, log);
    },

    async check({ attachment, conf, ipam, network, prevResult }, handles) {
      const { dpdk } = selectDevice(conf, sysfs);
      await ipam?.check(handles);
      const result = requirePrevResult(prevResult, network);
      if (dpdk) return;
      const { container } = handles;
      const link = checkedLink(container, containerInterface(result, attachment));
      checkAddressesAndRoutes(container, link, result);
    },
  });
}

/** host-device on this machine's sysfs. */
export const hostDevice = hostDeviceIn("/sys");

/** For DEL, which takes a device that cannot be looked up any more for an ordinary one. */
function isDpdk(conf: HostDeviceConf, sysfs: string): boolean {
  try {
    return selectDevice(conf, sysfs).dpdk;
  } catch {
    return false;
  }
}
