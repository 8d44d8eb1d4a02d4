// A daemon with hotPlug: the annotation of a running pod is edited, and what becomes of its interfaces, its status,
// its events and what is on disk; also when a network cannot be had, the pod goes, or the daemon is killed meanwhile.
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as assert from "uvu/assert";
import type { ApiServer } from "../helpers/api-server.ts";
import { bridgeNetwork, nodeConf, nodeName, podCall, startClusterOf } from "../helpers/daemon/cluster.ts";
import type { DaemonProcess } from "../helpers/daemon/process.ts";
import { startDaemon } from "../helpers/daemon/process.ts";
import { ipJson, kernelSuite } from "../helpers/netns.ts";
import type { World } from "../helpers/runtime.ts";
import { changes, makeWorld, state, succeed } from "../helpers/runtime.ts";

const networks = "k8s.v1.cni.cncf.io/networks", statusKey = "k8s.v1.cni.cncf.io/network-status";
/** A change that was wanted would have been made by then. */
const settledMs = 1_000;
const web = { namespace: "blue", name: "web" };

let world: World, api: ApiServer, daemon: DaemonProcess;

async function start(words: readonly string[] = []): Promise<void> {
  const confDir = join(world.directory, "conf");
  daemon = await startDaemon(world, { args: [...words, "--conf-dir", confDir, "--node-name", nodeName],
    env: { CNI_PATH: join(world.directory, "plugins") } });
}
function configure(keys: object): void {
  writeFileSync(join(world.directory, "conf", "00-pods.conf"), JSON.stringify({ ...nodeConf(world, api), ...keys }));
}

const suite = kernelSuite("a daemon that changes networks of running pods", import.meta.url);
suite.before.each(async () => {
  world = makeWorld();
  api = await startClusterOf(world);
  for (const directory of ["conf", "plugins"]) mkdirSync(join(world.directory, directory));
  configure({ HotPlug: true });
  for (const [name, subnet] of [["back", "10.61.0.0/24"], ["side", "10.62.0.0/24"]] as const)
    await api.putDefinition({ namespace: "blue", name, config: bridgeNetwork(world, name, subnet) });
  await start();
});
suite.after.each(async () => {
  await daemon.kill();
  await api.stop();
  world.remove();
});

const asks = async (text: string): Promise<void> => {
  const now = await api.getPod(web) as { metadata: { annotations: Record<string, string> } } | undefined;
  await api.putPod({ ...web, uid: "web-1", spec: { nodeName },
    annotations: { ...now?.metadata.annotations, [networks]: text } });
};
const pod = (verb: string, conf: object = {}) => succeed(world, podCall(world, api, verb,
  { name: "web", uid: "web-1", netns: world.container.path, conf }));
const links = (): readonly string[] => ipJson("link show", world.container).map(({ ifname }) => ifname).toSorted();
async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await sleep(20);
}
async function status(): Promise<readonly string[]> {
  const now = await api.getPod(web) as { metadata: { annotations: Record<string, string> } } | undefined;
  return JSON.parse(now?.metadata.annotations[statusKey] ?? "[]")
    .map(({ name, interface: ifName }: { name: string; interface: string }) => `${name} ${ifName}`);
}
/** Waits until the pod's status is that. */
const published = async (expected: readonly string[]): Promise<void> =>
  until(async () => JSON.stringify(await status()) === JSON.stringify(expected));
async function events(reason: string): Promise<readonly string[]> {
  return (await api.events()).filter((one) => one["reason"] === reason).map(({ message }) => message);
}
const indexOf = (ifName: string): number => ipJson(`link show ${ifName}`, world.container)[0].ifindex;
const files = (): readonly string[] => ["cni", "cni/results", "networks/front", "networks/back", "networks/side"]
  .flatMap((folder) => existsSync(join(world.directory, folder)) ? readdirSync(join(world.directory, folder)) : [])
  .filter((name) => /web-1|^10\./.test(name));

suite("attaches and detaches what is edited, leaves the rest, and DEL takes all of it", async () => {
  await asks("back");
  pod("ADD");
  const untouched = indexOf("net1");
  await asks("back,side,side@lan0");
  await published(["front eth0", "blue/back net1", "blue/side net2", "blue/side lan0"]);
  assert.equal(links(), ["eth0", "lan0", "lo", "net1", "net2"]);
  assert.match((await events("AddedInterface")).join("\n"), /^Add net2 \[10\.62\.0\.2\/24\] from blue\/side$/m);
  await asks("side@lan0,back");
  await published(["front eth0", "blue/back net1", "blue/side lan0"]);
  assert.equal(links(), ["eth0", "lan0", "lo", "net1"]);
  assert.equal(await events("RemovedInterface"), ["Remove net2 from blue/side"]);
  assert.is(indexOf("net1"), untouched);
  pod("CHECK", { prevResult: undefined, cniVersion: "1.0.0" });
  pod("DEL");
  assert.equal([links(), files()], [["lo"], []]);
});

suite("tells of a network that cannot be had, tries again, and leaves the others as they are", async () => {
  await asks("back");
  pod("ADD");
  const untouched = indexOf("net1");
  await asks("back,nowhere,side");
  await published(["front eth0", "blue/back net1", "blue/side net2"]);
  await until(async () => (await events("FailedToChangeNetworks")).length > 0);
  assert.match((await events("FailedToChangeNetworks"))[0] ?? "", /has no NetworkAttachmentDefinition "nowhere"/);
  await api.putDefinition({ namespace: "blue", name: "nowhere", config: bridgeNetwork(world, "late", "10.63.0.0/24") });
  await published(["front eth0", "blue/back net1", "blue/side net2", "blue/nowhere net3"]);
  assert.is(indexOf("net1"), untouched);
  await asks("[");
  await until(async () => (await events("FailedToChangeNetworks")).some((line) => line.includes("annotation")));
  assert.equal(links(), ["eth0", "lo", "net1", "net2", "net3"], "what cannot be read changes nothing");
  pod("DEL");
  assert.equal([links(), files()], [["lo"], []]);
});

suite("refuses what would change the routes of interfaces that stay", async () => {
  await asks("back");
  pod("ADD");
  await asks('[{"name":"back"},{"name":"side","default-route":["10.62.0.1"]}]');
  await until(async () => (await events("FailedToChangeNetworks")).length > 0);
  assert.match((await events("FailedToChangeNetworks"))[0] ?? "",
    /Cannot attach network "blue\/side": it has "default-route", expected none: that cannot be changed while a pod/);
  assert.equal([links(), await status()], [["eth0", "lo", "net1"], ["front eth0", "blue/back net1"]]);
  pod("DEL");
});

suite("changes nothing where no key asks for it, and counts the key from a pod's next change on", async () => {
  await daemon.kill();
  configure({});
  await start(["--watch"]);
  await asks("back");
  pod("ADD");
  await until(() => daemon.log.includes("are watched"));
  await asks("back,side");
  // What is answered after the change has been told of, and after it has had its time.
  await until(async () => (await api.countWatches("pods")) > 0);
  await sleep(settledMs);
  assert.equal(links(), ["eth0", "lo", "net1"]);
  configure({ hotPlug: true });
  await asks("side");
  await published(["front eth0", "blue/side net1"]);
  pod("DEL");
});

suite("lets the command line win over the key, in both directions", async () => {
  await daemon.kill();
  await start(["--watch", "--hot-plug=false"]);
  await asks("back");
  pod("ADD");
  await until(() => daemon.log.includes("are watched"));
  await asks("side");
  await sleep(settledMs);
  assert.equal(links(), ["eth0", "lo", "net1"]);
  await daemon.kill();
  configure({ hotPlug: false });
  await start(["--hot-plug"]);
  await published(["front eth0", "blue/side net1"]);
  pod("DEL");
});

suite("does nothing for a pod that is gone, or goes", async () => {
  await asks("back");
  pod("ADD");
  await api.holdWatches("pods");
  await asks("back,side");
  await api.removePod(web);
  await api.releaseWatches();
  pod("DEL");
  assert.equal([links(), files()], [["lo"], []]);
  await asks("back,side");
  await until(() => daemon.log.includes("are watched"));
  assert.equal(links(), ["lo"]);
});

suite("finishes after it was killed in the middle, also what it was taking off", async () => {
  const plugins = join(world.directory, "plugins"), kill = join(world.directory, "kill");
  writeFileSync(join(plugins, "deadly"), "#!/bin/sh\n" +
    `[ -e ${kill} ] && rm ${kill} && kill -9 $PPID && sleep 1\n` +
    "[ \"$CNI_COMMAND\" = ADD ] && sed 's/.*\"prevResult\":\\(.*\\)}$/\\1/'\nexit 0\n");
  chmodSync(join(plugins, "deadly"), 0o755);
  const { type: _, bridge, ipam, ...network } = bridgeNetwork(world, "deadly", "10.64.0.0/24") as any;
  await api.putDefinition({ namespace: "blue", name: "deadly", config: { ...network, plugins: [
    { type: "bridge", bridge, ipam }, { type: "deadly" },
  ] } });
  await asks("back");
  const before = state(world);
  pod("ADD");
  for (const [text, expected] of [
    ["back,deadly", ["front eth0", "blue/back net1", "blue/deadly net2"]], ["back", ["front eth0", "blue/back net1"]],
  ] as const) {
    writeFileSync(kill, "");
    await asks(text);
    assert.is(await daemon.ended, null, daemon.log);
    await start();
    await published(expected);
    assert.equal(links(), ["lo", ...expected.map((line) => line.split(" ")[1] ?? "")].toSorted());
  }
  pod("DEL");
  assert.equal([links(), files()], [["lo"], []]);
  assert.equal(changes(before, state(world)).filter((line) => /veth/.test(line)), []);
});

suite.run();
