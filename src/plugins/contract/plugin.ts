import type { Result } from "../../cni/index.ts";
import type { DhcpDaemon, Firewalld, Iptables, NftTool } from "../../exec/index.ts";
import type { ClusterChoice, LeaseStore, NodeSubnets, StoreChoice } from "../../ipam/index.ts";
import type { Namespace, Link } from "../../kernel/index.ts";
import type { Address } from "../../net/index.ts";
import type { AttachmentFiles, ContainerFiles } from "../../store/index.ts";
import type { ModuleHost } from "../../wasm/index.ts";

/** One (container, interface) pair and how the runtime reached it. Fields a verb does not carry are "". */
export interface Attachment {
  readonly containerId: string;
  /** Path as given; "" on a DEL whose namespace is gone. */
  readonly netns: string;
  readonly ifName: string;
  /** CNI_ARGS verbatim. */
  readonly args: string;
  /** CNI_PATH, split. */
  readonly path: readonly string[];
}

/** A plugin's configuration as JSON: the known generic keys typed, all others untouched. */
export interface PluginConf {
  readonly cniVersion: string;
  /** The network's name. */
  readonly name: string;
  readonly type: string;
  readonly [key: string]: unknown;
}

/** What an ADD is known by before its turn has come: a plugin of a chain does not know yet what it will be given. */
export interface StepRequest {
  readonly attachment: Attachment;
  /** Holds `runtimeConfig` where the runtime gave one, but never `prevResult`. */
  readonly conf: PluginConf;
  /**
   * The configuration is the node's own; absent, somebody with rights in one namespace of a cluster may have written
   * it.
   */
  readonly trusted?: boolean;
}

/** One call of a plugin. */
export interface PluginRequest extends StepRequest {
  readonly prevResult: Result | undefined;
}

/**
 * GC: the attachments of this network that are valid; undefined means that the runtime gave no list: remove nothing.
 */
export interface GcRequest extends PluginRequest {
  readonly validAttachments: readonly ValidAttachment[] | undefined;
}

export interface ValidAttachment {
  readonly containerID: string;
  readonly ifname: string;
}

/** Everything a plugin may touch, opened at first use. One set serves all plugins of one command. */
export interface Handles {
  /** The namespace this process runs in. */
  readonly host: Namespace;
  /** The container's namespace; throws (ADD, CHECK) when the path is no namespace. */
  readonly container: Namespace;
  /** The same, or undefined when the path is empty or nothing is there any more (DEL). */
  readonly containerIfPresent: Namespace | undefined;
  readonly iptables: Iptables;
  /** For words of nft that `host.nftables` has no expressions for. */
  readonly nftTool: NftTool;
  readonly firewalld: Firewalld;
  readonly modules: ModuleHost;
  /** The DHCP daemon at a unix socket; nothing is asked of it yet. */
  dhcpDaemon(socketPath: string): DhcpDaemon;
  /** Address reservations, where a network's configuration has them kept. */
  leases(choice: StoreChoice): LeaseStore;
  /** What the cluster has given this node for its pods; see src/call/node-subnets. */
  nodeSubnets(choice: ClusterChoice, options?: { readonly isDry: boolean }): Promise<NodeSubnets>;
  /**
   * The text of a file that a configuration names, by that key in messages; CniError 5 when it cannot be read.
   */
  readText(path: string, key?: string): string;
  /** The same, or undefined when there is no such file. */
  readTextIfPresent(path: string, key?: string): string | undefined;
  /** What a plugin notes about attachments, in a directory of its configuration's. */
  attachmentFiles(directory: string): AttachmentFiles;
  /** The same about containers. */
  containerFiles(directory: string): ContainerFiles;
  /** Does something that one call of ours at a time does on this node; `what` names it: "vxlan". */
  alone<T>(what: string, work: () => T | Promise<T>): Promise<T>;
  /**
   * The plugin of that type: built in, else an executable on CNI_PATH. Throws when there is neither.
   *
   * @param conf  the network's configuration, where it decides whether it is ours or the executable
   */
  plugin(type: string, conf?: PluginConf): Plugin;
  readonly log: Log;
  /** Waits without blocking the event loop for longer than needed. */
  sleep(ms: number): Promise<void>;
}

/** What STATUS may touch, and ADD with more. */
export interface StatusContext extends Handles {
  /**
   * Something that the configuration asks for would have no effect: the ADD is refused (7) with these words. Where
   * containers that start so today must go on starting, alone and under Multus's name, it is a warning and an event.
   */
  withoutEffect(problem: string): void;
}

export interface AddContext extends StatusContext {
  readonly undo: Undo;
  /** What addresses are to be kept for beyond the container; absent: nothing. */
  readonly claim?: AddressClaim;
}

/** The IPAMClaim that a pod refers to: a virtual machine keeps its addresses while its pods come and go. */
export interface AddressClaim {
  /** `namespace/name`. */
  readonly key: string;
  /** What it has had so far, as it says itself. */
  readonly addresses: readonly Address[];
  /** Said by whoever keeps addresses for it: what is given now is written down in it. */
  kept(): void;
}

export interface DelContext extends Handles {
  readonly teardown: Teardown;
}

/** Steps that take back what an ADD has done so far; run newest first when the ADD fails. */
export interface Undo {
  /** `what` names the step in the imperative: "delete the link". */
  add(what: string, step: () => void | Promise<void>): void;
}

/** Gathers a DEL's work so that the links of all networks go in one request (deleting a link waits for RCU). */
export interface Teardown {
  /** The link is deleted when the command's plugins have all been asked. */
  deleteLink(namespace: Namespace, link: Link): void;
  /** Runs before the gathered links go, for what the kernel frees by itself while it waits for them: firewall rules. */
  before(what: string, step: () => void | Promise<void>): void;
  /**
   * Runs after the gathered links are gone; an error, here as before, does not stop the others and is reported at the
   * end.
   */
  after(what: string, step: () => void | Promise<void>): void;
}

/** Lines for people, on stderr or in the configured file. */
export interface Log {
  error(message: string): void;
  warn(message: string): void;
  /** The line is made only where it is written. */
  verbose(message: () => string): void;
  debug(message: string): void;
}

/** What a plugin is to addresses: it has them from the plugin in `ipam.type` or not at all, or it gives them itself. */
export type IpamUse = "required" | "optional" | "none" | "provider";

/** One plugin of an ADD, its configuration read and accepted. */
export interface Step {
  /** @param prevResult  of the plugin before it; undefined for the first one */
  add(prevResult: Result | undefined, context: AddContext): Promise<Result>;
}

/**
 * A CNI plugin as a value: built in, or an executable wrapped to look the same.
 *
 * ADD stops at its first error and has registered an undo step for everything it did. DEL treats missing as success
 * and carries on past errors. CHECK changes nothing. Errors are CniError, or the kernel's NetlinkError.
 */
export interface Plugin {
  readonly type: string;
  /** cniVersions accepted, oldest first. */
  readonly versions: readonly string[];
  /** Absent: nobody knows, as of an executable. */
  readonly ipam?: IpamUse;
  /** It makes the one interface that the runtime has named: no network has two such. */
  readonly makesInterface?: true;
  /** It works on what a plugin before it has made, and can be no network's first. */
  readonly isChained?: true;
  /** The same where its configuration has no `ipam.type`: addresses are then those of the plugin before it. */
  readonly isChainedWithoutIpam?: true;
  /** What it gives it takes back over the link that it is on: DEL asks it before that link goes. */
  readonly releasesOverLink?: true;
  /**
   * ADD in two halves. This one reads the configuration, once, and what it names of files and modules, refuses what can
   * be refused without a `prevResult`, and touches nothing. The step then acts on what was read. It is there at once
   * where no module has to be waited for.
   */
  step(request: StepRequest, handles: Handles): Step | Promise<Step>;
  del(request: PluginRequest, context: DelContext): Promise<void>;
  check(request: PluginRequest, handles: Handles): Promise<void>;
  status(request: PluginRequest, context: StatusContext): Promise<void>;
  gc(request: GcRequest, handles: Handles): Promise<void>;
}
