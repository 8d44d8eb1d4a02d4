/** What pods have left behind in a box: in the kernel, in the firewall, on disk, and running. */
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { waitLimitMs } from "./limits.ts";
import { ipJson, run } from "./netns.ts";

/** What is not a pod's own, and stays. */
export interface Fixtures {
  /** Links of the node beside `lo` and bridges. */
  readonly links?: readonly string[];
  /** Network namespaces of the test's own. */
  readonly netns?: readonly string[];
}

/**
 * The assertion that pods have left nothing, now or in a moment: shims and namespaces end a little after the runtime's
 * answer.
 */
export async function nothingLeft(fixtures: Fixtures = {}, message?: string): Promise<void> {
  const limit = Date.now() + waitLimitMs;
  while (leftovers(fixtures).length > 0 && Date.now() < limit) await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(leftovers(fixtures), [], message);
}

/**
 * A line for each trace of a pod. No trace is what the next pod finds in its place: bridges, the chains that all port
 * mappings share, the cursor of an address range, lock files, an index of our own.
 */
export function leftovers({ links = [], netns = [] }: Fixtures = {}): readonly string[] {
  return [
    ...ipJson("link show").filter(({ ifname, linkinfo }) => ifname !== "lo" && linkinfo?.info_kind !== "bridge"
      && !links.includes(ifname)).map(({ ifname }) => `link ${ifname}`),
    ...readdirSync("/run/netns").filter((name) => !netns.includes(name)).map((name) => `namespace ${name}`),
    ...run("nft", "list",
      "ruleset").split("\n").map((line) => line.trim()).filter((line) => podRule.test(line))
        .map((line) => `rule ${line}`),
    ...[...filesOf("/var/lib/cni"),
      ...filesOf("/run/k8s.cni.cncf.io")].filter((path) => !sharedFile.test(path)).map((path) => `file ${path}`),
    ...processes().filter((line) => podProcess.test(line)).map((line) => `process ${line}`),
    ...podMounts().map((path) => `mount ${path}`),
  ];
}

/** A container's id, a chain named after one, an address translated to. */
const podRule = /[0-9a-f]{64}|CNI-[0-9a-f]{24}|CNI-DN-|dnat to/;
const sharedFile = /\/\.polynic\/|\/last_reserved_ip\.[0-9]+$|\/lock$/;
const podProcess = /^[^ ]*containerd-shim|^[^ ]*runc |^[^ ]*lib\/polynic\/node |^[^ ]*sleep /;
const podMount = /^\/run\/(containerd|netns)\/.+/;

/**
 * Namespaces, and the file systems of containers; the last one mounted first. Those of the machine are listed too, but
 * lie below the box's own /run, where nobody finds them.
 */
export function podMounts(): readonly string[] {
  const mounted = readFileSync("/proc/self/mountinfo", "utf8").split("\n").map((line) => line.split(" ")[4] ?? "");
  return mounted.filter((path) => podMount.test(path) && existsSync(path)).toReversed();
}

function filesOf(directory: string): readonly string[] {
  if (statSync(directory, { throwIfNoEntry: false }) === undefined) return [];
  return readdirSync(directory, { recursive: true,
    withFileTypes: true }).filter((entry) => !entry.isDirectory()).map(({ parentPath, name }) => join(parentPath,
    name));
}

/** Every process of the box by what it was started as, `containerd --config ...` for one. */
export function processes(): readonly string[] {
  return readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name)).map(commandLine).filter((line) => line !== "");
}

/** "" for one that has ended meanwhile. */
function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").join(" ").trim();
  } catch {
    return "";
  }
}
