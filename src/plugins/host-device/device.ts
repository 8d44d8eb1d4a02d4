/** Which device of the host a configuration means: sysfs knows the way from a bus address to a link's name. */
import { existsSync, readdirSync, readlinkSync } from "node:fs";
import { basename, join, normalize } from "node:path";
import type { Confs } from "../../cni/index.ts";
import { CniError, code } from "../../cni/index.ts";
import type { Link, Links } from "../../kernel/index.ts";
import { MissingArgument } from "../contract/missing-argument.ts";
import { parseMacOf } from "../interface/mac.ts";

export type HostDeviceConf = Confs["host-device"];

/** The device as configured: exactly one way to it. */
export type Selector =
  | { readonly by: "device"; readonly name: string }
  | { readonly by: "hwaddr"; readonly mac: string }
  | { readonly by: "kernelpath"; readonly path: string }
  | { readonly by: "pciBusID"; readonly address: string }
  | { readonly by: "auxiliary"; readonly id: string };

export interface SelectedDevice {
  readonly selector: Selector;
  /** The PCI address, where one was given. */
  readonly pciBusID?: string;
  /** The device belongs to a driver for user space: there is no link to move. */
  readonly dpdk: boolean;
}

/**
 * @param sysfs  "/sys"
 * @throws CniError 7 when nothing selects a device, or a bus address leads nowhere
 */
export function selectDevice(conf: HostDeviceConf, sysfs: string): SelectedDevice {
  const { pciBusID, auxiliary } = busAddress(conf, sysfs);
  const selector = toSelector(conf, pciBusID, auxiliary);
  if (pciBusID === "") return { selector, dpdk: conf.DPDKMode ?? false };
  return { selector, pciBusID, dpdk: userSpaceDrivers.has(pciDriver(pciBusID, sysfs)) };
}

/** Drivers that hand a PCI device to user space. */
const userSpaceDrivers: ReadonlySet<string> = new Set(["vfio-pci", "uio_pci_generic", "igb_uio"]);

/** `runtimeConfig.deviceID` replaces what the configuration says: it names a PCI device, else an auxiliary one. */
function busAddress(
  { pciBusID = "", runtimeConfig }: HostDeviceConf,
  sysfs: string,
): { readonly pciBusID: string; readonly auxiliary: string } {
  const deviceId = runtimeConfig?.deviceID ?? "";
  if (deviceId === "") return { pciBusID: busId("pciBusID", pciBusID), auxiliary: "" };
  const id = busId("runtimeConfig.deviceID", deviceId);
  if (existsSync(join(sysfs, "bus/pci/devices", id))) return { pciBusID: id, auxiliary: "" };
  if (existsSync(join(sysfs, "bus/auxiliary/devices", id))) return { pciBusID: "", auxiliary: id };
  throw refused(`runtimeConfig.deviceID "${id}"`, "no PCI and no auxiliary device has that address");
}

/** A bus address becomes part of a path below sysfs; none may lead out of it. */
function busId(key: string, id: string): string {
  if (id.includes("/") || id === "." || id === "..")
    throw refused(`${key} ${JSON.stringify(id)}`, "expected a bus address such as 0000:00:1f.6");
  return id;
}

function toSelector(
  { device = "", hwaddr = "", kernelpath = "" }: HostDeviceConf,
  pciBusID: string,
  auxiliary: string,
): Selector {
  if (device !== "") return { by: "device", name: device };
  if (hwaddr !== "") return { by: "hwaddr", mac: parseMacOf("hwaddr", hwaddr) };
  if (kernelpath !== "") return { by: "kernelpath", path: deviceDirectory(kernelpath) };
  if (pciBusID !== "") return { by: "pciBusID", address: pciBusID };
  if (auxiliary !== "") return { by: "auxiliary", id: auxiliary };
  throw new MissingArgument(
    "deviceID",
    'Cannot choose a device: expected "device", "hwaddr", "kernelpath", "pciBusID" or "runtimeConfig.deviceID"',
  );
}

function deviceDirectory(path: string): string {
  if (path.startsWith("/sys/devices/") && normalize(path) === path) return path;
  throw refused(`kernelpath ${JSON.stringify(path)}`, "expected an absolute path below /sys/devices/");
}

function pciDriver(address: string, sysfs: string): string {
  try {
    return basename(readlinkSync(join(sysfs, "bus/pci/devices", address, "driver")));
  } catch (error) {
    throw refused(`pciBusID "${address}"`, "no such PCI device, or no driver is bound to it", error);
  }
}

/**
 * The link a selector leads to.
 *
 * @throws CniError 7 when there is none
 */
export function findDevice(links: Links, selector: Selector, sysfs: string): Link {
  const link = lookUpDevice(links, selector, sysfs);
  if (link !== undefined) return link;
  throw refused(describe(selector), "the host has no such link");
}

/** The same, or undefined: it is not there, or in another namespace. */
export function lookUpDevice(links: Links, selector: Selector, sysfs: string): Link | undefined {
  switch (selector.by) {
    case "device": return links.find(selector.name);
    case "hwaddr": return links.list().find(({ mac }) => mac === selector.mac);
    case "kernelpath": return named(links, firstEntry(join(sysfs, selector.path.slice("/sys/".length), "net")));
    case "auxiliary": return named(links, firstEntry(join(sysfs, "bus/auxiliary/devices", selector.id, "net")));
    case "pciBusID": return named(links, pciLinkName(join(sysfs, "bus/pci/devices", selector.address)));
  }
}

/** For STATUS. @throws CniError 7 for a place that no device of this machine has, whoever has its link */
export function refuseAbsentDevice(selector: Selector, sysfs: string): void {
  if (selector.by !== "kernelpath" || existsSync(join(sysfs, selector.path.slice("/sys/".length)))) return;
  throw refused(describe(selector), "this machine has no such device");
}

function named(links: Links, name: string | undefined): Link | undefined {
  return name === undefined ? undefined : links.find(name);
}

/** A virtio device has its link one level further down. */
function pciLinkName(device: string): string | undefined {
  const direct = firstEntry(join(device, "net"));
  if (direct !== undefined) return direct;
  const virtio = entries(device).filter((name) => name.startsWith("virtio"));
  return virtio.map((name) => firstEntry(join(device, name, "net"))).find((name) => name !== undefined);
}

function firstEntry(directory: string): string | undefined {
  return entries(directory)[0];
}

function entries(directory: string): readonly string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    // Not there: the device has no link, or is in another namespace.
    return [];
  }
}

function describe(selector: Selector): string {
  switch (selector.by) {
    case "device": return `device "${selector.name}"`;
    case "hwaddr": return `hwaddr ${selector.mac}`;
    case "kernelpath": return `kernelpath "${selector.path}"`;
    case "pciBusID": return `pciBusID "${selector.address}"`;
    case "auxiliary": return `deviceID "${selector.id}"`;
  }
}

function refused(object: string, truth: string, cause?: unknown): CniError {
  return new CniError(code.invalidConfig, `Cannot use ${object}: ${truth}`, { cause });
}
