import type { Log } from "../../plugins/index.ts";
import { copyDeviceInfo, removeDeviceInfo } from "../../store/index.ts";
import type { NetworkAttachment } from "../networks/network-attachment.ts";
import { describe } from "../networks/network-attachment.ts";

/**
 * Gives a network's plugins what the device plugin wrote down about its device, where it did; without it they find out
 * themselves.
 */
export function provideDevice(attachment: NetworkAttachment, log: Log): void {
  const { requests: { deviceId, resourceName } } = attachment.delegate;
  const file = infoFile(attachment);
  if (file === undefined || deviceId === undefined || resourceName === undefined) return;
  const problem = copyDeviceInfo({ resourceName, deviceId }, file);
  if (problem !== undefined) log.warn(`${problem}; ${describe(attachment)} goes on without it`);
}

/** Removes what was written down about a network's device; missing is fine. */
export function forgetDevice(attachment: NetworkAttachment): void {
  const file = infoFile(attachment);
  if (file !== undefined) removeDeviceInfo(file);
}

function infoFile({ capabilityArgs: { CNIDeviceInfoFile: file } }: NetworkAttachment): string | undefined {
  return typeof file === "string" ? file : undefined;
}
