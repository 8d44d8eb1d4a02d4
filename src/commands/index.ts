/**
 * What people type: a command is a folder here and a row below. Each is a script of its own, loaded when it is asked
 * for, so that no runtime waits for it.
 */
import type { CommandRows, Status } from "./command.ts";
import type { ProcessEnvironment } from "./output.ts";

const containers = "Containers", state = "What is there";
const here = "On this machine", networks = "For who writes networks and modules";

export const rows: CommandRows = {
  attach: {
    section: containers,
    summary: "attaches a container to networks by hand",
    load: async () => (await import("./attach/index.ts")).attachCommand,
  },
  detach: {
    section: containers,
    summary: "takes away what was attached by hand",
    load: async () => (await import("./detach/index.ts")).detachCommand,
  },
  "bridge-uplink": {
    section: containers,
    summary: "moves the machine's own addresses from a NIC to a bridge, or undoes it",
    load: async () => (await import("./bridge-uplink/index.ts")).bridgeUplinkCommand,
  },
  network: {
    section: containers,
    summary: "makes, shows and removes networks, with the words of docker network",
    load: async () => (await import("./network/index.ts")).networkCommands,
  },
  show: {
    section: state,
    summary: "draws the node: containers, interfaces, bridges, addresses, ports and rules",
    load: async () => (await import("./show/index.ts")).showCommand,
  },
  status: {
    section: state,
    summary: "asks every network whether containers can be attached to it",
    load: async () => (await import("./status/index.ts")).statusCommand,
  },
  check: {
    section: state,
    summary: "looks whether attached containers are attached as they should be",
    load: async () => (await import("./check/index.ts")).checkCommand,
  },
  gc: {
    section: state,
    summary: "takes away what is left of containers that are gone",
    load: async () => (await import("./gc/index.ts")).gcCommand,
  },
  ipam: {
    section: state,
    summary: "lists addresses that networks have given, and frees them",
    load: async () => (await import("./ipam/index.ts")).ipamCommands,
  },
  doctor: {
    section: state,
    summary: "looks for what is wrong on this machine, and says what puts it right",
    load: async () => (await import("./doctor/index.ts")).doctorCommand,
  },
  plan: {
    section: state,
    summary: "lists what an ADD would do, in words and as ip and nft lines, without doing it",
    load: async () => (await import("./plan/index.ts")).planCommand,
  },
  trace: {
    section: state,
    summary: "attaches or detaches a container, and prints each step with its time",
    load: async () => (await import("./trace/index.ts")).traceCommand,
  },
  install: {
    section: here,
    summary: "puts polynic on this node of a cluster",
    load: async () => (await import("./install/index.ts")).installCommand,
  },
  uninstall: {
    section: here,
    summary: "takes polynic off this node and gives back what was there before",
    load: async () => (await import("./install/index.ts")).uninstallCommand,
  },
  daemon: {
    section: here,
    summary: "serves what runtimes ask, with everything kept warm, until it is stopped",
    load: async () => (await import("./daemon/index.ts")).daemonCommand,
  },
  "dhcp-daemon": {
    section: here,
    summary: "leases addresses from DHCP servers for containers, until it is stopped",
    load: async () => (await import("./dhcp-daemon/index.ts")).dhcpDaemonCommand,
  },
  version: {
    section: here,
    summary: "tells polynic's version, those of CNI it speaks, and what is built in",
    load: async () => (await import("./version/index.ts")).versionCommand,
  },
  completion: {
    section: here,
    summary: "prints what a shell needs to complete what is typed behind polynic",
    load: async () => (await import("./completion/index.ts")).completionCommands,
  },
  lint: {
    section: networks,
    summary: "checks networks, pods and CNI configurations without a cluster",
    load: async () => (await import("./lint/index.ts")).lintCommand,
  },
  module: {
    section: networks,
    summary: "writes, tries and installs WASM modules",
    load: async () => (await import("./module/index.ts")).moduleCommands,
  },
};

/** All that can be typed. */
export const commandLine = {
  name: "polynic",
  summary: "attaches containers to several networks",
  rows,
  aliases: { "--version": "version", "-v": "version" },
};

/** Runs the words behind `polynic` and returns the exit status; whatever happens has been told by then. */
export async function runWords(words: readonly string[], environment: ProcessEnvironment): Promise<Status> {
  const { runTyped } = await import("./frame.ts");
  return await runTyped(commandLine, { words, environment });
}
