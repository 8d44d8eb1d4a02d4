/** Attaching a container by hand, as a runtime would: what `polynic attach` and `polynic network connect` share. */
import { openNamespace } from "../../kernel/index.ts";
import { interfaceNameProblem } from "../../net/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";
import { CommandError, UsageError } from "../errors.ts";
import { pluginPath, usualStateDirectory } from "../machine/directories.ts";
import type { Remembered } from "../machine/known.ts";
import { confOf, detachRemembered } from "../../service/index.ts";
import { byHand, callNetwork, multiplexerOf } from "../machine/network-call.ts";
import type { OptionTable } from "../options.ts";
import type { Output, ProcessEnvironment } from "../output.ts";
import type { Table } from "../table.ts";
import type { OvsPort } from "./ovs.ts";
import { makeOvsPort, ovsPortIn, ovsPortsOf, removeOvsPort } from "./ovs.ts";
import type { NetworkRequest } from "./request.ts";
import { requireCapability } from "./request.ts";
import type { Target } from "./target.ts";

/** Commands that attach have them. */
export const attachOptions = {
  interface: { kind: "text", short: "i", value: "NAME", help: "in the container; default: the next free ethN" },
  publish: {
    kind: "texts",
    short: "p",
    value: "HOST:CONTAINER[/PROTOCOL]",
    help: "a port of this machine that leads into the container; may be repeated",
  },
} as const satisfies OptionTable;

export type Caller = Output & { readonly environment: ProcessEnvironment };

export interface Attached {
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

/** A row for each interface. */
export function attachedTable(attached: readonly Attached[]): Table {
  return { columns, rows: attached.flatMap(rowsOf) };
}

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

export interface AttachOptions {
  /** What the container is known to have. */
  readonly known: readonly Remembered[];
  readonly interface: string | undefined;
  readonly publish: readonly string[];
  readonly "state-dir": string | undefined;
}

/** All or none: what was attached before one fails is taken back. */
export async function attachTo(
  target: Target,
  requests: readonly NetworkRequest[],
  given: AttachOptions,
  caller: Caller,
): Promise<readonly Attached[]> {
  if (requests.length > 1 && (given.interface !== undefined || given.publish.length > 0))
    throw new UsageError(
      "Cannot use --interface or --publish with several networks: expected one network, and a command for each",
    );
  const problem = given.interface === undefined ? undefined : interfaceNameProblem(given.interface);
  if (problem !== undefined) throw new UsageError(`Cannot use --interface ${given.interface}: ${problem}`);
  const portMappings = given.publish.map(portMapping);
  const names = freeNames(target, given.known);
  const done: { readonly call: PortedCall; readonly attached: Attached }[] = [];
  for (const request of requests) {
    if (portMappings.length > 0) requireCapability(request.configuration, "portMappings");
    const call = addCall(target, request, { portMappings, ifName: given.interface ?? names.next().value ?? "", given });
    const path = pluginPath(caller.environment), port = ovsPortIn(request.configuration.json);
    try {
      const result = await attachWithPort({ ...call, path, port }, caller);
      const { name: container, containerId } = target;
      const networks = [request.configuration.name];
      const attached = { container, containerId, interface: call.ifName, networks, result };
      done.push({ call: { ...call, path, port }, attached });
    } catch (error) {
      for (const { call } of done.reverse()) {
        await callNetwork({ ...call, verb: "DEL" }, caller);
        if (call.port !== undefined) await removeOvsPort(call.port, caller.environment);
      }
      throw error;
    }
  }
  return done.map(({ attached }) => attached);
}

type PortedCall = Parameters<typeof callNetwork>[0] & { readonly port: OvsPort | undefined };

/** An ADD with the port of Open vSwitch that it takes. */
async function attachWithPort({ port, ...call }: PortedCall, caller: Caller): Promise<JsonObject> {
  if (port !== undefined) await makeOvsPort(port, caller.environment);
  try {
    return (await callNetwork(call, caller)) ?? {};
  } catch (error) {
    if (port !== undefined) await removeOvsPort(port, caller.environment);
    throw error;
  }
}

function addCall(
  { containerId, name, netns }: Target,
  { configuration, runtimeConfig }: NetworkRequest,
  { portMappings, ifName, given }: {
    readonly portMappings: readonly JsonObject[];
    readonly ifName: string;
    readonly given: AttachOptions;
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
  if (host === undefined || ![host, container].map(Number).every((port) => port >= 1 && port <= portMax))
    throw new UsageError(`Cannot use --publish ${text}: expected [ADDRESS:]HOST:CONTAINER[/PROTOCOL] with ports ` +
      `from 1 to ${portMax}, as 8080:80/tcp`);
  const address = hostIP === undefined ? {} : { hostIP: hostIP.replace(/^\[|\]$/g, "") };
  return { hostPort: Number(host), containerPort: Number(container), protocol, ...address };
}

const portMax = 65_535;

/**
 * What is left of the namespace before goes first; addresses are asked for by the container's name. What cannot be
 * attached stays remembered for the next time, and so does all of it when this process is killed.
 */
export async function attachAgain(
  target: Target,
  known: readonly Remembered[],
  caller: Caller,
): Promise<readonly Attached[]> {
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
    const [port] = ovsPortsOf(one), before = one.netns.startsWith("/proc/") ? "" : one.netns;
    const tell = (text: string): void => caller.warn(text.trimEnd());
    await detachRemembered(one, { netns: before, next: netns }, { env: caller.environment, tell, path });
    if (port !== undefined) await removeOvsPort(port, caller.environment);
    const result = await attachWithPort({ ...call, verb: "ADD", netns, port }, caller);
    const networks = one.networks.map(({ attachment }) => attachment.delegate.displayName);
    attached.push({ container, containerId, interface: one.ifName, networks, result });
  }
  return attached;
}
