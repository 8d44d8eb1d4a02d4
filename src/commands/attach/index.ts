/** `polynic attach`: puts a container on networks by hand, as a runtime would. */
import { openNamespace } from "../../kernel/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";
import { command } from "../command.ts";
import { CommandError, UsageError, requireRoot } from "../errors.ts";
import { confDirOption, confDirs, pluginPath, stateDirOption, usualStateDirectory } from "../machine/directories.ts";
import type { Remembered } from "../machine/known.ts";
import { confOf, rememberedAttachments } from "../machine/known.ts";
import { byHand, callNetwork, multiplexerOf } from "../machine/network-call.ts";
import type { OptionTable, OptionValues } from "../options.ts";
import { jsonOption } from "../options.ts";
import type { Output, ProcessEnvironment } from "../output.ts";
import { requireCapability, takeApart, toRequest } from "./request.ts";
import type { NetworkRequest } from "./request.ts";
import type { Target } from "./target.ts";
import { findTarget } from "./target.ts";

const options = {
  interface: { kind: "text", short: "i", value: "NAME", help: "in the container; default: the next free ethN" },
  publish: {
    kind: "texts",
    short: "p",
    value: "HOST:CONTAINER[/PROTOCOL]",
    help: "a port of this machine that leads into the container; may be repeated",
  },
  again: { kind: "switch", help: "attach a container that was started anew to what it was attached to before" },
  ...confDirOption, ...stateDirOption, ...jsonOption,
} as const satisfies OptionTable;

export const attachCommand = command({
  about:
    "TARGET is the path of a network namespace, its name (ip netns), a process id, or a docker, podman or containerd " +
    "container by its name or id; netns:, pid:, docker:, podman: or containerd: before it where several have the " +
    "name.\n\n" +
    "NETWORK is the name of a configuration or its file, or made of a link of this machine: bridge:br0 (made when it " +
    "is missing), macvlan:eth1, ipvlan:eth1, vlan:eth1, phys:eth1 (moved into the container), or the link's name " +
    "alone. Behind it may stand an address, as 10.0.0.5/24@10.0.0.1 with a gateway, dhcp, or 0/0 for none; and a " +
    "MAC address, @VLAN, or both in one word.\n\n" +
    "All of them or none. What was attached is remembered: polynic detach TARGET needs nothing else.",
  parameters: {
    target: { count: "one", help: "the container" },
    network: { count: "any", help: "what to attach it to" },
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
    const known = rememberedAttachments(given, environment)
      .filter(({ containerId, isByHand }) => isByHand && containerId === target.containerId);
    const attached = given.again === true
      ? await again(target, known, parameters.network, caller)
      : await anew(target, { words: parameters.network, known, given }, caller);
    if (given.json === true) output.json(attached);
    else output.table({ columns, rows: attached.flatMap(rowsOf) });
    return 0;
  },
});

type Caller = Output & { readonly environment: ProcessEnvironment };

interface Attached {
  readonly container: string;
  readonly containerId: string;
  readonly interface: string;
  readonly networks: readonly string[];
  readonly result: JsonObject;
}

const columns = [
  { title: "container" },
  { title: "interface" },
  { title: "addresses" },
  { title: "networks" },
] as const;

/** A row for each of the container's interfaces. */
function rowsOf({ container, networks, result }: Attached): readonly (readonly string[])[] {
  const [interfaces, ips] = [result["interfaces"], result["ips"]].map((list) =>
    Array.isArray(list) ? list.filter(isJsonObject) : [],
  );
  return (interfaces ?? []).flatMap(({ name, sandbox }, index) => {
    if (typeof sandbox !== "string" || sandbox === "") return [];
    const addresses = (ips ?? []).filter((ip) => ip["interface"] === index).map(({ address }) => String(address));
    return [[container, String(name), addresses.join(", "), networks.join(", ")]];
  });
}

interface AddOptions {
  readonly words: readonly string[];
  readonly known: readonly Remembered[];
  readonly given: OptionValues<typeof options>;
}

/** All or none: what was attached before one fails is taken back. */
async function anew(target: Target, { words, known, given }: AddOptions, caller: Caller): Promise<readonly Attached[]> {
  const directories = confDirs(given);
  const requests = takeApart(words).map((one) => toRequest(one, directories));
  if (requests.length === 0)
    throw new UsageError(`Cannot attach ${target.name}: NETWORK is missing, expected polynic attach TARGET NETWORK...`);
  if (requests.length > 1 && (given.interface !== undefined || given.publish.length > 0))
    throw new UsageError(
      "Cannot use --interface or --publish with several networks: expected one network, and a command for each",
    );
  const portMappings = given.publish.map(portMapping);
  const names = freeNames(target, known);
  const done: { readonly call: Parameters<typeof callNetwork>[0]; readonly attached: Attached }[] = [];
  for (const request of requests) {
    if (portMappings.length > 0) requireCapability(request.configuration, "portMappings");
    const call = addCall(target, request, { portMappings, ifName: given.interface ?? names.next().value ?? "", given });
    const path = pluginPath(caller.environment);
    try {
      const result = (await callNetwork({ ...call, path }, caller)) ?? {};
      const { name: container, containerId } = target;
      const networks = [request.configuration.name];
      const attached = { container, containerId, interface: call.ifName, networks, result };
      done.push({ call: { ...call, path }, attached });
    } catch (error) {
      for (const { call } of done.reverse()) await callNetwork({ ...call, verb: "DEL" }, caller);
      throw error;
    }
  }
  return done.map(({ attached }) => attached);
}

function addCall(
  { containerId, name, netns }: Target,
  { configuration, runtimeConfig }: NetworkRequest,
  { portMappings, ifName, given }: {
    readonly portMappings: readonly JsonObject[];
    readonly ifName: string;
    readonly given: OptionValues<typeof options>;
  },
) {
  const stateDir = given["state-dir"] ?? usualStateDirectory;
  const all = { ...runtimeConfig, ...(portMappings.length === 0 ? {} : { portMappings }) };
  const conf = multiplexerOf(configuration, { name: byHand, stateDir, runtimeConfig: all });
  const args = /^[\w.-]+$/.test(name) ? `IgnoreUnknown=1;K8S_POD_NAME=${name}` : "";
  return { verb: "ADD" as const, conf, containerId, netns, ifName, args };
}

/** Names neither in the container nor remembered of it. */
function* freeNames({ netns }: Target, known: readonly Remembered[]): Generator<string, never> {
  const namespace = openNamespace(netns);
  const taken = new Set(known.map(({ ifName }) => ifName));
  try {
    for (const { name } of namespace.links.list()) taken.add(name);
  } finally {
    namespace.close();
  }
  for (let number = 0; ; number++) if (!taken.has(`eth${number}`)) yield `eth${number}`;
}

function portMapping(text: string): JsonObject {
  const [, hostIP, host, container, protocol = "tcp"] =
    /^(?:([\d.]+|\[[\da-f:]+\]):)?(\d{1,5}):(\d{1,5})(?:\/(tcp|udp|sctp))?$/.exec(text) ?? [];
  if (host === undefined)
    throw new UsageError(`Cannot use --publish ${text}: expected [ADDRESS:]HOST:CONTAINER[/PROTOCOL], as 8080:80/tcp`);
  const address = hostIP === undefined ? {} : { hostIP: hostIP.replace(/^\[|\]$/g, "") };
  return { hostPort: Number(host), containerPort: Number(container), protocol, ...address };
}

/** What is left of the namespace before goes first; addresses are asked for by the container's name. */
async function again(
  target: Target,
  known: readonly Remembered[],
  words: readonly string[],
  caller: Caller,
): Promise<readonly Attached[]> {
  if (words.length > 0)
    throw new UsageError(`Cannot use --again with ${words.join(" ")}: networks are remembered, expected none`);
  if (known.length === 0)
    throw new CommandError(
      `Cannot attach ${target.name} again: nothing is remembered of it, expected polynic attach TARGET NETWORK...`,
    );
  const { containerId, netns, name: container } = target, path = pluginPath(caller.environment);
  const attached: Attached[] = [];
  for (const one of known) {
    const args = one.multiplexer?.args ?? "", runtimeConfig = one.multiplexer?.runtimeConfig ?? {};
    const conf = { ...confOf(one), runtimeConfig };
    const call = { conf, containerId, ifName: one.ifName, args, path };
    await callNetwork({ ...call, verb: "DEL", netns: one.netns.startsWith("/proc/") ? "" : one.netns }, caller);
    const result = (await callNetwork({ ...call, verb: "ADD", netns }, caller)) ?? {};
    const networks = one.networks.map(({ attachment }) => attachment.delegate.displayName);
    attached.push({ container, containerId, interface: one.ifName, networks, result });
  }
  return attached;
}
