/** Detaching what was attached by hand: what `polynic detach` and `polynic network disconnect` share. */
import { CniError } from "../../cni/index.ts";
import { ovsPortsOf, removeOvsPort } from "../attach/ovs.ts";
import { findTarget } from "../attach/target.ts";
import { CommandError } from "../errors.ts";
import { pluginPath } from "../machine/directories.ts";
import type { Remembered } from "../machine/known.ts";
import { confOf } from "../../service/index.ts";
import { isMeant, namespaceState, rememberedAttachments } from "../machine/known.ts";
import { callNetwork } from "../machine/network-call.ts";
import type { Output, ProcessEnvironment } from "../output.ts";
import { anyOf } from "../words.ts";

export type Caller = Output & { readonly environment: ProcessEnvironment };

interface Detached {
  readonly container: string;
  readonly containerId: string;
  readonly interface: string;
  readonly networks: readonly string[];
}

/**
 * Detaches each and tells of it; the others go all the same when one cannot.
 *
 * @param netns  the container's, where it is there
 * @throws CniError or CommandError the first, when all have been tried
 */
export async function detachAll(
  chosen: readonly Remembered[],
  netns: string | undefined,
  { isJson, caller }: { readonly isJson: boolean; readonly caller: Caller },
): Promise<void> {
  const path = pluginPath(caller.environment), detached: Detached[] = [], problems: Error[] = [];
  for (const one of new Set(chosen)) {
    const { containerId, ifName, multiplexer, label } = one;
    const call = { conf: confOf(one), containerId, ifName, args: multiplexer?.args ?? "", path };
    try {
      await callNetwork({ ...call, verb: "DEL", netns: netns ?? safe(one.netns) }, caller);
      for (const port of ovsPortsOf(one)) await removeOvsPort(port, caller.environment);
      detached.push({ container: label, containerId, interface: ifName, networks: networksOf(one) });
    } catch (error) {
      if (!(error instanceof CniError || error instanceof CommandError)) throw error;
      problems.push(error);
    }
  }
  if (isJson) caller.json(detached);
  else for (const { container, interface: ifName, networks } of detached)
    caller.say(`detached ${container} from ${networks.join(", ")} (${ifName})`);
  const [first] = problems;
  if (first !== undefined) throw first;
}

/** A process id is given out anew: by now the path may lead to another container, or to this machine. */
function safe(netns: string): string {
  return netns.startsWith("/proc/") || namespaceState(netns) === "gone" ? "" : netns;
}

/** By name. */
export function networksOf({ networks }: Remembered): readonly string[] {
  return networks.map(({ attachment }) => attachment.delegate.displayName);
}

/** By what is remembered, else by what is there under that name now; its namespace where it is there. */
export async function attachedByHand(
  word: string,
  options: Parameters<typeof rememberedAttachments>[0],
  environment: ProcessEnvironment,
): Promise<{ readonly known: readonly Remembered[]; readonly netns: string | undefined }> {
  const all = rememberedAttachments(options, environment).filter(({ isByHand }) => isByHand);
  const plain = word.replace(/^(netns|pid|docker|podman|containerd):/, "");
  const live = await findTarget(word, environment).catch(() => undefined);
  const known = live === undefined
    ? all.filter((one) => isMeant(one, plain) || isMeant(one, `netns-${plain}`) || isMeant(one, `pid-${plain}`))
    : all.filter(({ containerId }) => containerId === live.containerId);
  if (known.length > 0) return { known, netns: live?.netns };
  const labels = [...new Set(all.map(({ label }) => label))];
  throw new CommandError(
    `Cannot detach "${word}": nothing is attached to it by hand, expected ` +
      (labels.length === 0 ? "a container that polynic attach has attached" : anyOf(labels)),
  );
}

/** By the name of a network, of a link or of an interface. */
export function meantBy(word: string, known: readonly Remembered[], target: string): readonly Remembered[] {
  const found = known.filter((one) => {
    return one.ifName === word || networksOf(one).some((name) => name === word || name.endsWith(`-${word}`));
  });
  if (found.length > 0) return found;
  throw new CommandError(
    `Cannot detach ${target} from "${word}": it is not attached to it, expected ${anyOf(known.flatMap(networksOf))}`,
  );
}
