/**
 * A pretend node for programs that expect to own a machine: private /etc, /opt and /var/lib with nothing in them under
 * cni/, a private /run, and a cgroup of its own, all on top of a kernel suite's own network, mount and process
 * namespaces. When the suite's process ends, the kernel takes everything in it away, running programs included.
 *
 * A suite that needs programs this machine lacks says so on stderr and counts as skipped.
 */
import { randomBytes } from "node:crypto";
import {
  existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync, statSync, symlinkSync, writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import { waitLimitMs } from "./limits.ts";
import type { KernelSuite, KernelSuiteOptions } from "./netns.ts";
import { kernelSuite, run } from "./netns.ts";

export interface BoxSuiteOptions extends KernelSuiteOptions {
  /** Programs the suite runs, with the Debian package of each. */
  readonly programs: Readonly<Record<string, string>>;
}

/** A kernel suite that is skipped, loudly, where a program is missing. Its bodies call `enterBox` first. */
export function boxSuite(name: string, url: string, { programs, ...options }: BoxSuiteOptions): KernelSuite {
  const missing = Object.entries(programs).filter(([program]) => !onPath(program));
  return missing.length === 0 ? kernelSuite(name, url, options) : skippedSuite(name, missing);
}

function skippedSuite(name: string, missing: readonly (readonly [program: string,
  packageName: string])[]): KernelSuite {
  const outer = suite(name);
  let count = 0;
  const hook = Object.assign(() => {}, { each: () => {} });
  const skip = (): void => {
    count++;
    outer.skip();
  };
  return Object.assign(skip, {
    before: hook, after: hook, skip,
    run() {
      const what = missing.map(([program, packageName]) => `${program} (package ${packageName})`).join(", ");
      process.stderr.write(`\nSKIPPED ${count} tests of "${name}": cannot find ${what}\n`);
      outer.run();
    },
  });
}

function onPath(program: string): boolean {
  return (process.env["PATH"] ?? "").split(":").some((folder) => folder !== "" && existsSync(join(folder, program)));
}

export interface Box {
  /** What programs in the box keep, on a tmpfs. */
  readonly directory: string;
  /** Where a runtime looks for plugins: one link to each of the executables given to `enterBox`. */
  readonly pluginDir: string;
  readonly confDir: string;
  /** The cgroup for everything a runtime makes, absolute below each hierarchy. */
  readonly cgroup: string;
  /** Ends what runs in its cgroups, at once. */
  endCgroups(): Promise<void>;
  /** The same, and removes them, which the end of the namespaces does not. */
  leave(): Promise<void>;
}

const directory = "/run/box";
const confDir = "/etc/cni/net.d", pluginDir = "/opt/cni/bin";

/** Layers over what the node shares with the machine: programs find the machine's files and write their own. */
const layers = ["/etc", "/opt", "/var/lib"];
const emptied = ["/etc/cni", "/opt/cni", "/var/lib/cni"];

/** @param plugins  plugin executables, or directories with nothing else in them */
export function enterBox(plugins: readonly string[]): Box {
  for (const path of layers) layOver(path);
  for (const path of emptied) {
    mkdirSync(path, { recursive: true });
    run("mount", "-t", "tmpfs", "tmpfs", path);
  }
  // Namespaces that a runtime mounts there are to be seen by programs that have a mount namespace of their own.
  run("mount", "--bind", "/run/netns", "/run/netns");
  run("mount", "--make-shared", "/run/netns");
  run("ip", "link", "set", "lo", "up");
  writeFileSync("/proc/sys/net/ipv4/ip_forward", "1");
  writeFileSync("/proc/sys/net/ipv6/conf/all/forwarding", "1");

  mkdirSync(confDir, { recursive: true });
  mkdirSync(pluginDir, { recursive: true });
  for (const path of plugins.flatMap(executablesOf)) symlinkSync(path,
    join(pluginDir, path.slice(path.lastIndexOf("/") + 1)));
  const cgroup = `/polynic-box-${randomBytes(4).toString("hex")}`;
  return {
    directory, pluginDir, confDir, cgroup,
    endCgroups: () => endCgroups(cgroup),
    async leave() {
      await endCgroups(cgroup);
      for (const path of treesOf(cgroup).flatMap(cgroupsOf)) rmdirSync(path);
    },
  };
}

/** What is written there from now on is the node's alone, and ends with it. */
export function layOver(path: string): void {
  const layer = join(directory, "layers", path);
  for (const part of ["upper", "work"]) mkdirSync(join(layer, part), { recursive: true });
  run("mount", "-t", "overlay", "overlay", "-o",
    `lowerdir=${path},upperdir=${layer}/upper,workdir=${layer}/work`, path);
}

function executablesOf(path: string): readonly string[] {
  return statSync(path).isDirectory() ? readdirSync(path).map((name) => join(path, name)) : [path];
}

const cgroupRoot = "/sys/fs/cgroup";

/** The cgroup in each hierarchy that has it. */
function treesOf(cgroup: string): readonly string[] {
  return ["", ...readdirSync(cgroupRoot)].map((hierarchy) => join(cgroupRoot, hierarchy,
    cgroup)).filter((path) => existsSync(path));
}

async function endCgroups(cgroup: string): Promise<void> {
  const limit = Date.now() + waitLimitMs;
  for (;;) {
    const running = treesOf(cgroup).flatMap(cgroupsOf).flatMap((path) => lines(join(path, "cgroup.procs")));
    if (running.length === 0) return;
    if (Date.now() > limit) throw new Error(`Cannot empty cgroup ${cgroup}: processes ${running.join(" ")} do not end`);
    for (const pid of running) killProcess(Number(pid));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Those below and the one itself, the innermost first. */
function cgroupsOf(path: string): readonly string[] {
  const inner = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return [...inner.flatMap(({ name }) => cgroupsOf(join(path, name))), path];
}

function lines(file: string): readonly string[] {
  return readFileSync(file, "utf8").split("\n").filter((line) => line !== "");
}

function killProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}
