import type { Log } from "../../plugins/index.ts";
import { copyDeviceInfo, removeDeviceInfo } from "../../store/index.ts";
import type { Network } from "../networks/network.ts";
import { describe } from "../networks/network.ts";

/**
 * Gives a network's plugins what the device plugin wrote down about its device, where it did; without it they find out
 * themselves.
 */
export function provideDevice(network: Network, log: Log): void {
  const { requests: { deviceId, resourceName } } = network.delegate;
  const file = infoFile(network);
  if (file === undefined || deviceId === undefined || resourceName === undefined) return;
  const problem = copyDeviceInfo({ resourceName, deviceId }, file);
  if (problem !== undefined) log.warn(`${problem}; ${describe(network)} goes on without it`);
}

/** Removes what was written down about a network's device; missing is fine. */
export function forgetDevice(network: Network): void {
  const file = infoFile(network);
  if (file !== undefined) removeDeviceInfo(file);
}

function infoFile({ capabilityArgs: { CNIDeviceInfoFile: file } }: Network): string | undefined {
  return typeof file === "string" ? file : undefined;
}
