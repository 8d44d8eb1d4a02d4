import { formatArgPairs } from "../../cni/index.ts";
import type { Attachment } from "../../plugins/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import type { DeviceInfoKey, ResultKey } from "../../store/index.ts";
import { deviceInfoPath } from "../../store/index.ts";
import type { MuxConf } from "../conf.ts";
import type { ArgPairs } from "./args.ts";
import { networkArgs } from "./args.ts";
import type { Delegate } from "./delegate.ts";
import { interfaceNames } from "./naming.ts";

/** A container attached to one network, or about to be: as which interface, by which plugins, with which arguments. */
export interface NetworkAttachment extends Attachment {
  readonly delegate: Delegate;
  readonly argPairs: ArgPairs;
  readonly capabilityArgs: JsonObject;
}

/**
 * The attachments of one container to its networks in order, the default one first.
 *
 * Only the default network gets the runtime's capability arguments and its wishes in CNI_ARGS about address and MAC
 * (multi-network specification 1.3, 7.5), unless the configuration asks for Multus's way of giving them to all. The
 * others get what their selections ask for; in CNI_ARGS, for plugins that know no capabilities, when they are added
 * only.
 */
export function planAttachments(
  delegates: readonly Delegate[],
  runtime: Attachment,
  conf: Pick<MuxConf, "binDir" | "runtimeConfig" | "runtimeConfigToAll">,
  args: ArgPairs,
  { adding = false }: { readonly adding?: boolean } = {},
): readonly NetworkAttachment[] {
  const names = interfaceNames(delegates, runtime.ifName);
  const path = pluginPath(runtime, conf);
  return delegates.map((delegate, index) => {
    const everything = index === 0 || conf.runtimeConfigToAll;
    const argPairs = networkArgs(args, { everything, asked: adding ? askedOfInterface(delegate.requests) : [] });
    // GC and STATUS are about no interface.
    const ifName = runtime.ifName === "" ? "" : (names[index] ?? "");
    const capabilityArgs = {
      ...(everything ? withoutEmpty(conf.runtimeConfig) : {}),
      ...(index === 0 ? {} : delegate.capabilityArgs),
    };
    return {
      ...runtime, ifName, path, args: formatArgPairs(argPairs), argPairs, delegate,
      capabilityArgs: withDeviceInfo(capabilityArgs, {
        name: delegate.displayName,
        containerId: runtime.containerId,
        ifName,
      }),
    };
  });
}

/** The deprecated way; some IPAM plugins still read it. */
function askedOfInterface({ mac, ips = [] }: Delegate["requests"]): ArgPairs {
  return [
    ...(mac === undefined ? [] : [["MAC", mac] as const]),
    ...(ips.length === 0 ? [] : [["IP", ips.join(",")] as const]),
  ];
}

/** A network with a device is told the file where it is, or may be, described. */
function withDeviceInfo(capabilityArgs: JsonObject, attachment: DeviceInfoKey): JsonObject {
  return "deviceID" in capabilityArgs
    ? { ...capabilityArgs, CNIDeviceInfoFile: deviceInfoPath(attachment) }
    : capabilityArgs;
}

/** Where executables are looked for: binDir first, then CNI_PATH. */
export function pluginPath(attachment: Pick<Attachment, "path">, conf: Pick<MuxConf, "binDir">): readonly string[] {
  return [...new Set([conf.binDir, ...attachment.path])];
}

export function resultKey({ delegate, containerId, ifName }: NetworkAttachment): ResultKey {
  return { networkName: delegate.network.name, containerId, ifName };
}

/** For messages: `network "blue" (interface "net1")`. */
export function describe({ delegate, ifName }: Pick<NetworkAttachment, "delegate" | "ifName">): string {
  return ifName === ""
    ? `network "${delegate.displayName}"`
    : `network "${delegate.displayName}" (interface "${ifName}")`;
}

/** For the log, in the shape of Multus's lines: `default:web-0:UID:storage:net1`. */
export function logged({ argPairs, ifName }: NetworkAttachment, network: string): string {
  const given = new Map(argPairs);
  const [namespace, pod, uid] = ["NAMESPACE", "NAME", "UID"].map((name) => given.get(`K8S_POD_${name}`) ?? "");
  return [namespace, pod, uid === "" ? "unknownUID" : uid, network, ifName].join(":");
}

function withoutEmpty(args: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(args).filter(([, value]) =>
    value !== null && value !== undefined && value !== "" && !(Array.isArray(value) && value.length === 0)));
}
