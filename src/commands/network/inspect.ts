import { command } from "../command.ts";
import { requireRoot } from "../errors.ts";
import { findConfiguration } from "../machine/configuration.ts";
import { confDirOption, confDirs, stateDirOption } from "../machine/directories.ts";
import { jsonOption } from "../options.ts";
import type { Output } from "../output.ts";
import type { Attached, NetworkView } from "./view.ts";
import { attachedTo, viewOf } from "./view.ts";

export const inspectCommand = command({
  about: "State: there, the container is; gone, it is not any more, and polynic gc takes away what is left.",
  parameters: { network: { count: "some", completes: "network", help: "a network's name, or its file" } },
  options: { ...confDirOption, ...stateDirOption, ...jsonOption },
  async run({ parameters, options, ...output }) {
    requireRoot("look at who is attached");
    const networks = parameters.network.map((word) => {
      const configuration = findConfiguration(word, confDirs(options));
      const containers = attachedTo(configuration.name, options);
      return { ...viewOf(configuration), containers, configuration: configuration.json };
    });
    if (options.json === true) output.json(networks);
    else for (const [index, network] of networks.entries()) {
      if (index > 0) output.say("");
      tell(network, output);
    }
    return 0;
  },
});

const columns = [
  { title: "container" },
  { title: "interface" },
  { title: "addresses" },
  { title: "MAC address" },
  { title: "state" },
] as const;

function tell(network: NetworkView & { readonly containers: readonly Attached[] }, { say, table }: Output): void {
  const { name, driver, link, subnets, ipam, plugins, labels, file, containers } = network;
  const lines: readonly (readonly [string, string])[] = [
    ["network", name],
    ["driver", `${driver}${link === "" ? "" : ` (${link})`}`],
    ...subnets.map(({ subnet, gateway, ranges }) => ["subnet", [
      subnet,
      ...(gateway === "" ? [] : [`gateway ${gateway}`]),
      ...(ranges.length === 0 ? [] : [`of it ${ranges.join(", ")}`]),
    ].join(", ")] as const),
    ["addresses by", ipam === "" ? "nobody" : ipam],
    ["plugins", plugins.join(", ")],
    ...Object.entries(labels).map(([key, value]) => ["label", `${key}=${value}`] as const),
    ["file", file],
  ];
  for (const [title, value] of lines) say(`${title.padEnd(14)}${value}`);
  say("");
  if (containers.length === 0) say("no container is attached");
  else table({ columns, rows: containers.map((one) => [
    one.container, one.interface, one.addresses.join(", "), one.mac,
    { text: one.state, style: one.state === "there" ? "green" : "yellow" },
  ]) });
}
