/** `polynic check`: whether attached containers are still attached as they were, by CHECK of each. */
import { CniError } from "../../cni/index.ts";
import { confOf } from "../../service/index.ts";
import { command } from "../command.ts";
import { requireRoot } from "../errors.ts";
import { confDirOption, pluginPath, stateDirOption } from "../machine/directories.ts";
import type { Remembered } from "../machine/known.ts";
import { chosen, namespaceState, rememberedAttachments } from "../machine/known.ts";
import { callNetwork } from "../machine/network-call.ts";
import { jsonOption } from "../options.ts";
import type { Output, ProcessEnvironment } from "../output.ts";
import type { Cell } from "../table.ts";

export const checkCommand = command({
  about:
    "Links, addresses, routes and firewall rules of every attachment are held against what its ADD answered. Nothing " +
    "is changed. A container whose network namespace is gone is no fault: polynic gc takes away what is left of it.",
  parameters: {
    target: { count: "any", help: "a container's name, its id or the beginning of it; default: all that are known" },
  },
  options: { ...confDirOption, ...stateDirOption, ...jsonOption },
  statuses: { 0: "all are as they should be", 1: "one is not" },
  async run({ parameters: { target }, options, environment, ...output }) {
    requireRoot("look into containers");
    const all = chosen(rememberedAttachments(options, environment), target);
    const checks = [];
    for (const one of all) checks.push(await check(one, { ...output, environment }));
    if (options.json === true) output.json(checks);
    else if (checks.length === 0) output.say("no container is attached");
    else output.table({ columns, rows: checks.map(rowOf) });
    return checks.every(({ state }) => state !== "broken") ? 0 : 1;
  },
});

interface Check {
  readonly container: string;
  readonly containerId: string;
  readonly interface: string;
  readonly networks: readonly string[];
  readonly state: "ok" | "broken" | "gone";
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
const colours = { ok: "green", broken: "red", gone: "dim" } as const;

function rowOf({ container, interface: ifName, networks, state, why = " " }: Check): readonly Cell[] {
  return [container, ifName, { text: state, style: colours[state] }, networks.join(", "), why];
}

async function check(
  one: Remembered,
  caller: Output & { readonly environment: ProcessEnvironment },
): Promise<Check> {
  const { label, containerId, ifName, netns, multiplexer } = one;
  const networks = one.networks.map(({ attachment }) => attachment.delegate.displayName);
  const known = { container: label, containerId, interface: ifName, networks };
  if (namespaceState(netns) === "gone") return { ...known, state: "gone" };
  const args = multiplexer?.args ?? "", path = pluginPath(caller.environment);
  try {
    await callNetwork({ verb: "CHECK", conf: confOf(one), containerId, netns, ifName, args, path }, caller);
    return { ...known, state: "ok" };
  } catch (error) {
    if (!(error instanceof CniError)) throw error;
    return { ...known, state: "broken", code: error.code, why: error.message };
  }
}
