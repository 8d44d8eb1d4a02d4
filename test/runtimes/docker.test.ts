// Docker's containers with --network none, attached by hand as the README says: traffic, restarts, nothing left.
import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { makeImage } from "../helpers/box-image.ts";
import { fetchText, makeUplinks, uplinks } from "../helpers/box-node.ts";
import { leftovers, nothingLeft } from "../helpers/box-traces.ts";
import type { Box } from "../helpers/box.ts";
import { enterBox } from "../helpers/box.ts";
import { executable } from "../helpers/executable.ts";
import { attempt, ipJson, run, until } from "../helpers/netns.ts";
import { ourPlugins } from "../helpers/three-networks.ts";
import { longSuite } from "./form.ts";

const image = "localhost/busybox:1";
/** A newer client may stand before it, which does not speak to a daemon of this age. */
const docker = (...words: readonly string[]): string => run("/usr/bin/docker", ...words);

const engine = longSuite("Docker's containers", import.meta.url, {
  programs: { dockerd: "docker.io", runc: "runc", busybox: "busybox-static" }, needs: ["nft_nat", "macvlan"],
});

let box: Box, daemon: ChildProcess;
engine.before(async () => {
  box = enterBox([ourPlugins()]);
  makeUplinks();
  const log = openSync(join(box.directory, "dockerd.log"), "a");
  daemon = spawn("dockerd", ["--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver", "vfs",
    "--data-root", join(box.directory, "docker"), "--exec-root", "/run/docker", "--pidfile", "/run/docker.pid",
    "--cgroup-parent", box.cgroup, "-H", "unix:///run/docker.sock"], { stdio: ["ignore", log, log] });
  process.env["DOCKER_HOST"] = "unix:///run/docker.sock";
  await until("dockerd", () => attempt("/usr/bin/docker", "info").status === 0);
  const parts = join(box.directory, "image-parts");
  mkdirSync(parts);
  docker("load", "-i", makeImage({ directory: parts, name: image, command: ["/bin/sleep", "3600"] }));
  writeFileSync(join(box.confDir, "10-two.conflist"), JSON.stringify(two));
});
engine.after(async () => {
  const ended = new Promise((resolve) => daemon.once("exit", resolve));
  daemon.kill();
  await ended;
  await box.leave();
});

const delegates = [
  { cniVersion: "1.0.0", name: "front", plugins: [
    { type: "bridge", bridge: "front0", isDefaultGateway: true, ipMasq: true,
      ipam: { type: "host-local", ranges: [[{ subnet: "10.72.0.0/24" }]] } },
    { type: "portmap", capabilities: { portMappings: true } }] },
  { cniVersion: "1.0.0", name: "back", type: "macvlan", master: "uplink0",
    ipam: { type: "host-local", ranges: [[{ subnet: "192.168.72.0/24" }]] } },
];
const two = { cniVersion: "1.0.0", name: "two", plugins: [
  { type: "polynic", capabilities: { portMappings: true }, delegates }] };

const start = (name: string): void => void docker("run", "-d", "--network", "none", "--name", name, image,
  "httpd", "-f", "-p", "80", "-h", "/bin");
const polynic = (...words: readonly string[]): string => {
  const [program, name] = executable("polynic"), { status, stdout, stderr } = attempt(program, name, ...words);
  assert.is(status, 0, `polynic ${words.join(" ")}: ${stdout}${stderr}`);
  return stdout;
};
const fixtures = { links: uplinks };

engine("are on two networks by one command, shown, and off them by another", async () => {
  start("web");
  start("other");
  polynic("attach", "web", "two", "-p", "8080:80");
  polynic("attach", "other", "two");
  assert.match(await fetchText("http://10.72.0.1:8080/none"), /404/);
  const pid = docker("inspect", "-f", "{{.State.Pid}}", "other").trim();
  for (const address of ["10.72.0.2", "192.168.72.2"])
    assert.is(attempt("nsenter", `--net=/proc/${pid}/ns/net`, "ping", "-c", "1", "-W", "20", address).status, 0,
      address);
  const shown = polynic("show");
  for (const word of ["web", "front0", "10.72.0.2", "192.168.72.2", "8080"]) assert.match(shown, word);
  for (const name of ["web", "other"]) polynic("detach", name);
  assert.equal(ipJson("link show type veth").filter(({ ifname }) => !uplinks.includes(ifname)), []);
  docker("rm", "-f", "web", "other");
  await nothingLeft(fixtures);
});

engine("are attached, shown and detached by the lines at the top of README, as they stand there", async () => {
  const readme = readFileSync(join(import.meta.dirname, "..", "..", "README.md"), "utf8");
  const [, lines = ""] = /\n\n((?: {4}\S.*\n)+)\nand `(polynic detach web)` takes it off again/.exec(readme) ?? [];
  const words = lines.split("\n").flatMap((line) => line.trim().split(" && ")).filter((line) => line !== "");
  assert.equal(words.map((line) => line.replace(/ .*/, "")), ["polynic", "polynic", "docker", "polynic", "polynic"]);
  let shown = "";
  for (const line of words) {
    const [program, ...rest] = line.split(" ");
    if (program === "polynic") shown = polynic(...rest);
    else docker(...rest.map((word) => word.replace(/^nginx$/, image)));
  }
  for (const word of ["web", "br-shop", "br-lan", "eth0", "eth1"]) assert.match(shown, word);
  for (const format of ["svg", "html"]) {
    const file = join(box.directory, `node.${format}`);
    polynic("show", `--${format}`, file);
    assert.match(readFileSync(file, "utf8"), "br-shop");
  }
  polynic("detach", "web");
  docker("rm", "-f", "web");
  polynic("network", "rm", "shop", "lan");
  assert.equal(leftovers(fixtures), []);
});

engine("that were restarted have their networks again", async () => {
  start("web");
  polynic("attach", "web", "two", "-p", "8080:80");
  docker("restart", "-t", "0", "web");
  polynic("attach", "--again", "web");
  assert.match(await fetchText("http://10.72.0.1:8080/none"), /404/);
  docker("rm", "-f", "web");
  polynic("detach", "web");
  await nothingLeft(fixtures);
});

engine("are on a network that was made as with docker", async () => {
  polynic("network", "create", "--subnet", "10.73.0.0/24", "shop");
  start("web");
  polynic("network", "connect", "--ip", "10.73.0.9", "-p", "8081:80", "shop", "web");
  assert.match(await fetchText("http://10.73.0.1:8081/none"), /404/);
  polynic("network", "disconnect", "shop", "web");
  docker("rm", "-f", "web");
  polynic("network", "rm", "shop");
  assert.equal(leftovers(fixtures), []);
});
engine.run();
