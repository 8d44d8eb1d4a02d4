// Bad input to the built executable: always an error in the CNI shape that names what is wrong, and nothing is changed.
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { kernelSuite } from "../helpers/netns.ts";
import type { Call, World } from "../helpers/runtime.ts";
import { call, changes, leftovers, makeWorld, referencePlugins, start, state, succeed } from "../helpers/runtime.ts";
import { makeUplink, multiplexed, ourPlugins, threeNetworks } from "../helpers/three-networks.ts";

const needs = ["nft_nat", "macvlan", "ipv6"] as const;

interface Row {
  readonly title: string;
  readonly given: (world: World) => Partial<Call> & Pick<Call, "conf">;
  /** Of the error; the message must hold each text. */
  readonly code: number;
  readonly says: readonly string[];
  readonly version?: string;
}

const hostLocal = ({ directory }: World, more: object = {}): object => ({ type: "host-local",
  dataDir: join(directory, "networks"), ranges: [[{ subnet: "10.80.0.0/24" }]], ...more });
const bridge = (world: World, more: object = {}): object => ({ cniVersion: "1.1.0", name: "net1", type: "bridge",
  bridge: "br0", isGateway: true, ipam: hostLocal(world), ...more });
const asBridge = (conf: object | string, more: Partial<Call> = {}): Partial<Call> & Pick<Call,
  "conf"> => ({ type: "bridge", conf, ...more });
/** The third network is bad: what was done for the first two would have to be undone. */
const thirdBad = (world: World, third: object): Pick<Call, "conf"> => ({ conf: threeNetworks(world,
  { delegates: [...threeNetworks(world).delegates.slice(0, 2), { cniVersion: "1.1.0", name: "third", ...third }] }) });

const rows: readonly Row[] = [
  { title: "broken JSON", given: () => ({ conf: '{"cniVersion": "1.1.0", "name": "pods",' }), code: 6,
    says: ["stdin"] },
  { title: "nothing at all", given: () => ({ conf: "" }), code: 6, says: ["stdin"] },
  { title: "a list", given: () => ({ conf: "[1, 2]" }), code: 6, says: ["stdin"] },
  { title: "bytes that are no text", given: () => ({ conf: "\0\u0001\u0002" }), code: 6, says: ["stdin"] },
  { title: "ten thousand brackets", given: () => ({ conf: `{"name": ${"[".repeat(10_000)}` }), code: 6,
    says: ["stdin"] },
  { title: "delegates of a wrong type", given: (world) => ({ conf: threeNetworks(world, { delegates: "front" }) }),
    code: 7, says: ["delegates"] },
  { title: "a delegate of a wrong type", given: (world) => ({ conf: threeNetworks(world, { delegates: [7] }) }),
    code: 7, says: ["delegates"] },
  { title: "a delegate without type", given: (world) => ({ conf: threeNetworks(world, { delegates: [{ name: "x",
    cniVersion: "1.1.0" }] }) }), code: 7, says: ["type"] },
  { title: "an empty list of plugins", given: (world) => ({ conf: threeNetworks(world, { delegates: [{ name: "x",
    cniVersion: "1.1.0", plugins: [] }] }) }), code: 7, says: ["plugins"] },
  { title: "a network name that is a path", given: (world) => ({ conf: threeNetworks(world, { name: "../x" }) }),
    code: 7, says: ["../x"] },
  { title: "a delegate whose name is a path", given: (world) => thirdBad(world, { name: "../../etc", type: "bridge" }),
    code: 7, says: ["../../etc"] },
  { title: "a container id that is a path", given: (world) => ({ conf: threeNetworks(world), containerId: "../pod-1" }),
    code: 4, says: ["CNI_CONTAINERID", "../pod-1"] },
  { title: "an interface name that is a path", given: (world) => ({ conf: threeNetworks(world), ifName: "a/b" }),
    code: 4, says: ["CNI_IFNAME"] },
  { title: "an interface name of 16 bytes", given: (world) => ({ conf: threeNetworks(world), ifName: "a".repeat(16) }),
    code: 4, says: ["CNI_IFNAME"] },
  { title: "an unknown plugin", given: (world) => thirdBad(world, { type: "frobnicate" }), code: 112,
    says: ["frobnicate", "third"] },
  { title: "a plugin that is a path", given: (world) => thirdBad(world, { type: "../bin/bridge" }), code: 7,
    says: ["../bin/bridge"] },
  { title: "an unknown IPAM", given: (world) => thirdBad(world, { type: "bridge", ipam: { type: "frobnicate" } }),
    code: 112, says: ["frobnicate"] },
  { title: "an IPAM whose name holds a null byte", given: (world) => thirdBad(world,
    { type: "bridge", ipam: { type: "host\0local" } }), code: 7, says: ["ipam.type", "host"] },
  { title: "a wrong type in the third network", given: (world) => thirdBad(world, { type: "bridge", mtu: "big" }),
    code: 7, says: ["third", "mtu"] },
  { title: "a wrong type deep in IPAM", given: (world) => thirdBad(world,
    { type: "bridge", ipam: hostLocal(world, { ranges: [[{ subnet: 5 }]] }) }), code: 7, says: ["ranges", "subnet"] },
  { title: "a subnet with host bits", given: (world) => thirdBad(world,
    { type: "bridge", ipam: hostLocal(world, { ranges: [[{ subnet: "10.80.0.7/24" }]] }) }), code: 7,
    says: ["10.80.0.7/24", "10.80.0.0"] },
  { title: "a master that does not exist", given: (world) => thirdBad(world, { type: "macvlan", master: "nope0" }),
    code: 7, says: ["nope0"] },
  { title: "two networks with one interface name", given: (world) => ({
    conf: threeNetworks(world, { interfaceNames: { back: "lan0", lan: "lan0" } }) }), code: 7, says: ["lan0"] },
  { title: "an address outside of every range", given: (world) => asBridge(bridge(world),
    { args: "IgnoreUnknown=1;IP=192.0.2.1" }), code: 101, says: ["192.0.2.1"] },
  { title: "CNI_ARGS that are no pairs", given: (world) => asBridge(bridge(world), { args: "IP" }), code: 4,
    says: ["CNI_ARGS"] },
  { title: "a MAC that is none", given: (world) => asBridge(bridge(world, { runtimeConfig: { mac: "nonsense" } })),
    code: 7, says: ["MAC", "nonsense"] },
  { title: "a bridge that is another kind of link", given: (world) => asBridge(bridge(world, { bridge: "uplink0" })),
    code: 7, says: ["uplink0"] },
  { title: "an IPAM that answers nonsense", given: (world) => {
    const folder = join(world.directory, "bin");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "nonsense"), "#!/bin/sh\necho 'hello'\n", { mode: 0o755 });
    return asBridge(bridge(world, { ipam: { type: "nonsense" } }), { path: [ourPlugins(), folder] });
  }, code: 112, says: ["nonsense"] },
  { title: "an executable that dies without a word", given: (world) => {
    const folder = join(world.directory, "bin");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "dies"), '#!/bin/sh\n[ "$CNI_COMMAND" = ADD ] && kill -9 $$\nexit 0\n', { mode: 0o755 });
    return { ...thirdBad(world, { type: "dies" }), path: [ourPlugins(), folder] };
  }, code: 112, says: ["dies", "third"] },
  { title: "a namespace that is missing", given: (world) => ({ conf: threeNetworks(world),
    netns: "/run/netns/missing" }), code: 8, says: ["/run/netns/missing"] },
  { title: "a namespace that is a file", given: (world) => {
    const file = join(world.directory, "file");
    writeFileSync(file, "");
    return { conf: threeNetworks(world), netns: file };
  }, code: 8, says: ["/file"] },
  { title: "a namespace that is a directory", given: (world) => ({ conf: threeNetworks(world),
    netns: world.directory }), code: 8, says: [] },
  { title: "a namespace of another kind", given: (world) => ({ conf: threeNetworks(world),
    netns: "/proc/self/ns/mnt" }), code: 8, says: ["/proc/self/ns/mnt"] },
  { title: "the host's own namespace", given: (world) => ({ conf: threeNetworks(world), netns: world.host.path }),
    code: 8, says: ["CNI_NETNS"] },
  { title: "the host's own namespace for a plugin", given: (world) => asBridge(bridge(world),
    { netns: world.host.path }), code: 8, says: ["CNI_NETNS"] },
  { title: "an unknown version", given: (world) => ({ conf: threeNetworks(world, { cniVersion: "7.0.0" }) }), code: 1,
    says: ["7.0.0"], version: "7.0.0" },
  { title: "a delegate of an unknown version", given: (world) => thirdBad(world,
    { cniVersion: "7.0.0", type: "bridge" }), code: 1, says: ["7.0.0"] },
];

const refused = kernelSuite("bad input", import.meta.url, { needs });
// One world for all of them, which nothing may change.
let shared: World | undefined;
refused.before(() => {
  shared = makeWorld();
  makeUplink(shared);
  // Bridges and what all containers share stay behind, also behind an ADD that fails.
  for (const request of [multiplexed("ADD", threeNetworks(shared)),
    multiplexed("ADD", bridge(shared), { type: "bridge" }),
    multiplexed("ADD", bridge(shared, { bridge: "cni0", isGateway: false }), { type: "bridge" })]) {
    succeed(shared, request);
    succeed(shared, { ...request, verb: "DEL" });
  }
});
refused.after(() => shared?.remove());
for (const { title, given, code, says, version = "1.1.0" } of rows) {
  refused(`is refused: ${title}`, () => {
    const world = shared;
    assert.ok(world);
    const { conf, ...more } = given(world);
    const before = state(world);
    const { status, json, stdout } = call(world, multiplexed("ADD", conf, more));
    assert.equal(unchangedBut(before, state(world)), []);
    assert.is(status, 1);
    assert.equal([json.cniVersion, json.code], [version, code], stdout);
    for (const text of says) assert.ok(json.msg.includes(text) || json.details?.includes(text),
      `${stdout} names ${text}`);
  });
}
refused.run();

/** Rows whose fault stands in the configuration, however late its network comes. */
const readable = new Set([
  "an unknown plugin", "an unknown IPAM", "a wrong type in the third network", "a wrong type deep in IPAM",
    "a subnet with host bits",
  "a MAC that is none", "a delegate of an unknown version", "two networks with one interface name",
]);
const untouched = kernelSuite("bad configuration", import.meta.url, { needs });
for (const { title, given } of rows.filter((row) => readable.has(row.title))) {
  untouched(`touches nothing, not even a bridge: ${title}`, () => {
    const world = makeWorld();
    makeUplink(world);
    const { conf, ...more } = given(world);
    const before = state(world);
    assert.is(call(world, multiplexed("ADD", conf, more)).status, 1);
    assert.equal(changes(before, state(world)), []);
    world.remove();
  });
}
untouched.run();

const exhausted = kernelSuite("limits and damage", import.meta.url, { needs });
exhausted("a full range is an error that names it, and everything is undone", () => {
  const world = makeWorld();
  try {
    makeUplink(world);
    const range = hostLocal(world, { ranges: [[{ subnet: "10.80.0.0/30" }]] });
    const conf = threeNetworks(world, { delegates: [...threeNetworks(world).delegates, { cniVersion: "1.1.0",
      name: "small", type: "bridge", bridge: "small0", ipam: range }] });
    succeed(world, multiplexed("ADD", conf));
    const before = state(world);
    const other = world.another();
    const { status, json } = call(world, multiplexed("ADD", conf, { containerId: "pod-2", netns: other.path }));
    assert.is(status, 1);
    assert.match(json.msg, /"small".*10\.80\.0\.2/);
    assert.equal(unchangedBut(before, state(world)), []);
    assert.equal(leftovers(world, { containerId: "pod-2",
      container: other }).filter((what) => !what.startsWith("host link")), []);
    succeed(world, multiplexed("DEL", conf));
    succeed(world, multiplexed("ADD", conf, { containerId: "pod-2", netns: other.path }));
    succeed(world, multiplexed("DEL", conf, { containerId: "pod-2", netns: other.path }));
    assert.equal(leftovers(world), []);
  } finally {
    world.remove();
  }
});
exhausted("an answer nobody can take is one line on stderr and leaves nothing, and DEL works", () => {
  const world = makeWorld();
  try {
    makeUplink(world);
    const file = join(world.directory, "deaf"), conf = threeNetworks(world);
    writeFileSync(file, `#!/bin/sh\nexec ${ourPlugins()}/polynic > /dev/full\n`, { mode: 0o755 });
    const { status, stderr } = call(world, multiplexed("ADD", conf, { file }));
    assert.is(status, 1);
    assert.match(stderr, /^Cannot write to stdout: .*ENOSPC.*\n$/);
    assert.equal(leftovers(world), []);
    succeed(world, multiplexed("DEL", conf));
    assert.equal(leftovers(world), []);
  } finally {
    world.remove();
  }
});
exhausted("damaged reservations and cursors neither stop an ADD nor are handed out", () => {
  const world = makeWorld();
  try {
    const folder = join(world.directory, "networks", "net1");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "10.80.0.2"), "");
    writeFileSync(join(folder, "10.80.0.3"), "\0\uffff garbage \r\n\r\n \r\n");
    writeFileSync(join(folder, "last_reserved_ip.0"), "not an address");
    writeFileSync(join(folder, "README"), "kept");
    mkdirSync(join(folder, "10.80.0.4"));
    const request = multiplexed("ADD", bridge(world), { type: "bridge" });
    assert.is(succeed(world, request).json.ips[0].address, "10.80.0.5/24");
    succeed(world, { ...request, verb: "DEL" });
    assert.equal(leftovers(world), []);
    assert.equal(readdirSync(folder).sort(), ["10.80.0.2", "10.80.0.3", "10.80.0.4", "README", "last_reserved_ip.0",
      "lock"]);
  } finally {
    world.remove();
  }
});
exhausted("a second ADD of the same container is refused and leaves the first whole", () => {
  const world = makeWorld();
  try {
    makeUplink(world);
    const conf = threeNetworks(world);
    succeed(world, multiplexed("ADD", conf));
    const before = state(world);
    const { status, json } = call(world, multiplexed("ADD", conf));
    assert.is(status, 1);
    assert.match(json.msg, '"eth0"');
    assert.equal(changes(before, state(world)), []);
    succeed(world, multiplexed("CHECK", conf));
    succeed(world, multiplexed("DEL", conf));
    assert.equal(leftovers(world), []);
  } finally {
    world.remove();
  }
});
exhausted.run();

const together = kernelSuite("concurrent ADDs", import.meta.url, { needs });
together("two ADDs of one container end in one attachment", async () => {
  const world = makeWorld();
  try {
    makeUplink(world);
    const conf = threeNetworks(world);
    const answers = await Promise.all([1, 2].map(() => start(world, multiplexed("ADD", conf)).answer));
    assert.equal(answers.map(({ status }) => status).sort(), [0, 1], answers.map(({ stdout }) => stdout).join());
    succeed(world, multiplexed("CHECK", conf));
    succeed(world, multiplexed("DEL", conf));
    assert.equal(leftovers(world), []);
  } finally {
    world.remove();
  }
});
together("ten containers get ten addresses of each network, and give them back", async () => {
  const world = makeWorld();
  try {
    makeUplink(world);
    const conf = threeNetworks(world);
    const containers = Array.from({ length: 10 }, (_, index) => ({ containerId: `many${index}`,
      netns: world.another() }));
    const all = async (verb: string) => await Promise.all(containers.map(({ containerId, netns }) => start(world,
      multiplexed(verb, conf, { containerId, netns: netns.path })).answer));
    const added = await all("ADD");
    for (const { status, stdout, stderr } of added) assert.is(status, 0, stdout + stderr);
    const addresses = added.flatMap(({ json }) => json.ips.map(({ address }: any) => address));
    assert.is(new Set(addresses).size, 40);
    for (const [network, count] of [["front", 10], ["back", 20], ["lan", 10]] as const) {
      const owners = readdirSync(join(world.directory, "networks",
        network)).filter((name) => /^[0-9a-f.:]+$/.test(name))
        .map((name) => readFileSync(join(world.directory, "networks", network, name), "utf8").split("\r\n")[0]);
      assert.is(owners.length, count);
      assert.is(new Set(owners).size, 10);
    }
    for (const { status, stdout } of await all("CHECK")) assert.is(status, 0, stdout);
    for (const { status, stdout } of await all("DEL")) assert.is(status, 0, stdout);
    for (const { containerId, netns } of containers) assert.equal(leftovers(world,
      { containerId, container: netns }), []);
  } finally {
    world.remove();
  }
});
for (const { release, directory } of referencePlugins()) {
  together(`eight containers are added, half by us and half by the reference plugins ${release}, with iptables`,
    async () => {
    const world = makeWorld();
    try {
      const path = (index: number): string => (index % 2 === 0 ? ourPlugins() : directory);
      const conf = { cniVersion: "1.0.0", name: "net1", type: "bridge", bridge: "br0", isDefaultGateway: true,
        ipMasq: true, ipam: hostLocal(world) };
      const containers = Array.from({ length: 8 }, (_, index) => ({ containerId: `many${index}`,
        netns: world.another() }));
      const all = async (verb: string, shift: number,
        more: readonly object[] = []) => await Promise.all(containers.map(({ containerId, netns }, index) => (
        start(world, { verb, type: "bridge", path: [path(index + shift)], conf: { ...conf, ...more[index] },
          containerId, netns: netns.path }).answer)));
      const added = await all("ADD", 0);
      for (const { status, stdout, stderr } of added) assert.is(status, 0, stdout + stderr);
      assert.is(new Set(added.map(({ json }) => json.ips[0].address)).size, 8);
      // Whoever has not added it deletes it.
      for (const { status, stdout } of await all("DEL", 1,
        added.map(({ json }) => ({ prevResult: json })))) assert.is(status, 0, stdout);
      for (const { containerId, netns } of containers) assert.equal(leftovers(world,
        { containerId, container: netns }), []);
    } finally {
      world.remove();
    }
  });
}
together.run();

/**
 * Bridges and where the next allocation begins may stay behind a failed ADD; what the test wrote itself is no change.
 */
function unchangedBut(before: readonly string[], after: readonly string[]): readonly string[] {
  return changes(before,
    after).filter((line) => !/^. \/files\/(?:networks\/[^/]+\/(?:lock|last_reserved_ip)|cni\/\.polynic\/lock-)/.test(line));
}
