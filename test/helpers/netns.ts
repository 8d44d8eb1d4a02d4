/**
 * Tests that touch the kernel. Each kernel suite runs in a child process of its own, in a fresh network, mount and
 * process namespace with an empty /run, so that `ip netns add` works there and nothing of it can be left behind.
 * Its results appear in uvu under the same titles, and are counted there. Write one just like a uvu suite:
 *
 *     import * as assert from "uvu/assert";
 *     import { ipJson, kernelSuite, makeNetns } from "./netns.ts";
 *
 *     const links = kernelSuite("links", import.meta.url);   // or { needs: ["vlan_filtering"] } as third argument
 *     links("add makes a bridge", () => {
 *       openOwnNamespace().links.add({ name: "br0", info: { kind: "bridge" } });
 *       assert.is(ipJson("link show br0")[0].linkinfo.info_kind, "bridge");
 *     });
 *     links.run();
 *
 * The file is loaded twice: here, where only titles count, and in the child, where the bodies run, one after the other,
 * in one namespace ("host") that starts with nothing but a `lo` that is down. So do all work inside the bodies and
 * hooks. A suite that needs what this machine's kernel lacks runs under user-mode Linux instead, when that is installed
 * and has it. One that cannot run (no root, a missing kernel feature) says so on stderr and counts as skipped.
 */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import type { SpawnSyncReturns } from "node:child_process";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import { suiteLimitMs, waitLimitMs } from "./limits.ts";
import { underUserModeLinux, userModeLinuxHas } from "./user-mode-linux.ts";

type Handler = () => void | Promise<void>;

export interface KernelSuite {
  (title: string, handler: Handler): void;
  before: Hook;
  after: Hook;
  skip(title: string, handler: Handler): void;
  /** Required at the end, as with uvu. */
  run(): void;
}

interface Hook {
  (handler: Handler): void;
  each(handler: Handler): void;
}

/** Kernel features a suite may need beyond the ordinary, each probed at most once per run. */
export type Feature =
  "vlan_filtering" | "nft_nat" | "macvlan" | "ipv6" | "ipvlan" | "dummy" | "vlan" | "vrf" | "vxlan";

export interface KernelSuiteOptions {
  readonly needs?: readonly Feature[];
}

/** A suite whose tests run in a fresh network namespace, see the top of this file. `url` is `import.meta.url`. */
export function kernelSuite(name: string, url: string, options: KernelSuiteOptions = {}): KernelSuite {
  const definition: Definition = { name, tests: [], before: [], after: [], beforeEach: [], afterEach: [], skipped: 0 };
  const self = (title: string, handler: Handler): void => void definition.tests.push({ title, handler });
  return Object.assign(self, {
    before: hook(definition.before, definition.beforeEach),
    after: hook(definition.after, definition.afterEach),
    skip: () => void definition.skipped++,
    run(): void {
      if (process.env[childMark] === name) childSuites.push(definition);
      else if (process.env[childMark] === undefined) runInChild(definition, fileURLToPath(url), options);
    },
  });
}

interface Definition {
  readonly name: string;
  readonly tests: { readonly title: string; readonly handler: Handler }[];
  readonly before: Handler[];
  readonly after: Handler[];
  readonly beforeEach: Handler[];
  readonly afterEach: Handler[];
  skipped: number;
}

/** Set in the child to the name of the suite it runs. */
const childMark = "POLYNIC_KERNEL_SUITE";
/** What netns-child.ts runs. */
export const childSuites: Definition[] = [];

function hook(once: Handler[], each: Handler[]): Hook {
  return Object.assign((handler: Handler) => void once.push(handler),
    { each: (handler: Handler) => void each.push(handler) });
}

/** The suite as uvu sees it: each test waits for the child's word on the test of its number. */
function runInChild(definition: Definition, file: string, options: KernelSuiteOptions): void {
  const outer = suite(definition.name);
  for (let i = 0; i < definition.skipped; i++) outer.skip();

  const reason = whyNot(options.needs ?? []);
  const place = reason === undefined ? onThisKernel : userModeLinuxInstead(options.needs ?? []);
  if (place === undefined) {
    process.stderr.write(`\nSKIPPED ${definition.tests.length} kernel tests of "${definition.name}": ${reason}\n`);
    for (const _ of definition.tests) outer.skip();
    outer.run();
    return;
  }

  let child: Child | undefined;
  outer.before(() => {
    child = startChild(definition.name, file, place);
  });
  for (const [index, { title }] of definition.tests.entries()) {
    outer(title, async () => {
      const report = await child?.report(index);
      if (report?.error !== undefined) throw toError(report.error);
      // The last test answers for the end of the process too: an error in a uvu hook would end the whole run.
      const problem = index === definition.tests.length - 1 ? await child?.ended : undefined;
      if (problem !== undefined) throw new Error(problem);
    });
  }
  outer.after(async () => {
    await child?.ended;
  });
  outer.run();
}

/** What the child says of one test: a line of JSON on its descriptor 3. */
export interface Report {
  readonly index: number;
  readonly error?: ReportedError;
}

export interface ReportedError {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
  /** uvu's fields of a failed assertion, so that the difference is shown as usual. */
  readonly assertion?: { readonly operator: string; readonly details: string | false };
}

interface Child {
  report(index: number): Promise<Report>;
  /** Resolves when the process has ended: with undefined, or with what went wrong outside of the tests. */
  readonly ended: Promise<string | undefined>;
}

/** The command that runs a child's command under the kernel of its choice. */
type Place = (command: readonly string[]) => readonly string[];

const onThisKernel: Place = (command) => command;

function userModeLinuxInstead(needs: readonly Feature[]): Place | undefined {
  return whyNot([]) === undefined && userModeLinuxHas(needs) ? underUserModeLinux : undefined;
}

function startChild(name: string, file: string, place: Place): Child {
  const bootstrap = fileURLToPath(new URL("./netns-child.ts", import.meta.url));
  const node = [process.execPath, ...process.execArgv, bootstrap, file];
  const script = 'mount -t tmpfs tmpfs /run && mkdir -p /run/netns /run/lock && "$@"; exit $?';
  const namespaces = ["unshare", "--net", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child",
    "--mount-proc"];
  const [program = "", ...args] = place([...namespaces, "sh", "-c", script, "sh", ...node]);
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe", "pipe"],
    env: { ...process.env, [childMark]: name } });
  let limit = "";
  const timer = setTimeout(() => {
    limit = ` after ${suiteLimitMs} ms without a report`;
    child.kill("SIGKILL");
  }, suiteLimitMs);

  const reports: Report[] = [];
  let wake = (): void => {};
  let output = "";
  let exit: string | undefined;
  for (const stream of [child.stdout, child.stderr]) stream?.on("data",
    (chunk: Buffer) => (output += chunk.toString()));

  let pending = "";
  child.stdio[3]?.on("data", (chunk: Buffer) => {
    const lines = (pending + chunk.toString()).split("\n");
    pending = lines.pop() ?? "";
    // Our own bootstrap wrote these lines.
    for (const line of lines) reports.push(JSON.parse(line) as Report);
    timer.refresh();
    wake();
  });

  const ended = new Promise<string | undefined>((resolve) => {
    child.on("error", (error) => resolve(`the kernel suite could not be started: ${error.message}`));
    child.on("close", (status, signal) => {
      clearTimeout(timer);
      exit = `the kernel suite's process ended${limit} (status ${status}, signal ${signal}) and printed:\n${output}`;
      resolve(status === 0 ? undefined : exit);
      wake();
    });
  });

  return {
    ended,
    async report(index) {
      for (;;) {
        const found = reports.find((report) => report.index === index);
        if (found !== undefined) return found;
        if (exit !== undefined) throw new Error(`This test has no result: ${exit}`);
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}

function toError({ name, message, stack, assertion }: ReportedError): Error {
  const error = new Error(message);
  error.name = name;
  error.stack = stack;
  return Object.assign(error, assertion ?? {});
}

/** Why kernel tests with these needs cannot run here; undefined when they can. */
export function whyNot(needs: readonly Feature[]): string | undefined {
  if (process.getuid?.() !== 0) return "needs root";
  if (!probe("root", "true")) return "needs to make namespaces (unshare failed)";
  for (const feature of needs) if (!probe(feature, featureProbes[feature])) return `this kernel lacks ${feature}`;
  return undefined;
}

const featureProbes: Readonly<Record<Feature, string>> = {
  vlan_filtering: "ip link add br0 type bridge vlan_filtering 1 && bridge vlan add vid 10 dev br0 self",
  nft_nat: "nft add table ip t && nft 'add chain ip t c { type nat hook postrouting priority 100; }'",
  macvlan: "ip link add v0 type veth peer v1 && ip link add m0 link v0 type macvlan mode bridge",
  ipv6: "test -d /proc/sys/net/ipv6",
  dummy: "ip link add d0 type dummy",
  ipvlan: "ip link add v0 type veth peer v1 && ip link add link v0 i0 type ipvlan",
  vlan: "ip link add v0 type veth peer v1 && ip link add link v0 v0.5 type vlan id 5",
  vrf: "ip link add r0 type vrf table 10",
  vxlan: "ip link add x0 type vxlan id 5 dstport 4789",
};

const probed = new Map<string, boolean>();

function probe(name: string, script: string): boolean {
  const known = probed.get(name);
  if (known !== undefined) return known;
  const { status } = spawnSync("unshare", ["--net", "sh", "-c", script], { stdio: "ignore", timeout: waitLimitMs });
  probed.set(name, status === 0);
  return status === 0;
}

// ---- For the bodies of kernel tests ----

/** A network namespace beside the one the test runs in. */
export interface TestNetns {
  readonly name: string;
  readonly path: string;
  /** Runs a program inside and returns its stdout; throws with its stderr when it fails. */
  exec(program: string, ...args: readonly string[]): string;
  remove(): void;
}

let netnsCount = 0;

export function makeNetns(name = `test${++netnsCount}`): TestNetns {
  run("ip", "netns", "add", name);
  return {
    name,
    path: `/run/netns/${name}`,
    exec: (program, ...args) => run("ip", "netns", "exec", name, program, ...args),
    remove: () => void run("ip", "netns", "delete", name),
  };
}

/** Runs a program and returns its stdout; throws with its stderr when it fails. */
export function run(program: string, ...args: readonly string[]): string {
  return execFileSync(program, args, { encoding: "utf8", timeout: waitLimitMs, stdio: ["ignore", "pipe", "pipe"] });
}

/** What a program does whether it succeeds or not. */
export function attempt(program: string, ...args: readonly string[]): SpawnSyncReturns<string> {
  return spawnSync(program, args, { encoding: "utf8", timeout: waitLimitMs });
}

/**
 * What `ip -j -d` says: `ipJson("link show br0")`, in another namespace `ipJson("addr show", container)`.
 * Empty output is []; iproute2 leaves empty objects where it filters, which are dropped.
 * It is `any` because this JSON has as many shapes as there are commands, and a test looks at the few fields it means.
 */
export function ipJson(command: string, netns?: TestNetns): any[] {
  const args = ["-j", "-d", ...words(command)];
  return parseList(netns === undefined ? run("ip", ...args) : netns.exec("ip", ...args));
}

/** What `bridge -j` says. */
export function bridgeJson(command: string, netns?: TestNetns): any[] {
  const args = ["-j", ...words(command)];
  return parseList(netns === undefined ? run("bridge", ...args) : netns.exec("bridge", ...args));
}

/** The `nftables` list that `nft -j` prints: `nftJson("list ruleset")`. */
export function nftJson(command: string, netns?: TestNetns): any[] {
  const args = ["-j", ...words(command)];
  const text = netns === undefined ? run("nft", ...args) : netns.exec("nft", ...args);
  return text.trim() === "" ? [] : JSON.parse(text).nftables;
}

/** Waits until `holds` returns true; throws naming `what` when that takes so long that it never will. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  const limit = Date.now() + waitLimitMs;
  while (!holds()) {
    if (Date.now() > limit) throw new Error(`waited ${waitLimitMs} ms for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function words(command: string): string[] {
  return command.split(" ").filter((word) => word !== "");
}

function parseList(text: string): unknown[] {
  // `ip -j` prints a list, or nothing at all.
  const list = (text.trim() === "" ? [] : JSON.parse(text)) as object[];
  return list.filter((entry) => Object.keys(entry).length > 0);
}
