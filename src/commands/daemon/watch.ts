/** What the daemon watches of clusters, as the command line and the node's configurations say. */
import { hostname } from "node:os";
import { confSchema, readConf } from "../../cni/index.ts";
import type { NodeConf, WatchSettings } from "../../daemon/index.ts";
import { configurationFiles, isReadable, multiplexerIn } from "../machine/configuration.ts";
import { confDirs, pluginPath } from "../machine/directories.ts";
import type { StateOptions } from "../machine/known.ts";
import { stateDirs } from "../machine/known.ts";
import type { OptionTable } from "../options.ts";
import type { ProcessEnvironment } from "../output.ts";

export const watchOptions = {
  watch: {
    kind: "switch",
    help: "watch the node's pods and the cluster's networks, so that calls do not wait for the API to tell of them",
  },
  "hot-plug": {
    kind: "switch",
    help:
      "attach and detach networks of running pods when their annotation is edited, whatever the key hotPlug of the " +
      "node's configuration says; includes --watch, as the key does",
  },
  "node-name": {
    kind: "text", value: "NAME",
    help: "the node's name in the cluster; default MULTUS_NODE_NAME, else the host's name",
  },
} as const satisfies OptionTable;

export interface WatchWords extends StateOptions {
  readonly watch?: boolean | undefined;
  readonly "hot-plug"?: boolean | undefined;
  readonly "node-name"?: string | undefined;
}

/** Undefined: nothing is watched. */
export function watchSettings(options: WatchWords, environment: ProcessEnvironment): WatchSettings | undefined {
  const { watch, "hot-plug": hotPlug, "node-name": nodeName } = options;
  // Asked for at every change: configurations come and go.
  const confs = (): readonly NodeConf[] => nodeConfs(options);
  const isHotPlug = hotPlug ?? confs().some((one) => one.isHotPlug);
  if (watch !== true && !isHotPlug) return undefined;
  return {
    nodeName: nodeNameOf(nodeName, environment),
    ...(hotPlug === false
      ? {} : { hotPlug: { stateDirs: stateDirs(options), path: pluginPath(environment), confs } }),
  };
}

/** Multiplexers' configurations of this machine; one that cannot be read is none. */
function nodeConfs(options: WatchWords): readonly NodeConf[] {
  return configurationFiles(confDirs({ "conf-dir": options["conf-dir"] })).filter(isReadable)
    .flatMap(({ configuration }) => {
      const own = multiplexerIn(configuration), { name, network: { cniVersion } } = configuration;
      if (own === undefined) return [];
      const { kubeconfig = "", hotPlug = false } = readConf(confSchema("multiplexer"), own, { lenient: true });
      return [{ name, kubeconfig, isHotPlug: options["hot-plug"] ?? hotPlug, json: { ...own, name, cniVersion } }];
    });
}

/** A kubelet that is told no other name takes the host's, in small letters. */
function nodeNameOf(given: string | undefined, { MULTUS_NODE_NAME: ofMultus = "" }: ProcessEnvironment): string {
  return given ?? (ofMultus || hostname().toLowerCase());
}
