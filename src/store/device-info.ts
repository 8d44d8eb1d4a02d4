import { join } from "node:path";
import type { JsonObject } from "../cni/index.ts";
import { CniError, code, parseJsonObject } from "../cni/index.ts";
import { createWholeFile, isAbsent, makeDirectory, readText, removeIfPresent } from "./whole-file.ts";

/**
 * Files in which device plugins, CNI plugins and those who publish a pod's networks tell each other about a device.
 *
 * @see Network Plumbing Working Group, device information specification 1.1.0
 */
export const deviceInfoDirectory = "/var/run/k8s.cni.cncf.io/devinfo";

/** One attachment of a device. */
export interface DeviceInfoKey {
  /** The network's, as people know it. */
  readonly name: string;
  readonly containerId: string;
  readonly ifName: string;
}

/** A device as the kubelet allocated it. */
export interface AllocatedDevice {
  /** `vendor.example/name` */
  readonly resourceName: string;
  readonly deviceId: string;
}

/** Where the attachment's device is described, or may be by the plugin that gets it. */
export function deviceInfoPath({ name, containerId, ifName }: DeviceInfoKey, directory = deviceInfoDirectory): string {
  return join(directory, "cni", fileName(`${name}-${containerId}_${ifName}`));
}

/**
 * Copies what the device plugin wrote down about a device to where a network's plugins look, mode 0444.
 *
 * @returns why it could not be copied, undefined when it was or there is nothing to copy
 */
export function copyDeviceInfo({ resourceName, deviceId }: AllocatedDevice, path: string, directory = deviceInfoDirectory): string | undefined {
  const source = join(directory, "dp", fileName(`${resourceName}-${deviceId}-device.json`));
  try {
    const text = readText(source);
    makeDirectory(join(directory, "cni"), 0o755);
    if (createWholeFile(path, text, { mode: 0o444 })) return undefined;
    return `Cannot copy the device information ${source}: ${path} is there already, expected no such file before the network is attached`;
  } catch (error) {
    return isAbsent(error) ? undefined : `Cannot copy the device information ${source} to ${path}: ${String(error)}`;
  }
}

/**
 * What is known of an attachment's device; undefined when nothing is.
 *
 * @throws CniError 6 when the file holds no JSON object, 5 when it cannot be read
 */
export function readDeviceInfo(path: string): JsonObject | undefined {
  let text: string;
  try {
    text = readText(path);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw new CniError(code.ioFailure, `Cannot read the device information ${path}: ${String(error)}`, { cause: error });
  }
  return parseJsonObject(text, `the device information ${path}`);
}

/** Missing is fine. */
export function removeDeviceInfo(path: string): void {
  try {
    removeIfPresent(path);
  } catch (error) {
    throw new CniError(code.ioFailure, `Cannot remove the device information ${path}: ${String(error)}`, { cause: error });
  }
}

/** A name may hold slashes, a file's may not; what is left cannot lead out of the directory. */
function fileName(text: string): string {
  return text.replaceAll("/", "-").replaceAll("\0", "-");
}
