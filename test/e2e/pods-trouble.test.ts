// Pods of a cluster when things go wrong around them: restarts, reboots, crowds, kills. Nothing is left in the end.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import * as assert from "uvu/assert";
import type { BoxCluster } from "../helpers/box-cluster.ts";
import { clusterNeeds, joinCluster, primary } from "../helpers/box-cluster.ts";
import { addressesOf, commandsFor, linksOf, networkStatusOf, reboot } from "../helpers/box-node.ts";
import { boxSuite } from "../helpers/box.ts";
import { eventually } from "../helpers/containerd.ts";
import { waitLimitMs } from "../helpers/limits.ts";
import { ipJson } from "../helpers/netns.ts";
import { random } from "../helpers/random.ts";

const pods = boxSuite("pods in trouble", import.meta.url, clusterNeeds);
let cluster: BoxCluster;
pods.before(async () => {
  cluster = await joinCluster();
});
pods.after.each(() => cluster.tidy());
pods.after(() => cluster.leave());

pods("are kept and removed across a restart of everything", async () => {
  await cluster.useNode();
  const [first, second, third] = [await cluster.started({ name: "first", networks: "storage,lan" }),
    await cluster.started({ name: "second", networks: "storage,lan" }),
    await cluster.started({ name: "third", networks: "lan" })];
  await cluster.containerd.stop();
  await cluster.api.fault({ kind: "refuse" });
  assert.equal([addressesOf(first.netns, "net1"), addressesOf(third.netns, "net1")].map(({ length }) => length),
    [1, 1]);
  await cluster.containerd.start();
  await cluster.api.heal();

  const fourth = await cluster.started({ name: "fourth", networks: "storage,lan" });
  const all = [first, second, fourth].flatMap(({ netns }) => ["eth0", "net1",
    "net2"].flatMap((ifName) => addressesOf(netns, ifName)));
  assert.is(new Set(all).size, 9, all.join(" "));

  await cluster.containerd.remove(first.id);
  assert.equal(linksOf(second.netns), ["eth0", "lo", "net1", "net2"]);
  // Nobody can say which networks these had but the node itself: the API does not answer, nor is it asked, and then it
  // knows the pod no more.
  await cluster.api.fault({ kind: "silent", times: 1000 });
  const asked = (await cluster.api.requests()).length;
  await cluster.containerd.cri.stopPod(second.id);
  assert.is((await cluster.api.requests()).length, asked);
  assert.is(ipJson("link show master br-storage").length, 1);
  await cluster.containerd.cri.removePod(second.id);
  await cluster.api.heal();
  for (const pod of [third, fourth]) {
    await cluster.api.removePod(pod);
    await cluster.containerd.remove(pod.id);
  }
  await cluster.nothingLeft();
});

pods("are taken away after the node was restarted, and new ones have networks again", async () => {
  await cluster.useNode();
  const before = await cluster.started({ name: "before", networks: "storage,lan",
    portMappings: [{ hostPort: 18082, containerPort: 80 }] });
  await reboot(cluster);
  assert.is((await cluster.containerd.cri.podStatus(before.id)).ready, false);
  const after = await cluster.started({ name: "after", networks: "storage,lan" });
  assert.equal(linksOf(after.netns), ["eth0", "lo", "net1", "net2"]);
  await cluster.containerd.remove(before.id);
  assert.equal(linksOf(after.netns), ["eth0", "lo", "net1", "net2"]);
  await cluster.removeLast(after);
});

pods("come and go twenty at once", async () => {
  await cluster.useNode();
  const crowd = await Promise.all(Array.from({ length: 20 },
    (_, index) => cluster.started({ name: `crowd-${index}`, networks: "storage,lan" })));
  const seen = crowd.map(({ netns }) => ["eth0", "net1", "net2"].flatMap((ifName) => addressesOf(netns, ifName)));
  assert.is(new Set(seen.flat()).size, 60, JSON.stringify(seen));
  for (const [index, pod] of crowd.entries()) {
    const told = (await networkStatusOf(cluster.api, pod))?.map(({ ips }) => ips[0]);
    assert.equal(told, seen[index]?.map((address) => address.slice(0, address.indexOf("/"))));
  }
  await Promise.all(crowd.map(({ id }) => cluster.containerd.remove(id)));
  await cluster.nothingLeft();
});

const killings = [
  { what: "the executable is killed halfway", cleaningDies: false, collected: false },
  { what: "its first cleaning up is killed as well", cleaningDies: true, collected: false },
  { what: "garbage is collected after both", cleaningDies: true, collected: true },
];
for (const { what, cleaningDies, collected } of killings) {
  pods(`leave nothing when ${what}`, async () => {
    await cluster.useNode();
    const neighbour = await cluster.started({ name: "neighbour", networks: "lan" });
    const name = "killed";
    // The networks are attached; telling the cluster takes its time.
    await cluster.api.fault({ match: { path: `/pods/${name}/status` }, kind: "slow", ms: 20_000 });
    let over = false;
    const making = cluster.refused({ name, networks: "storage,lan" }).finally(() => { over = true; });
    making.catch(() => {});
    await eventually("the pod's second network", () => ipJson("link show master br-storage").length === 1);
    const victims = commandsFor(name, "ADD");
    assert.ok(victims.length > 0, "the ADD runs");
    kill(victims);
    while (cleaningDies && !over) {
      kill(commandsFor(name, "DEL"));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    assert.match(await making, /signal: killed/);
    await cluster.api.heal();
    assert.is(ipJson("link show master br-storage").length, cleaningDies ? 1 : 0);
    if (collected) {
      collectGarbage([{ containerID: neighbour.id, ifname: "eth0" }]);
      assert.is(ipJson("link show master br-storage").length, 0);
      assert.equal(linksOf(neighbour.netns), ["eth0", "lo", "net1"]);
    }
    for (const id of await cluster.containerd.cri.listPods()) await cluster.containerd.remove(id);
    await cluster.nothingLeft();
  });
}

pods("are whole or not there, and in the end gone, whatever is killed and whatever the API does", async () => {
  await cluster.useNode();
  const { seed, below, pick, once } = random();
  const context = `POLYNIC_SEED=${seed}`;
  let over = false;
  const trouble = (async () => {
    while (!over) {
      await new Promise((resolve) => setTimeout(resolve, below(60)));
      if (once(10)) await cluster.api.fault({ kind: "409", match: { method: "PUT" } });
      else if (once(3)) await cluster.api.fault({ kind: pick(["500", "503", "reset", "lost", "slow", "truncated"]),
        ms: below(300) });
      else kill(commandsFor(`chaos-${below(12)}`, pick(["ADD", "DEL"])));
    }
  })();
  try {
    const made = await Promise.allSettled(Array.from({ length: 12 },
      (_, index) => cluster.started({ name: `chaos-${index}`, networks: "storage,ports,lan" })));
    const whole = made.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
    for (const { netns } of whole) assert.equal(linksOf(netns), ["eth0", "lo", "net1", "net2", "net3"], context);
    const addresses = whole.flatMap(({ netns }) => ["eth0", "net1", "net2",
      "net3"].flatMap((ifName) => addressesOf(netns, ifName)));
    assert.is(new Set(addresses).size, whole.length * 4, context);
    await Promise.all((await cluster.containerd.cri.listPods())
      .map((id) => cluster.containerd.remove(id).catch(() => {})));
  } finally {
    over = true;
    await trouble;
  }
  await cluster.api.heal();
  for (const id of await cluster.containerd.cri.listPods()) await cluster.containerd.remove(id);
  await cluster.nothingLeft(context);
});

function kill(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
  }
}

/** What a runtime does now and then that knows GC; containerd does not. */
function collectGarbage(valid: readonly object[]): void {
  const conf = { cniVersion: "1.1.0", name: "node", type: "polynic", kubeconfig: cluster.api.kubeconfig,
    delegates: [primary], "cni.dev/valid-attachments": valid };
  const env = { PATH: process.env["PATH"], CNI_COMMAND: "GC", CNI_PATH: cluster.box.pluginDir };
  const { status, stdout, stderr } = spawnSync(join(cluster.box.pluginDir, "polynic"),
    { env, input: JSON.stringify(conf), encoding: "utf8", timeout: waitLimitMs });
  assert.is(status, 0, stdout + stderr);
}

pods.run();
