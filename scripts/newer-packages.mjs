// What the tests compare and work with beside Debian's packages: the newer builds of Debian's unstable suite, unpacked
// under build/ without touching what the system has installed.
import { spawnSync } from "node:child_process";
import {
  copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { root } from "./setup.mjs";

const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
const stepLimitMs = 120_000;

/** The reference plugins to compare with: the newest version of the specification is only in these. */
export function fetchNewerPlugins() {
  return fetchNewer({
    packages: ["containernetworking-plugins"],
    program: "bridge",
    name: "reference-plugins",
    keep: (tree, place) => renameSync(join(tree, "usr", "lib", "cni"), place),
  });
}

/** The container runtime that speaks the newest version of the specification. */
export function fetchNewerRuntime() {
  return fetchNewer({
    packages: ["containerd"],
    program: "containerd",
    name: "newer-containerd",
    keep: (tree, place) => renameSync(join(tree, "usr", "bin"), place),
  });
}

/**
 * A kernel that is a program, for suites that need what the machine's own lacks. The stable release's does not start on
 * processors whose extended state is larger than it has room for (AMX: "ptrace set fp regs failed").
 */
export function fetchNewerKernel() {
  if (process.arch !== "x64") return false;
  return fetchNewer({
    packages: ["user-mode-linux", "libc6"],
    program: "linux.uml",
    name: "user-mode-linux",
    keep: keepKernel,
  });
}

/** Where the kernel looks for its loader: test/helpers/user-mode-linux.ts puts it there. Not longer than the usual. */
const kernelLoader = "/run/job/ld.so";

/** The kernel with its modules and its own C library, which the system's programs must not get. */
function keepKernel(tree, place) {
  mkdirSync(join(place, "lib"), { recursive: true });
  const program = readFileSync(join(tree, "usr", "bin", "linux.uml"));
  const usual = Buffer.from("/lib64/ld-linux-x86-64.so.2\0");
  const at = program.indexOf(usual);
  if (at < 0) throw new Error(`Cannot use linux.uml: it does not name its loader ${usual.toString()}`);
  program.fill(0, at, at + usual.length).write(kernelLoader, at);
  writeFileSync(join(place, "linux.uml"), program, { mode: 0o755 });
  renameSync(join(tree, "usr", "lib", "uml", "modules"), join(place, "modules"));
  const libraries = join(tree, "usr", "lib", "x86_64-linux-gnu");
  copyFileSync(join(libraries, "ld-linux-x86-64.so.2"), join(place, "ld.so"));
  copyFileSync(join(libraries, "libc.so.6"), join(place, "lib", "libc.so.6"));
}

/**
 * Downloads packages once and keeps what `keep` takes of them as build/NAME. Best effort: without apt, the keyring or
 * the network the tests that want it skip.
 *
 * @returns {boolean} whether it is there
 */
function fetchNewer({ packages, program, name, keep }) {
  const place = join(root, "build", name);
  if (existsSync(join(place, program))) return true;
  const archive = debianArchive();
  if (archive === undefined || !existsSync(keyring)) return false;
  const work = `${place}.work`;
  rmSync(work, { recursive: true, force: true });
  mkdirSync(join(work, "lists", "partial"), { recursive: true });
  mkdirSync(join(work, "cache", "archives", "partial"), { recursive: true });
  writeFileSync(join(work, "sources.list"), `deb [signed-by=${keyring}] ${archive} sid main\n`);
  writeFileSync(join(work, "apt.conf"), [
    `Dir::Etc::sourcelist "${work}/sources.list"; Dir::Etc::sourceparts "-";`,
    `Dir::Etc::preferences "-"; Dir::Etc::preferencesparts "-";`,
    `Dir::State::lists "${work}/lists"; Dir::Cache "${work}/cache"; Dir::State::status "/dev/null";`,
    `APT::Sandbox::User "root"; Acquire::Languages "none";`, "",
  ].join("\n"));
  console.log(`Fetching the newer ${packages.join(" and ")} to test with`);
  const options = {
    cwd: work, env: { ...process.env, APT_CONFIG: join(work, "apt.conf") }, stdio: "ignore", timeout: stepLimitMs,
  };
  const fetched = spawnSync("apt-get", ["update", "-qq"], options).status === 0
    && spawnSync("apt-get", ["download", "-qq", ...packages.map((one) => `${one}/sid`)], options).status === 0;
  const archives = fetched ? readdirSync(work).filter((file) => file.endsWith(".deb")) : [];
  const unpacked = archives.length === packages.length
    && archives.every((file) => spawnSync("dpkg", ["-x", file, "tree"], options).status === 0);
  if (unpacked) {
    rmSync(place, { recursive: true, force: true });
    keep(join(work, "tree"), place);
  }
  rmSync(work, { recursive: true, force: true });
  if (!unpacked) console.warn(`Cannot fetch the newer ${packages.join(" and ")}: tests that need it will skip`);
  return unpacked;
}

/** The archive this machine's own apt reads, from sources.list or the deb822 files. */
function debianArchive() {
  const folder = "/etc/apt/sources.list.d";
  const files = [
    "/etc/apt/sources.list",
    ...(existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : []),
  ];
  for (const file of files.filter((name) => existsSync(name))) {
    const text = readFileSync(file, "utf8");
    const match = /^URIs:\s*(\S+)/m.exec(text) ?? /^deb\s+(?:\[[^\]]*\]\s+)?(\S+)/m.exec(text);
    if (match !== null && /debian/i.test(readFileSync("/etc/os-release", "utf8"))) return match[1];
  }
  return undefined;
}
