/**
 * Ports of Open vSwitch's bridges, by its ovs-vsctl: made before an ADD and taken away after a DEL, since no plugin of
 * ours does. A port is one end of a veth pair, whose other end host-device moves into the container.
 */
import { randomBytes } from "node:crypto";
import type { Namespace } from "../../kernel/index.ts";
import { openOwnNamespace } from "../../kernel/index.ts";
import { findProgram, runProgram } from "../../os/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";
import { CommandError } from "../errors.ts";
import type { Remembered } from "../machine/known.ts";
import type { ProcessEnvironment } from "../output.ts";

export interface OvsPort {
  readonly bridge: string;
  /** The end that stays. */
  readonly port: string;
  /** The end that goes into the container. */
  readonly device: string;
  readonly vlan?: number;
  readonly mac?: string;
}

/** Names that nobody else gives links. */
export function newOvsPort(bridge: string, more: Pick<OvsPort, "vlan" | "mac">): OvsPort {
  const number = randomBytes(4).toString("hex");
  return { bridge, port: `ovsp${number}`, device: `ovsc${number}`, ...more };
}

/** Where a configuration keeps it: every other program passes over that place. */
export function ovsArgs(port: OvsPort): JsonObject {
  return { polynic: { ovs: port } };
}

/** The port that a configuration was made with. */
export function ovsPortIn({ args }: JsonObject): OvsPort | undefined {
  const own = isJsonObject(args) && isJsonObject(args["polynic"]) ? args["polynic"]["ovs"] : undefined;
  if (!isJsonObject(own)) return undefined;
  const { bridge, port, device, vlan, mac } = own;
  if (typeof bridge !== "string" || typeof port !== "string" || typeof device !== "string") return undefined;
  return {
    bridge, port, device,
    ...(typeof vlan === "number" ? { vlan } : {}), ...(typeof mac === "string" ? { mac } : {}),
  };
}

/** Those of what is remembered. */
export function ovsPortsOf({ networks }: Pick<Remembered, "networks">): readonly OvsPort[] {
  return networks.flatMap(({ attachment: { delegate: { confText } } }) => {
    const json: unknown = confText === "" ? undefined : JSON.parse(confText);
    return isJsonObject(json) ? ovsPortIn(json) ?? [] : [];
  });
}

/**
 * Makes the pair and the port, and the bridge where it is missing, which stays as other bridges do.
 *
 * @throws CommandError with the words of ovs-vsctl; nothing but the bridge is left then
 */
export async function makeOvsPort(port: OvsPort, environment: ProcessEnvironment): Promise<void> {
  const { bridge, port: name, device, vlan, mac } = port;
  await withoutStale(environment, port);
  try {
    onHost((host) => {
      host.links.add({ name: device, ...(mac === undefined ? {} : { mac }), info: { kind: "veth", peer: { name } } });
      host.links.set(host.links.get(name).index, { up: true });
    });
    await vsctl(`add a port to bridge "${bridge}"`, [
      "--may-exist", "add-br", bridge, "--", "add-port", bridge, name, ...(vlan === undefined ? [] : [`tag=${vlan}`]),
      "--", "set", "Interface", name, `external_ids:${mark}`,
    ], environment);
    onHost((host) => {
      // Its own link, where packets go through the kernel.
      const own = host.links.find(bridge);
      if (own !== undefined && !own.up) host.links.set(own.index, { up: true });
    });
  } catch (error) {
    await removeOvsPort(port, environment).catch(() => {});
    throw error;
  }
}

/** Missing is fine. @throws CommandError with the words of ovs-vsctl */
export async function removeOvsPort({ port, device }: OvsPort, environment: ProcessEnvironment): Promise<void> {
  const host = openOwnNamespace();
  try {
    // Of a container that is gone the kernel has taken both.
    const left = [port, device].map((name) => host.links.find(name)).find((link) => link !== undefined);
    if (left !== undefined) await host.links.delete(left.index);
  } finally {
    host.close();
  }
  await vsctl(`delete port "${port}"`, ["--if-exists", "del-port", port], environment);
}

const mark = "polynic=true";

/** Open vSwitch remembers ports across restarts of the machine, which takes our links away. */
async function withoutStale(environment: ProcessEnvironment, { bridge }: OvsPort): Promise<void> {
  const act = `look at the ports of bridge "${bridge}"`;
  const told = await vsctl(act, ["--bare", "--columns=name", "find", "Interface", `external_ids:${mark}`], environment);
  const names = told.split(/\s+/).filter((name) => name !== "");
  const stale = onHost((host) => names.filter((name) => host.links.find(name) === undefined));
  const words = stale.flatMap((name) => ["--", "--if-exists", "del-port", name]).slice(1);
  if (words.length > 0) await vsctl("delete ports without links", words, environment);
}

const usualPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** Its own limit: without a daemon it would wait for one. */
const answerSeconds = 10;

async function vsctl(act: string, words: readonly string[], environment: ProcessEnvironment): Promise<string> {
  const file = findProgram("ovs-vsctl", (environment["PATH"] ?? usualPath).split(":"));
  if (file === undefined)
    throw new CommandError(
      `Cannot ${act}: there is no ovs-vsctl, expected Open vSwitch on this machine (package openvswitch-switch)`);
  const options = { env: environment, timeoutMs: 2_000 * answerSeconds };
  const { status, stdout, stderr } = await runProgram(file, [`--timeout=${answerSeconds}`, ...words], options);
  if (status === 0) return stdout;
  const said = stderr.trim().split("\n").at(-1) || "it gave no answer, expected Open vSwitch to run";
  throw new CommandError(`Cannot ${act}: ${said}`);
}

function onHost<T>(work: (host: Namespace) => T): T {
  const host = openOwnNamespace();
  try {
    return work(host);
  } finally {
    host.close();
  }
}
