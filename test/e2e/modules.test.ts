// Foreign modules as runtimes meet them: the built executable, real interfaces, and addresses a module chose.
import { chmodSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { installModule, removeModule, sha256Hex } from "../../src/wasm/index.ts";
import { describedModule, exampleModule, plant } from "../helpers/modules.ts";
import { kernelSuite } from "../helpers/netns.ts";
import type { World } from "../helpers/runtime.ts";
import { call, leftovers, makeWorld, succeed } from "../helpers/runtime.ts";
import { multiplexed } from "../helpers/three-networks.ts";

function inWorld(work: (world: World) => void | Promise<void>): () => Promise<void> {
  return async () => {
    const world = makeWorld();
    try {
      mkdirSync(modulesOf(world));
      await work(world);
    } finally {
      world.remove();
    }
  };
}

function modulesOf({ directory }: World): string {
  return join(directory, "modules");
}

/** One bridge network whose addresses a module chooses, reviewed by another where one is named. */
function network(world: World, ipam: object,
  more: { readonly steps?: readonly object[]; readonly node?: object } = {}): object {
  const { directory } = world;
  const bridge = { type: "bridge", bridge: "mod0", isDefaultGateway: true,
    ipam: { dataDir: join(directory, "networks"), ranges: [[{ subnet: "10.62.0.0/24" }]], ...ipam } };
  return {
    cniVersion: "1.1.0", name: "pods", type: "polynic", cniDir: join(directory, "cni"), moduleDir: modulesOf(world),
    delegates: [{ cniVersion: "1.1.0", name: "front", plugins: [bridge, ...(more.steps ?? [])] }], ...more.node,
  };
}

const pod = { args: "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=db-0" };

const modules = kernelSuite("foreign modules", import.meta.url);

modules("choose the address a container gets, and the same one the next time", inWorld(async (world) => {
  await installModule({ directory: modulesOf(world), bytes: exampleModule("sticky") });
  const conf = network(world, { type: "sticky", config: { holdSeconds: 600 } });
  succeed(world, multiplexed("STATUS", conf));
  const { json } = succeed(world, multiplexed("ADD", conf, pod));
  const address = json.ips[0].address;
  assert.match(world.container.exec("ip", "-o", "addr", "show", "dev", "eth0"), ` ${address} `);
  assert.is.not(address, "10.62.0.2/24", "a hash of the name, not the first");
  succeed(world, multiplexed("CHECK", conf, pod));
  succeed(world, multiplexed("DEL", conf, pod));
  assert.equal(leftovers(world), []);
  assert.is(succeed(world, multiplexed("ADD", conf, { ...pod, containerId: "pod-2" })).json.ips[0].address, address);
  succeed(world, multiplexed("DEL", conf, { ...pod, containerId: "pod-2" }));
}));

modules("may be a file the node's configuration names, with its digest and a configuration of its own",
  inWorld((world) => {
  const bytes = exampleModule("sticky"), path = join(world.directory, "mine.wasm");
  writeFileSync(path, bytes);
  const conf = (config: object, sha256 = sha256Hex(bytes)) => network(world,
    { type: "wasm", module: path, sha256, config });
  assert.is(succeed(world, multiplexed("ADD", conf({ holdSeconds: 5 }), pod)).json.ips.length, 1);
  succeed(world, multiplexed("DEL", conf({ holdSeconds: 5 }), pod));
  const refused = call(world, multiplexed("ADD", conf({ holdSeconds: "long" }), pod)).json;
  assert.is(refused.code, 7, refused.msg);
  assert.match(refused.msg, /ipam\.config\.holdSeconds is "long", expected an integer/);
  assert.is(call(world, multiplexed("ADD", conf({}, "0".repeat(64)), pod)).json.code, 141);
  assert.equal(leftovers(world), []);
}));

modules("that misbehave leave no interface, no address and no file", inWorld((world) => {
  const conf = network(world, { type: "bad" });
  for (const [parts, code] of [
    [{ call: [0x03, 0x40, 0x0c, 0, 0x0b, 0x42, 0] }, 143], [{ call: [0x00] }, 144], [{ answer: "{" }, 145],
    [{ answer: '{"ips":[{"range":0,"address":"10.62.0.1"}]}' }, 146], [{ call: [0x12, 2] }, 142],
  ] as const) {
    plant(modulesOf(world), "bad", describedModule(parts));
    const { status, json } = call(world, multiplexed("ADD", conf));
    assert.equal([status, json.code], [1, code], json.msg);
    assert.equal(leftovers(world), []);
    assert.is(world.container.exec("ip", "-o", "link", "show",
      "up").split("\n").filter((line) => line.includes("eth0")).length, 0);
  }
  writeFileSync(join(modulesOf(world), "bad.wasm"), "changed");
  assert.is(call(world, multiplexed("ADD", conf)).json.code, 141);
  chmodSync(join(modulesOf(world), "modules.lock.json"), 0o666);
  assert.is(call(world, multiplexed("ADD", conf)).json.code, 140);
  assert.equal(leftovers(world), []);
}));

modules("that are uninstalled while a container runs do not keep its address", inWorld(async (world) => {
  await installModule({ directory: modulesOf(world), bytes: exampleModule("sticky") });
  const conf = network(world, { type: "sticky" });
  succeed(world, multiplexed("ADD", conf, pod));
  writeFileSync(join(modulesOf(world), "modules.lock.json"), "{}");
  succeed(world, multiplexed("DEL", conf, pod));
  assert.equal(leftovers(world), []);
  assert.match(call(world, multiplexed("ADD", conf, pod)).json.msg, /no module of that name is installed/);
}));

/** What happens to the modules of a container while it runs. */
const lost: readonly (readonly [string, (directory: string) => void | Promise<void>, number])[] = [
  ["are removed", async (directory) => {
    for (const name of ["sticky", "single-default"]) await removeModule({ directory, name });
  }, 140],
  ["cannot be read", (directory) => writeFileSync(join(directory, "modules.lock.json"), "{"), 6],
  ["could have been written by others", (directory) => chmodSync(join(directory, "modules.lock.json"), 0o666), 140],
  ["lie where others can write", (directory) => chmodSync(directory, 0o777), 140],
];
for (const [title, lose, code] of lost) {
  modules(`that ${title} end no DEL and no GC, and every ADD`, inWorld(async (world) => {
    const directory = modulesOf(world);
    for (const name of ["sticky", "single-default"]) await installModule({ directory, bytes: exampleModule(name) });
    const conf = network(world, { type: "sticky" }, { steps: [{ type: "single-default" }] });
    succeed(world, multiplexed("ADD", conf, pod));
    await lose(directory);
    assert.is(call(world, multiplexed("ADD", conf, { ...pod, containerId: "pod-2" })).json.code, code);
    for (let i = 0; i < 2; i++) succeed(world, multiplexed("DEL", conf, pod));
    assert.equal(leftovers(world), []);
    succeed(world, multiplexed("DEL", conf, { ...pod, containerId: "pod-2" }));
    succeed(world, multiplexed("GC", { ...conf, "cni.dev/valid-attachments": [] }, pod));
  }));
}

modules("refuse a result, and the container is as it was", inWorld(async (world) => {
  await installModule({ directory: modulesOf(world), bytes: exampleModule("sticky") });
  const entry = JSON.parse(readFileSync(join(modulesOf(world), "modules.lock.json"), "utf8"));
  await installModule({ directory: modulesOf(world), bytes: exampleModule("single-default") });
  assert.ok(entry.sticky !== undefined);
  const accepted = network(world, { type: "sticky" }, { steps: [{ type: "single-default" }] });
  succeed(world, multiplexed("ADD", accepted, pod));
  succeed(world, multiplexed("CHECK", accepted, pod));
  succeed(world, multiplexed("DEL", accepted, pod));
  const refused = network(world, { type: "sticky" }, { steps: [{ type: "wasm", module: "single-default",
    config: { most: 0 } }] });
  const { status, json } = call(world, multiplexed("ADD", refused, pod));
  assert.is(status, 1);
  assert.match(json.msg, /default route/);
  assert.equal(leftovers(world), []);
}));

/** A second network whose module does not accept it: the first one's interface must not have been made by then. */
const unusable: readonly (readonly [string, { readonly ipam: object; readonly steps?: readonly object[] }, number,
  RegExp])[] = [
  ["a configuration of another shape", { ipam: { type: "sticky", config: { holdSeconds: "long" } } }, 7,
    /holdSeconds is "long"/],
  ["a digest it does not have", { ipam: { type: "wasm", module: "sticky", sha256: "0".repeat(64) } }, 141,
    /expected 0{64}/],
  ["a need nobody meets", { ipam: { type: "eui64" } }, 7, /needs mac/],
  ["a policy that is none", { ipam: { type: "sticky" }, steps: [{ type: "wasm", module: "sticky" }] }, 7,
    /of kind ipam, expected one of kind policy/],
];
for (const [title, { ipam, steps = [] }, code, message] of unusable) {
  modules(`with ${title} end an ADD before anything is made`, inWorld(async (world) => {
    await installModule({ directory: modulesOf(world), bytes: exampleModule("sticky") });
    await installModule({ directory: modulesOf(world), bytes: exampleModule("eui64") });
    const conf = network(world, { type: "sticky" }) as { readonly delegates: readonly object[] };
    const ranges = [[{ subnet: "2001:db8:62::/64" }]];
    const second = { cniVersion: "1.1.0", name: "back", plugins: [{ type: "bridge", bridge: "mod1",
      ipam: { dataDir: join(world.directory, "networks"), ranges, ...ipam } }, ...steps] };
    const before = world.host.exec("ip", "-o", "link", "show").split("\n").length;
    const { status, json } = call(world, multiplexed("ADD", { ...conf, delegates: [...conf.delegates, second] }, pod));
    assert.equal([status, json.code], [1, code], json.msg);
    assert.match(json.msg, message);
    assert.is(world.host.exec("ip", "-o", "link", "show").split("\n").length, before,
      "not even the bridge, which no undo takes away");
    assert.equal(leftovers(world), []);
  }));
}

/** The addresses of pod shop/db-0 on the node of index 3 in the network an example shows. */
const shownNetworks: readonly (readonly [string, readonly RegExp[]])[] = [
  ["eui64", [/^2001:db8:7::5eff:fe10:1\/64$/]],
  ["namespace-pools", [/^10\.2\.0\.2\/24$/]],
  ["node-slice", [/^10\.4\.3\.\d+\/16$/, /^fd00:4:0:3::[0-9a-f]*\/48$/]],
  ["single-default", [/^10\.6\.0\.2\/24$/]],
  ["split", [/^10\.5\.0\.2\/24$/]],
  ["sticky", [/^10\.1\.0\.[1-9]\d\/24$/]],
];
const examples = join(import.meta.dirname, "..", "..", "wasm-plugins", "examples");

modules("that ship as examples are all looked at here", () => {
  assert.equal(shownNetworks.map(([name]) => name), readdirSync(examples).sort());
});

for (const [name, addresses] of shownNetworks) {
  modules(`serve the network that the page of ${name} shows`, inWorld(async (world) => {
    await installModule({ directory: modulesOf(world), bytes: exampleModule(name) });
    const shown = JSON.parse(readFileSync(join(examples, name, "network.conflist"), "utf8"));
    shown.plugins[0].ipam.dataDir = join(world.directory, "networks");
    const conf = { cniVersion: "1.1.0", name: "pods", type: "polynic", cniDir: join(world.directory, "cni"),
      moduleDir: modulesOf(world), nodeIndex: 3, delegates: [shown] };
    succeed(world, multiplexed("STATUS", conf));
    const { json } = succeed(world, multiplexed("ADD", conf, pod));
    assert.is(json.ips.length, addresses.length);
    for (const [index, wanted] of addresses.entries()) {
      const { address } = json.ips[index];
      assert.match(address, wanted);
      assert.match(world.container.exec("ip", "-o", "addr", "show", "dev", "eth0"), ` ${address} `);
    }
    succeed(world, multiplexed("CHECK", conf, pod));
    succeed(world, multiplexed("DEL", conf, pod));
    assert.equal(leftovers(world), []);
  }));
}

modules.run();
