// The demo itself. It runs in a network and mount namespace made for it (main.mjs), which plays the host.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { showPod } from "./pod.ts";
import { failureCount, ipJson, limitMs, ms, note, picture, prove, say, sh } from "./stage.ts";

const root = join(import.meta.dirname, "..", "..");
const polynic = join(root, "dist", "bin", "polynic");
const confFile = join(root, "conf", "30-three-networks.conflist");

interface Added {
  readonly ips: readonly { readonly address: string; readonly interface?: number }[];
  readonly interfaces: readonly { readonly name: string; readonly sandbox?: string }[];
}

const hostPort = 8080, containerPort = 80;
/** The machine on the physical network that macvlan joins, see prepareHost(). */
const lanAddress = "192.168.77.1";
/** The host as machines elsewhere know it. */
const hostAddress = "198.51.100.2";
const conf = readFileSync(confFile, "utf8");
const children: ChildProcess[] = [];
const work = mkdtempSync("/tmp/polynic-demo-");

try {
  prepareHost();
  say(`One executable, one config (${confFile.slice(root.length + 1)}), three networks`);
  note(conf.trim());

  const web = attach("web", { portMappings: [{ hostPort, containerPort, protocol: "tcp" }] });
  const client = attach("client");
  say("Container web, as the kernel sees it");
  picture("web");

  say("Proof by traffic");
  const bridgeAddress = addressOf(web.result, "eth0");
  prove(
    `client pings web over the bridge (${bridgeAddress})`,
    inside("client", ["ping", "-c2", "-i0.2", "-W2", bridgeAddress]),
  );
  prove(
    `web pings a machine of the physical network through macvlan (${lanAddress})`,
    inside("web", ["ping", "-c2", "-i0.2", "-W2", "-I", "net2", lanAddress]),
  );
  await serve("web");
  prove(`a machine elsewhere reaches web by TCP through port ${hostPort} of the host`,
    inside("elsewhere", fetchCommand(hostAddress, hostPort)));
  prove(`so does the host itself through 127.0.0.1:${hostPort}`, succeeds(fetchCommand("127.0.0.1", hostPort)));

  say("Detach");
  const webDel = detach("web"), clientDel = detach("client");
  proveNothingLeft();

  await showPod({ root, polynic });

  say("How long it took, whole processes");
  note(
    `ADD web ${ms(web.tookMs)}   ADD client ${ms(client.tookMs)}   DEL web ${ms(webDel)}   DEL client ${ms(clientDel)}`,
  );
  note(`For scale: starting the bundled Node and doing nothing takes ${ms(bareStart())}`);
} finally {
  for (const child of children) child.kill("SIGKILL");
  rmSync(work, { recursive: true, force: true });
}
console.log(
  failureCount() === 0 ? "\nDemo finished: everything proved" : `\nDemo finished: ${failureCount()} proofs failed`,
);
process.exit(failureCount() === 0 ? 0 : 1);

/**
 * lo up, private state folders, two containers, a physical network (uplink0 with one machine at its other end),
 * and a machine elsewhere that knows nothing but the host's address.
 */
function prepareHost(): void {
  for (const path of ["/run/netns", "/var/lib/cni"]) sh(`mount -t tmpfs tmpfs ${path}`);
  sh("mount --make-shared /run/netns; ip link set lo up; sysctl -qw net.ipv4.ip_forward=1");
  for (const name of ["web", "client", "lan", "elsewhere"]) sh(`ip netns add ${name}; ip -n ${name} link set lo up`);
  sh("ip link add uplink0 type veth peer name eth0 netns lan");
  sh("ip link set uplink0 up");
  sh(`ip -n lan link set eth0 up; ip -n lan addr add ${lanAddress}/24 dev eth0`);
  sh("ip link add wan0 type veth peer name eth0 netns elsewhere");
  sh(`ip link set wan0 up; ip addr add ${hostAddress}/24 dev wan0`);
  sh("ip -n elsewhere link set eth0 up; ip -n elsewhere addr add 198.51.100.1/24 dev eth0");
}

/** What a runtime does: the executable, CNI_* in the environment, the config on stdin. */
function cni(command: string, container: string, runtimeConfig: object = {}): { stdout: string; tookMs: number } {
  // As a runtime hands it over: the list's name and version, and the plugin's own keys.
  const { plugins: [plugin], ...list } = JSON.parse(conf);
  const config = JSON.stringify({ ...list, ...plugin, runtimeConfig });
  const env = {
    CNI_COMMAND: command, CNI_CONTAINERID: `demo-${container}`, CNI_NETNS: `/run/netns/${container}`,
    CNI_IFNAME: "eth0", CNI_PATH: join(root, "dist", "bin"), PATH: process.env["PATH"] ?? "",
  };
  const start = process.hrtime.bigint();
  const child = spawnSync(polynic, [], { input: config, env, encoding: "utf8", timeout: limitMs });
  const tookMs = Number(process.hrtime.bigint() - start) / 1e6;
  if (child.status !== 0) throw new Error(`${command} ${container} failed: ${child.stdout}${child.stderr}`);
  return { stdout: child.stdout, tookMs };
}

function attach(container: string, runtimeConfig?: object): { result: Added; tookMs: number } {
  say(`ADD ${container}`);
  const { stdout, tookMs } = cni("ADD", container, runtimeConfig);
  const result: Added = JSON.parse(stdout);
  const links = result.interfaces.filter(({ sandbox }) => sandbox !== undefined).map(({ name }) => name);
  note(`${ms(tookMs)}: ${links.join(", ")} with ${result.ips.map(({ address }) => address).join(", ")}`);
  return { result, tookMs };
}

function detach(container: string): number {
  const { tookMs } = cni("DEL", container);
  note(`DEL ${container}: ${ms(tookMs)}`);
  return tookMs;
}

function addressOf(result: Added, ifName: string): string {
  const index = result.interfaces.findIndex(({ name, sandbox }) => name === ifName && sandbox !== undefined);
  const found = result.ips.find((ip) => ip.interface === index)?.address.split("/")[0];
  if (found === undefined) throw new Error(`Cannot find an address of ${ifName} in the result`);
  return found;
}

function inside(netns: string, command: readonly string[]): boolean {
  return succeeds(["ip", "netns", "exec", netns, ...command]);
}

function succeeds([program = "", ...args]: readonly string[]): boolean {
  return spawnSync(program, args, { stdio: "ignore", timeout: limitMs }).status === 0;
}

/** A web server in the container, answering once and again until the demo ends. */
async function serve(netns: string): Promise<void> {
  const program = `require("node:http").createServer((q, a) => a.end("hello")).listen(${containerPort}, () => ` +
    `console.log("up"))`;
  const server = spawn("ip", ["netns", "exec", netns, process.execPath, "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(server);
  await new Promise((resolve) => server.stdout?.once("data", resolve));
}

function fetchCommand(address: string, port: number): string[] {
  const request = JSON.stringify({ host: address, port, timeout: 3000 });
  const program = `const fail = () => process.exit(1);
    const isHello = (data) => process.exit(String(data) === "hello" ? 0 : 1);
    require("node:http").get(${request}, (a) => a.on("data", isHello)).on("error", fail).on("timeout", fail);`;
  return [process.execPath, "-e", program];
}

/** Bridges are shared and stay, as the CNI contract has it; everything that belonged to a container must be gone. */
function proveNothingLeft(): void {
  for (const name of ["web", "client"]) {
    const links = ipJson(name, "link").map(({ ifname }) => ifname);
    prove(`netns ${name} holds nothing but lo`, links.join() === "lo");
  }
  const ports = JSON.parse(execFileSync("ip", ["-j", "link", "show", "type", "veth"], { encoding: "utf8" }) || "[]")
    .map(({ ifname }: { ifname: string }) => ifname).filter((name: string) => name !== "uplink0" && name !== "wan0");
  prove("no veth left on the host", ports.length === 0);
  const rules = execFileSync("nft", ["list", "ruleset"], { encoding: "utf8" });
  prove("no firewall rule names the containers", !/demo-(web|client)/.test(rules));
  const leases = listFiles("/var/lib/cni").filter((path) => !/(lock|last_reserved_ip\.\d+)$/.test(path));
  prove(
    `no reservation, result or scratch file left`,
    leases.filter((path) => /demo-|\d+\.\d+\.\d+\.\d+$/.test(path)).length === 0,
  );
}

function listFiles(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Median of five starts of the bundled runtime with nothing to do. */
function bareStart(): number {
  const times = Array.from({ length: 5 }, () => {
    const start = process.hrtime.bigint();
    execFileSync(process.execPath, ["-e", "0"]);
    return Number(process.hrtime.bigint() - start) / 1e6;
  }).sort((a, b) => a - b);
  return times[2] ?? 0;
}
