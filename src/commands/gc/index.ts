/**
 * `polynic gc`: takes away what is left of containers that are gone, by DEL of each. A runtime's GC knows more, since
 * it has a list of those that are there; this one goes by the network namespace, which no container gets back.
 */
import { CniError } from "../../cni/index.ts";
import { ovsPortsOf, removeOvsPort } from "../attach/ovs.ts";
import { command } from "../command.ts";
import { CommandError, requireRoot } from "../errors.ts";
import { confDirOption, pluginPath, stateDirOption } from "../machine/directories.ts";
import type { Remembered } from "../machine/known.ts";
import { chosen, rememberedAttachments } from "../machine/known.ts";
import { jsonOption } from "../options.ts";
import type { KnownAttachment } from "../../mux/index.ts";
import { netnsOf, removeRemains, setAside, whyGone } from "../../service/index.ts";
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
    const all = () => chosen(rememberedAttachments(options, environment), target);
    if (!isDry) await setDamagedAside(all(), output);
    const removals: Removal[] = [];
    for (const one of all().filter(isGone)) {
      const removal = await remove(one, isDry, { ...output, environment });
      if (removal !== undefined) removals.push(removal);
    }
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
  { environment: env, warn }: Output & { readonly environment: ProcessEnvironment },
): Promise<Removal | undefined> {
  const { label, containerId, ifName } = one;
  const networks = one.networks.map(({ attachment }) => attachment.delegate.displayName);
  const known = { container: label, containerId, interface: ifName, networks };
  if (isDry) return { ...known, state: "would be removed" };
  try {
    const tell = (text: string): void => warn(text.trimEnd());
    const isRemoved = await removeRemains(one, isGone, { env, tell, path: pluginPath(env) });
    if (!isRemoved) return undefined;
    for (const port of ovsPortsOf(one)) await removeOvsPort(port, env);
    return { ...known, state: "removed" };
  } catch (error) {
    if (error instanceof CommandError) return { ...known, state: "failed", why: error.message };
    if (!(error instanceof CniError)) throw error;
    return { ...known, state: "failed", code: error.code, why: error.message };
  }
}

/** One whose namespace nobody wrote down is taken for gone: a person has asked. */
function isGone(known: KnownAttachment): boolean {
  return netnsOf(known) === "" || whyGone(known) !== undefined;
}

/** What a damaged file said is told by what the cache knows, and the file stays for whoever wants to look at it. */
async function setDamagedAside(all: readonly Remembered[], { warn }: Output): Promise<void> {
  for (const one of all) {
    if (one.damage === undefined) continue;
    const path = await setAside(one);
    if (path === undefined) continue;
    warn(`${one.damage.message}; it is set aside as ${path}, and the result cache is used instead`);
  }
}
