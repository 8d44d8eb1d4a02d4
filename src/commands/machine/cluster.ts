/** The cluster that this machine is a node of, as its multiplexer's configuration or the command line says. */
import { hostname } from "node:os";
import { confSchema, readConf } from "../../cni/index.ts";
import type { OptionTable } from "../options.ts";
import type { ProcessEnvironment } from "../output.ts";
import { configurationFiles, isReadable, multiplexerIn } from "./configuration.ts";
import type { ConfDirOptions } from "./directories.ts";
import { confDirs } from "./directories.ts";

export const clusterOptions = {
  kubeconfig: {
    kind: "text", value: "FILE", completes: "file",
    help: "how the cluster's API is reached; default: as the machine's configuration says",
  },
} as const satisfies OptionTable;

export interface ClusterOptions extends Partial<ConfDirOptions> {
  readonly kubeconfig?: string | undefined;
  readonly "node-name"?: string | undefined;
}

export interface ClusterOfMachine {
  /** "" for the service account of the pod we run in. */
  readonly kubeconfig: string;
  readonly node: string;
}

export function clusterOfMachine(options: ClusterOptions, environment: ProcessEnvironment): ClusterOfMachine {
  const { kubeconfig, nodeName } = configured(options), { MULTUS_NODE_NAME: ofMultus = "" } = environment;
  return {
    kubeconfig: options.kubeconfig ?? kubeconfig,
    // A kubelet that is told no other name takes the host's, in small letters.
    node: options["node-name"] ?? (nodeName || ofMultus || hostname().toLowerCase()),
  };
}

/** Of the first configuration that is a multiplexer's, which is the one that runtimes take. */
function configured({ "conf-dir": confDir }: ClusterOptions) {
  for (const { configuration } of configurationFiles(confDirs({ "conf-dir": confDir })).filter(isReadable)) {
    const settings = multiplexerIn(configuration);
    if (settings === undefined) continue;
    const { kubeconfig = "", nodeName = "" } = readConf(confSchema("multiplexer"), settings, { lenient: true });
    return { kubeconfig, nodeName };
  }
  return { kubeconfig: "", nodeName: "" };
}
