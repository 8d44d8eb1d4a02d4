/** podman in a box, with plugins of our choice as their only ones. */
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeImage } from "../helpers/box-image.ts";
import type { Box } from "../helpers/box.ts";
import { enterBox } from "../helpers/box.ts";
import { attempt, run } from "../helpers/netns.ts";

/** What it takes, with the Debian package of each. */
export const podmanPrograms = {
  podman: "podman", conmon: "conmon", runc: "runc", busybox: "busybox-static", socat: "socat",
};

export const image = "localhost/busybox:1";

export interface Podman {
  readonly box: Box;
  /** Starts a container that serves the programs it has over HTTP. @returns its address in its first network */
  start(name: string, ...options: readonly string[]): string;
  /** Ends all containers and leaves the box. */
  leave(): Promise<void>;
}

/** @param plugins  executables, or directories of them */
export function enterPodmanBox(plugins: readonly string[]): Podman {
  const box = enterBox(plugins);
  for (const [name, text] of Object.entries(settings(box))) writeFileSync(join(box.directory, name), text);
  process.env["CONTAINERS_CONF"] = join(box.directory, "containers.conf");
  process.env["CONTAINERS_STORAGE_CONF"] = join(box.directory, "storage.conf");
  const parts = join(box.directory, "image-parts");
  mkdirSync(parts);
  run("podman", "load", "-q", "-i", makeImage({ directory: parts, name: image, command: ["sleep", "3600"] }));
  return {
    box,
    start(name, ...options) {
      const command = ["httpd", "-f", "-p", "80", "-h", "/bin"];
      run("podman", "run", "-d", "--cgroup-parent", box.cgroup, "--name", name, ...options, image, ...command);
      return addressOf(name);
    },
    async leave() {
      attempt("podman", "pod", "rm", "-af", "-t", "0");
      attempt("podman", "rm", "-af", "-t", "0");
      await box.leave();
    },
  };
}

/** What the package brings for the machine is none of this node's. */
function settings({ directory, pluginDir, confDir }: Box): Readonly<Record<string, string>> {
  const files = (limit: string): string => run("sh", "-c", `ulimit ${limit} -n`).trim();
  return {
    "containers.conf": `[containers]
default_ulimits = ["nofile=${files("-H")}:${files("-H")}", "nproc=32768:32768"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
infra_image = "${image}"
infra_command = "/bin/sleep 3600"
[network]
network_backend = "cni"
cni_plugin_dirs = ["${pluginDir}"]
network_config_dir = "${confDir}"
`,
    "storage.conf": `[storage]
driver = "vfs"
graphroot = "${directory}/graph"
runroot = "${directory}/runroot"
`,
  };
}

export function addressOf(name: string): string {
  const [one] = JSON.parse(run("podman", "inspect", name)) as any[];
  const [network] = Object.values(one.NetworkSettings.Networks) as any[];
  return network.IPAddress;
}

/** Whether a command succeeds in the container's network. */
export function inside(name: string, ...words: readonly string[]): boolean {
  const key = run("podman", "inspect", "-f", "{{.NetworkSettings.SandboxKey}}", name).trim();
  return attempt("nsenter", `--net=${key}`, ...words).status === 0;
}

/** A command that succeeds when the server answers in HTTP, whatever it says. */
export function asks(place: string): readonly [string, ...string[]] {
  return ["sh", "-c",
    `printf 'GET /none HTTP/1.0\\r\\n\\r\\n' | socat -t20 -T20 - TCP:${place},connect-timeout=20 | grep -q 'HTTP/1'`];
}

/** The same from the node. */
export function answers(place: string): boolean {
  const [program, ...words] = asks(place);
  return attempt(program, ...words).status === 0;
}

/** A packet that is dropped is waited for a moment only. */
export function reaches(name: string, address: string, seconds = "20"): boolean {
  return inside(name, "ping", "-c", "1", "-W", seconds, address);
}

/** Rules that speak of a container, and links that are one's. */
export function leftovers(): readonly string[] {
  const rules = run("nft", "-s", "list", "ruleset").split("\n")
    .filter((line) => /10\.89\.|CNI-[0-9a-f]{24}|CNI-DN-[0-9a-f]/.test(line));
  const links = ["veth", "macvlan"].flatMap((kind) => run("ip", "-o", "link", "show", "type", kind).split("\n"))
    .filter((line) => line !== "" && !/uplink/.test(line));
  const leases = readdirSync("/var/lib/cni/networks", { recursive: true, encoding: "utf8" })
    .filter((name) => /\/\d+\.\d+\.\d+\.\d+$/.test(name));
  return [...rules, ...links, ...leases];
}
