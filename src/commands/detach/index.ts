/** `polynic detach`: takes away what polynic attach has made. */
import { CniError } from "../../cni/index.ts";
import { findTarget } from "../attach/target.ts";
import { command } from "../command.ts";
import { CommandError, requireRoot } from "../errors.ts";
import { confDirOption, pluginPath, stateDirOption } from "../machine/directories.ts";
import type { Remembered } from "../machine/known.ts";
import { confOf, isMeant, namespaceState, rememberedAttachments } from "../machine/known.ts";
import { callNetwork } from "../machine/network-call.ts";
import { jsonOption } from "../options.ts";
import type { ProcessEnvironment } from "../output.ts";
import { anyOf } from "../words.ts";

export const detachCommand = command({
  about:
    "Everything is remembered, so that a container that is gone can be detached, too. What a runtime has attached is " +
    "the runtime's to take away.",
  parameters: {
    target: { count: "one", help: "the container, as polynic attach takes it" },
    network: { count: "any", help: "a network's name, a link's, or an interface's; default: all of them" },
  },
  options: { ...confDirOption, ...stateDirOption, ...jsonOption },
  async run({ parameters: { target, network }, options, environment, ...output }) {
    requireRoot("detach anything");
    const { known, netns } = await knownOf(target, options, environment);
    const chosen = network.length === 0 ? known : network.flatMap((word) => meantBy(word, known, target));
    const path = pluginPath(environment), detached = [], problems: CniError[] = [];
    for (const one of new Set(chosen)) {
      const { containerId, ifName, multiplexer, label } = one;
      const call = { conf: confOf(one), containerId, ifName, args: multiplexer?.args ?? "", path };
      try {
        await callNetwork({ ...call, verb: "DEL", netns: netns ?? safe(one.netns) }, { ...output, environment });
        detached.push({ container: label, containerId, interface: ifName, networks: networksOf(one) });
      } catch (error) {
        if (!(error instanceof CniError)) throw error;
        problems.push(error); // the others go all the same
      }
    }
    if (options.json === true) output.json(detached);
    else for (const { container, interface: ifName, networks } of detached)
      output.say(`detached ${container} from ${networks.join(", ")} (${ifName})`);
    const [first] = problems;
    if (first !== undefined) throw first;
    return 0;
  },
});

/** A process id is given out anew: by now the path may lead to another container, or to this machine. */
function safe(netns: string): string {
  return netns.startsWith("/proc/") || namespaceState(netns) === "gone" ? "" : netns;
}

function networksOf({ networks }: Remembered): readonly string[] {
  return networks.map(({ attachment }) => attachment.delegate.displayName);
}

/** By what is remembered, else by what is there under that name now; its namespace where it is there. */
async function knownOf(
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

function meantBy(word: string, known: readonly Remembered[], target: string): readonly Remembered[] {
  const found = known.filter((one) => {
    return one.ifName === word || networksOf(one).some((name) => name === word || name.endsWith(`-${word}`));
  });
  if (found.length > 0) return found;
  throw new CommandError(
    `Cannot detach ${target} from "${word}": it is not attached to it, expected ${anyOf(known.flatMap(networksOf))}`,
  );
}
