import { join } from "node:path";
import { unlinkSync } from "node:fs";
import { command } from "../command.ts";
import { CommandError, requireRoot } from "../errors.ts";
import type { Configuration } from "../machine/configuration.ts";
import { configurationFiles, findConfiguration, isReadable } from "../machine/configuration.ts";
import { confDirOption, confDirs, stateDirOption } from "../machine/directories.ts";
import { jsonOption } from "../options.ts";
import { madeFor } from "./conflist.ts";
import { removeMade } from "./links.ts";
import { attachedTo, viewOf } from "./view.ts";

export const rmCommand = command({
  about:
    "The configuration goes, and the bridge or VLAN that was made for it. A network that somebody else's program has " +
    "written is that program's to remove. None is removed when one cannot be.",
  parameters: { network: { count: "some", completes: "network", help: "a network's name" } },
  options: { ...confDirOption, ...stateDirOption, ...jsonOption },
  async run({ parameters, options, ...output }) {
    requireRoot("remove a network");
    const directories = confDirs(options);
    const found = [...new Set(parameters.network)].map((word) => findConfiguration(word, directories));
    for (const configuration of found) refuseUsed(configuration, options);
    const removed = [];
    for (const { name, file = "", json } of found) {
      unlinkSync(file);
      const made = madeFor(json);
      const others = configurationFiles(directories).filter(isReadable);
      const isShared = others.some(({ configuration }) => viewOf(configuration).link === made);
      const link = made !== undefined && !isShared && (await removeMade(made)) ? made : undefined;
      removed.push({ network: name, file, ...(link === undefined ? {} : { link }) });
    }
    if (options.json === true) output.json(removed);
    else for (const { network, file, link } of removed)
      output.say(`removed ${network} (${file}${link === undefined ? "" : `, link ${link}`})`);
    return 0;
  },
});

function refuseUsed({ name, file }: Configuration, options: Parameters<typeof attachedTo>[1]): void {
  const used = attachedTo(name, options).filter(({ state }) => state === "there");
  if (used.length > 0)
    throw new CommandError(
      `Cannot remove network "${name}": ${[...new Set(used.map(({ container }) => container))].join(", ")} ` +
        `${used.length === 1 ? "is" : "are"} attached to it, expected polynic network disconnect ${name} TARGET ` +
        "before, or the runtime that attached to let go",
    );
  if (file?.endsWith(join("/", ownFileName(name))) === true) return;
  throw new CommandError(
    `Cannot remove network "${name}": polynic network create has not written ${file}, expected whoever has to ` +
      "remove it, or rm",
  );
}

/** Behind what is numbered: the first file is what a runtime of a cluster takes for its network. */
export function ownFileName(network: string): string {
  return `polynic-${network}.conflist`;
}
