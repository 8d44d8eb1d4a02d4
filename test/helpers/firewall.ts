/**
 * What plugins of the firewall are driven with in kernel tests: this namespace's own handles, and undo steps one can
 * run.
 */
import type { Result } from "../../src/cni/index.ts";
import type { IptablesOptions } from "../../src/exec/index.ts";
import { openFirewalld, openIptables, openNftTool } from "../../src/exec/index.ts";
import { openOwnNamespace } from "../../src/kernel/index.ts";
import type { AddContext, Attachment, DelContext, Plugin, PluginConf, PluginRequest } from "../../src/plugins/index.ts";
import { addWith } from "./handles.ts";
import { run } from "./netns.ts";

/** A context for ADD, DEL and CHECK. What firewall plugins have no business with throws. */
export interface FirewallContext extends AddContext, DelContext {
  /** Runs the undo steps, newest first, as a failing ADD would. */
  unwind(): Promise<void>;
  /** Lines given to the log. */
  readonly lines: readonly string[];
  close(): void;
}

export function firewallContext(options: Partial<IptablesOptions> = {}): FirewallContext {
  const host = openOwnNamespace();
  const steps: (() => void | Promise<void>)[] = [];
  const lines: string[] = [];
  const log = (line: string) => void lines.push(line);
  const unexpected = (): never => {
    throw new Error("a firewall plugin asked for something it should not need");
  };
  return {
    host, lines,
    iptables: openIptables({ env: process.env, ...options }),
    nftTool: openNftTool({ env: process.env }),
    firewalld: openFirewalld({ env: process.env }),
    get container(): never { return unexpected(); },
    containerIfPresent: undefined,
    get modules(): never { return unexpected(); },
    dhcpDaemon: unexpected,
    leases: unexpected, nodeSubnets: unexpected,
    readText: unexpected, readTextIfPresent: unexpected, attachmentFiles: unexpected, containerFiles: unexpected,
    alone: unexpected,
    plugin: unexpected,
    log: { error: log, warn: log, verbose: (line) => log(line()), debug: log },
    sleep: unexpected,
    withoutEffect: unexpected,
    undo: { add: (_, step) => void steps.push(step) },
    teardown: { deleteLink: unexpected, before: unexpected, after: unexpected },
    async unwind() {
      for (const step of steps.splice(0).reverse()) await step();
    },
    close: () => host.close(),
  };
}

export interface Call {
  readonly network?: string;
  readonly containerId?: string;
  readonly ifName?: string;
  readonly conf?: Readonly<Record<string, unknown>>;
  readonly prevResult?: Result;
}

/** One call of a plugin with a context of its own, undone when it fails. */
export async function call(plugin: Plugin, verb: "add" | "del" | "check", request: Call): Promise<void> {
  const context = firewallContext();
  try {
    if (verb === "add") await addWith(plugin, requestOf(plugin, request), context);
    else await plugin[verb](requestOf(plugin, request), context);
  } catch (error) {
    await context.unwind();
    throw error;
  } finally {
    context.close();
  }
}

export function requestOf(plugin: Plugin, { network = "test", containerId = "1234", ifName = "eth0", conf = {},
  prevResult }: Call): PluginRequest {
  const attachment: Attachment = { containerId, netns: "/run/netns/c", ifName, args: "", path: ["/nonexistent"] };
  const complete: PluginConf = { cniVersion: "1.0.0", name: network, type: plugin.type, ...conf };
  return { attachment, conf: complete, prevResult };
}

/** The nat table as iptables has it: chains and rules without counters; `family` 6 for ip6tables. */
export function natTable(family: 4 | 6 = 4, variant = ""): string[] {
  return run(`${family === 4 ? "iptables" : "ip6tables"}${variant}-save`, "-t", "nat").split("\n")
    .filter((line) => line.startsWith("-A") || /^:\S+ -/.test(line)).map((line) => line.replace(/^(:\S+) - .*/, "$1"));
}
