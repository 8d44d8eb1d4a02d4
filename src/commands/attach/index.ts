/** `polynic attach`: puts a container on networks by hand, as a runtime would. */
import { command } from "../command.ts";
import { UsageError, requireRoot } from "../errors.ts";
import { confDirOption, confDirs, stateDirOption } from "../machine/directories.ts";
import { rememberedByHand } from "../machine/known.ts";
import type { OptionTable } from "../options.ts";
import { jsonOption } from "../options.ts";
import { attachAgain, attachOptions, attachTo, attachedTable } from "./attachment.ts";
import { takeApart, toRequest } from "./request.ts";
import type { NetworkRequest } from "./request.ts";
import { findTarget } from "./target.ts";

const options = {
  ...attachOptions,
  again: { kind: "switch", help: "attach a container that was started anew to what it was attached to before" },
  ...confDirOption, ...stateDirOption, ...jsonOption,
} as const satisfies OptionTable;

export const attachCommand = command({
  about:
    "TARGET is the path of a network namespace, its name (ip netns), a process id, or a docker, podman or containerd " +
    "container by its name or id; netns:, pid:, docker:, podman: or containerd: before it where several have the " +
    "name.\n\n" +
    "NETWORK is the name of a configuration or its file, or made of a link of this machine: bridge:br0 (made when it " +
    "is missing), ovs:ovsbr0 (the same of Open vSwitch), macvlan:eth1, ipvlan:eth1, vlan:eth1, phys:eth1 (moved into " +
    "the container), or the link's name alone, of which one that begins with ovs is Open vSwitch's. Behind it may " +
    "stand an address, as 10.0.0.5/24@10.0.0.1 with a gateway, dhcp, or 0/0 for none; and a MAC address, @VLAN, or " +
    "both in one word.\n\n" +
    "All of them or none. What was attached is remembered: polynic detach TARGET needs nothing else.",
  parameters: {
    target: { count: "one", completes: "container", help: "the container" },
    network: { count: "any", completes: "network", help: "what to attach it to" },
  },
  options,
  examples: [
    { line: "polynic attach web two-networks -p 8080:80", help: "a docker container, to a configuration" },
    { line: "polynic attach web br0 192.168.1.7/24@192.168.1.1", help: "as pipework br0 web ..." },
    { line: "polynic attach pid:4711 macvlan:eth1 10.0.0.5/24 -i lan0", help: "a process's namespace" },
    { line: "polynic attach --again web", help: "after docker restart web" },
  ],
  async run({ parameters, options: given, environment, ...output }) {
    requireRoot("attach anything");
    const caller = { ...output, environment };
    const target = await findTarget(parameters.target, environment);
    const known = rememberedByHand(target.containerId, given, environment);
    const words = parameters.network;
    if (given.again === true && words.length > 0)
      throw new UsageError(`Cannot use --again with ${words.join(" ")}: networks are remembered, expected none`);
    const attached = given.again === true
      ? await attachAgain(target, known, caller)
      : await attachTo(target, requestsOf(words, target.name, confDirs(given)), { ...given, known }, caller);
    if (given.json === true) output.json(attached);
    else output.table(attachedTable(attached));
    return 0;
  },
});

function requestsOf(words: readonly string[], target: string, directories: readonly string[]): NetworkRequest[] {
  if (words.length === 0)
    throw new UsageError(`Cannot attach ${target}: NETWORK is missing, expected polynic attach TARGET NETWORK...`);
  return takeApart(words).map((one) => toRequest(one, directories));
}
