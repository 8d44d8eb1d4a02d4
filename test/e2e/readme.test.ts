// What README says under "As the network of one node", word for word, with Debian's podman and containerd: install,
// run, uninstall.
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { makeImage } from "../helpers/box-image.ts";
import { fetchText } from "../helpers/box-node.ts";
import { nothingLeft } from "../helpers/box-traces.ts";
import type { Box } from "../helpers/box.ts";
import { boxSuite, enterBox } from "../helpers/box.ts";
import { containerdPrograms, image, startContainerd } from "../helpers/containerd.ts";
import { builtDist } from "../helpers/dist.ts";
import { run } from "../helpers/netns.ts";

const podman = boxSuite("README's way with podman", import.meta.url, {
  programs: { podman: "podman", conmon: "conmon", runc: "runc", busybox: "busybox-static" }, needs: ["nft_nat"],
});
const root = join(import.meta.dirname, "..", "..");
const readme = readFileSync(join(root, "README.md"), "utf8");

/** A command of README, as it stands there but for what follows the network's name. */
function said(pattern: RegExp): string {
  const [command] = pattern.exec(readme) ?? [];
  assert.ok(command, `README says ${String(pattern)}`);
  return command ?? "";
}

let box: Box;
/** As the shell of README's reader stands: in the repository. */
const sh = (command: string): string => run("sh", "-c", `cd '${root}' && ${command}`);

function prepare(): void {
  builtDist();
  box = enterBox([]);
  // Where Debian's containerd looks; the machine's own stays as it is.
  mkdirSync("/run/box/cni");
  run("sh", "-c", "[ ! -d /usr/lib/cni ] || mount --bind /run/box/cni /usr/lib/cni");
}

podman.before(() => {
  prepare();
  writeSettings();
  run("podman", "load", "-i", makeImage({ directory: box.directory, name: image, command: ["/bin/sleep", "100000"] }));
});
podman.after(() => box.leave());

podman("the example is installed, a container of it has both networks and its port, and everything goes again",
  async () => {
  const before = readdirSync("/etc/cni/net.d");
  const told = sh(said(/dist\/bin\/polynic install --conf conf\/\S+/));
  assert.not.match(told, /podman (will not|may refuse)/);
  const example = readFileSync(join(root, said(/(?<=install --conf )conf\/\S+/)), "utf8");
  const { name } = JSON.parse(example) as { name: string };
  const start = said(/podman run --network \S+/);
  assert.is(start, `podman run --network ${name}`);
  const id = sh(`${start} -d -p 8080:80 ${image} /bin/httpd -f -p 80 -h /etc`).trim();
  const path = sh(`podman inspect --format '{{.NetworkSettings.SandboxKey}}' ${id}`).trim();
  const netns = path.slice("/run/netns/".length);
  const links = (JSON.parse(run("ip", "-n", netns, "-j", "addr", "show")) as readonly {
    readonly ifname: string; readonly addr_info: readonly { readonly local: string; readonly scope: string }[] }[]);
  assert.equal(links.map(({ ifname, addr_info: all }) => [ifname, ...all.filter(({ scope }) => scope === "global")
    .map(({ local }) => local)].join(" ")), ["lo", "eth0 10.252.0.2", "net1 10.251.0.2"]);
  assert.match(sh(`podman inspect ${id}`), /"10\.252\.0\.2"/);
  sh(`podman exec ${id} /bin/sh -c 'echo hello > /etc/page'`);
  assert.is(await fetchText("http://10.252.0.1:8080/page"), "hello\n");
  sh(`podman rm -f -t 0 ${id}`);
  await nothingLeft();
  sh(said(/(?<=To go back, `)polynic uninstall/).replace(/^/, "dist/bin/"));
  assert.equal(readdirSync("/etc/cni/net.d"), before);
});
podman.run();

const containerd = boxSuite("README's way with containerd", import.meta.url,
  { programs: containerdPrograms, needs: ["nft_nat"] });
containerd.before(() => { prepare(); });
containerd.after(() => box.leave());

containerd("the example is installed where Debian's looks, and a container of ctr run --cni has both networks",
  async () => {
  const runtime = await startContainerd(box);
  try {
    const started = said(/ctr run --cni/).replace("ctr", `ctr --address ${box.directory}/containerd.sock -n k8s.io`);
    sh(said(/dist\/bin\/polynic install --conf conf\/\S+/));
    // ctr itself looks in /opt/cni/bin, containerd where its own settings or Debian's say.
    const shown = sh(`${started} --rm ${image} web /bin/ip addr`);
    assert.equal(shown.match(/inet 10\.25\d[\d.]+\/24/g), ["inet 10.252.0.2/24", "inet 10.251.0.2/24"]);
    await nothingLeft();
    await runtime.stop();
  } finally {
    sh("dist/bin/polynic uninstall");
  }
});
containerd.run();

/** README's line, and what a machine without systemd and with a lowered limit of open files needs besides. */
function writeSettings(): void {
  const hard = run("sh", "-c", "ulimit -Hn").trim();
  const backend = said(/network_backend = "cni"/);
  mkdirSync("/etc/containers", { recursive: true });
  writeFileSync("/etc/containers/containers.conf", `[containers]
default_ulimits = ["nofile=${hard}:${hard}", "nproc=32768:32768"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
[network]
${backend}
`);
  writeFileSync("/etc/containers/storage.conf", `[storage]
driver = "vfs"
graphroot = "${box.directory}/graph"
runroot = "/run/containers/storage"
`);
}
