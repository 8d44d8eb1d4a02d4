/** `polynic daemon`: what docs/daemon.md describes. */
import { runDaemon } from "../../daemon/index.ts";
import { command } from "../command.ts";
import { dataDirOption, usualDataDirectory } from "../ipam/leases.ts";
import { clusterOptions } from "../machine/cluster.ts";
import { confDirOption, pluginPath, stateDirOption } from "../machine/directories.ts";
import { settingsOf, stateDirs } from "../machine/known.ts";
import { byHand } from "../machine/network-call.ts";
import { collectOptions, collectRequest } from "./collect.ts";
import { reachOff, reachOptions, reachRequest } from "./reach.ts";
import { watchOptions, watchSettings } from "./watch.ts";

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
    ...watchOptions,
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
      watch: watchSettings(options, environment),
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
