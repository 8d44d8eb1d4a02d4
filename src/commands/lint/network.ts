import type { NetworkConf, NetworkPlugin } from "../../cni/index.ts";
import { allVersions, CniError, enabledArgs, requestConf, requireVersion } from "../../cni/index.ts";
import type { LeaseStore } from "../../ipam/index.ts";
import type { Delegate } from "../../mux/index.ts";
import { parseDelegate } from "../../mux/index.ts";
import type { Handles, Plugin, PluginConf } from "../../plugins/index.ts";
import { builtIn, isChained, whereaboutsOf, whereaboutsType } from "../../plugins/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";
import { blame } from "./blame.ts";
import type { Report } from "./finding.ts";
import { checkGateways } from "./gateway.ts";
import type { Spot } from "./spot.ts";
import { keyTables, reportUnknownKeys } from "./unknown-keys.ts";

/** What is around a network's configuration. */
export interface NetworkContext {
  readonly spot: Spot;
  readonly report: Report;
  /** The node's own, which may name files of the node. */
  readonly trusted: boolean;
  /** Types that are run as executables although they are built in. */
  readonly execute?: true | readonly string[];
  /** The kubelet's device is laid into the configuration before anybody reads it. */
  readonly hasDevice?: boolean;
  /** It stands behind others, in a list that is elsewhere. */
  readonly isPart?: boolean;
  /** What a pod asks its plugins for. */
  readonly capabilityArgs?: JsonObject;
}

/** Checks one network as ADD reads it; undefined when it cannot be read. */
export function checkNetwork(
  config: JsonObject,
  context: NetworkContext & { readonly defaultVersion: string },
): Delegate | undefined {
  const { spot, report, defaultVersion, trusted } = context;
  const delegate = refused(config, spot, report, () =>
    parseDelegate(config, { subject: "it", defaultVersion, trusted }),
  );
  if (delegate === undefined) return undefined;
  checkPlugins(delegate.network, delegate.list ? { json: config, context } : { json: undefined, context });
  return delegate;
}

/** Checks every plugin of a network; `json` is there when it is a list. */
export function checkPlugins(
  network: NetworkConf,
  { json, context }: { readonly json: JsonObject | undefined; readonly context: NetworkContext },
): void {
  const { spot, report } = context;
  if (json !== undefined)
    reportUnknownKeys({ ...withoutOwnArgs(json), plugins: [] }, keyTables(["network-list"]), spot, report);
  if (!allVersions.some((version) => version === network.cniVersion)) {
    report(
      "error",
      spot.at("cniVersion"),
      `it is ${JSON.stringify(network.cniVersion)}, expected one of ${allVersions.join(", ")}`,
    );
    return;
  }
  const [first] = network.plugins;
  if (first !== undefined && isChained(builtIn.get(first.type) ?? {}, first) && context.isPart !== true) {
    const place = json === undefined ? spot : spot.at("plugins", 0);
    report(
      "error",
      place.at("type"),
      `it is "${first.type}", which works on what a plugin before it has made: expected it behind one that makes the ` +
        "interface",
    );
  }
  const makes = ({ type }: NetworkPlugin): boolean => builtIn.get(type)?.makesInterface === true;
  for (const [index, plugin] of network.plugins.entries())
    if (makes(plugin) && network.plugins.slice(0, index).some(makes))
      report(
        "error",
        spot.at("plugins", index).at("type"),
        `it is "${plugin.type}", which makes the interface that one before it has made: expected it first, and alone`,
      );
  network.plugins.forEach((plugin, index) =>
    checkPlugin(plugin, network, { ...context, spot: json === undefined ? spot : spot.at("plugins", index) }),
  );
}

/** In `args` of a list polynic network create and podman keep what they know of it. */
function withoutOwnArgs({ args, ...others }: JsonObject): JsonObject {
  const isOwn = isJsonObject(args) && Object.keys(args).every((key) => /^(polynic$|podman_)/.test(key));
  return isOwn || args === undefined ? others : { args, ...others };
}

/** What `work` gives; an error of ADD's is reported where it points to, and the answer is undefined. */
export function refused<T>(config: JsonObject, spot: Spot, report: Report, work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (isForHost(error)) return undefined;
    if (!(error instanceof CniError)) throw error;
    const { spot: place, message } = blame(error.message, config, spot);
    report("error", place, message);
    return undefined;
  }
}

function checkPlugin(plugin: NetworkPlugin, network: NetworkConf, context: NetworkContext): void {
  const { type } = plugin;
  const { spot, report, execute = [], trusted, hasDevice = false, capabilityArgs = {} } = context;
  if (type === "passthru" || execute === true || execute.includes(type)) return;
  const known = builtIn.get(type);
  if (known === undefined) {
    report("warning", spot.at("type"), notBuiltIn(type));
    return;
  }
  refused(plugin, spot, report, () => requireVersion("ADD", network.cniVersion, known.versions));
  const conf = requestConf({ network, plugin: withNodesDevice(plugin, hasDevice), capabilityArgs });
  refused(plugin, spot, report, () => {
    const step = known.step({ attachment, conf, trusted }, offlineHandles);
    // One that waits does so for a module, which is a file of a node.
    if (step instanceof Promise) step.catch(() => undefined);
  });
  checkGateways(plugin, spot, report);
  const ipamType = ipamTypeOf(plugin);
  const isForeign = ipamType !== undefined && !builtIn.has(ipamType) && insteadOf(ipamType, conf) === undefined;
  if (isForeign) report("warning", spot.at("ipam", "type"), notBuiltIn(ipamType));
  // Another program's keys are its own business.
  const shown = isForeign ? { ...plugin, ipam: {} } : plugin;
  if (type !== "wasm")
    reportUnknownKeys(
      shown,
      keyTables(["plugin-conf", type, ...(ipamType === undefined ? [] : [ipamType])]),
      spot,
      report,
    );
}

/**
 * Whether a device is there only its node knows; which one it is makes no difference to the rest of a configuration.
 */
function withNodesDevice(plugin: NetworkPlugin, hasDevice: boolean): NetworkPlugin {
  const byBus = Object.entries(plugin).some(
    ([key, value]) => key.toLowerCase() === "pcibusid" && typeof value === "string" && value !== "",
  );
  const promised = Object.hasOwn(enabledArgs(plugin, { deviceID: true }), "deviceID");
  if (plugin.type !== "host-device" || !(hasDevice || byBus || promised)) return plugin;
  const rest = Object.entries(plugin).filter(([key]) => key.toLowerCase() !== "pcibusid");
  return { ...Object.fromEntries(rest), type: plugin.type, device: "eth0" };
}

function ipamTypeOf(plugin: NetworkPlugin): string | undefined {
  const [, ipam] = Object.entries(plugin).findLast(([key]) => key.toLowerCase() === "ipam") ?? [];
  const [, type] =
    Object.entries(isJsonObject(ipam) ? ipam : {}).findLast(([key]) => key.toLowerCase() === "type") ?? [];
  return typeof type === "string" && type !== "" ? type : undefined;
}

function notBuiltIn(type: string): string {
  return `it is ${JSON.stringify(type)}, which is not built in: a module or a program of that name must be on every ` +
    "node";
}

const attachment = { containerId: "lint", netns: "", ifName: "net1", args: "", path: [] };

/** What only a node can tell. */
class NeedsHost extends Error {
  override readonly name = "NeedsHost";
}

function isForHost(error: unknown): boolean {
  return error instanceof NeedsHost || (error instanceof Error && error.cause !== undefined && isForHost(error.cause));
}

const askNode = async (): Promise<never> => await Promise.reject(new NeedsHost());
const storeOfNode: LeaseStore = {
  place: "a node", exclusively: askNode, release: askNode, list: askNode, collect: askNode, status: askNode,
};

/** A plugin that checks a configuration touches nothing; one that would want to is not asked any further. */
const offlineHandles: Handles = {
  get host(): never { throw new NeedsHost(); },
  get container(): never { throw new NeedsHost(); },
  get containerIfPresent(): never { throw new NeedsHost(); },
  get iptables(): never { throw new NeedsHost(); },
  get nftTool(): never { throw new NeedsHost(); },
  get firewalld(): never { throw new NeedsHost(); },
  get modules(): never { throw new NeedsHost(); },
  dhcpDaemon() { throw new NeedsHost(); },
  leases: () => storeOfNode,
  nodeSubnets: askNode,
  readText() { throw new NeedsHost(); },
  readTextIfPresent() { throw new NeedsHost(); },
  attachmentFiles() { throw new NeedsHost(); },
  containerFiles() { throw new NeedsHost(); },
  alone: askNode,
  plugin: (type, conf) => insteadOf(type, conf) ?? builtIn.get(type) ?? absent(type),
  log: { error() {}, warn() {}, verbose() {}, debug() {} },
  async sleep() {},
};

/** What a network asks us to do in a program's place. */
function insteadOf(type: string, conf: PluginConf | undefined): Plugin | undefined {
  return type === whereaboutsType ? whereaboutsOf(conf, undefined) : undefined;
}

/** Stands in for a program, which nobody can ask about its configuration. */
function absent(type: string): Plugin {
  const never = async (): Promise<never> => { throw new NeedsHost(); };
  return { type, versions: allVersions, step: never, del: never, check: never, status: never, gc: never };
}
