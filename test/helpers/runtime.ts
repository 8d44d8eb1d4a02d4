/**
 * A container runtime as far as tests need one: it runs real plugin executables as libcni does, in a host namespace of
 * the test's own, and tells what they left in the kernel and on disk. For the bodies of kernel suites.
 */
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { waitLimitMs } from "./limits.ts";
import type { TestNetns } from "./netns.ts";
import { makeNetns } from "./netns.ts";

/** A host with one container and a directory for what plugins keep. */
export interface World {
  readonly host: TestNetns;
  readonly container: TestNetns;
  readonly directory: string;
  /** Another container's namespace, removed with the world. */
  another(): TestNetns;
  remove(): void;
}

let worlds = 0;

export function makeWorld(): World {
  const number = ++worlds;
  const directory = mkdtempSync(join(tmpdir(), "polynic-e2e-"));
  const namespaces: TestNetns[] = [];
  const another = (name = `w${number}c${namespaces.length}`): TestNetns => {
    const made = makeNetns(name);
    namespaces.push(made);
    return made;
  };
  const host = another(`w${number}host`);
  host.exec("ip", "link", "set", "lo", "up");
  return {
    host, directory,
    container: another(),
    another: () => another(),
    remove() {
      // A test may have removed a namespace itself.
      for (const { name } of namespaces) spawnSync("ip", ["netns", "delete", name], { stdio: "ignore" });
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/**
 * What a runtime says in one call. `path` is CNI_PATH; the executable is `type` in its first directory, unless `file`
 * names it.
 */
export interface Call {
  readonly verb: string;
  readonly type: string;
  readonly path: readonly string[];
  readonly conf: object | string;
  readonly file?: string;
  readonly containerId?: string;
  /** CNI_NETNS; the world's container unless given. */
  readonly netns?: string;
  readonly ifName?: string;
  readonly args?: string;
  /** Set beside the CNI_* variables above, and instead of them; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface Answer {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** stdout as JSON; undefined when it is empty. It is `any` because it may be any version's result, or an error. */
  readonly json: any;
}

export function call(world: World, given: Call): Answer {
  const { program, args, env, input } = command(world, given);
  const { status, stdout, stderr } = spawnSync(program, args, { env, input, encoding: "utf8", timeout: waitLimitMs });
  return { status, stdout, stderr, json: parsed(stdout) };
}

export interface Running {
  readonly answer: Promise<Answer>;
  /** SIGKILL, which nothing can be done about. */
  kill(): void;
}

/** The same without waiting for it. */
export function start(world: World, given: Call): Running {
  const { program, args, env, input } = command(world, given);
  const child = spawn(program, args, { env, timeout: waitLimitMs, stdio: ["pipe", "pipe", "pipe"] });
  let stdout = "", stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  // A killed process reads no more.
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  return {
    answer: new Promise((resolve) => child.on("close", (status) => resolve({ status, stdout, stderr,
      json: parsed(stdout) }))),
    kill: () => void child.kill("SIGKILL"),
  };
}

/** A call that succeeds, or the assertion fails with what the executable said. */
export function succeed(world: World, given: Call): Answer {
  const answer = call(world, given);
  assert.is(answer.status, 0, `${given.verb} of ${given.type} in ${given.path[0]}: ${answer.stdout}${answer.stderr}`);
  return answer;
}

// `nsenter` becomes the executable, so that a signal reaches it.
function command(world: World,
  given: Call): { program: string; args: readonly string[]; env: NodeJS.ProcessEnv; input: string } {
  const { verb, type, path, conf } = given;
  const file = given.file ?? join(path[0] ?? "", type);
  const env = {
    PATH: process.env["PATH"], CNI_COMMAND: verb, CNI_CONTAINERID: given.containerId ?? "pod-1",
      CNI_NETNS: given.netns ?? world.container.path,
    CNI_IFNAME: given.ifName ?? "eth0", CNI_ARGS: given.args ?? "", CNI_PATH: path.join(":"), ...given.env,
  };
  return { program: "nsenter", args: [`--net=${world.host.path}`, file], env,
    input: typeof conf === "string" ? conf : JSON.stringify(conf) };
}

function parsed(text: string): unknown {
  if (text.trim() === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`stdout is not one JSON document: ${text}`);
  }
}

/** A network as a runtime is given it. */
export interface NetworkConf {
  readonly cniVersion: string;
  readonly name: string;
  readonly plugins: readonly ({ readonly type: string } & Readonly<Record<string, unknown>>)[];
}

/** Where the executable of a type is, and what its CNI_PATH says. */
export type PathOf = (type: string) => readonly string[];

/** Runs a network's chain as libcni does and returns the last result of ADD, or what the first failing plugin says. */
export function runChain(world: World, verb: "ADD" | "CHECK" | "DEL", network: NetworkConf, pathOf: PathOf,
  options: Partial<Call> & { readonly prevResult?: object | undefined } = {}): Answer {
  const { cniVersion, name } = network;
  const { prevResult, ...rest } = options;
  let result: object | undefined = prevResult;
  let last: Answer = { status: 0, stdout: "", stderr: "", json: undefined };
  for (const plugin of verb === "DEL" ? network.plugins.toReversed() : network.plugins) {
    const conf = { ...plugin, cniVersion, name, ...(result === undefined ? {} : { prevResult: result }) };
    last = call(world, { verb, type: plugin.type, path: pathOf(plugin.type), conf, ...rest });
    if (last.status !== 0) return last;
    if (verb === "ADD") result = last.json;
  }
  return last;
}

/**
 * Links, addresses, routes, policy rules, sysctls and firewall of both namespaces, and the files of the directory, a
 * line each. What no two runs have in common is numbered instead (MAC addresses, random names), what changes by itself
 * is left out.
 */
export function state(world: World): readonly string[] {
  const { host, container, directory } = world;
  const inside = readdirSync("/run/netns").includes(container.name) ? kernel(container) : "gone";
  const all = JSON.stringify({ host: kernel(host), container: inside, files: files(directory) });
  return flat("", JSON.parse(alike(all, world))).sort();
}

/** What differs between two states; [] when nothing does. */
export function changes(before: readonly string[], after: readonly string[]): readonly string[] {
  const old = new Set(before), now = new Set(after);
  return [...before.filter((line) => !now.has(line)).map((line) => `- ${line}`),
    ...after.filter((line) => !old.has(line)).map((line) => `+ ${line}`)];
}

/** Entries of lists go by their interface's name, where they have one. */
function flat(path: string, value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [`${path} ${JSON.stringify(value)}`];
  if (!Array.isArray(value)) return Object.entries(value).flatMap(([key, inner]) => flat(`${path}/${key}`, inner));
  if (value.length === 0) return [`${path} []`];
  return value.flatMap((inner: { readonly ifname?: string } | string, index) => (
    typeof inner === "string" ? [`${path}: ${inner}`] : flat(`${path}/${inner.ifname ?? index}`, inner)));
}

/** A text with everything that differs from run to run replaced by what it is. */
export function alike(text: string, { container, directory }: World): string {
  const numbered = (pattern: RegExp, what: string) => (input: string): string => {
    const seen = new Map<string, string>();
    return input.replace(pattern, (found) => {
      if (fixedMacs.has(found)) return found;
      const name = seen.get(found) ?? `${what}${seen.size + 1}`;
      seen.set(found, name);
      return name;
    });
  };
  const replaced = text.replaceAll(container.path, "NETNS").replaceAll(container.name,
    "CONTAINER").replaceAll(directory, "DIRECTORY");
  return numbered(/\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b/g, "mac")(numbered(/\bveth[0-9a-f]{8}\b/g, "VETH")(replaced));
}

const fixedMacs = new Set(["00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"]);

/** Numbers the kernel gives out, timers, and what carrier and duplicate address detection still change after an ADD. */
const volatile = new RegExp(`^(${[
  "ifindex", "link_index", "link_netnsid", "valid_life_time", "preferred_life_time", "expires", "operstate", "tentative",
  "state", "root_.*", "bridge_id", "designated_.*", ".*timer", "topology_change.*", "port_.*", "no", "id",
  "netns-?immutable", "parentbus",
].join("|")})$`);
const kept = new Set(["UP", "PROMISC", "NOARP", "ALLMULTI"]);

// One shell for all questions: a process costs more than its answer.
const questions = {
  links: "ip -j -d addr show", routes4: "ip -j -d -4 route show", routes6: "ip -j -d -6 route show",
    rules: "ip -j -d rule show",
  sysctls: "cd /proc/sys/net && grep -rs . ipv4/ip_forward ipv4/conf ipv6/conf", firewall: "nft list ruleset",
};
const separator = "----";

function kernel(netns: TestNetns): unknown {
  const script = Object.values(questions).join(`; echo; echo ${separator}; `);
  const [links = "", routes4 = "", routes6 = "", rules = "", sysctls = "", firewall = ""] = netns.exec("sh", "-c",
    `${script}; true`).split(`\n${separator}\n`);
  return {
    links: entries(links).map((link) => ({
      ...link,
      flags: link.flags.filter((flag: string) => kept.has(flag)).sort(),
      addr_info: link.addr_info.filter((info: any) => info.scope !== "link"),
    })),
    routes4: entries(routes4), routes6: entries(routes6), rules: entries(rules),
    sysctls: sysctls.split("\n").filter((line) => line !== ""),
    firewall: firewall.split("\n").map((line) => line.replace(/counter packets \d+ bytes \d+/, "counter").trim())
      // Comments of tables and chains are for people.
      .filter((line) => line !== "" && !line.startsWith("comment ")),
  };
}

function entries(text: string): readonly any[] {
  const list: readonly any[] = text.trim() === "" ? [] : JSON.parse(text,
    (key, value) => (volatile.test(key) ? undefined : value));
  // Routes to link-local and multicast come by themselves, a moment after the link; with them their flags.
  return list.filter((entry) => Object.keys(entry).length > 0 && entry.dst !== "fe80::/64" && entry.dst !== "ff00::/8")
    .map((entry) => (entry.dst === undefined ? entry : { ...entry, flags: undefined }));
}

/**
 * Every file under a directory, by relative path: its mode and content. Our own index of reservations is left out: it
 * is a help to ourselves, which other programs neither write nor miss.
 */
export function files(directory: string): Readonly<Record<string, string>> {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()
    && !entry.parentPath.includes("/.polynic"));
  return Object.fromEntries(entries.map((entry) => {
    const path = join(entry.parentPath, entry.name);
    return [path.slice(directory.length + 1),
      `${(statSync(path).mode & 0o777).toString(8)} ${readFileSync(path, "utf8")}`] as const;
  }).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/**
 * What is still there of a container after its DEL: links, reservations, rules. The skeleton others share is none of
 * it.
 */
export function leftovers(world: World, { containerId = "pod-1",
  container = world.container }: { readonly containerId?: string; readonly container?: TestNetns } = {}): readonly string[] {
  const found: string[] = [];
  const links = JSON.parse(container.exec("ip", "-j", "link", "show")) as readonly { readonly ifname: string }[];
  found.push(...links.filter(({ ifname }) => ifname !== "lo").map(({ ifname }) => `link ${ifname} in the container`));
  found.push(...world.host.exec("ip", "-o", "link", "show", "type",
    "veth").split("\n").filter((line) => /: veth[0-9a-f]{8}@/.test(line)).map((line) => `host link ${line}`));
  // Mapped chains and rules carry the container's id in their name or comment.
  const mentioned = new RegExp(`["= -]${containerId}["\\-, ]|CNI-[0-9a-f]{24}|CNI-DN-`);
  found.push(...world.host.exec("nft", "list",
    "ruleset").split("\n").filter((line) => mentioned.test(line)).map((line) => `rule ${line.trim()}`));
  found.push(...Object.entries(files(world.directory)).filter(([path, content]) => path.includes(containerId)
    || content.includes(containerId)).map(([path]) => `file ${path}`));
  return found;
}

/** Directories of reference plugins by release: the packaged one, and a newer build where there is one. */
export function referencePlugins(): readonly { readonly release: string; readonly directory: string }[] {
  const newer = join(import.meta.dirname, "..", "..", "build", "reference-plugins");
  return [{ release: "1.1", directory: "/usr/lib/cni" }, { release: "1.9", directory: newer }]
    .filter(({ directory }) => statSync(join(directory, "bridge"), { throwIfNoEntry: false }) !== undefined);
}
