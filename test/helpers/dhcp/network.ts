/** DHCP for the bodies of kernel suites: a network with a server on it, servers to choose from, and our daemon. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { executable } from "../executable.ts";
import type { TestNetns } from "../netns.ts";
import { makeNetns, run, until } from "../netns.ts";

/** Whether a program of that name is there; says loudly what is skipped where it is not. */
export function isInstalled(program: string, tests: string): boolean {
  const directories = [...(process.env["PATH"] ?? "").split(":"), "/usr/sbin", "/sbin"];
  if (directories.some((directory) => existsSync(join(directory, program)))) return true;
  process.stderr.write(`\nSKIPPED ${tests}: ${program} is not installed\n`);
  return false;
}

/** A bridge, "br-dh" of this host where nothing else is said, and a namespace with a port of it, 10.77.0.1/24 on e0. */
export interface DhcpNetwork {
  readonly server: TestNetns;
  readonly directory: string;
  /** Ends what was started on it. */
  remove(): Promise<void>;
  /** Kept until the network is removed. */
  started(program: Program): void;
}

/** A program that runs beside the test. */
export interface Program {
  /** All that it has said. */
  said(): string;
  readonly pid: number;
  readonly isOver: boolean;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export function makeDhcpNetwork(bridge = "br-dh", exec: TestNetns["exec"] = run): DhcpNetwork {
  const server = makeNetns("srv"), directory = mkdtempSync(join(tmpdir(), "polynic-dhcp-"));
  const programs: Program[] = [];
  exec("ip", "link", "add", bridge, "type", "bridge");
  exec("ip", "link", "set", bridge, "up");
  exec("ip", "link", "add", "e0-host", "master", bridge, "type", "veth", "peer", "name", "e0", "netns", "srv");
  exec("ip", "link", "set", "e0-host", "up");
  server.exec("ip", "addr", "add", "10.77.0.1/24", "dev", "e0");
  for (const link of ["lo", "e0"]) server.exec("ip", "link", "set", link, "up");
  return {
    server, directory,
    started: (program) => void programs.push(program),
    async remove() {
      for (const program of programs) await program.stop("SIGKILL");
      server.remove();
      exec("ip", "link", "delete", bridge);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

export function startProgram(
  file: string, args: readonly string[], env: Readonly<Record<string, string>> = {},
): Program {
  const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } });
  let said = "", isOver = false;
  const hear = (chunk: Buffer): void => { said += chunk.toString(); };
  for (const stream of [child.stdout, child.stderr]) stream.on("data", hear);
  const closed = new Promise<void>((resolve) => {
    const end = (why: string) => (): void => {
      isOver = true;
      said += why;
      resolve();
    };
    child.on("error", (error) => end(`\ncannot be started: ${error.message}`)()).on("close", end("\nended"));
  });
  return {
    said: () => said,
    get pid() { return child.pid ?? 0; },
    get isOver() { return isOver; },
    async stop(signal = "SIGTERM") {
      child.kill(signal);
      await closed;
    },
  };
}

/** Waits until a program has said something; throws with all it said when it ended without. */
export async function untilSaid(program: Program, pattern: RegExp): Promise<void> {
  await until(`${pattern} in what was said: ${program.said()}`, () => {
    if (pattern.test(program.said())) return true;
    if (program.isOver) throw new Error(`it ended and has said: ${program.said()}`);
    return false;
  });
}

/** Starts a program in the server's namespace, and waits until something there is bound to port 67. */
export async function startServer(network: DhcpNetwork, file: string, args: readonly string[],
  env: Readonly<Record<string, string>> = {}): Promise<Program> {
  const program = startProgram("nsenter", [`--net=${network.server.path}`, file, ...args],
    { PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`, ...env });
  network.started(program);
  await until("a DHCP server", () => {
    if (program.isOver) throw new Error(`the DHCP server ended: ${program.said()}`);
    // UDP, or a packet socket that is bound to a link.
    const sockets = network.server.exec("cat", "/proc/net/udp", "/proc/net/packet");
    return /:0043 /.test(sockets) || /^[0-9a-f]{8,} +\d+ +\d+ +\d{4} +[1-9]/m.test(sockets);
  });
  return program;
}

/** dnsmasq as a DHCP server; `lines` are added to its configuration. */
export async function startDnsmasq(network: DhcpNetwork, lines: readonly string[] = []): Promise<Program> {
  const leases = join(network.directory, "dnsmasq.leases"), file = join(network.directory, "dnsmasq.conf");
  const hasRange = lines.some((line) => line.startsWith("dhcp-range"));
  writeFileSync(file, [
    "port=0", "interface=e0", "bind-interfaces", "no-ping", "log-dhcp", "log-facility=-", "dhcp-authoritative",
    `dhcp-leasefile=${leases}`, ...(hasRange ? [] : ["dhcp-range=10.77.0.50,10.77.0.99,255.255.255.0,2m"]),
    ...lines, "",
  ].join("\n"));
  return await startServer(network, "dnsmasq", ["-k", "-C", file, "--user=root", "--group=root", "--pid-file="]);
}

/** Addresses that dnsmasq has written down as leased. */
export function dnsmasqLeases({ directory }: DhcpNetwork): readonly string[] {
  const file = join(directory, "dnsmasq.leases");
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8").split("\n").filter((line) => line !== "").map((line) => line.split(" ")[2] ?? "");
}

export interface RunningDaemon extends Program {
  readonly socket: string;
}

let daemons = 0;

/** Our daemon as a process, listening. */
export async function startDhcpDaemon(network: DhcpNetwork, args: readonly string[] = [],
  socket = join(network.directory, `run${++daemons}`, "dhcp.sock")): Promise<RunningDaemon> {
  mkdirSync(join(socket, ".."), { recursive: true, mode: 0o700 });
  const [launcher, name] = executable("dhcp");
  const program = startProgram(launcher, [name, "daemon", "-socketpath", socket, ...args]);
  network.started(program);
  await untilSaid(program, /serving DHCP at/);
  return Object.assign(program, { socket });
}
