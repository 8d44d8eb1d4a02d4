// docs/install.md, "From Multus to polynic" and "And back", on a directory that stands for a node, with real pods: what
// one of the two has attached the other takes away, whichever is installed. `multus` is our executable under that name.
import { spawnSync } from "node:child_process";
import { readFileSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { builtDist } from "../helpers/dist.ts";
import { waitLimitMs } from "../helpers/limits.ts";
import { kernelSuite } from "../helpers/netns.ts";
import type { PretendNode } from "../helpers/pretend-node.ts";
import { binDir, confDir, pretendNode } from "../helpers/pretend-node.ts";
import type { NetworkConf, World } from "../helpers/runtime.ts";
import { makeWorld, runChain } from "../helpers/runtime.ts";

const dist = builtDist();

/** The first configuration by its name, which is the one a runtime uses. */
function inForce(node: PretendNode): { readonly file: string; readonly network: NetworkConf } {
  const directory = join(node.root, confDir);
  const [file = ""] = readdirSync(directory).filter((name) => /\.(conf|conflist|json)$/.test(name)).sort();
  const json = JSON.parse(readFileSync(join(directory, file), "utf8"));
  return { file, network: json.plugins === undefined ? { cniVersion: json.cniVersion, name: json.name, plugins: [json] }
    : json };
}

function kubelet(world: World, node: PretendNode) {
  const bin = join(node.root, binDir);
  return (verb: "ADD" | "DEL", containerId: string, netns: string): void => {
    const { file, network } = inForce(node);
    const { status, stdout, stderr } = runChain(world, verb, network, () => [bin], { containerId, netns });
    assert.is(status, 0, `${verb} of ${containerId} by ${file}: ${stdout}${stderr}`);
  };
}

function polynic(file: string, ...words: readonly string[]): void {
  const { status, stdout, stderr } = spawnSync(file, words,
    { encoding: "utf8", timeout: waitLimitMs, env: { PATH: process.env["PATH"] } });
  assert.is(status, 0, stdout + stderr);
}

const journey = kernelSuite("a node's journey", import.meta.url);

journey("goes from Multus to polynic and back, and every pod is deleted by whoever is there", () => {
  const world = makeWorld();
  using node = pretendNode({ types: [], account: false });
  try {
    const kept = join(world.directory, "leases"), leases = () => readdirSync(join(kept,
      "pods")).filter((name) => /^10\./.test(name));
    const primary = { cniVersion: "1.0.0", name: "pods", plugins: [{ type: "bridge", bridge: "cni0",
      ipam: { type: "host-local", dataDir: kept, ranges: [[{ subnet: "10.8.0.0/24" }]] } }] };
    symlinkSync(join(dist, "bin", "multus"), join(node.root, binDir, "multus"));
    node.write(`${confDir}/10-bridge.conflist`, primary, 0o644);
    node.write(`${confDir}/00-multus.conf`, { cniVersion: "1.0.0", name: "multus-cni-network", type: "multus",
      cniDir: join(world.directory, "cni"), delegates: [primary] }, 0o600);
    const before = node.snapshot(), pod = kubelet(world, node), [a, b] = [world.another(), world.another()];

    pod("ADD", "pod-a", a.path);
    polynic(join(dist, "bin", "polynic"), "install", "--root", node.root);
    assert.is(inForce(node).file, "00-polynic.conflist");
    pod("ADD", "pod-b", b.path);
    assert.is(leases().length, 2);

    // Multus's daemon deletes its configuration when it is taken away.
    rmSync(join(node.root, confDir, "00-multus.conf"), { force: true });
    pod("DEL", "pod-a", a.path);
    assert.not.match(a.exec("ip", "-o", "link"), "eth0");

    polynic(join(node.root, binDir, "polynic"), "uninstall", "--root", node.root);
    assert.is(inForce(node).file, "00-multus.conf");
    assert.equal(node.snapshot(), before);
    assert.match(b.exec("ip", "-o", "link"), "eth0");
    pod("DEL", "pod-b", b.path);
    assert.not.match(b.exec("ip", "-o", "link"), "eth0");
    assert.equal(leases(), []);
  } finally {
    world.remove();
  }
});

journey.run();
