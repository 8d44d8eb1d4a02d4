import type { Command, Environment, PluginRequestInput } from "../cni/index.ts";
import { CniError, code, requireCommand, requireVersion } from "../cni/index.ts";
import { isOwnNetns } from "../kernel/index.ts";
import type { Attachment } from "../plugins/index.ts";

/** One call by a runtime, checked as far as every plugin's is. */
export interface Call {
  readonly command: Command;
  readonly environment: Environment;
  readonly input: PluginRequestInput;
}

/**
 * The checks between reading a call and serving it, in the reference's order, but for one: the namespace of this very
 * process is refused before the work, not after it.
 *
 * @param home  the namespace of this process, where it is open
 * @throws CniError 4 for an unknown verb, 1 for a version, 8 for our own namespace
 */
export function checkedCall(
  environment: Environment, input: PluginRequestInput, versions: readonly string[], home?: Home,
): Call {
  const command = requireCommand(environment.command);
  requireVersion(command, input.conf.cniVersion, versions);
  if (command === "ADD" || command === "DEL") refuseOwnNetns(environment, home);
  return { command, environment, input };
}

export function attachmentOf({ containerId, netns, ifName, args, path }: Environment): Attachment {
  return { containerId, netns, ifName, args, path };
}

type Home = Parameters<typeof isOwnNetns>[1];

function refuseOwnNetns({ netns, netnsOverride }: Environment, home: Home): void {
  if (netnsOverride || netns === "" || !isOwn(netns, home)) return;
  throw new CniError(
    code.invalidNetns,
    `Cannot use CNI_NETNS "${netns}": it is the network namespace this plugin runs in, expected the container's ` +
      "(CNI_NETNS_OVERRIDE=1 allows it)",
  );
}

/** A path that cannot be looked at is told where it is opened, and tolerated by DEL. */
function isOwn(netns: string, home: Home): boolean {
  try {
    return isOwnNetns(netns, home);
  } catch {
    return false;
  }
}
