/** `polynic show`: the node in a picture. */
import { command } from "../command.ts";
import { requireRoot } from "../errors.ts";
import { findTarget } from "../attach/target.ts";
import { confDirOption, stateDirOption } from "../machine/directories.ts";
import { isMeant } from "../machine/known.ts";
import { jsonOption } from "../options.ts";
import type { OptionTable, OptionValues } from "../options.ts";
import type { ProcessEnvironment } from "../output.ts";
import type { Present } from "./gather/index.ts";
import { allRemembered, gather } from "./gather/index.ts";
import type { NodeModel } from "./model.ts";
import { modelOf } from "./model.ts";
import { treeLines } from "./tree.ts";

const options = { ...confDirOption, ...stateDirOption, ...jsonOption } as const satisfies OptionTable;

export const showCommand = command({
  about:
    "Shows containers with their interfaces, the links of this machine that they hang on, addresses and where each " +
    "came from, mapped ports and firewall rules. What was attached is read from what polynic and container runtimes " +
    "remember, what is there is asked of the kernel.\n\n" +
    "TARGET is a container by any name that polynic attach understands, whoever has attached it.",
  parameters: { target: { count: "optional", help: "one container; default: all that are attached" } },
  options,
  examples: [
    { line: "polynic show", help: "the whole node" },
    { line: "polynic show shop/web-0", help: "one pod and what it hangs on" },
  ],
  async run({ parameters: { target }, options: given, environment, say, json, style, columns }) {
    requireRoot("look into containers");
    const model = await currentModel({ target, given, environment });
    if (given.json === true) json(model);
    else for (const line of treeLines(model, { style, columns })) say(line);
    return 0;
  },
});

interface Wanted {
  readonly target: string | undefined;
  readonly given: OptionValues<typeof options>;
  readonly environment: ProcessEnvironment;
}

/** @throws CommandError for a target that is nowhere */
export async function currentModel({ target, given, environment }: Wanted): Promise<NodeModel> {
  const all = allRemembered(given, environment);
  if (target === undefined) return modelOf(await gather(all, [], environment));
  const meant = all.filter((one) => isMeant(one, target));
  const others: readonly Present[] = meant.length > 0 ? [] : [await findTarget(target, environment)];
  const only = new Set([...meant, ...others].map(({ containerId }) => containerId));
  return modelOf(await gather(all, others, environment), only);
}
