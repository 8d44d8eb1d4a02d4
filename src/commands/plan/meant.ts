/** What an ADD that is planned is about: a configuration alone, or a pod with the node's. */
import { confSchema, readConf } from "../../cni/index.ts";
import { openCluster } from "../../kube/index.ts";
import type { PodKey } from "../../kube/index.ts";
import { version } from "../../program/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { CommandError } from "../errors.ts";
import type { Configuration } from "../machine/configuration.ts";
import {
  configurationFiles, findConfiguration, isReadable, multiplexerIn, networkOf,
} from "../machine/configuration.ts";
import { confDirs } from "../machine/directories.ts";
import { byHand, multiplexerOf } from "../machine/network-call.ts";
import type { ProcessEnvironment } from "../output.ts";
import type { Recorder } from "../steps/step.ts";
import type { PlannedCluster } from "./cluster.ts";
import { plannedCluster } from "./cluster.ts";
import type { MeantPod } from "./pod.ts";
import { meantPod, portMappingsOf } from "./pod.ts";

export interface Meant {
  /** The multiplexer's. */
  readonly conf: JsonObject;
  readonly args: string;
  /** Stands for the cluster; undefined where there is none. */
  readonly cluster: PlannedCluster | undefined;
}

export interface MeantOptions {
  readonly conf: string | undefined;
  readonly kubeconfig: string | undefined;
  readonly "conf-dir": string | undefined;
}

interface Meaning {
  readonly options: MeantOptions;
  readonly environment: ProcessEnvironment;
  readonly recorder: Recorder;
  readonly stateDir: string;
}

/** An ADD has half a minute for all that it asks. */
const deadlineMs = 30_000;

/** @throws CommandError for a pod, or a configuration, that is not there */
export async function meantBy(word: string, meaning: Meaning): Promise<Meant> {
  const { options, environment, recorder } = meaning, pod = await meantPod(word);
  const configuration = pod === undefined
    ? findConfiguration(word, confDirs(options)) : ofNode(word, options);
  const conf = confFor(configuration, pod, meaning), kubeconfig = options.kubeconfig ?? kubeconfigIn(conf);
  const real = openCluster({ kubeconfig, env: environment, deadlineMs, version });
  if (real === undefined && pod === undefined) return { conf, args: "", cluster: undefined };
  const cluster = plannedCluster({ real, pod: pod?.pod, definitions: pod?.definitions ?? new Map() }, recorder);
  if (pod === undefined) return { conf, args: "", cluster };
  if (real === undefined && pod.pod === undefined)
    throw new CommandError(
      `Cannot find pod "${word}": the configuration of network "${configuration.name}" names no cluster, expected ` +
        "its kubeconfig, --kubeconfig FILE, or a file with the pod's manifest");
  const found = await cluster.getPod(pod.key), { namespace, name } = pod.key;
  if (found === undefined)
    throw new CommandError(`Cannot find pod "${namespace}/${name}": the cluster has none of that name, expected one`);
  const portMappings = portMappingsOf(found), isAsked = portMappings.length > 0 && declaresPorts(configuration);
  return {
    conf: isAsked ? { ...conf, runtimeConfig: { portMappings } } : conf, args: argsOf(pod.key, found.uid), cluster,
  };
}

/** The multiplexer's configuration that runtimes take, or the one that was named. */
function ofNode(word: string, options: MeantOptions): Configuration {
  const directories = confDirs(options);
  if (options.conf !== undefined) return findConfiguration(options.conf, directories);
  const found = configurationFiles(directories).filter(isReadable).map(({ configuration }) => configuration)
    .find((one) => multiplexerIn(one) !== undefined);
  if (found !== undefined) return found;
  throw new CommandError(
    `Cannot plan pod "${word}": no configuration in ${directories.join(" and ")} is the multiplexer's, expected one ` +
      "(polynic install writes it), or --conf CONF");
}

function confFor(configuration: Configuration, pod: MeantPod | undefined, { options, stateDir }: Meaning): JsonObject {
  const name = pod === undefined ? byHand : configuration.name;
  const conf = multiplexerOf(configuration, { name, stateDir });
  return options.kubeconfig === undefined ? conf : { ...conf, kubeconfig: options.kubeconfig };
}

function kubeconfigIn(conf: JsonObject): string {
  return readConf(confSchema("multiplexer"), conf, { lenient: true }).kubeconfig ?? "";
}

function declaresPorts({ json, name }: Configuration): boolean {
  return networkOf(json, name).network.plugins.some(({ capabilities }) => (
    typeof capabilities === "object" && capabilities !== null && Reflect.get(capabilities, "portMappings") === true));
}

/** As a kubelet's runtime says them. */
function argsOf({ namespace, name }: PodKey, uid: string): string {
  return `IgnoreUnknown=1;K8S_POD_NAMESPACE=${namespace};K8S_POD_NAME=${name};` +
    `K8S_POD_INFRA_CONTAINER_ID=planned;K8S_POD_UID=${uid}`;
}
