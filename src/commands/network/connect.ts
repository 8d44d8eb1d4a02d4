import { isAddress } from "../../net/index.ts";
import { canonicalMac } from "../../net/index.ts";
import { attachOptions, attachTo, attachedTable } from "../attach/attachment.ts";
import { requireCapability } from "../attach/request.ts";
import { findTarget } from "../attach/target.ts";
import { command } from "../command.ts";
import { UsageError, requireRoot } from "../errors.ts";
import type { Configuration } from "../machine/configuration.ts";
import { findConfiguration } from "../machine/configuration.ts";
import { confDirOption, confDirs, stateDirOption } from "../machine/directories.ts";
import { rememberedByHand } from "../machine/known.ts";
import { jsonOption } from "../options.ts";
import { ensureParent } from "./links.ts";

export const connectCommand = command({
  about: "The same as polynic attach TARGET NETWORK, with the words of docker network connect.",
  parameters: {
    network: { count: "one", completes: "network", help: "a network's name, or its file" },
    target: { count: "one", completes: "container", help: "the container, as polynic attach takes it" },
  },
  options: {
    ip: { kind: "text", value: "ADDRESS", help: "the container's IPv4 address" },
    ip6: { kind: "text", value: "ADDRESS", help: "the container's IPv6 address" },
    "mac-address": { kind: "text", value: "MAC", help: "of the container's interface" },
    ...attachOptions, ...confDirOption, ...stateDirOption, ...jsonOption,
  },
  examples: [{ line: "polynic network connect --ip 10.89.0.7 shop web", help: "a docker container, by its name" }],
  async run({ parameters: { network, target: word }, options, environment, ...output }) {
    requireRoot("attach anything");
    const configuration = findConfiguration(network, confDirs(options));
    const runtimeConfig = requestsOf(configuration, options);
    const target = await findTarget(word, environment);
    const known = rememberedByHand(target.containerId, options, environment);
    ensureParent(configuration.json);
    const caller = { ...output, environment };
    const attached = await attachTo(target, [{ configuration, runtimeConfig }], { ...options, known }, caller);
    if (options.json === true) output.json(attached);
    else output.table(attachedTable(attached));
    return 0;
  },
});

interface Asked {
  readonly ip: string | undefined;
  readonly ip6: string | undefined;
  readonly "mac-address": string | undefined;
}

function requestsOf(configuration: Configuration, { ip, ip6, "mac-address": mac }: Asked) {
  for (const [option, address, isRight] of [
    ["--ip", ip, (one: string) => !one.includes(":")],
    ["--ip6", ip6, (one: string) => one.includes(":")],
  ] as const)
    if (address !== undefined && !(isAddress(address) && isRight(address)))
      throw new UsageError(`Cannot use ${option} ${address}: expected an address of ${option === "--ip" ? "IPv4, as " +
        "10.89.0.7" : "IPv6, as fd00::7"}`);
  const ips = [ip, ip6].filter((one) => one !== undefined);
  const asked = {
    ...(ips.length === 0 ? {} : { ips }),
    ...(mac === undefined ? {} : { mac: canonicalMac(mac) }),
  };
  for (const capability of Object.keys(asked)) requireCapability(configuration, capability);
  return asked;
}
