// Whoever attaches a container in the benchmark: polynic or Multus as one executable, or the reference plugins called
// one after the other as a runtime calls them. Each call is a whole process, timed from its start to its end.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { join } from "node:path";
import { cniVersion } from "./cases.ts";
import type { Case, Network } from "./cases.ts";

export interface Attachment {
  readonly containerId: string;
  readonly netns: string;
}

export interface Runtime {
  readonly title: string;
  /** A name for the namespace that is its host and the folder of its state: each runtime has a node of its own. */
  readonly node: string;
  /** Milliseconds of the processes of one ADD; throws when one fails. */
  add(one: Case, attachment: Attachment): number;
  del(one: Case, attachment: Attachment): number;
  supports(one: Case): boolean;
  /** What has to run on its node beforehand; called once, with the node's namespace. */
  prepare?(netns: string): void;
}

const limitMs = 30_000;

/** Variables of a runtime's calls beside those of the call. */
export type Environment = Readonly<Record<string, string>>;

/** No daemon is asked, should there be one on the machine. */
const oneShot: Environment = { POLYNIC_SOCKET: "" };

export interface MultiplexerOptions {
  readonly executable: string;
  readonly type: string;
  readonly pluginPath: string;
  /** Its type's name, where that is the only runtime of that type. */
  readonly node?: string;
  readonly env?: Environment;
  /** Its DEL with the nftables backend ends with an error, see `plugins`. */
  readonly failsWithNftables?: boolean;
}

/** One executable that takes all networks as its delegates. */
export function multiplexer(title: string, options: MultiplexerOptions): Runtime {
  const { type, node = type } = options;
  const call = (command: string, one: Case, attachment: Attachment): number =>
    run({
      ...callOf(one, attachment, options), command,
      mayFail: command === "DEL" && one.nftables === true && options.failsWithNftables === true,
    }).tookMs;
  return {
    title,
    node,
    add: (one, attachment) => call("ADD", one, attachment),
    del: (one, attachment) => call("DEL", one, attachment),
    supports: () => true,
  };
}

/** One call of a multiplexer for all of a case's networks, but for the verb. */
export function callOf(
  one: Case,
  attachment: Attachment,
  { executable, type, pluginPath, node = type, env = oneShot }: MultiplexerOptions,
): Omit<Call, "command"> {
  const delegates = one.networks.map((network) => ({ cniVersion, ...network,
    plugins: network.plugins.map((plugin) => withState(plugin, node)) }));
  return {
    executable, attachment, pluginPath, env, ifName: "eth0",
    conf: {
      cniVersion, name: "bench", type, binDir: pluginPath, cniDir: `${stateOf(node)}/multus`, delegates,
      capabilities: { portMappings: true },
      ...(one.runtimeConfig === undefined ? {} : { runtimeConfig: one.runtimeConfig }),
    },
  };
}

/** The same executable with a daemon on its node. */
export function withDaemon(runtime: Runtime, program: string, socket: string): Runtime {
  return {
    ...runtime,
    prepare(netns) {
      const words = [`--net=${netns}`, program, "daemon", "--socket", socket];
      // Ends with the benchmark's process namespace.
      spawn("nsenter", words, { stdio: "inherit", env: { PATH: process.env["PATH"] } }).unref();
      execFileSync("sh", ["-c", 'until [ -S "$1" ]; do sleep 0.02; done', "sh", socket], { timeout: limitMs });
    },
  };
}

/** The reference plugins of one directory, each network's chain in order, DEL in reverse. */
export function plugins(title: string, directory: string,
  options: { readonly node: string; readonly nftables: boolean; readonly env?: Environment }): Runtime {
  const { node, env = oneShot } = options;
  return {
    title,
    node,
    supports: (one) => one.nftables !== true || options.nftables,
    add: (one, attachment) => runChain(chainCalls(one, "ADD", attachment, { directory, node, env })),
    del: (one, attachment) => runChain(chainCalls(one, "DEL", attachment, { directory, node, env })),
  };
}

function runChain(calls: readonly ChainCall[]): number {
  let sum = 0;
  for (const { call, keep } of calls) {
    const { tookMs, stdout } = run(call());
    keep(stdout);
    sum += tookMs;
  }
  return sum;
}

/** One executable of a chain; its configuration holds the result of those before it, so it is made at its turn. */
export interface ChainCall {
  call(): Call;
  keep(stdout: string): void;
}

export interface ChainOptions {
  readonly directory: string;
  readonly node: string;
  readonly env?: Environment;
}

/** The executables of all networks in order; for DEL in reverse. */
export function chainCalls(
  one: Case,
  command: "ADD" | "DEL",
  attachment: Attachment,
  { directory, node, env = oneShot }: ChainOptions,
): readonly ChainCall[] {
  const calls = one.networks.flatMap((network, index) => {
    const place = key(attachment, index);
    return confs(one, network, index, node).map((conf, position): ChainCall => ({
      call() {
        const prevResult = command === "ADD" && position === 0 ? undefined : results.get(place);
        return {
          executable: join(directory, String(conf["type"])), command, attachment, env,
          ifName: ifName(index), pluginPath: directory,
          conf: prevResult === undefined ? conf : { ...conf, prevResult },
          // With the nftables backend, release 1.9 ends its DEL with an error when the iptables chain it also looks
          // for is not there.
          mayFail: command === "DEL" && one.nftables === true,
        };
      },
      keep(stdout) {
        if (command === "ADD") results.set(place, JSON.parse(stdout));
      },
    }));
  });
  return command === "ADD" ? calls : calls.toReversed();
}

/** The cached results a runtime would pass as prevResult at DEL. */
const results = new Map<string, unknown>();

function key({ containerId }: Attachment, index: number): string {
  return `${containerId} ${index}`;
}

function ifName(index: number): string {
  return index === 0 ? "eth0" : `net${index}`;
}

function stateOf(node: string): string {
  return `/var/lib/cni/${node}`;
}

/** The plugin with its reservations in the node's own folder. */
function withState(plugin: Readonly<Record<string, unknown>>, node: string): Readonly<Record<string, unknown>> {
  const { ipam } = plugin;
  return typeof ipam === "object" ? { ...plugin, ipam: { ...ipam, dataDir: `${stateOf(node)}/networks` } } : plugin;
}

function confs(one: Case, network: Network, index: number, node: string): Readonly<Record<string, unknown>>[] {
  return network.plugins.map((plugin) => ({
    ...withState(plugin, node), cniVersion, name: network.name,
    ...(index === 0 && one.runtimeConfig !== undefined && plugin["capabilities"] !== undefined
      ? { runtimeConfig: one.runtimeConfig } : {}),
  }));
}

export interface Call {
  readonly executable: string;
  readonly command: string;
  readonly attachment: Attachment;
  readonly ifName: string;
  readonly pluginPath: string;
  readonly conf: object;
  readonly env: Environment;
  readonly mayFail?: boolean;
}

export function environmentOf({ command, attachment: { containerId, netns }, ifName, pluginPath, env }: Call):
Record<string, string> {
  return {
    PATH: process.env["PATH"] ?? "", CNI_COMMAND: command, CNI_CONTAINERID: containerId, CNI_NETNS: netns,
    CNI_IFNAME: ifName, CNI_PATH: pluginPath, ...env,
  };
}

function run(call: Call): { tookMs: number; stdout: string } {
  const { executable, command, conf, mayFail = false } = call;
  const input = JSON.stringify(conf), env = environmentOf(call);
  const start = process.hrtime.bigint();
  const child = spawnSync(executable, [], { input, env, encoding: "utf8", timeout: limitMs });
  const tookMs = Number(process.hrtime.bigint() - start) / 1e6;
  if (child.status !== 0 && !mayFail)
    throw new Error(`${command} by ${executable} failed: ${child.stdout}${child.stderr}`);
  return { tookMs, stdout: child.stdout };
}
