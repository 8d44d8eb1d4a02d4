import { lstatSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { CniError, code, messageOf, parseJsonObject } from "../cni/index.ts";
import {
  createWholeFile,
  isAbsent,
  makeDirectory,
  readBytes,
  removeIfPresent,
  removeStaleTemporaries,
} from "../os/index.ts";
import type { JsonObject } from "../schema/index.ts";

/**
 * Files that describe devices, shared by device plugins, CNI plugins and whoever publishes them. A device plugin writes
 * one for each device below `dp`; a copy below `cni`, or what a CNI plugin writes there, is about one attachment.
 *
 * @see Device information specification of the Network Plumbing Working Group
 */
const deviceInfoDirectory = "/var/run/k8s.cni.cncf.io/devinfo";

/** A device as the kubelet allocated it. */
export interface AllocatedDevice {
  /** `vendor.example/name` */
  readonly resourceName: string;
  readonly deviceId: string;
}

/** What names the file of one attachment. */
export interface DeviceInfoKey {
  /** The network's display name. */
  readonly name: string;
  readonly containerId: string;
  readonly ifName: string;
}

/** An annotation, where it goes in the end, holds 256 KiB altogether. */
const bytesMax = 256 * 1024;

/** The file of one attachment: what its plugins get as capability `CNIDeviceInfoFile`, whether or not it is there. */
export function deviceInfoPath({ name, containerId, ifName }: DeviceInfoKey, directory = deviceInfoDirectory): string {
  return join(directory, "cni", `${flat(name)}-${flat(containerId)}_${flat(ifName)}`);
}

/**
 * Copies what the device plugin says about a device, byte for byte, to an attachment's file, which must not be there
 * yet.
 *
 * @returns why it could not be copied, in words; undefined when it was, or the device plugin says nothing
 */
export function copyDeviceInfo(
  device: AllocatedDevice,
  file: string,
  directory = deviceInfoDirectory,
): string | undefined {
  const source = join(directory, "dp", `${flat(device.resourceName)}-${flat(device.deviceId)}-device.json`);
  try {
    refuseOutside(file, directory);
    const content = readBounded(source);
    if (content === undefined) return undefined;
    makeDirectory(dirname(file), 0o755);
    return createWholeFile(file, content, { mode: 0o444 })
      ? undefined
      : `Cannot copy ${source} to ${file}: it is there already, expected a free name`;
  } catch (error) {
    return `Cannot copy ${source} to ${file}: ${messageOf(error)}`;
  }
}

/**
 * What an attachment's file says; undefined when there is none.
 *
 * @throws CniError 6 when it is no JSON object, 5 when it cannot be read
 */
export function readDeviceInfo(file: string, directory = deviceInfoDirectory): JsonObject | undefined {
  let content: Buffer | undefined;
  try {
    refuseOutside(file, directory);
    content = readBounded(file);
  } catch (error) {
    throw new CniError(code.ioFailure, `Cannot read the device information ${file}: ${messageOf(error)}`, {
      cause: error,
    });
  }
  return content === undefined ? undefined : parseJsonObject(content.toString(), `the device information ${file}`);
}

/**
 * Removes an attachment's file; missing is fine. A path elsewhere, which a runtime may have given, is left alone.
 *
 * @throws CniError 5 naming the path
 */
export function removeDeviceInfo(file: string, directory = deviceInfoDirectory): void {
  if (!isInside(file, directory)) return;
  try {
    removeIfPresent(file);
  } catch (error) {
    throw new CniError(code.ioFailure, `Cannot remove the device information ${file}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** Deletes what copies that were killed left; nobody would ever look at it again. */
export function removeInterruptedCopies(directory = deviceInfoDirectory): void {
  const copies = join(directory, "cni");
  if (statSync(copies, { throwIfNoEntry: false })?.isDirectory() === true) removeStaleTemporaries(copies);
}

/** A part of a file name. Networks, resources and devices have "/" in their names, and pods choose some of them. */
function flat(text: string): string {
  return text.replaceAll(/[/\0]/g, "-");
}

function isInside(file: string, directory: string): boolean {
  // join() resolves "..", so that what is left is a name right below.
  return dirname(join(file)) === join(directory, "cni");
}

function refuseOutside(file: string, directory: string): void {
  if (!isInside(file, directory)) throw new Error(`it is elsewhere, expected a file in ${join(directory, "cni")}`);
}

function readBounded(path: string): Buffer | undefined {
  try {
    const { size } = lstatSync(path);
    if (size > bytesMax) throw new Error(`it has ${size} bytes, expected at most ${bytesMax}`);
    return readBytes(path, bytesMax);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}
