import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { code } from "../../../src/cni/index.ts";
import type { HostDeviceConf, SelectedDevice, Selector } from "../../../src/plugins/host-device/device.ts";
import { findDevice, selectDevice } from "../../../src/plugins/host-device/device.ts";
import { throws } from "../../helpers/errors.ts";
import { linksOf } from "../../helpers/scripted-links.ts";

/** A sysfs with a network card, one on virtio, one for DPDK, one without driver, and an auxiliary device. */
function makeSysfs(): string {
  const sysfs = mkdtempSync(join(tmpdir(), "sysfs-"));
  const folders = [
    "devices/pci0000:00/0000:00:03.0/net/ens3",
    "bus/pci/devices/0000:00:03.0/net/ens3",
    "bus/pci/devices/0000:00:04.0/virtio1/net/ens4",
    "bus/pci/devices/0000:00:05.0",
    "bus/pci/devices/0000:00:06.0/net/ens6",
    "bus/auxiliary/devices/mlx5_core.sf.4/net/enp3sf4",
  ];
  for (const folder of folders) mkdirSync(join(sysfs, folder), { recursive: true });
  for (const [device, driver] of [["0000:00:03.0", "e1000"], ["0000:00:04.0", "virtio-pci"],
    ["0000:00:05.0", "vfio-pci"]] as const) {
    const link = join(sysfs, "bus/pci/devices", device, "driver");
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(`../../drivers/${driver}`, link);
  }
  return sysfs;
}

let sysfs = "";
const select = suite("selectDevice");
select.before(() => {
  sysfs = makeSysfs();
});
select.after(() => rmSync(sysfs, { recursive: true }));

const selected: readonly (readonly [string, HostDeviceConf, SelectedDevice])[] = [
  ["a name", { device: "ens9" }, { selector: { by: "device", name: "ens9" }, dpdk: false }],
  ["the name before anything else", { device: "ens9", hwaddr: "02:00:00:00:00:01", kernelpath: "/sys/devices/x" },
    { selector: { by: "device", name: "ens9" }, dpdk: false }],
  ["a MAC in any spelling", { hwaddr: "02-00-00-00-00-0A" },
    { selector: { by: "hwaddr", mac: "02:00:00:00:00:0a" }, dpdk: false }],
  ["a path of the kernel", { kernelpath: "/sys/devices/pci0000:00/0000:00:03.0" },
    { selector: { by: "kernelpath", path: "/sys/devices/pci0000:00/0000:00:03.0" }, dpdk: false }],
  ["a PCI address", { pciBusID: "0000:00:03.0" }, { selector: { by: "pciBusID", address: "0000:00:03.0" },
    pciBusID: "0000:00:03.0", dpdk: false }],
  ["a PCI address bound to vfio-pci", { pciBusID: "0000:00:05.0" },
    { selector: { by: "pciBusID", address: "0000:00:05.0" }, pciBusID: "0000:00:05.0", dpdk: true }],
  ["a PCI address against DPDKMode", { pciBusID: "0000:00:03.0", DPDKMode: true },
    { selector: { by: "pciBusID", address: "0000:00:03.0" }, pciBusID: "0000:00:03.0", dpdk: false }],
  ["DPDKMode without a PCI address", { device: "ens9", DPDKMode: true },
    { selector: { by: "device", name: "ens9" }, dpdk: true }],
  ["deviceID as a PCI address, before pciBusID", { pciBusID: "0000:00:05.0",
    runtimeConfig: { deviceID: "0000:00:04.0" } },
    { selector: { by: "pciBusID", address: "0000:00:04.0" }, pciBusID: "0000:00:04.0", dpdk: false }],
  ["deviceID as an auxiliary device", { pciBusID: "0000:00:05.0", runtimeConfig: { deviceID: "mlx5_core.sf.4" } },
    { selector: { by: "auxiliary", id: "mlx5_core.sf.4" }, dpdk: false }],
];
for (const [name, conf, expected] of selected) select(`takes ${name}`,
  () => assert.equal(selectDevice(conf, sysfs), expected));

const refused: readonly (readonly [string, HostDeviceConf, RegExp])[] = [
  ["nothing", {}, /expected "device", "hwaddr", "kernelpath", "pciBusID" or "runtimeConfig\.deviceID"/],
  ["a MAC that is none", { hwaddr: "02:00" }, /hwaddr: "02:00"/],
  ["a path outside of /sys/devices", { kernelpath: "/sys/class/net" }, /below \/sys\/devices\//],
  ["a path that leads out", { kernelpath: "/sys/devices/../class" }, /below \/sys\/devices\//],
  ["a PCI address that is not there", { pciBusID: "0000:00:99.0" }, /pciBusID "0000:00:99\.0"/],
  ["a PCI device without driver", { pciBusID: "0000:00:06.0" }, /no driver is bound/],
  ["a PCI address with a slash", { pciBusID: "../0000:00:03.0" }, /expected a bus address/],
  ["a deviceID that is nowhere", { runtimeConfig: { deviceID: "nothing" } },
    /deviceID "nothing": no PCI and no auxiliary device/],
];
for (const [name, conf, message] of refused) {
  select(`refuses ${name}`, () => assert.match(throws(() => selectDevice(conf, sysfs), code.invalidConfig).message,
    message));
}
select.run();

const find = suite("findDevice");
find.before(() => {
  sysfs = makeSysfs();
});
find.after(() => rmSync(sysfs, { recursive: true }));

const links = linksOf([["ens3", "02:00:00:00:00:03"], ["ens4", "02:00:00:00:00:04"], ["enp3sf4", "02:00:00:00:00:05"]]);
const found: readonly (readonly [Selector, string])[] = [
  [{ by: "device", name: "ens4" }, "ens4"],
  [{ by: "hwaddr", mac: "02:00:00:00:00:04" }, "ens4"],
  [{ by: "kernelpath", path: "/sys/devices/pci0000:00/0000:00:03.0" }, "ens3"],
  [{ by: "pciBusID", address: "0000:00:03.0" }, "ens3"],
  [{ by: "pciBusID", address: "0000:00:04.0" }, "ens4"],
  [{ by: "auxiliary", id: "mlx5_core.sf.4" }, "enp3sf4"],
];
for (const [selector, name] of found) find(`finds ${name} by ${selector.by}`,
  () => assert.is(findDevice(links, selector, sysfs).name, name));

const missing: readonly (readonly [Selector, RegExp])[] = [
  [{ by: "device", name: "none" }, /device "none"/],
  [{ by: "hwaddr", mac: "02:00:00:00:00:99" }, /hwaddr 02:00:00:00:00:99/],
  [{ by: "kernelpath", path: "/sys/devices/none" }, /kernelpath/],
  [{ by: "pciBusID", address: "0000:00:06.0" }, /pciBusID "0000:00:06\.0"/],
  [{ by: "auxiliary", id: "none" }, /deviceID "none"/],
];
for (const [selector, message] of missing) {
  find(`says what it looked for: ${selector.by}`, () => assert.match(throws(() => findDevice(links, selector, sysfs),
    code.invalidConfig).message, message));
}
find.run();
