// src/mux: ADD, DEL and CHECK of many networks, with plugins that only write down how they were called.
import { existsSync, mkdirSync, readFileSync, readdirSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CniError } from "../../src/cni/index.ts";
import { add, check, del } from "../../src/mux/index.ts";
import { LockError } from "../../src/os/index.ts";
import { loadScratch } from "../../src/store/index.ts";
import { rejects } from "../helpers/errors.ts";
import type { Bench } from "../helpers/multiplexer.ts";
import { openBench } from "../helpers/multiplexer.ts";

let bench: Bench;
const prepared = (name: string) => {
  const test = suite(name);
  test.before.each(() => { bench = openBench(); });
  test.after.each(() => bench.remove());
  return test;
};

const single = (type: string, more: object = {}): object => ({ cniVersion: "1.0.0", name: `net-${type}`, type,
  ...more });
const two = { delegates: [single("one"), single("two")] };
const left = (): readonly string[] => existsSync(bench.cniDir)
  ? readdirSync(bench.cniDir, { recursive: true, encoding: "utf8" }).filter((name) => name !== "results").sort() : [];

const adding = prepared("add");

for (const cniVersion of ["0.2.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]) {
  adding(`attaches two networks in ${cniVersion}, the default one as eth0, and answers in that version`, async () => {
    const delegates = [single("one", { cniVersion }), single("two", { cniVersion })];
    const result = await add(bench.command({ cniVersion, delegates, mergeResults: false }));
    assert.equal(bench.story(), ["ADD one eth0", "ADD two net1"]);
    assert.is(result.cniVersion, cniVersion);
    assert.match(JSON.stringify(result), /10\.0\.0\.100\/24/);
    assert.not.match(JSON.stringify(result), /10\.0\.0\.1\/24/);
    assert.equal(left(), ["c1", "results/net-one-c1-eth0", "results/net-two-c1-net1"]);
    await del(bench.command({ cniVersion, delegates }, { verb: "DEL" }));
    assert.equal(bench.story().slice(2), ["DEL two net1", "DEL one eth0", "after two net1", "after one eth0"]);
    assert.equal(left(), []);
  });
}

for (const cniVersion of ["0.2.0", "0.3.1", "0.4.0", "1.0.0"]) {
  adding(`takes an empty answer of a later network in ${cniVersion}`, async () => {
    const delegates = [single("one", { cniVersion }), single("two", { cniVersion })];
    bench.answers.set("two", { interfaces: [], ips: [], routes: [], dns: {} });
    const result = await add(bench.command({ cniVersion, delegates, mergeResults: false }));
    assert.match(JSON.stringify(result), /10\.0\.0\.100\/24/);
    await del(bench.command({ cniVersion, delegates }, { verb: "DEL" }));
    assert.equal(bench.story(), ["ADD one eth0", "ADD two net1", "DEL two net1", "DEL one eth0", "after two net1",
      "after one eth0"]);
    assert.equal(left(), []);
  });
}

adding("merges all results under polynic, not under multus, and as mergeResults says", async () => {
  const rows: readonly [string, object, boolean][] = [["polynic", {}, true], ["multus", {}, false],
    ["multus", { mergeResults: true }, true], ["polynic", { mergeResults: false }, false]];
  for (const [invokedAs, config, merges] of rows) {
    const result = await add(bench.command({ ...two, ...config }, { invokedAs }));
    assert.is(JSON.stringify(result).includes("net1"), merges, `${invokedAs} ${JSON.stringify(config)}`);
    await del(bench.command(two, { verb: "DEL" }));
  }
  assert.equal(bench.merged[0]?.map(({ network, ifName, default: first, routesClaimed }) => [network, ifName, first,
    routesClaimed]),
    [["net-one", "eth0", true, null], ["net-two", "net1", false, null]]);
});

adding("answers as multus in the default network's version, otherwise in the configuration's", async () => {
  const conf = { cniVersion: "0.2.0", delegates: [single("one", { cniVersion: "0.4.0" }), single("two")] };
  for (const [invokedAs, config, version] of [["multus", {}, "0.4.0"], ["multus", { mergeResults: true }, "0.2.0"],
    ["polynic", { mergeResults: false }, "0.2.0"]] as const) {
    const result = await add(bench.command({ ...conf, ...config }, { invokedAs }));
    assert.is(result.cniVersion, version, `${invokedAs} ${JSON.stringify(config)}`);
    await del(bench.command(conf, { verb: "DEL" }));
  }
});

adding("hands the result on inside a chain, never from network to network", async () => {
  await add(bench.command({ delegates: [{ cniVersion: "1.0.0", name: "chain",
    plugins: [{ type: "one" }, { type: "shaper" }] }, single("two")] }));
  assert.equal(bench.calls.map(({ request }) => request.prevResult?.interfaces[0]?.name),
    [undefined, "eth0", undefined]);
  assert.equal(bench.calls.map(({ request }) => [request.conf.name, request.conf.cniVersion]),
    [["chain", "1.0.0"], ["chain", "1.0.0"], ["net-two", "1.0.0"]]);
});

adding("gives capability arguments to the default network's capable plugins only", async () => {
  const delegates = [
    { cniVersion: "1.0.0", name: "chain", plugins: [{ type: "one" },
      { type: "shaper", capabilities: { portMappings: true, bandwidth: false, cgroupPath: true } }] },
    single("two", { capabilities: { portMappings: true } }),
  ];
  const runtimeConfig = { portMappings: [{ HostPort: 1 }], bandwidth: { ingressRate: 1 }, other: {}, ips: [],
    cgroupPath: "/pods/a" };
  await add(bench.command({ delegates, runtimeConfig }));
  assert.equal(bench.calls.map(({ request }) => request.conf["runtimeConfig"]),
    [undefined, { portMappings: [{ HostPort: 1 }], cgroupPath: "/pods/a" }, undefined]);
});

adding("gives them to all where the configuration says so", async () => {
  await add(bench.command({ delegates: [single("one"), single("two", { capabilities: { mac: true } })],
    runtimeConfig: { mac: "02::" }, runtimeConfigToAll: true }));
  assert.equal(bench.calls.map(({ request }) => request.conf["runtimeConfig"]), [undefined, { mac: "02::" }]);
});

adding("fills the five standard arguments in order, and keeps address and MAC to the default network", async () => {
  await add(bench.command(two, { args: "K8S_POD_NAME=p;IgnoreUnknown=1;X=a=b;IP=10.0.0.9;K8S_POD_NAMESPACE=n" }));
  const standard = "IgnoreUnknown=true;K8S_POD_NAMESPACE=n;K8S_POD_NAME=p;K8S_POD_INFRA_CONTAINER_ID=;K8S_POD_UID=;" +
    "X=a=b";
  assert.equal(bench.calls.map(({ request }) => request.attachment.args), [`${standard};IP=10.0.0.9`, standard]);
  assert.equal(bench.calls[0]?.request.attachment.path, ["/bin-dir", "/cni"]);
});

adding("writes the scratch file before the first network", async () => {
  bench.failures.set("ADD one", new CniError(100, "full"));
  bench.failures.set("undo one", new Error("stuck"));
  await rejects(add(bench.command(two)), 100);
  assert.equal(loadScratch(bench.cniDir, { containerId: "c1",
    ifName: "eth0" })?.delegates.map(({ displayName }) => displayName), ["net-one", "net-two"]);
});

adding("undoes everything newest first when a later network fails, and leaves nothing on disk", async () => {
  bench.failures.set("ADD two", new CniError(100, "Cannot lease: full", { details: "10.0.0.0/24" }));
  const error = await rejects(add(bench.command(two)), 100);
  assert.is(error.message, 'Cannot add network "net-two" (interface "net1") with plugin "two": Cannot lease: full');
  assert.ok(error instanceof CniError && error.details === "10.0.0.0/24");
  assert.equal(bench.story(), ["ADD one eth0", "ADD two net1", "undo two net1", "undo one eth0"]);
  assert.equal(left(), []);
  assert.is(bench.interfaces.size, 0);
});

adding("tells what could not be undone in the details, and keeps what a DEL needs for it", async () => {
  bench.failures.set("ADD two", new CniError(100, "full"));
  bench.failures.set("undo one", new Error("stuck"));
  const error = await rejects(add(bench.command(two)), 100);
  assert.ok(error instanceof CniError);
  assert.is(error.details, 'while undoing: network "net-one" (interface "eth0"): cannot undo one: stuck');
  assert.equal(left(), ["c1", "results/net-one-c1-eth0"]);
  await del(bench.command(two, { verb: "DEL" }));
  assert.equal(left(), []);
});

adding("leaves written down what an earlier ADD made when it fails, since no DEL has come in between", async () => {
  await add(bench.command(two));
  const before = left().map((name) => readFileSync(join(bench.cniDir, name), "utf8"));
  // The host was restarted: the kernel knows nothing any more, but addresses are still reserved.
  bench.interfaces.clear();
  for (const plugin of ["one", "two"]) {
    bench.failures.set(`ADD ${plugin}`, new CniError(102, "it holds an address already"));
    await rejects(add(bench.command(two)), 102);
    assert.equal(left().map((name) => readFileSync(join(bench.cniDir, name), "utf8")), before, plugin);
    bench.failures.clear();
  }
  bench.calls.splice(0);
  await del(bench.command(two, { verb: "DEL" }));
  assert.equal(bench.story(), ["DEL two net1", "DEL one eth0"]);
  assert.equal(left(), []);
});

adding("undoes everything when the result cannot be told in the configuration's version", async () => {
  await rejects(add(bench.command({ cniVersion: "9.9.9", ...two, mergeResults: false })), 1);
  assert.equal(bench.story(), ["ADD one eth0", "ADD two net1", "undo two net1", "undo one eth0"]);
  assert.equal(left(), []);
});

adding("undoes everything when the result cannot be cached", async () => {
  mkdirSync(bench.cniDir);
  writeFileSync(join(bench.cniDir, "results"), "");
  const error = await rejects(add(bench.command(two)), 5);
  assert.match(error.message, /net-one.*results\/net-one-c1-eth0/);
  assert.equal(bench.story(), ["ADD one eth0", "undo one eth0"]);
  assert.equal(left(), []);
});

const untouched: readonly { name: string; config: object; code: number; says: RegExp; args?: string }[] = [
  { name: "two networks with one interface name", config: { ...two, interfaceNames: { "net-two": "eth0" } }, code: 7,
    says: /interface name "eth0" for network "net-two": network "net-one" has it already/ },
  { name: "a name that no interface can have", config: { ...two, interfaceNames: { "net-two": "a/b" } }, code: 7,
    says: /interface name "a\/b" for network "net-two"/ },
  { name: "an unknown plugin in the last network", config: { delegates: [single("one"), single("nowhere")] }, code: 112,
    says: /network "net-nowhere" \(interface "net1"\) with plugin "nowhere"/ },
  { name: "a network without a name", config: { delegates: [single("one"), { type: "two", name: "" }] }, code: 7,
    says: /delegates\[1\].*name is missing/ },
  { name: "a network whose name leaves the directory", config: { delegates: [single("one", { name: "../x" })] },
    code: 7, says: /name/ },
  { name: "a network without type and plugins", config: { delegates: [{ name: "x" }] }, code: 7,
    says: /neither type nor plugins/ },
  { name: "an empty list", config: { delegates: [{ name: "x", plugins: [] }] }, code: 7, says: /plugins/ },
  { name: "a network whose name is too long for the file of its result", config: { delegates: [single("one"),
    single("two", { name: "n".repeat(248) })] }, code: 7, says: /name of 248 characters.*expected at most 247$/ },
  { name: "more networks than anybody has", config: { delegates: Array.from({ length: 1001 }, () => single("one")) },
    code: 7, says: /delegates has 1001 entries, expected at most 1000/ },
  { name: "itself as a network", config: { delegates: [single("multus")] }, code: 7,
    says: /multiplexer inside itself/ },
  { name: "a version the plugin does not speak", config: { delegates: [single("one", { cniVersion: "2.0.0" })] },
    code: 1, says: /net-one.*"2\.0\.0"/ },
  { name: "arguments that are no pairs", config: two, args: "A:B", code: 4, says: /"A:B" is no pair/ },
  { name: "unknown arguments", config: two, args: "A=B", code: 4, says: /A unknown/ },
];
for (const { name, config, code, says, args = "" } of untouched) {
  adding(`refuses ${name} before it touches anything`, async () => {
    const error = await rejects((async () => await add(bench.command(config, { args })))(), code);
    assert.match(error.message, says);
    assert.equal(bench.calls, []);
    assert.equal(left(), []);
  });
}

const three = { delegates: [single("one"), single("two"), single("three")] };
const more = { name: "more", delegates: [single("three"), single("one"), single("two")] };

adding("gives a second multiplexed network of a container names that are free, and DEL finds them again", async () => {
  await add(bench.command(two));
  await add(bench.command(more, { ifName: "eth1" }));
  assert.equal([...bench.interfaces], ["eth0", "net1", "eth1", "net2", "net3"]);
  bench.calls.length = 0;
  await check(bench.command(more, { ifName: "eth1" }));
  assert.equal(bench.story(), ["CHECK three eth1", "CHECK one net2", "CHECK two net3"]);
  await del(bench.command(two, { verb: "DEL" }));
  assert.equal([...bench.interfaces], ["eth1", "net2", "net3"], "the first one's end moves no names");
  await del(bench.command(more, { ifName: "eth1", verb: "DEL" }));
  assert.equal([[...bench.interfaces], left()], [[], []]);
});

adding("leaves another multiplexed network its interfaces at DEL of one that is not attached", async () => {
  await add(bench.command(two));
  const kept = [[...bench.interfaces], left()];
  await del(bench.command(more, { ifName: "eth1", verb: "DEL" }));
  assert.equal([[...bench.interfaces], left()], kept, "its ADD failed");
  await del(bench.command(two, { verb: "DEL" }));
  await add(bench.command(more, { ifName: "eth1" }));
  assert.equal([...bench.interfaces], ["eth1", "net1", "net2"]);
  await del(bench.command(two, { verb: "DEL" }));
  assert.equal([...bench.interfaces], ["eth1", "net1", "net2"], "it was deleted before");
  await del(bench.command(more, { ifName: "eth1", verb: "DEL" }));
  assert.equal([[...bench.interfaces], left()], [[], []]);
});

adding("names interfaces past the runtime's own, whatever that is", async () => {
  await add(bench.command(three, { ifName: "net1" }));
  assert.equal([...bench.interfaces], ["net1", "net2", "net3"]);
  await del(bench.command(three, { ifName: "net1", verb: "DEL" }));
  assert.equal([[...bench.interfaces], left()], [[], []]);
});

adding("gives a network of the configuration the interface name that it says", async () => {
  const conf = { ...three, interfaceNames: { "net-two": "lan0", elsewhere: "x0" } };
  await add(bench.command(conf));
  assert.equal([...bench.interfaces], ["eth0", "lan0", "net2"], "the others keep their numbers");
  await del(bench.command(three, { verb: "DEL" }));
  assert.equal([[...bench.interfaces], left()], [[], []], "DEL goes by what is written down");
});

adding("refuses a name that is taken where it was asked for", async () => {
  bench.interfaces.add("lan0");
  const conf = { ...two, interfaceNames: { "net-two": "lan0" } };
  assert.match((await rejects(add(bench.command(conf)), 7)).message, /has an interface "lan0" already/);
});

adding("refuses to go on beside what an ADD of its own has left", async () => {
  await add(bench.command(two));
  bench.interfaces.delete("eth0");
  assert.match((await rejects(add(bench.command(two)), 7)).message, /has an interface "net1" already/);
});

adding("refuses a running container without harming it", async () => {
  await add(bench.command(two));
  const before = left();
  const error = await rejects(add(bench.command(two)), 7);
  assert.match(error.message, /has an interface "eth0" already/);
  assert.equal(left(), before);
  assert.equal(bench.story(), ["ADD one eth0", "ADD two net1"]);
});

adding("waits for the readiness file", async () => {
  const file = join(bench.directory, "ready");
  setTimeout(() => writeFileSync(file, ""), 30);
  await add(bench.command({ ...two, readinessindicatorfile: file }));
  assert.equal(bench.story(), ["ADD one eth0", "ADD two net1"]);
});
adding.run();

const deleting = prepared("del");

deleting("deletes in reverse, every plugin of a chain too, with the ADD's result", async () => {
  const config = { delegates: [{ cniVersion: "1.0.0", name: "chain",
    plugins: [{ type: "one" }, { type: "shaper", capabilities: { portMappings: true } }] }, single("two"),
    single("three", { cniVersion: "0.3.1" })] };
  await add(bench.command({ ...config, runtimeConfig: { portMappings: [1] } }));
  bench.calls.length = 0;
  await del(bench.command(config, { verb: "DEL" }));
  assert.equal(bench.story().slice(0, 4), ["DEL three net2", "DEL two net1", "DEL shaper eth0", "DEL one eth0"]);
  assert.equal(bench.calls.slice(0, 4).map(({ request }) => request.prevResult?.interfaces[0]?.name),
    [undefined, "net1", "eth0", "eth0"]);
  assert.equal(bench.calls[2]?.request.conf["runtimeConfig"], { portMappings: [1] }, "as ADD had it");
});

deleting("gives plugins the ADD's capability arguments where the runtime gives none, as portmap needs", async () => {
  const conf = { delegates: [single("one", { capabilities: { portMappings: true } })] };
  const ports = [{ hostPort: 80, containerPort: 80, protocol: "tcp" }];
  for (const lost of [[], ["c1"]]) {
    await add(bench.command({ ...conf, runtimeConfig: { portMappings: ports } }));
    for (const name of lost) unlinkSync(join(bench.cniDir, name));
    bench.calls.length = 0;
    await del(bench.command(conf, { verb: "DEL" }));
    assert.equal(bench.calls[0]?.request.conf["runtimeConfig"], { portMappings: ports });
  }
});

deleting("deletes the links of all networks in one request", async () => {
  const delegates = [single("one"), single("two"), single("three")];
  await add(bench.command({ delegates }));
  await del(bench.command({ delegates }, { verb: "DEL" }));
  assert.is(bench.deletedTogether.length, 1);
  assert.is(bench.deletedTogether[0]?.length, 3);
  assert.equal(bench.story().slice(-6), ["DEL three net2", "DEL two net1", "DEL one eth0", "after three net2",
    "after two net1", "after one eth0"]);
});

deleting("uses the scratch file, not the configuration of now", async () => {
  await add(bench.command(two));
  bench.calls.length = 0;
  await del(bench.command({ delegates: [single("three")] }, { verb: "DEL" }));
  assert.equal(bench.story().slice(0, 2), ["DEL two net1", "DEL one eth0"]);
});

for (const [damage, content] of [["missing", undefined], ["cut off", '[{"Conf":'], ["an empty list", "[]"],
  ["without its networks", '[{"Bytes":"e30="}]']] as const) {
  deleting(`works from the result cache when the scratch file is ${damage}`, async () => {
    await add(bench.command(two));
    bench.calls.length = 0;
    if (content === undefined) unlinkSync(join(bench.cniDir, "c1"));
    else writeFileSync(join(bench.cniDir, "c1"), content);
    await del(bench.command({ delegates: [single("three")] }, { verb: "DEL" }));
    assert.equal(bench.story(), ["DEL two net1", "DEL one eth0", "after two net1", "after one eth0"]);
    assert.equal(left(), []);
  });
}

deleting("works from the configuration when nothing else is left, succeeds whatever comes of it, and again",
  async () => {
  bench.failures.set("DEL one", new Error("nothing to delete"));
  for (const netns of ["/run/netns/c1", ""]) {
    bench.calls.length = 0;
    await del(bench.command(two, { verb: "DEL", netns }));
    assert.equal(bench.story(), ["DEL two net1", "DEL one eth0"]);
    assert.equal(left(), []);
  }
  assert.match(bench.warnings[0] ?? "", /net-one.*nothing to delete/);
});

deleting("succeeds for an unknown container whose configuration cannot be resolved", async () => {
  await del(bench.command({ clusterNetwork: "nowhere" }, { verb: "DEL" }));
  assert.equal(bench.calls, []);
  assert.match(bench.warnings[0] ?? "", /nothing is deleted/);
});

deleting("goes past errors, tells all of them as long as they last, and finishes in the end", async () => {
  await add(bench.command(two));
  bench.failures.set("DEL two", new CniError(11, "busy"));
  bench.failures.set("after one", new Error("still leased"));
  const error = await rejects(del(bench.command(two, { verb: "DEL" })), 11);
  assert.is(error.message,
    'Cannot undo plugin "two" of network "net-two" (interface "net1"): busy / Cannot tidy up one of network "net-one" ' +
      '(interface "eth0"): still leased');
  assert.equal(left(), ["results/net-one-c1-eth0", "results/net-two-c1-net1"],
    "kept for later; the scratch file goes as Multus has it");
  for (let i = 0; i < 2; i++) {
    const again = await rejects(del(bench.command(two, { verb: "DEL", netns: "" })), 11);
    assert.is(again.message, 'Cannot undo plugin "two" of network "net-two" (interface "net1"): busy');
    assert.equal(left(), ["results/net-two-c1-net1"]);
  }
  bench.failures.clear();
  await del(bench.command(two, { verb: "DEL" }));
  assert.equal(left(), []);
});

deleting("keeps the scratch file and keeps telling with retryDeleteOnError", async () => {
  const config = { ...two, retryDeleteOnError: true };
  await add(bench.command(config));
  bench.failures.set("DEL two", new Error("busy"));
  for (let i = 0; i < 2; i++) {
    await rejects(del(bench.command(config, { verb: "DEL" })), 999);
    assert.equal(left(), ["c1", "results/net-two-c1-net1"]);
  }
  // Multus's way out: what a plugin misses now will be missing for ever.
  bench.failures.set("DEL two", Object.assign(new Error("stat x"), { code: "ENOENT", syscall: "stat" }));
  await rejects(del(bench.command(config, { verb: "DEL" })), 5);
  assert.equal(left(), ["results/net-two-c1-net1"]);
});

deleting("never says that it is done while others have something of it locked", async () => {
  await add(bench.command(two));
  const locked = new CniError(11, "busy", { cause: new LockError("/networks/lock", 120_000) });
  bench.failures.set("DEL two", locked);
  for (let i = 0; i < 3; i++) {
    await rejects(del(bench.command(two, { verb: "DEL" })), 11);
    assert.equal(left(), ["c1", "results/net-two-c1-net1"]);
  }
  unlinkSync(join(bench.cniDir, "c1"));
  await rejects(del(bench.command(two, { verb: "DEL" })), 11);
  assert.equal(left(), ["results/net-two-c1-net1"]);
  bench.failures.clear();
  await del(bench.command(two, { verb: "DEL" }));
  assert.equal(left(), []);
});

deleting("keeps what could not be deleted also when its ADD had never completed", async () => {
  bench.failures.set("ADD two", new Error("no"));
  bench.failures.set("undo two", new Error("no"));
  await rejects(add(bench.command(two)), 999);
  bench.failures.set("DEL two", new Error("no"));
  await rejects(del(bench.command(two, { verb: "DEL" })), 999);
  assert.equal(left(), ["results/net-two-c1-net1"]);
  bench.failures.clear();
  bench.calls.length = 0;
  await del(bench.command({ delegates: [single("three")] }, { verb: "DEL" }));
  assert.equal(bench.story(), ["DEL two net1"]);
  assert.equal(left(), []);
});

deleting("goes on without a damaged cache entry", async () => {
  await add(bench.command(two));
  writeFileSync(join(bench.cniDir, "results", "net-two-c1-net1"), "{");
  bench.calls.length = 0;
  await del(bench.command(two, { verb: "DEL" }));
  assert.equal(bench.calls.slice(0, 2).map(({ request }) => request.prevResult?.interfaces[0]?.name),
    [undefined, "eth0"]);
  assert.equal(left(), []);
  assert.match(bench.warnings[0] ?? "", /net-two-c1-net1/);
});

deleting("leaves other containers, and the same one's other attachment, alone", async () => {
  await add(bench.command(two));
  await add(bench.command({ name: "more", delegates: [single("three")] }, { ifName: "eth1" }));
  bench.interfaces.clear();
  await add(bench.command(two, { containerId: "c12" }));
  const others = ["c12", "c1@eth1", "results/net-one-c12-eth0", "results/net-three-c1-eth1",
    "results/net-two-c12-net1"].sort();
  await del(bench.command(two, { verb: "DEL" }));
  assert.equal(left(), others);
  await del(bench.command(two, { verb: "DEL" }));
  assert.equal(left(), others);
});

deleting("refuses a container id that leaves the directory", async () => {
  await rejects(del(bench.command(two, { verb: "DEL", containerId: "../c1" })), 4);
  assert.equal(bench.calls, []);
});

deleting("does not wait for the readiness file", async () => {
  await del(bench.command({ ...two, readinessindicatorfile: "/nowhere/ready" }, { verb: "DEL" }));
  assert.match(bench.warnings[0] ?? "", /\/nowhere\/ready is missing/);
});
deleting.run();

const checking = prepared("check");

checking("asks every network of the scratch file, in order, with its cached result", async () => {
  const delegates = [single("one"), { cniVersion: "1.0.0", name: "chain",
    plugins: [{ type: "two" }, { type: "shaper" }] }];
  await add(bench.command({ delegates }));
  bench.calls.length = 0;
  await check(bench.command({ delegates: [single("three")] }));
  assert.equal(bench.story(), ["CHECK one eth0", "CHECK two net1", "CHECK shaper net1"]);
  assert.equal(bench.calls.map(({ request }) => request.prevResult?.interfaces[0]?.name), ["eth0", "net1", "net1"]);
});
checking("does not wait for the readiness file", async () => {
  await add(bench.command(two));
  await check(bench.command({ ...two, readinessindicatorfile: "/nowhere/ready" }));
  assert.equal(bench.story().slice(2), ["CHECK one eth0", "CHECK two net1"]);
});
checking("stops at the first error, naming network and plugin", async () => {
  await add(bench.command(two));
  bench.failures.set("CHECK one", new CniError(111, "route is gone"));
  bench.calls.length = 0;
  const error = await rejects(check(bench.command(two)), 111);
  assert.match(error.message, /network "net-one" \(interface "eth0"\) with plugin "one": route is gone/);
  assert.equal(bench.story(), ["CHECK one eth0"]);
});
checking("skips a network with disableCheck, refuses one below 0.4.0, and a damaged cache", async () => {
  const skipped = { delegates: [{ cniVersion: "1.0.0", name: "chain", disableCheck: "True",
    plugins: [{ type: "one" }] }, single("two", { cniVersion: "0.3.1" })] };
  await add(bench.command(skipped));
  bench.calls.length = 0;
  await rejects(check(bench.command(skipped)), 1);
  assert.equal(bench.calls, []);
});
checking("passes over networks below 0.4.0 that the configuration only refers to", async () => {
  const old = bench.file("net.d/two.conf", JSON.stringify(single("two", { cniVersion: "0.3.1" })));
  const referred = { clusterNetwork: old,
    defaultNetworks: [bench.file("net.d/one.conf", JSON.stringify(single("one")))] };
  await add(bench.command(referred));
  bench.calls.length = 0;
  await check(bench.command(referred));
  assert.equal(bench.story(), ["CHECK one net1"]);
});
checking("refuses a damaged cache", async () => {
  await add(bench.command(two));
  writeFileSync(join(bench.cniDir, "results", "net-one-c1-eth0"), "{");
  await rejects(check(bench.command(two)), 6);
});
checking("reads results that other programs cached, in any version", async () => {
  await add(bench.command(two));
  const file = join(bench.cniDir, "results", "net-one-c1-eth0");
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, "utf8")),
    result: { cniVersion: "0.2.0", ip4: { ip: "10.9.9.9/24" }, dns: {} } }));
  bench.calls.length = 0;
  await check(bench.command(two));
  assert.is(bench.calls[0]?.request.prevResult?.ips[0]?.address, "10.9.9.9/24");
});
checking.run();
