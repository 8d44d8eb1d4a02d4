// Whoever attaches a container in the benchmark: polynic or Multus as one executable, or the reference plugins called
// one after the other as a runtime calls them. Each call is a whole process, timed from its start to its end.
import { spawnSync } from "node:child_process";
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
}

const limitMs = 30_000;

/** One executable that takes all networks as its delegates. */
export function multiplexer(title: string, executable: string, type: string, pluginPath: string): Runtime {
  const call = (command: string, one: Case, attachment: Attachment): number =>
    run(executable, command, attachment, "eth0", pluginPath, {
      cniVersion, name: "bench", type, binDir: pluginPath, cniDir: `${stateOf(type)}/multus`,
        capabilities: { portMappings: true },
      delegates: one.networks.map((network) => ({ cniVersion, ...network,
        plugins: network.plugins.map((plugin) => withState(plugin, type)) })),
      ...(one.runtimeConfig === undefined ? {} : { runtimeConfig: one.runtimeConfig }),
    }).tookMs;
  return {
    title,
    node: type,
    add: (one, attachment) => call("ADD", one, attachment),
    del: (one, attachment) => call("DEL", one, attachment),
    supports: () => true,
  };
}

/** The reference plugins of one directory, each network's chain in order, DEL in reverse. */
export function plugins(title: string, directory: string,
  options: { readonly node: string; readonly nftables: boolean }): Runtime {
  const { node } = options;
  return {
    title,
    node,
    supports: (one) => one.nftables !== true || options.nftables,
    add(one, attachment) {
      let sum = 0;
      for (const [index, network] of one.networks.entries()) {
        let prevResult: unknown;
        for (const conf of confs(one, network, index, node)) {
          const { tookMs, stdout } = run(join(directory, String(conf["type"])), "ADD", attachment, ifName(index),
            directory,
            prevResult === undefined ? conf : { ...conf, prevResult });
          prevResult = JSON.parse(stdout);
          sum += tookMs;
        }
        results.set(key(attachment, index), prevResult);
      }
      return sum;
    },
    del(one, attachment) {
      let sum = 0;
      // With the nftables backend, release 1.9 ends its DEL with an error when the iptables chain it also looks for is
      // not there.
      const mayFail = one.nftables === true;
      for (const [index, network] of [...one.networks.entries()].reverse()) {
        const prevResult = results.get(key(attachment, index));
        for (const conf of confs(one, network, index, node).reverse()) {
          sum += run(join(directory, String(conf["type"])), "DEL", attachment, ifName(index), directory,
            { ...conf, prevResult }, mayFail).tookMs;
        }
        results.delete(key(attachment, index));
      }
      return sum;
    },
  };
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

function run(
  executable: string, command: string, { containerId, netns }: Attachment, ifName: string, pluginPath: string,
    conf: object,
  mayFail = false,
): { tookMs: number; stdout: string } {
  const env = {
    PATH: process.env["PATH"] ?? "", CNI_COMMAND: command, CNI_CONTAINERID: containerId, CNI_NETNS: netns,
    CNI_IFNAME: ifName, CNI_PATH: pluginPath,
  };
  const input = JSON.stringify(conf);
  const start = process.hrtime.bigint();
  const child = spawnSync(executable, [], { input, env, encoding: "utf8", timeout: limitMs });
  const tookMs = Number(process.hrtime.bigint() - start) / 1e6;
  if (child.status !== 0
    && !mayFail) throw new Error(`${command} by ${executable} failed: ${child.stdout}${child.stderr}`);
  return { tookMs, stdout: child.stdout };
}
