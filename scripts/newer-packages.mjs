// What the tests compare and work with beside Debian's packages: the newer builds of Debian's unstable suite, unpacked
// under build/ without touching what the system has installed.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./setup.mjs";

const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
const stepLimitMs = 120_000;

/** The reference plugins to compare with: the newest version of the specification is only in these. */
export function fetchNewerPlugins() {
  return fetchNewer({ packageName: "containernetworking-plugins", folder: "usr/lib/cni", program: "bridge", name: "reference-plugins" });
}

/** The container runtime that speaks the newest version of the specification. */
export function fetchNewerRuntime() {
  return fetchNewer({ packageName: "containerd", folder: "usr/bin", program: "containerd", name: "newer-containerd" });
}

/**
 * Downloads a package once and keeps one folder of it as build/NAME. Best effort: without apt, the keyring or the network
 * the tests that want it skip.
 *
 * @returns {boolean} whether it is there
 */
function fetchNewer({ packageName, folder, program, name }) {
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
  console.log(`Fetching the newer ${packageName} to test with`);
  const options = {
    cwd: work, env: { ...process.env, APT_CONFIG: join(work, "apt.conf") }, stdio: "ignore", timeout: stepLimitMs,
  };
  const fetched = spawnSync("apt-get", ["update", "-qq"], options).status === 0
    && spawnSync("apt-get", ["download", "-qq", `${packageName}/sid`], options).status === 0;
  const archiveFile = fetched ? readdirSync(work).find((name) => name.endsWith(".deb")) : undefined;
  const unpacked = archiveFile !== undefined
    && spawnSync("dpkg", ["-x", archiveFile, "tree"], options).status === 0;
  if (unpacked) renameSync(join(work, "tree", folder), place);
  rmSync(work, { recursive: true, force: true });
  if (!unpacked) console.warn(`Cannot fetch the newer ${packageName}: testing with the packaged one only`);
  return unpacked;
}

/** The archive this machine's own apt reads, from sources.list or the deb822 files. */
function debianArchive() {
  const folder = "/etc/apt/sources.list.d";
  const files = ["/etc/apt/sources.list", ...(existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [])];
  for (const file of files.filter((name) => existsSync(name))) {
    const text = readFileSync(file, "utf8");
    const match = /^URIs:\s*(\S+)/m.exec(text) ?? /^deb\s+(?:\[[^\]]*\]\s+)?(\S+)/m.exec(text);
    if (match !== null && /debian/i.test(readFileSync("/etc/os-release", "utf8"))) return match[1];
  }
  return undefined;
}
