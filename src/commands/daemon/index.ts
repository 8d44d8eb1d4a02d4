/** `polynic daemon`: what docs/daemon.md describes. */
import { runDaemon } from "../../daemon/index.ts";
import { command } from "../command.ts";
import { dataDirOption, usualDataDirectory } from "../ipam/leases.ts";
import { pluginPath, stateDirOption } from "../machine/directories.ts";
import { stateDirs } from "../machine/known.ts";
import { byHand } from "../machine/network-call.ts";

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
    ...stateDirOption, ...dataDirOption,
    health: {
      kind: "text", value: "ADDRESS:PORT", help: "answer /healthz, /readyz and /metrics there; default nowhere",
    },
    "log-format": {
      kind: "text", value: "FORMAT", choices: ["text", "json"],
      help: "text (default): lines for people, and calls that fail; json: an object a line, and every call",
    },
  },
  statuses: { 1: "it cannot listen, or was told twice to stop" },
  async run({ options, environment, warn }) {
    await runDaemon({
      path: options.socket ?? (environment["POLYNIC_SOCKET"] || defaultSocket),
      idleMs: (options["idle-exit"] ?? 0) * 1000,
      health: options.health,
      multus: options.multus,
      env: environment,
      remains: () => ({
        stateDirs: stateDirs({ "state-dir": options["state-dir"] }),
        dataDirs: [options["data-dir"] ?? usualDataDirectory],
        path: pluginPath(environment),
        // Whoever has stopped it may want polynic attach --again.
        isKept: ({ multiplexer }) => multiplexer?.network === byHand,
      }),
      logFormat: options["log-format"] === "json" ? "json" : "text",
      write: warn,
    });
    return 0;
  },
});
