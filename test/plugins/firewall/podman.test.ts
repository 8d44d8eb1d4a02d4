// The networks that podman makes by itself, with our executables as its only plugins: traffic, isolation, nothing left.
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { makeImage } from "../../helpers/box-image.ts";
import type { Box } from "../../helpers/box.ts";
import { boxSuite, enterBox } from "../../helpers/box.ts";
import { builtDist } from "../../helpers/dist.ts";
import { attempt, run, until } from "../../helpers/netns.ts";

const podmanSuite = boxSuite("podman's own networks", import.meta.url, {
  programs: { podman: "podman", conmon: "conmon", runc: "runc", busybox: "busybox-static", socat: "socat" },
  needs: ["nft_nat"],
});

const image = "localhost/busybox:1";
let box: Box;

podmanSuite.before(() => {
  box = enterBox([join(builtDist(), "bin")]);
  // What the package brings for the machine is none of this node's.
  const files = (limit: string) => run("sh", "-c", `ulimit ${limit} -n`).trim();
  const confs = {
    "containers.conf": `[containers]
default_ulimits = ["nofile=${files("-H")}:${files("-H")}", "nproc=32768:32768"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
[network]
network_backend = "cni"
cni_plugin_dirs = ["${box.pluginDir}"]
network_config_dir = "${box.confDir}"
`,
    "storage.conf": `[storage]
driver = "vfs"
graphroot = "${box.directory}/graph"
runroot = "${box.directory}/runroot"
`,
  };
  for (const [name, text] of Object.entries(confs)) writeFileSync(join(box.directory, name), text);
  process.env["CONTAINERS_CONF"] = join(box.directory, "containers.conf");
  process.env["CONTAINERS_STORAGE_CONF"] = join(box.directory, "storage.conf");
  mkdirSync(join(box.directory, "image-parts"));
  const archive = makeImage({ directory: join(box.directory, "image-parts"), name: image, command: ["sleep", "3600"] });
  run("podman", "load", "-q", "-i", archive);
  run("iptables", "-P", "FORWARD", "DROP");
});
podmanSuite.after(async () => {
  attempt("podman", "rm", "-af", "-t", "0");
  await box.leave();
});

/** Starts a container that serves the programs it has. */
function start(name: string, ...options: readonly string[]): string {
  const command = ["httpd", "-f", "-p", "80", "-h", "/bin"];
  run("podman", "run", "-d", "--cgroup-parent", box.cgroup, "--name", name, ...options, image, ...command);
  const [one] = JSON.parse(run("podman", "inspect", name)) as any[];
  const [network] = Object.values(one.NetworkSettings.Networks) as any[];
  return network.IPAddress;
}
const inside = (name: string, ...words: readonly string[]) => {
  const key = run("podman", "inspect", "-f", "{{.NetworkSettings.SandboxKey}}", name).trim();
  return attempt("nsenter", `--net=${key}`, ...words).status === 0;
};
/** A command that succeeds when the server answers in HTTP, whatever it says. */
const asks = (place: string) => ["sh", "-c",
  `printf 'GET /none HTTP/1.0\\r\\n\\r\\n' | socat -t20 -T20 - TCP:${place},connect-timeout=20 | grep -q 'HTTP/1'`];
/** A packet that is dropped is waited for a moment only. */
function reaches(name: string, address: string, seconds = "20"): boolean {
  return inside(name, "ping", "-c", "1", "-W", seconds, address);
}
/** Rules that speak of a container, and links that are one's. */
function leftovers(): readonly string[] {
  const rules = run("nft", "-s", "list", "ruleset").split("\n")
    .filter((line) => /10\.89\.|CNI-[0-9a-f]{24}|CNI-DN-[0-9a-f]/.test(line));
  const links = run("ip", "-o", "link", "show", "type", "veth").split("\n").filter((line) => line !== "");
  const leases = readdirSync("/var/lib/cni/networks", { recursive: true, encoding: "utf8" })
    .filter((name) => /\/\d+\.\d+\.\d+\.\d+$/.test(name));
  return [...rules, ...links, ...leases];
}

podmanSuite("create, run with a published port, connect, restart, rm: packets pass, nothing is left", async () => {
  run("podman", "network", "create", "front");
  const conf = JSON.parse(readFileSync(join(box.confDir, "front.conflist"), "utf8"));
  assert.equal(conf.plugins.map(({ type }: any) => type), ["bridge", "portmap", "firewall", "tuning"]);
  const web = start("web", "--network", "front", "-p", "8080:80");
  const other = start("other", "--network", "front");
  assert.match(run("iptables-save", "-t", "filter"), `-A CNI-FORWARD -s ${web}/32 -j ACCEPT`);
  await until("an answer to another container", () => inside("other", ...asks(`${web}:80`)));
  const [gateway = {}] = JSON.parse(run("podman", "network", "inspect", "front"))[0].subnets as any[];
  const [program = "", ...words] = asks(`${gateway.gateway}:8080`);
  assert.is(attempt(program, ...words).status, 0, "the published port");
  run("podman", "restart", "-t", "0", "other");
  assert.ok(reaches("other", web), other);
  run("podman", "network", "create", "--driver", "bridge", "second");
  run("podman", "network", "connect", "second", "other");
  assert.equal(JSON.parse(run("ip", "-j", "link", "show", "type", "veth")).length, 3);
  run("podman", "network", "disconnect", "second", "other");
  run("podman", "rm", "-f", "-t", "0", "web", "other");
  assert.equal(leftovers(), []);
});

podmanSuite("isolated networks do not reach each other; an internal one works", () => {
  for (const name of ["foo", "bar"]) run("podman", "network", "create", "--opt", "isolate=true", name);
  run("podman", "network", "create", "--internal", "inner");
  const conf = JSON.parse(readFileSync(join(box.confDir, "foo.conflist"), "utf8"));
  assert.is(conf.plugins.find(({ type }: any) => type === "firewall").ingressPolicy, "same-bridge");
  const foo1 = start("foo1", "--network", "foo"), foo2 = start("foo2", "--network", "foo");
  const bar = start("bar1", "--network", "bar");
  assert.equal([reaches("foo1", foo2), reaches("foo1", bar, "1"), reaches("bar1", foo1, "1")], [true, false, false]);
  const inner1 = start("inner1", "--network", "inner");
  start("inner2", "--network", "inner");
  assert.ok(reaches("inner2", inner1));
  run("podman", "rm", "-af", "-t", "0");
  for (const name of ["foo", "bar", "inner"]) run("podman", "network", "rm", name);
  assert.equal(leftovers().filter((line) => !/oifname|iifname/.test(line)), []);
});

podmanSuite.run();
