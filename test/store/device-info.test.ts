// src/store/device-info.ts: files about devices, which device plugins and CNI plugins of other makers read and write
// too.
import {
  existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  copyDeviceInfo, deviceInfoPath, readDeviceInfo, removeDeviceInfo, removeInterruptedCopies,
} from "../../src/store/index.ts";
import { throws } from "../helpers/errors.ts";

const device = { resourceName: "example.com/vf", deviceId: "0000:03:02.1" };
const attachment = { name: "blue/sriov", containerId: "c1", ifName: "net1" };
const info = '{"type":"pci","version":"1.1.0","pci":{"pci-address":"0000:03:02.1"}}\n';

let top = "";
let directory = "";
let source = "";
let file = "";

const test = suite("device information");
test.before.each(() => {
  top = mkdtempSync(join(tmpdir(), "polynic-devinfo-"));
  directory = join(top, "devinfo");
  mkdirSync(join(directory, "dp"), { recursive: true });
  source = join(directory, "dp", "example.com-vf-0000:03:02.1-device.json");
  file = deviceInfoPath(attachment, directory);
});
test.after.each(() => rmSync(top, { recursive: true }));

test("keeps nothing of copies that were killed a while ago", () => {
  removeInterruptedCopies(directory);
  const copies = join(directory, "cni");
  mkdirSync(copies);
  for (const name of [".polynic-1-abc.tmp", ".polynic-2-abc.tmp", "blue-sriov-c1_net1"]) writeFileSync(join(copies,
    name), "{");
  const hourAgo = Date.now() / 1000 - 3600;
  for (const name of [".polynic-1-abc.tmp", "blue-sriov-c1_net1"]) utimesSync(join(copies, name), hourAgo, hourAgo);
  removeInterruptedCopies(directory);
  assert.equal(readdirSync(copies).sort(), [".polynic-2-abc.tmp", "blue-sriov-c1_net1"]);
});

test("is named after the attachment, without a slash", () => {
  assert.is(deviceInfoPath(attachment), "/var/run/k8s.cni.cncf.io/devinfo/cni/blue-sriov-c1_net1");
  assert.is(file, join(directory, "cni", "blue-sriov-c1_net1"));
});

test("of a device is copied, byte for byte and for reading only", () => {
  writeFileSync(source, info);
  assert.is(copyDeviceInfo(device, file, directory), undefined);
  assert.is(readFileSync(file, "utf8"), info);
  assert.is(statSync(file).mode & 0o777, 0o444);
  assert.equal(readdirSync(join(directory, "cni")), ["blue-sriov-c1_net1"]);
  assert.equal(readDeviceInfo(file, directory), JSON.parse(info));
});

test("of a device that is no JSON is copied too: whoever reads it decides", () => {
  writeFileSync(source, Buffer.from([0xff, 0x00]));
  assert.is(copyDeviceInfo(device, file, directory), undefined);
  assert.equal([...readFileSync(file)], [0xff, 0x00]);
});

test("of a device without any is not copied", () => {
  assert.is(copyDeviceInfo(device, file, directory), undefined);
  assert.is(existsSync(file), false);
  rmSync(directory, { recursive: true });
  assert.is(copyDeviceInfo(device, file, directory), undefined);
  assert.is(existsSync(directory), false);
});

test("that is there already stays, which is a problem in words", () => {
  writeFileSync(source, info);
  mkdirSync(join(directory, "cni"));
  writeFileSync(file, "older");
  assert.is(copyDeviceInfo(device, file, directory),
    `Cannot copy ${source} to ${file}: it is there already, expected a free name`);
  assert.is(readFileSync(file, "utf8"), "older");
  assert.equal(readdirSync(join(directory, "cni")), ["blue-sriov-c1_net1"]);
});

test("that cannot be copied is a problem in words", () => {
  writeFileSync(join(directory, "cni"), "no directory");
  writeFileSync(source, info);
  assert.match(copyDeviceInfo(device, file, directory) ?? "", `Cannot copy ${source} to ${file}: `);
  const long = deviceInfoPath({ ...attachment, name: "n".repeat(300) }, directory);
  assert.match(copyDeviceInfo(device, long, directory) ?? "", `Cannot copy ${source} to ${long}: `);
  writeFileSync(source, "x".repeat(256 * 1024 + 1));
  assert.is(copyDeviceInfo(device, file, directory),
    `Cannot copy ${source} to ${file}: it has 262145 bytes, expected at most 262144`);
  rmSync(source);
  symlinkSync("/etc/hostname", source);
  assert.match(copyDeviceInfo(device, file, directory) ?? "", "ELOOP");
});

test("is read as a plugin wrote it, and is absent where nobody did", () => {
  assert.is(readDeviceInfo(file, directory), undefined);
  mkdirSync(join(directory, "cni"));
  writeFileSync(file, '{"type":"memif"}');
  assert.equal(readDeviceInfo(file, directory), { type: "memif" });
  assert.is(readDeviceInfo(deviceInfoPath({ ...attachment, name: "n".repeat(300) }, directory), directory), undefined);
});

const unreadable: readonly (readonly [string, string])[] = [
  ["", "it is empty, expected a JSON object"], ["{", "it is not JSON, expected a JSON object"],
  ["[1]", "it is a list, expected a JSON object"], ["7", "it is a number, expected a JSON object"],
];
for (const [text, problem] of unreadable) {
  test(`that holds ${JSON.stringify(text)} is refused`, () => {
    mkdirSync(join(directory, "cni"));
    writeFileSync(file, text);
    assert.is(throws(() => readDeviceInfo(file, directory), 6).message,
      `Cannot read the device information ${file}: ${problem}`);
  });
}

test("that is a link, a directory or too long is refused", () => {
  mkdirSync(file, { recursive: true });
  assert.match(throws(() => readDeviceInfo(file, directory), 5).message,
    `Cannot read the device information ${file}: EISDIR`);
  rmSync(file, { recursive: true });
  symlinkSync("/etc/hostname", file);
  assert.match(throws(() => readDeviceInfo(file, directory), 5).message, "ELOOP");
  rmSync(file);
  writeFileSync(file, "x".repeat(256 * 1024 + 1));
  assert.is(throws(() => readDeviceInfo(file, directory), 5).message,
    `Cannot read the device information ${file}: it has 262145 bytes, expected at most 262144`);
});

test("is removed, twice as well", () => {
  writeFileSync(source, info);
  copyDeviceInfo(device, file, directory);
  removeDeviceInfo(file, directory);
  assert.equal(readdirSync(join(directory, "cni")), []);
  removeDeviceInfo(file, directory);
  removeDeviceInfo(deviceInfoPath({ ...attachment, name: "n".repeat(300) }, directory), directory);
  assert.is(readFileSync(source, "utf8"), info);
});

const escapes = ["../../../secret", "..", ".", "/etc/passwd", "../dp/x", "a/../../b", "../\0"];
for (const text of escapes) {
  test(`named ${JSON.stringify(text)} does not leave its directory`, () => {
    for (const key of ["name", "containerId", "ifName"]) {
      const path = deviceInfoPath({ ...attachment, [key]: text }, directory);
      assert.is(join(path, ".."), join(directory, "cni"));
    }
    writeFileSync(join(top, "secret"), '{"secret":true}');
    for (const key of ["resourceName", "deviceId"]) {
      assert.is(copyDeviceInfo({ ...device, [key]: text }, file, directory), undefined);
      assert.is(existsSync(file), false);
    }
  });
}

test("elsewhere is neither read nor written nor removed", () => {
  writeFileSync(source, info);
  const secret = join(top, "secret");
  writeFileSync(secret, '{"secret":true}');
  for (const path of [secret, join(directory, "cni", "..", "..", "secret"), `${directory}/cni/../../secret`, source]) {
    assert.match(throws(() => readDeviceInfo(path, directory), 5).message,
      `expected a file in ${join(directory, "cni")}`);
    removeDeviceInfo(path, directory);
  }
  assert.match(copyDeviceInfo(device, join(top, "new"), directory) ?? "",
    `it is elsewhere, expected a file in ${join(directory, "cni")}`);
  assert.equal(readdirSync(top).sort(), ["devinfo", "secret"]);
  assert.is(existsSync(source), true);
});
test.run();
