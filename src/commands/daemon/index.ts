/** `polynic daemon`: what docs/daemon.md describes. */
import { hostname } from "node:os";
import type { HotPlugSettings } from "../../daemon/index.ts";
import { runDaemon } from "../../daemon/index.ts";
import { command } from "../command.ts";
import { dataDirOption, usualDataDirectory } from "../ipam/leases.ts";
import { clusterOptions } from "../machine/cluster.ts";
import { configurationFiles, isReadable, multiplexerIn } from "../machine/configuration.ts";
import { confDirOption, confDirs, pluginPath, stateDirOption } from "../machine/directories.ts";
import type { StateOptions } from "../machine/known.ts";
import { settingsOf, stateDirs } from "../machine/known.ts";
import { byHand } from "../machine/network-call.ts";
import type { ProcessEnvironment } from "../output.ts";
import { collectOptions, collectRequest } from "./collect.ts";
import { reachOff, reachOptions, reachRequest } from "./reach.ts";

export const defaultSocket = "/run/polynic/polynic.sock";

export const daemonCommand = command({
  about:
    "Listens where the shims look for it and stays in the foreground. SIGTERM lets it finish what it has begun; what " +
    "has not begun is done by the one-shot form then, as it is whenever no daemon is there.",
  parameters: {},
  options: {
    socket: {
      kind: "text",
      value: "FILE",
      completes: "file",
      help: `where to listen, unless systemd passes a socket on; default POLYNIC_SOCKET, else ${defaultSocket}`,
    },
    "idle-exit": { kind: "count", value: "SECONDS", help: "end when nobody has asked for so long; default never" },
    multus: {
      kind: "text", value: "FILE", completes: "file",
      help: "serve Multus's shim there as well, /run/multus/multus.sock; default nowhere",
    },
    ...stateDirOption, ...dataDirOption, ...reachOptions, ...collectOptions, ...clusterOptions, ...confDirOption,
    health: {
      kind: "text", value: "ADDRESS:PORT", help: "answer /healthz, /readyz and /metrics there; default nowhere",
    },
    watch: {
      kind: "switch",
      help: "watch the node's pods and the cluster's networks, so that calls do not wait for the API to tell of them",
    },
    "hot-plug": {
      kind: "switch",
      help: "attach and detach networks of running pods when their annotation is edited; includes --watch",
    },
    "node-name": {
      kind: "text", value: "NAME",
      help: "the node's name in the cluster; default MULTUS_NODE_NAME, else the host's name",
    },
    "log-format": {
      kind: "text", value: "FORMAT", choices: ["text", "json"],
      help: "text (default): lines for people, and calls that fail; json: an object a line, and every call",
    },
  },
  statuses: { 1: "it cannot listen, or was told twice to stop" },
  async run({ options, environment, say, warn }) {
    if (options["reach-off"] === true) {
      await reachOff({ say });
      return 0;
    }
    await runDaemon({
      path: options.socket ?? (environment["POLYNIC_SOCKET"] || defaultSocket),
      idleMs: (options["idle-exit"] ?? 0) * 1000,
      health: options.health,
      multus: options.multus,
      reach: reachRequest(options, environment, warn),
      collect: collectRequest(options, environment, warn),
      watch: options.watch || options["hot-plug"]
        ? {
            nodeName: nodeNameOf(options["node-name"], environment),
            hotPlug: options["hot-plug"] ? hotPlugOf(options, environment) : undefined,
          }
        : undefined,
      env: environment,
      remains: () => ({
        stateDirs: stateDirs(options),
        dataDirs: [options["data-dir"] ?? usualDataDirectory],
        path: pluginPath(environment),
        settingsOf: settingsOf(options),
        // Whoever has stopped it may want polynic attach --again.
        isKept: ({ multiplexer }) => multiplexer?.network === byHand,
      }),
      logFormat: options["log-format"] === "json" ? "json" : "text",
      write: warn,
    });
    return 0;
  },
});

/** Asked for at every change: configurations come and go. */
function hotPlugOf(
  options: StateOptions & { readonly "conf-dir": string | undefined }, environment: ProcessEnvironment,
): HotPlugSettings {
  return {
    stateDirs: stateDirs(options),
    path: pluginPath(environment),
    confs: () => configurationFiles(confDirs(options)).filter(isReadable).flatMap(({ configuration }) => {
      const own = multiplexerIn(configuration), { name, network: { cniVersion } } = configuration;
      return own === undefined ? [] : [{ ...own, name, cniVersion }];
    }),
  };
}

/** A kubelet that is told no other name takes the host's, in small letters. */
function nodeNameOf(given: string | undefined, { MULTUS_NODE_NAME: ofMultus = "" }: ProcessEnvironment): string {
  return given ?? (ofMultus || hostname().toLowerCase());
}
