import type { LogOptions, ModulesConf } from "../call/index.ts";
import type { Confs } from "../cni/index.ts";
import { CniError, code, confSchema, impliedVersion, readConf } from "../cni/index.ts";
import type { NodeStores } from "../ipam/index.ts";

/** The configuration as somebody wrote it; what its keys mean stands in multiplexer.schema.json. */
type Written = Confs["multiplexer"];

/** Keys of which nothing but their default is filled in. */
type FilledKey =
  | "cniVersion" | "name" | "type"
  | "delegates" | "clusterNetwork" | "defaultNetworks" | "auxiliaryCNIChainName" | "interfaceNames"
  | "confDir" | "cniDir" | "binDir"
  | "runtimeConfig" | "runtimeConfigToAll" | "retryDeleteOnError" | "mergeResults";
type FilledClusterKey =
  | "kubeconfig" | "multusNamespace" | "systemNamespaces"
  | "namespaceIsolation" | "strictSelections" | "requireDevices";

/**
 * The multiplexer's configuration with its defaults filled in. Names and meanings are Multus's, so that a deployed
 * configuration works as it stands; `mergeResults`, `runtimeConfigToAll`, `strictSelections`, `requireDevices` and
 * `execute` are ours.
 */
export interface MuxConf extends Required<Pick<Written, FilledKey>> {
  /** `readinessindicatorfile` */
  readonly readinessFile: string;
  /** What would have no effect is refused; else it is a warning and an event, as pods of Multus must go on starting. */
  readonly strict: boolean;
  /** The version to answer in; "" is the default network's, in which Multus hands that network's result on as it is. */
  readonly answerVersion: string;
  readonly execute: true | readonly string[];
  readonly log: LogOptions;
  readonly dataDirs: readonly string[] | undefined;
  /** Servers of stores that nodes share. */
  readonly leaseStores: NodeStores;
  /** What this node says about WASM modules. */
  readonly modules: ModulesConf;
  readonly cluster: ClusterConf;
}

/** Where pods and their networks are looked up, and what they may ask for. */
export interface ClusterConf extends Required<Pick<Written, FilledClusterKey>> {
  readonly globalNamespaces: string | undefined;
  readonly networkTypes: readonly string[] | undefined;
}

const schema = confSchema("multiplexer");

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
    interfaceNames: raw.interfaceNames ?? {},
    auxiliaryCNIChainName: raw.auxiliaryCNIChainName ?? "",
    readinessFile: raw.readinessindicatorfile ?? "",
    runtimeConfig: raw.runtimeConfig ?? {},
    runtimeConfigToAll: raw.runtimeConfigToAll ?? false,
    retryDeleteOnError: raw.retryDeleteOnError ?? false,
    mergeResults,
    strict: invokedAs !== "multus",
    answerVersion: invokedAs === "multus" && !mergeResults ? "" : cniVersion,
    execute: raw.execute === true ? true : raw.execute || [],
    log: {
      toStderr: raw.logToStderr ?? true,
      file: raw.logFile ?? "",
      level: raw.logLevel ?? "",
      rotation: raw.logOptions ?? {},
    },
    dataDirs: raw.dataDirs,
    leaseStores: leaseStoresOf(raw),
    modules: modulesOf(raw),
    cluster: {
      kubeconfig: raw.kubeconfig ?? "",
      multusNamespace: raw.multusNamespace || "kube-system",
      systemNamespaces: raw.systemNamespaces ?? ["kube-system"],
      namespaceIsolation: raw.namespaceIsolation ?? false,
      globalNamespaces: raw.globalNamespaces,
      networkTypes: raw.networkTypes,
      strictSelections: raw.strictSelections ?? invokedAs !== "multus",
      requireDevices: raw.requireDevices ?? false,
    },
  };
}

/** What a node's configuration says of stores. */
export function leaseStoresOf(
  { leaseStores: { etcd, kubernetes, whereabouts } = {}, kubeconfig = "" }: Pick<Written, "leaseStores" | "kubeconfig">,
): NodeStores {
  return {
    ...(whereabouts === undefined ? {} : { whereabouts }),
    ...(etcd === undefined ? {} : { etcd: { ...etcd, endpoints: etcd.endpoints ?? [] } }),
    kubernetes: { kubeconfig: kubernetes?.kubeconfig || kubeconfig },
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
}: Written): ModulesConf {
  return {
    nodeName, nodeIndex: nodeIndex ?? null,
    ...(moduleDir ? { directory: moduleDir } : {}),
    ...(moduleLimits === undefined ? {} : { limits: moduleLimits }),
    ...(policyAllow === undefined ? {} : { policyAllow }),
    ...(moduleRecordings ? { recordings: moduleRecordings } : {}),
    ...(mergeModule ? { merge: { module: mergeModule, config: mergeConfig } } : {}),
  };
}
