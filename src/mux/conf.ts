import type { LogOptions, ModulesConf } from "../call/index.ts";
import { CniError, code, confSchema, impliedVersion, readConf } from "../cni/index.ts";
import type { LimitsConf, PolicyChange } from "../wasm/index.ts";

/**
 * The multiplexer's configuration with its defaults filled in. Names and meanings are Multus's, so that a deployed
 * configuration works as it stands; `mergeResults`, `runtimeConfigToAll`, `strictSelections`, `requireDevices` and
 * `execute` are ours.
 */
export interface MuxConf {
  readonly cniVersion: string;
  readonly name: string;
  readonly type: string;
  /** Inline networks, as given; unused when `clusterNetwork` is set. */
  readonly delegates: readonly object[];
  /** Reference to the default network; "" when delegates are inline. */
  readonly clusterNetwork: string;
  readonly defaultNetworks: readonly string[];
  readonly confDir: string;
  readonly cniDir: string;
  readonly binDir: string;
  readonly auxiliaryChainName: string;
  /** "" when there is nothing to wait for. */
  readonly readinessFile: string;
  readonly runtimeConfig: Readonly<Record<string, unknown>>;
  /**
   * Hands the runtime's capability arguments to every network, as Multus does against the multi-network specification.
   */
  readonly runtimeConfigToAll: boolean;
  readonly retryDeleteOnError: boolean;
  /** One result out of all networks; without it the default network's result is the answer. */
  readonly mergeResults: boolean;
  /** The version to answer in; "" is the default network's, in which Multus hands that network's result on as it is. */
  readonly answerVersion: string;
  /** Types to be run as executables although they are built in, or true for every type. */
  readonly execute: true | readonly string[];
  readonly log: LogOptions;
  /** What this node says about WASM modules. */
  readonly modules: ModulesConf;
  /** Where pods and their networks are looked up, and what they may ask for. */
  readonly cluster: ClusterConf;
}

/** What the configuration says about the cluster a node is part of. */
export interface ClusterConf {
  /** "" for the one a pod of it is told about by its environment, if any. */
  readonly kubeconfig: string;
  /** Namespace of networks that are named without one, other than in a pod's list. */
  readonly multusNamespace: string;
  /** Their pods get no `defaultNetworks`. */
  readonly systemNamespaces: readonly string[];
  /** Pods may use networks of their own namespace and of `globalNamespaces` only. */
  readonly namespaceIsolation: boolean;
  /** As given, a list with commas; undefined for the usual one. */
  readonly globalNamespaces: string | undefined;
  /**
   * A request that the multi-network specification calls an error is one, although Multus lets it pass without effect.
   */
  readonly strictSelections: boolean;
  /** A network whose device is not allocated is an error, not attached without one. */
  readonly requireDevices: boolean;
}

/** The configuration as its schema describes it. */
interface RawConfig {
  readonly cniVersion?: string;
  readonly name?: string;
  readonly type?: string;
  readonly delegates?: readonly object[];
  readonly clusterNetwork?: string;
  readonly defaultNetworks?: readonly string[];
  readonly kubeconfig?: string;
  readonly confDir?: string;
  readonly cniDir?: string;
  readonly binDir?: string;
  readonly multusNamespace?: string;
  readonly systemNamespaces?: readonly string[];
  readonly namespaceIsolation?: boolean;
  readonly globalNamespaces?: string;
  readonly strictSelections?: boolean;
  readonly requireDevices?: boolean;
  readonly readinessindicatorfile?: string;
  readonly runtimeConfig?: Readonly<Record<string, unknown>>;
  readonly runtimeConfigToAll?: boolean;
  readonly logToStderr?: boolean;
  readonly logFile?: string;
  readonly logLevel?: string;
  readonly logOptions?: LogOptions["rotation"];
  readonly auxiliaryCNIChainName?: string;
  readonly retryDeleteOnError?: boolean;
  readonly mergeResults?: boolean;
  readonly execute?: boolean | readonly string[];
  readonly moduleDir?: string;
  readonly moduleLimits?: LimitsConf;
  readonly policyAllow?: Readonly<Record<string, readonly PolicyChange[]>>;
  readonly mergeModule?: string;
  readonly mergeConfig?: object;
  readonly moduleRecordings?: string;
  readonly nodeName?: string;
  readonly nodeIndex?: number;
}

const schema = confSchema<RawConfig>("multiplexer");

/**
 * @param invokedAs  the executable's name: under "multus" results are not merged, and requests that cannot be met are
 *   let pass, unless the configuration asks for it
 * @throws CniError 7 naming the key
 */
export function parseMuxConf(
  json: unknown,
  { invokedAs, verb }: { readonly invokedAs: string; readonly verb: string },
): MuxConf {
  const raw = verb === "DEL" || verb === "GC" ? readConf(schema, json, { lenient: true }) : readConf(schema, json);
  const name = raw.name ?? "";
  const delegates = raw.delegates ?? [], clusterNetwork = raw.clusterNetwork ?? "";
  // A DEL can do without: what was attached is written down elsewhere.
  if (delegates.length === 0 && clusterNetwork === "" && verb !== "DEL") {
    throw new CniError(
      code.invalidConfig,
      `Cannot read network "${name}": neither delegates nor clusterNetwork is set, expected one of them`,
    );
  }
  const cniVersion = raw.cniVersion || impliedVersion;
  const mergeResults = raw.mergeResults ?? invokedAs !== "multus";
  return {
    cniVersion,
    name,
    type: raw.type ?? "",
    delegates: clusterNetwork === "" ? delegates : [],
    clusterNetwork,
    defaultNetworks: clusterNetwork === "" ? [] : raw.defaultNetworks ?? [],
    confDir: raw.confDir || "/etc/cni/multus/net.d",
    cniDir: raw.cniDir || "/var/lib/cni/multus",
    binDir: raw.binDir || "/opt/cni/bin",
    auxiliaryChainName: raw.auxiliaryCNIChainName ?? "",
    readinessFile: raw.readinessindicatorfile ?? "",
    runtimeConfig: raw.runtimeConfig ?? {},
    runtimeConfigToAll: raw.runtimeConfigToAll ?? false,
    retryDeleteOnError: raw.retryDeleteOnError ?? false,
    mergeResults,
    answerVersion: invokedAs === "multus" && !mergeResults ? "" : cniVersion,
    execute: raw.execute === true ? true : raw.execute || [],
    log: {
      toStderr: raw.logToStderr ?? true,
      file: raw.logFile ?? "",
      level: raw.logLevel ?? "",
      rotation: raw.logOptions ?? {},
    },
    modules: modulesOf(raw),
    cluster: {
      kubeconfig: raw.kubeconfig ?? "",
      multusNamespace: raw.multusNamespace || "kube-system",
      systemNamespaces: raw.systemNamespaces ?? ["kube-system"],
      namespaceIsolation: raw.namespaceIsolation ?? false,
      globalNamespaces: raw.globalNamespaces,
      strictSelections: raw.strictSelections ?? invokedAs !== "multus",
      requireDevices: raw.requireDevices ?? false,
    },
  };
}

function modulesOf({
  moduleDir,
  moduleLimits,
  policyAllow,
  mergeModule,
  mergeConfig = {},
  moduleRecordings,
  nodeName = "",
  nodeIndex,
}: RawConfig): ModulesConf {
  return {
    nodeName, nodeIndex: nodeIndex ?? null,
    ...(moduleDir ? { directory: moduleDir } : {}),
    ...(moduleLimits === undefined ? {} : { limits: moduleLimits }),
    ...(policyAllow === undefined ? {} : { policyAllow }),
    ...(moduleRecordings ? { recordings: moduleRecordings } : {}),
    ...(mergeModule ? { merge: { module: mergeModule, config: mergeConfig } } : {}),
  };
}
