/** IPAM plugins driven alone: their own store and modules, every address in a directory of the test's. */
import { readFileSync } from "node:fs";
import type { Result } from "../../src/cni/index.ts";
import type { AddContext, DelContext, Plugin, PluginConf, ValidAttachment } from "../../src/plugins/index.ts";
import { openFileLeases } from "../../src/store/index.ts";
import type { ModuleHost } from "../../src/wasm/index.ts";
import { openModules } from "../../src/wasm/index.ts";
import { addWith } from "./handles.ts";
import { builtModules } from "./wasm.ts";

export interface IpamCall {
  readonly containerId?: string;
  readonly ifName?: string;
  readonly args?: string;
  readonly cniVersion?: string;
  readonly network?: string;
  /** Everything but cniVersion, name and type. */
  readonly conf: Readonly<Record<string, unknown>>;
  readonly prevResult?: Result;
  /** Absent: the built-in modules. */
  readonly modules?: ModuleHost;
  /** Which start of the machine it is. */
  readonly bootId?: string;
  /** Gets the warnings; without it there must be none. */
  readonly warnings?: string[];
  /** The configuration is not the node's own. */
  readonly untrusted?: boolean;
}

const builtIn = openModules(builtModules);

export async function add(plugin: Plugin, call: IpamCall): Promise<Result> {
  const { context, undo } = contextOf(call);
  try {
    return await addWith(plugin, requestOf(plugin, call), context);
  } catch (error) {
    for (const step of undo.splice(0).reverse()) await step();
    throw error;
  }
}

/** ADD whose undo steps are run although it succeeded, as when a later plugin fails. */
export async function addAndUndo(plugin: Plugin, call: IpamCall): Promise<void> {
  const { context, undo } = contextOf(call);
  await addWith(plugin, requestOf(plugin, call), context);
  for (const step of undo.splice(0).reverse()) await step();
}

export async function del(plugin: Plugin, call: IpamCall): Promise<void> {
  await plugin.del(requestOf(plugin, call), contextOf(call).context);
}

export async function check(plugin: Plugin, call: IpamCall): Promise<void> {
  await plugin.check(requestOf(plugin, call), contextOf(call).context);
}

export async function status(plugin: Plugin, call: IpamCall): Promise<void> {
  await plugin.status(requestOf(plugin, call), contextOf(call).context);
}

export async function gc(plugin: Plugin, call: IpamCall,
  validAttachments: readonly ValidAttachment[] | undefined): Promise<void> {
  await plugin.gc({ ...requestOf(plugin, call), validAttachments }, contextOf(call).context);
}

function requestOf(plugin: Plugin, { containerId = "dummy", ifName = "eth0", args = "", cniVersion = "1.1.0",
  network = "mynet", conf, prevResult, untrusted = false }: IpamCall) {
  const whole: PluginConf = { cniVersion, name: network, type: plugin.type, ...conf };
  return { attachment: { containerId, netns: "", ifName, args, path: [] }, conf: whole, prevResult,
    trusted: !untrusted };
}

function contextOf({ modules = builtIn, bootId = "now",
  warnings }: IpamCall): { readonly context: AddContext & DelContext; readonly undo: (() => void | Promise<void>)[] } {
  const undo: (() => void | Promise<void>)[] = [];
  const unexpected = (): never => {
    throw new Error("an IPAM plugin asked for something it should not need");
  };
  const context: AddContext & DelContext = {
    get host(): never { return unexpected(); },
    get container(): never { return unexpected(); },
    get containerIfPresent(): never { return unexpected(); },
    get iptables(): never { return unexpected(); },
    get nftTool(): never { return unexpected(); },
    get firewalld(): never { return unexpected(); },
    modules,
    dhcpDaemon: unexpected,
    leases: (choice) => choice.type === "files"
      ? openFileLeases({ dataDir: choice.dataDir, node: { name: "here", bootId } }) : unexpected(),
    nodeSubnets: unexpected,
    readText: (path) => readFileSync(path, "utf8"),
    readTextIfPresent: (path) => readFileSync(path, "utf8"),
    attachmentFiles: () => { throw new Error("no files of attachments are expected"); },
    plugin: unexpected, alone: unexpected, containerFiles: unexpected,
    log: { error: unexpected, warn: (line) => (warnings === undefined ? unexpected() : void warnings.push(line)),
      verbose: unexpected, debug: unexpected },
    sleep: unexpected,
    withoutEffect: unexpected,
    undo: { add: (_, step) => void undo.push(step) },
    teardown: { deleteLink: unexpected, before: unexpected, after: unexpected },
  };
  return { context, undo };
}
