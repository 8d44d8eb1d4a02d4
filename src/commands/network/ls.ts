import { command } from "../command.ts";
import { requireRoot } from "../errors.ts";
import { configurationFiles, isReadable } from "../machine/configuration.ts";
import { confDirOption, confDirs, stateDirOption } from "../machine/directories.ts";
import { jsonOption } from "../options.ts";
import type { NetworkView } from "./view.ts";
import { attachedTo, viewOf } from "./view.ts";

export const lsCommand = command({
  about: "Those of every configuration that a container runtime of this machine would find, whoever has written it.",
  parameters: {},
  options: {
    quiet: { kind: "switch", short: "q", help: "print names only" },
    ...confDirOption, ...stateDirOption, ...jsonOption,
  },
  async run({ options, ...output }) {
    requireRoot("look at who is attached");
    const files = configurationFiles(confDirs(options));
    for (const { file, configuration } of files.filter((one) => !isReadable(one)))
      output.warn(`polynic network ls: ${file} is passed over: ${String(configuration)}`);
    const networks = files.filter(isReadable).map(({ configuration }) => {
      const view = viewOf(configuration);
      const attached = attachedTo(view.name, options).filter(({ state }) => state === "there");
      return { ...view, containers: attached.length };
    });
    if (options.json === true) output.json(networks);
    else if (options.quiet === true) for (const { name } of networks) output.say(name);
    else if (networks.length === 0) output.say("there is no network");
    else output.table({ columns, rows: networks.map(rowOf) });
    return 0;
  },
});

const columns = [
  { title: "network" },
  { title: "driver" },
  { title: "link" },
  { title: "subnets" },
  { title: "containers", isRight: true },
  { title: "file" },
] as const;

function rowOf(network: NetworkView & { readonly containers: number }): readonly string[] {
  const { name, driver, link, subnets, containers, file } = network;
  return [name, driver, link, subnets.map(({ subnet }) => subnet).join(", "), String(containers), file];
}
