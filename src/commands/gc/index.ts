/**
 * `polynic gc`: takes away what is left of containers that are gone, by DEL of each. A runtime's GC knows more, since
 * it has a list of those that are there; this one goes by the network namespace, which no container gets back.
 */
import { CniError } from "../../cni/index.ts";
import { command } from "../command.ts";
import { requireRoot } from "../errors.ts";
import { confDirOption, pluginPath, stateDirOption } from "../machine/directories.ts";
import type { Remembered } from "../machine/known.ts";
import { chosen, confOf, namespaceState, rememberedAttachments } from "../machine/known.ts";
import { callNetwork } from "../machine/network-call.ts";
import { jsonOption } from "../options.ts";
import type { Output, ProcessEnvironment } from "../output.ts";
import type { Cell } from "../table.ts";

export const gcCommand = command({
  about:
    "Addresses, links, firewall rules and files of containers whose network namespace is gone, as after a crash or a " +
    "restart of the machine, when their runtime has forgotten them. A container that was attached by hand and is " +
    "only stopped counts as gone, too: polynic attach --again needs what is remembered of it, so start it before.",
  parameters: {
    target: { count: "any", help: "a container's name, its id or the beginning of it; default: all that are gone" },
  },
  options: {
    "dry-run": { kind: "switch", help: "tell what would be taken away, and do nothing" },
    ...confDirOption, ...stateDirOption, ...jsonOption,
  },
  async run({ parameters: { target }, options, environment, ...output }) {
    requireRoot("take anything away");
    const isDry = options["dry-run"] ?? false;
    const gone = chosen(rememberedAttachments(options, environment), target)
      .filter(({ netns }) => namespaceState(netns) === "gone");
    const removals = [];
    for (const one of gone) removals.push(await remove(one, isDry, { ...output, environment }));
    if (options.json === true) output.json(removals);
    else if (removals.length === 0) output.say("nothing is left of any container that is gone");
    else output.table({ columns, rows: removals.map(rowOf) });
    return removals.some(({ state }) => state === "failed") ? 1 : 0;
  },
});

interface Removal {
  readonly container: string;
  readonly containerId: string;
  readonly interface: string;
  readonly networks: readonly string[];
  readonly state: "removed" | "would be removed" | "failed";
  readonly code?: number;
  readonly why?: string;
}

const columns = [
  { title: "container" },
  { title: "interface" },
  { title: "state" },
  { title: "networks" },
  { title: "why" },
] as const;
const colours = { removed: "green", "would be removed": "yellow", failed: "red" } as const;

function rowOf({ container, interface: ifName, networks, state, why = " " }: Removal): readonly Cell[] {
  return [container, ifName, { text: state, style: colours[state] }, networks.join(", "), why];
}

async function remove(
  one: Remembered,
  isDry: boolean,
  caller: Output & { readonly environment: ProcessEnvironment },
): Promise<Removal> {
  const { label, containerId, ifName, multiplexer } = one;
  const networks = one.networks.map(({ attachment }) => attachment.delegate.displayName);
  const known = { container: label, containerId, interface: ifName, networks };
  if (isDry) return { ...known, state: "would be removed" };
  const args = multiplexer?.args ?? "", path = pluginPath(caller.environment);
  try {
    // Without a namespace: by now the path may lead to another container's.
    await callNetwork({ verb: "DEL", conf: confOf(one), containerId, ifName, args, path }, caller);
    return { ...known, state: "removed" };
  } catch (error) {
    if (!(error instanceof CniError)) throw error;
    return { ...known, state: "failed", code: error.code, why: error.message };
  }
}
