import { existsSync, readFileSync } from "node:fs";
import { CniError, code, messageOf } from "../cni/index.ts";
import {
  findExecutable, lateDhcpDaemon, openFirewalld, openIptables, openNftTool,
} from "../exec/index.ts";
import type { ClusterChoice, LeaseStore, NodeStores, NodeSubnets, StoreChoice, StoreNode } from "../ipam/index.ts";
import type { Namespace } from "../kernel/index.ts";
import { leftoverOfNetns, openNamespace, openNamespaceIfPresent } from "../kernel/index.ts";
import { bootId, readBoundedText } from "../os/index.ts";
import type { Handles, Log, Plugin, PluginConf } from "../plugins/index.ts";
import { builtIn, goneModule, wasmIpam, wasmPolicy, whereaboutsOf, whereaboutsType } from "../plugins/index.ts";
import { openAttachmentFiles, openContainerFiles, openFileLeases, refuseDataDir } from "../store/index.ts";
import type { ModuleHost, NodeModules } from "../wasm/index.ts";
import { openModules } from "../wasm/index.ts";
import { executedPlugin } from "./executed-plugin.ts";
import { lateLeases } from "./late-leases.ts";
import { passthru } from "./passthru.ts";
import { aloneOnNode, openNodeNamespace } from "./surroundings.ts";
import type { Surroundings, Warm } from "./surroundings.ts";

/** Handles with a lifetime: sockets and descriptors of one container. */
export interface OpenHandles extends Handles {
  close(): void;
}

/**
 * Where modules are and what they may do: `moduleDir`, `moduleLimits`, `policyAllow`, `mergeModule`, `mergeConfig`,
 * `moduleRecordings`, `nodeName`, `nodeIndex`.
 */
export interface ModulesConf extends Pick<
  NodeModules,
  "directory" | "limits" | "policyAllow" | "merge" | "recordings"
> {
  /** "" for the host's name. */
  readonly nodeName: string;
  readonly nodeIndex: number | null;
}

export interface HandlesOptions {
  /** CNI_NETNS; "" when the container has none any more. */
  readonly netns: string;
  /** Where executables are looked for. */
  readonly path: readonly string[];
  /** Types to be run as executables although they are built in, or true for every type. */
  readonly execute: true | readonly string[];
  /** Directory of the built-in WASM modules. */
  readonly modules: string;
  /** What the node's configuration says about modules; absent: nothing. */
  readonly moduleSettings?: ModulesConf;
  /** Where networks that are not the node's own may keep reservations: `dataDirs`; absent: in the usual places. */
  readonly dataDirs?: readonly string[] | undefined;
  /** Servers of stores that nodes share: `leaseStores`; absent: none. */
  readonly leaseStores?: NodeStores | undefined;
  /** Where such stores keep what is this node's; absent: in the usual place. */
  readonly stateDir?: string;
  readonly log: Log;
  readonly surroundings: Surroundings;
  /** What outlives the handles, which leave it open; opened for them when absent. */
  readonly warm?: Warm | undefined;
}

/** One call of ours changes iptables tables at a time: theirs is a read, a decision and a write. */
const iptablesLock = "iptables";

/** Everything plugins may touch, each part opened when it is first looked at. */
export function openHandles(options: HandlesOptions): OpenHandles {
  const { netns, log, surroundings } = options;
  const opened: Namespace[] = [];
  const aside = options.warm !== undefined;
  const keep = (namespace: Namespace): Namespace => {
    opened.push(namespace);
    return namespace;
  };
  const host = once(() => options.warm?.host ?? keep(openNodeNamespace()));
  const container = once(() => keep(openNamespace(netns, { aside, home: host.value() })));
  const present = once(() => {
    const namespace = container.known() ?? openNamespaceIfPresent(netns, { aside, home: host.value() });
    if (namespace === undefined && netns !== "" && existsSync(netns)) {
      const leftover = leftoverOfNetns(netns) ?? "something else";
      log.warn(`network namespace "${netns}" is gone: ${leftover} is there; what was in it needs no deleting`);
    }
    return namespace === undefined || opened.includes(namespace) ? namespace : keep(namespace);
  });
  const iptables = once(() =>
    openIptables({ exclusive: (work) => alone(iptablesLock, work, log), env: surroundings.env }),
  );
  const nftTool = once(() => openNftTool({ env: surroundings.env }));
  const firewalld = once(() => openFirewalld({ env: surroundings.env }));
  const modules = once(() => openNodeModules(options));
  const leases = new Map<string, LeaseStore>();
  const node = {
    get name() { return nodeNameOf(options); },
    get bootId() { return bootId(); },
  };
  const plugins = new Map<string, Plugin>();
  const parts = { host, container, present, iptables, nftTool, firewalld, modules };
  const others: Omit<OpenHandles, keyof Opened> = {
    dhcpDaemon: lateDhcpDaemon,
    leases: (choice) => remembered(leases, JSON.stringify(choice), () => openLeases(choice, node, options)),
    nodeSubnets: async (choice, { isDry } = { isDry: false }) => await nodeSubnets(choice, options, isDry),
    readText,
    readTextIfPresent: (path, key) => (existsSync(path) ? readText(path, key) : undefined),
    attachmentFiles: openAttachmentFiles,
    containerFiles: openContainerFiles,
    alone: (what, work) => alone(what, work, log),
    plugin: (type, conf) => takenOver(type, conf, options) ??
      remembered(plugins, type, () => findPlugin(type, options, modules.value)),
    log,
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    close() {
      for (const namespace of opened.splice(0)) namespace.close();
    },
  };
  return Object.assign(new Opened(parts), others);
}

type Late = Readonly<Record<"host" | "container", Once<Namespace>> & Record<"present", Once<Namespace | undefined>> & {
  [Key in "iptables" | "nftTool" | "firewalld" | "modules"]: Once<Handles[Key]> }>;

/**
 * What is opened when it is first looked at. A class, so that all handles look alike to V8: as accessors of an object
 * of each call's own, and inherited from it, they cost a plugin half a microsecond a look, and 25 to make.
 */
class Opened {
  /** No private member: what inherits from handles has none. */
  readonly parts: Late;

  constructor(parts: Late) {
    this.parts = parts;
  }

  get host(): Namespace { return this.parts.host.value(); }
  get container(): Namespace { return this.parts.present.known() ?? this.parts.container.value(); }
  get containerIfPresent(): Namespace | undefined { return this.parts.present.value(); }
  get iptables(): Handles["iptables"] { return this.parts.iptables.value(); }
  get nftTool(): Handles["nftTool"] { return this.parts.nftTool.value(); }
  get firewalld(): Handles["firewalld"] { return this.parts.firewalld.value(); }
  get modules(): Handles["modules"] { return this.parts.modules.value(); }
}

/** As they were opened: handles that others were laid over, as those that record every step are, are inherited. */
function isOpened(handles: object): handles is Opened {
  return Object.getPrototypeOf(handles) === Opened.prototype && !late.some((key) => Object.hasOwn(handles, key));
}

const late = ["host", "container", "containerIfPresent", "iptables", "nftTool", "firewalld", "modules"] as const;

/** The handles and one thing more. What has been opened, or will be, is of both. */
export function handlesWith<T extends object>(handles: Handles, more: T): Handles & T {
  if (isOpened(handles)) return Object.assign(new Opened(handles.parts), handles, more);
  // True because the new object inherits every handle and is given the rest.
  return Object.assign(Object.create(handles) as Handles, more);
}

function openNodeModules(options: HandlesOptions): ModuleHost {
  const { nodeName: _, nodeIndex = null, ...rest } = options.moduleSettings ?? {};
  const node = {
    ...rest,
    get node() { return { name: nodeNameOf(options), index: nodeIndex }; },
    log: (line: string) => options.log.debug(line),
  };
  return openModules(options.modules, node, options.warm?.modules);
}

/** Where is kept what stores that nodes share need of this node. */
export const usualStateDir = "/var/lib/cni/polynic";

function openLeases(choice: StoreChoice, node: StoreNode, options: HandlesOptions): LeaseStore {
  const { dataDirs, leaseStores: stores = {}, stateDir = usualStateDir, log, surroundings: { env }, warm } = options;
  if (choice.type === "files") {
    if (!choice.trusted) refuseDataDir(choice.dataDir, dataDirs);
    return openFileLeases({ dataDir: choice.dataDir, node });
  }
  return lateLeases(choice.type, async () =>
    (await import("./shared-leases/index.ts")).openSharedLeases(choice, { node, stores, stateDir, log, env, warm }));
}

async function nodeSubnets(choice: ClusterChoice, options: HandlesOptions, isDry: boolean): Promise<NodeSubnets> {
  const { leaseStores: stores = {}, stateDir = usualStateDir, log, surroundings: { env }, warm } = options;
  const { nodeSubnets } = await import("./node-subnets/index.ts");
  return await nodeSubnets(choice, { node: nodeNameOf(options), stores, stateDir, log, env, warm, isDry });
}

function nodeNameOf({ moduleSettings }: HandlesOptions): string {
  return moduleSettings?.nodeName || hostName();
}

/** What gethostname(2) says; "" when it cannot be had. */
function hostName(): string {
  try {
    return readFileSync("/proc/sys/kernel/hostname", "utf8").trim();
  } catch {
    return "";
  }
}

/** What somebody has asked us to do in an executable's place. */
function takenOver(type: string, conf: PluginConf | undefined, options: HandlesOptions): Plugin | undefined {
  if (type !== whereaboutsType || isForced(type, options)) return undefined;
  return whereaboutsOf(conf, options.leaseStores?.whereabouts);
}

function isForced(type: string, { execute }: HandlesOptions): boolean {
  return execute === true || execute.includes(type);
}

const insteadOfIt =
  "; polynic does its work where ipam.store, or leaseStores.whereabouts of the node's configuration, names a store";

/** Built in, else a module, else an executable. */
function findPlugin(type: string, options: HandlesOptions, modules: () => ModuleHost): Plugin {
  const { path, surroundings } = options, forced = isForced(type, options);
  const own = type === passthru.type ? passthru : builtIn.get(type);
  if (own !== undefined && !forced) return own;
  const module = forced ? undefined : modulePlugin(type, modules());
  if (module !== undefined) return module;
  const file = findExecutable(type, path);
  if (file !== undefined) return executedPlugin(type, file, surroundings);
  const why = forced ? undefined : modules().whyGone(type);
  if (why !== undefined) return goneModule(type, why);
  // The head of an auxiliary chain needs no program, whatever is to be executed.
  if (type === passthru.type) return passthru;
  throw new CniError(
    code.executable,
    `Cannot find plugin "${type}": ` +
      `${forced ? "it is to be executed" : "it is not built in, no module of that name is installed"} and no file of ` +
      `that name is in ${path.join(", ") || "CNI_PATH, which is empty"}` +
      (type === whereaboutsType && !forced ? insteadOfIt : ""),
  );
}

function modulePlugin(type: string, modules: ModuleHost): Plugin | undefined {
  switch (kindIn(modules, type)) {
    case "ipam": return wasmIpam(type);
    case "policy": return wasmPolicy(type);
    default: return undefined; // one that merges is no plugin
  }
}

/** Modules that cannot be read keep nobody from an executable: `whyGone` tells of them where there is none. */
function kindIn(modules: ModuleHost, type: string): ReturnType<ModuleHost["kindOf"]> {
  try {
    return modules.kindOf(type);
  } catch {
    return undefined;
  }
}

function readText(path: string, key?: string): string {
  try {
    return readBoundedText(path, textBytesMax);
  } catch (error) {
    const shown = key === undefined ? path : `${key} ${path}`;
    throw new CniError(code.ioFailure, `Cannot read ${shown}: ${messageOf(error)}`, { cause: error });
  }
}

/** More than a file of name servers ever has. */
const textBytesMax = 1024 * 1024;

/** A lock that cannot be had fails nobody's network. */
async function alone<T>(what: string, work: () => T | Promise<T>, log: Log): Promise<T> {
  return await aloneOnNode(what, work, (why) => log.warn(`${why.message}; ${what} is changed without that lock`));
}

interface Once<T> {
  value(): T;
  known(): T | undefined;
}

/** A value made when it is first asked for; a failure is not kept. */
function once<T>(make: () => T): Once<T> {
  let made: { readonly value: T } | undefined;
  return {
    value: () => (made ??= { value: make() }).value,
    known: () => made?.value,
  };
}

function remembered<K, T>(map: Map<K, T>, key: K, make: () => T): T {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
