/** `polynic dhcp-daemon`: what docs/plugins/dhcp.md describes; also `dhcp daemon`, as the reference's is started. */
import { runDhcpDaemon } from "../../daemon/index.ts";
import { command } from "../command.ts";
import { parseDuration } from "./duration.ts";

const socketDefault = "/run/cni/dhcp.sock";
const timeDefault = { timeout: "10s", resendmax: "62s", resendtimeout: "208s" };

export const dhcpDaemonCommand = command({
  about:
    "Leases addresses from DHCP servers for containers whose networks have ipam type dhcp, renews them, and gives " +
    "them back. Stays in the foreground until SIGTERM; the leases are on disk, and the next one goes on with them. " +
    "It is also started as `dhcp daemon`, with the same options behind one dash.",
  parameters: {},
  options: {
    socketpath: {
      kind: "text", value: "FILE", completes: "file",
      help: `where to listen, unless systemd passes a socket on; default ${socketDefault}`,
    },
    leases: {
      kind: "text", value: "DIRECTORY", completes: "directory",
      help: "where leases are kept; default the socket's path with .leases behind it",
    },
    pidfile: { kind: "text", value: "FILE", completes: "file", help: "write the process id there; an absolute path" },
    hostprefix: {
      kind: "text", value: "DIRECTORY", completes: "directory",
      help: "stands before the path of the socket and of every network namespace",
    },
    broadcast: { kind: "switch", help: "have servers answer to all of the link" },
    timeout: {
      kind: "text", value: "TIME",
      help: `ask anew when a server has not answered for so long; default ${timeDefault.timeout}`,
    },
    resendmax: {
      kind: "text", value: "TIME",
      help: `the longest wait before the same is asked again, never more than 4s; default ${timeDefault.resendmax}`,
    },
    resendtimeout: {
      kind: "text", value: "TIME",
      help: `no lease by then: the interface is refused; default ${timeDefault.resendtimeout}`,
    },
  },
  statuses: { 1: "it cannot listen, or another one does" },
  async run({ options, environment, warn }) {
    const time = (option: keyof typeof timeDefault): number => (
      parseDuration(option, options[option] ?? timeDefault[option]));
    await runDhcpDaemon({
      socketPath: options.socketpath ?? socketDefault,
      leases: options.leases,
      pidFile: options.pidfile || undefined,
      hostPrefix: options.hostprefix ?? "",
      broadcast: options.broadcast ?? false,
      exchangeLimitMs: time("timeout"),
      longestWaitMs: Math.min(time("resendmax"), waitMsMax),
      limitMs: time("resendtimeout"),
      env: environment,
      log: warn,
    });
    return 0;
  },
});

/** A runtime waits for its container meanwhile. */
const waitMsMax = 4000;
