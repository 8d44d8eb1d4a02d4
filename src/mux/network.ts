import type { JsonObject } from "../cni/index.ts";
import { formatArgPairs } from "../cni/index.ts";
import type { Attachment } from "../plugins/index.ts";
import type { ResultKey } from "../store/index.ts";
import type { ArgPairs } from "./args.ts";
import { networkArgs } from "./args.ts";
import type { MuxConfig } from "./config.ts";
import type { Delegate } from "./delegate.ts";
import { interfaceNames } from "./naming.ts";

/** One network of one container: which plugins, as which interface, with which arguments. */
export interface Network {
  readonly delegate: Delegate;
  readonly attachment: Attachment;
  readonly argPairs: ArgPairs;
  readonly capabilityArgs: JsonObject;
}

/**
 * The networks of one container in order, the default one first.
 *
 * Only the default network gets the runtime's capability arguments and its wishes in CNI_ARGS about address and MAC
 * (multi-network specification 1.3, 7.5), unless the configuration asks for Multus's way of giving them to all.
 */
export function planNetworks(delegates: readonly Delegate[], attachment: Attachment, config: MuxConfig, args: ArgPairs): readonly Network[] {
  const names = interfaceNames(delegates, attachment.ifName);
  const path = pluginPath(attachment, config);
  return delegates.map((delegate, index) => {
    const everything = index === 0 || config.runtimeConfigToAll;
    const argPairs = networkArgs(args, { everything });
    return {
      delegate, argPairs,
      // GC and STATUS are about no interface.
      attachment: { ...attachment, ifName: attachment.ifName === "" ? "" : names[index] ?? "", args: formatArgPairs(argPairs), path },
      capabilityArgs: everything ? withoutEmpty(config.runtimeConfig) : {},
    };
  });
}

/** Where executables are looked for: binDir first, then CNI_PATH. */
export function pluginPath(attachment: Pick<Attachment, "path">, config: Pick<MuxConfig, "binDir">): readonly string[] {
  return [...new Set([config.binDir, ...attachment.path])];
}

export function resultKey({ delegate, attachment }: Network): ResultKey {
  return { networkName: delegate.network.name, containerId: attachment.containerId, ifName: attachment.ifName };
}

/** For messages: `network "blue" (interface "net1")`. */
export function describe({ delegate, attachment }: Network): string {
  return attachment.ifName === "" ? `network "${delegate.displayName}"` : `network "${delegate.displayName}" (interface "${attachment.ifName}")`;
}

function withoutEmpty(args: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(args).filter(([, value]) =>
    value !== null && value !== undefined && value !== "" && !(Array.isArray(value) && value.length === 0)));
}
