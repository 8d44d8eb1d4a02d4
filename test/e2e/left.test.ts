// What DEL cannot take away it says, each time that it is asked, until it is gone: no success while something is left.
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { spawn } from "node:child_process";
import { once } from "node:events";
import * as assert from "uvu/assert";
import { openHandles } from "../../src/call/index.ts";
import type { MuxCommand } from "../../src/mux/index.ts";
import { del, parseMuxConf } from "../../src/mux/index.ts";
import { openFileLeases } from "../../src/store/index.ts";
import { rejects } from "../helpers/errors.ts";
import { kernelSuite, run } from "../helpers/netns.ts";
import type { World } from "../helpers/runtime.ts";
import { call, leftovers, makeWorld, succeed } from "../helpers/runtime.ts";
import { multiplexed } from "../helpers/three-networks.ts";

const test = kernelSuite("what is left", import.meta.url, { needs: ["nft_nat"] });
let world: World;
test.before.each(() => { world = makeWorld(); });
test.after.each(() => world.remove());

const multiplexer = (plugins: readonly object[], more: object = {}): object => ({
  cniVersion: "1.1.0", name: "pods", type: "polynic", cniDir: join(world.directory, "cni"),
  delegates: [{ cniVersion: "1.1.0", name: "front", plugins }], ...more,
});
const bridge = (): object => ({ type: "bridge", bridge: "left0",
  ipam: { type: "host-local", dataDir: join(world.directory, "networks"), subnet: "10.62.0.0/24" } });
const portmap = (backend: string): object => ({ type: "portmap", backend, capabilities: { portMappings: true },
  runtimeConfig: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }] } });

/** DEL twice and GC fail and name what is left; after the mending DEL succeeds, and nothing is there. */
function toldUntilMended(conf: object, naming: RegExp, mend: () => void): void {
  for (const verb of ["DEL", "DEL", "GC", "DEL"]) {
    const given = verb === "GC" ? { ...conf, "cni.dev/valid-attachments": [] } : conf;
    const { status, json, stdout } = call(world, multiplexed(verb, given));
    assert.is(status, 1, `${verb}: ${stdout}`);
    assert.match(String(json?.msg), naming, verb);
  }
  mend();
  for (let i = 0; i < 2; i++) succeed(world, multiplexed("DEL", conf));
  assert.equal(leftovers(world), []);
}

test("of an executed plugin, as long as its own DEL fails, or its file is away", () => {
  const directory = join(world.directory, "bin"), stuck = join(world.directory, "stuck"), file = join(directory, "own");
  mkdirSync(directory);
  writeFileSync(file, `#!/bin/sh
[ "$CNI_COMMAND" = ADD ] && echo '{"cniVersion":"1.1.0","interfaces":[]}' && exit 0
[ -e ${stuck} ] && echo '{"code":200,"msg":"the switch does not answer"}' && exit 1
exit 0`);
  chmodSync(file, 0o755);
  const conf = multiplexer([{ type: "own" }], { binDir: directory });
  succeed(world, multiplexed("ADD", conf));
  writeFileSync(stuck, "");
  toldUntilMended(conf, /plugin "own" of network "front".*the switch does not answer/, () => run("rm", stuck));
  succeed(world, multiplexed("ADD", conf));
  run("mv", file, `${file}.away`);
  toldUntilMended(conf, /plugin "own" of network "front".*no file of that name/, () => run("mv", `${file}.away`, file));
});

for (const [title, rule] of [
  ["the tool cannot read", "meta cpu 0"], ["stands in a chain of its own", "ip saddr 192.0.2.1"],
] as const) {
  test(`of portmap with iptables, when somebody else's rule that ${title} leads to its chain`, () => {
    const conf = multiplexer([bridge(), portmap("iptables")], { capabilities: { portMappings: true } });
    succeed(world, multiplexed("ADD", conf));
    const [, chain = ""] = /chain (CNI-DN-\w+)/.exec(world.host.exec("nft", "list", "table", "ip", "nat")) ?? [];
    world.host.exec("nft", "add", "chain", "ip", "nat", "other");
    world.host.exec("nft", ...`add rule ip nat other ${rule} jump ${chain}`.split(" "));
    if (rule.startsWith("ip")) {
      // iptables' own words: its rule goes with ours.
      succeed(world, multiplexed("DEL", conf));
      assert.equal(leftovers(world), []);
      return;
    }
    toldUntilMended(conf, /plugin "portmap" of network "front"/, () => {
      world.host.exec("nft", "flush", "chain", "ip", "nat", "other");
    });
  });
}

test("of portmap with nftables, when the rules cannot be deleted", () => {
  const conf = multiplexer([bridge(), portmap("nftables")], { capabilities: { portMappings: true } });
  succeed(world, multiplexed("ADD", conf));
  // Without CAP_NET_ADMIN nobody changes or reads them.
  const file = join(world.directory, "polynic");
  writeFileSync(file, `#!/bin/sh\nexec setpriv --bounding-set -net_admin ${multiplexed("DEL", conf).path[0]}/polynic`);
  chmodSync(file, 0o755);
  for (let i = 0; i < 2; i++) {
    const { status, json, stdout } = call(world, { ...multiplexed("DEL", conf), file });
    assert.is(status, 1, stdout);
    assert.match(String(json?.msg), /plugin "portmap" of network "front"/);
  }
  succeed(world, multiplexed("DEL", conf));
  assert.equal(leftovers(world), []);
});

test("of an address, while another process holds the lock of its network", async () => {
  const dataDir = join(world.directory, "networks");
  const command: MuxCommand = {
    conf: parseMuxConf(multiplexer([{ type: "bridge", bridge: "left0",
      ipam: { type: "host-local", dataDir, subnet: "10.62.0.0/24" } }]) as Readonly<Record<string, unknown>>,
    { invokedAs: "polynic", verb: "DEL" }),
    attachment: { containerId: "pod-1", netns: world.container.path, ifName: "eth0", args: "", path: [] },
    validAttachments: undefined, version: "0", env: {},
    openHandles(netns) {
      const open = openHandles({ netns, path: [], execute: [], modules: "", log: silent,
        surroundings: { env: process.env, tell() {} } });
      const node = { name: "", bootId: "" };
      return Object.assign(Object.create(open) as typeof open, {
        leases: () => openFileLeases({ dataDir, node, lockTimeoutMs: 50 }),
      });
    },
    exclusively: (_, work) => work(),
  };
  succeed(world, multiplexed("ADD", multiplexer([bridge()])));
  const holder = spawn("flock", [join(dataDir, "front", "lock"), "sh", "-c", "echo held; read line"],
    { stdio: ["pipe", "pipe", "inherit"] });
  try {
    await once(holder.stdout, "data");
    for (let i = 0; i < 3; i++)
      assert.match((await rejects(del(command), 11)).message, /network "front".*others have held it/);
    assert.ok(leftovers(world).some((what) => what.startsWith("file networks/front/10.62.0.2")));
  } finally {
    holder.stdin.end("\n");
    await once(holder, "close");
  }
  await del(command);
  assert.equal(leftovers(world), []);
});
test.run();

const silent = { error() {}, warn() {}, verbose() {}, debug() {} };
