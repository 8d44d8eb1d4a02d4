/** Debian's containerd in a box: the program that calls plugins on real nodes, asked as a kubelet asks it. */
import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeImage } from "./box-image.ts";
import type { Box } from "./box.ts";
import type { Cri } from "./cri.ts";
import { connectCri } from "./cri.ts";
import { waitLimitMs } from "./limits.ts";
import type { TestNetns } from "./netns.ts";
import { run } from "./netns.ts";

/** The programs it takes, with the Debian package of each. */
export const containerdPrograms = { containerd: "containerd", ctr: "containerd", runc: "runc",
  busybox: "busybox-static" };

/** A build of it. */
export interface ContainerdBuild {
  readonly name: "packaged" | "newer";
  /** Where its programs are; "" for the system's own. */
  readonly directory: string;
  /** The newest version of the CNI specification it accepts. */
  readonly cniVersion: string;
}

export const packagedContainerd: ContainerdBuild = { name: "packaged", directory: "", cniVersion: "1.0.0" };

/** The packaged one, and the newer build where there is one. */
export function containerdBuilds(): readonly ContainerdBuild[] {
  const newer: ContainerdBuild = { name: "newer", directory: join(import.meta.dirname, "..", "..", "build",
    "newer-containerd"), cniVersion: "1.1.0" };
  return existsSync(join(newer.directory, "containerd")) ? [packagedContainerd, newer] : [packagedContainerd];
}

export const image = "localhost/busybox:1";

export interface Containerd {
  readonly cri: Cri;
  /** Everything it has printed so far. */
  log(): string;
  /** Makes a network list the one that new pods get, and waits until it is. */
  useNetwork(list: object): Promise<void>;
  /** The network namespace of a pod, for `ipJson` and for programs run in it. */
  netnsOf(id: string): Promise<TestNetns>;
  /** Stops and removes a pod as a kubelet does: Stop may come several times. */
  remove(id: string): Promise<void>;
  /** Ends it, keeping its pods running; `start` finds them again. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** Starts containerd with an image that pods and containers can be made of. */
export async function startContainerd(box: Box,
  { directory }: ContainerdBuild = packagedContainerd): Promise<Containerd> {
  const socket = join(box.directory, "containerd.sock"), config = join(box.directory, "containerd.toml"),
    log = join(box.directory, "containerd.log");
  writeFileSync(config, configuration(box, socket));
  let child: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    child = launch({ directory, config, log });
    await answering(cri, child, log);
  };
  const cri = connectCri(socket, { cgroupParent: box.cgroup, logDirectory: join(box.directory, "pod-logs") });
  await start();
  const archive = makeImage({ directory: box.directory, name: image, command: ["/bin/sleep", "100000"] });
  run(join(directory, "ctr"), "--address", socket, "--namespace", "k8s.io", "images", "import", archive);
  return {
    cri, start,
    log: () => readFileSync(log, "utf8"),
    async useNetwork(list) {
      const text = JSON.stringify(list), partial = join(box.confDir, "10-network.partial");
      writeFileSync(partial, text);
      renameSync(partial, join(box.confDir, "10-network.conflist"));
      await eventually("containerd to read its network", async () => (await cri.networks()).includes(text));
    },
    netnsOf: async (id) => toNetns((await cri.podStatus(id)).netns),
    async remove(id) {
      await cri.stopPod(id);
      await cri.removePod(id);
    },
    stop: async () => {
      if (child !== undefined) await ended(child);
      child = undefined;
    },
  };
}

/** It looks for its shim where PATH says. */
function launch({ directory, config,
  log }: { readonly directory: string; readonly config: string; readonly log: string }): ChildProcess {
  const descriptor = openSync(log, "a");
  const env = { ...process.env, PATH: directory === "" ? process.env["PATH"] : `${directory}:${process.env["PATH"]}` };
  const child = spawn(join(directory, "containerd"), ["--config", config],
    { env, stdio: ["ignore", descriptor, descriptor] });
  closeSync(descriptor);
  return child;
}

/** Waits until `holds` comes true; throws naming `what` when it takes too long. */
export async function eventually(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const limit = Date.now() + waitLimitMs;
  while (!(await holds())) {
    if (Date.now() > limit) throw new Error(`waited ${waitLimitMs} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function answering(cri: Cri, child: ChildProcess, log: string): Promise<void> {
  const limit = Date.now() + waitLimitMs;
  for (;;) {
    try {
      return void await cri.version();
    } catch (error) {
      const said = existsSync(log) ? readFileSync(log, "utf8") : "";
      if (child.exitCode !== null || Date.now() > limit)
        throw new Error(`Cannot start containerd: ${said}`, { cause: error });
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = new Promise((resolve) => child.once("exit", resolve));
  child.kill();
  await closed;
}

/** Named as `ip netns` names it: containerd keeps its namespaces where that program looks. */
function toNetns(path: string): TestNetns {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return {
    name, path,
    exec: (program, ...args) => run("nsenter", `--net=${path}`, program, ...args),
    remove: () => void run("ip", "netns", "delete", name),
  };
}

/**
 * Everything below the box's directory, so that nothing outlives it. Limits are the machine's own: root may not be
 * allowed to raise one.
 */
function configuration({ directory, pluginDir, confDir }: Box, socket: string): string {
  return `version = 2
root = "${directory}/containerd"
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper",
]
[grpc]
  address = "${socket}"
[ttrpc]
  address = "${socket}.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
  path = "${directory}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${image}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  disable_tcp_service = true
  tolerate_missing_hugetlb_controller = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${pluginDir}"
    conf_dir = "${confDir}"
    max_conf_num = 1
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
`;
}
