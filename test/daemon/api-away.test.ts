// A daemon, as a process, whose cluster's API goes away and stays away: before a pod's ADD, and in the middle of one.
// The runtime is told to try again, nothing is left of either pod, and once the API is back both have their networks.
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as assert from "uvu/assert";
import { bridgeNetwork, nodeName, podCall, startClusterOf } from "../helpers/daemon/cluster.ts";
import { startDaemon } from "../helpers/daemon/process.ts";
import { ipJson, kernelSuite } from "../helpers/netns.ts";
import type { World } from "../helpers/runtime.ts";
import { changes, makeWorld, start, state, succeed } from "../helpers/runtime.ts";

const networks = "k8s.v1.cni.cncf.io/networks";

/** An executable that is at work on a pod's last network until there is a file. */
function makePausing({ directory }: World): { readonly begun: string; readonly goOn: string } {
  const plugins = join(directory, "plugins"), begun = join(plugins, "begun"), goOn = join(plugins, "go-on");
  mkdirSync(plugins);
  writeFileSync(join(plugins, "pausing"), `#!/bin/sh
case $CNI_COMMAND in
  ADD) touch ${begun}; while ! [ -e ${goOn} ]; do sleep 0.05; done; echo '{"cniVersion":"1.0.0","interfaces":[]}' ;;
  DEL) echo "$CNI_CONTAINERID" >>${plugins}/undone ;;
esac\n`);
  chmodSync(join(plugins, "pausing"), 0o755);
  return { begun, goOn };
}

const linksIn = (netns: World["container"]): readonly string[] =>
  ipJson("link show", netns).map(({ ifname }) => ifname).toSorted();

const settled = (world: World): readonly string[] => state(world).filter((line) =>
  !/^\/files\/(?:run\/|plugins\/|networks\/[^/]+\/last_reserved_ip|cni\/\.polynic\/)/.test(line));

const away = kernelSuite("a daemon whose cluster's API stays away", import.meta.url);
for (const watching of [[], ["--watch", "--node-name", nodeName]] as const) {
  const how = watching.length === 0 ? "that it asks" : "that it watches";
  away(`${how}: tells the runtime to try again, and leaves nothing`, async () => {
    const world = makeWorld(), api = await startClusterOf(world), { begun, goOn } = makePausing(world);
    const daemon = await startDaemon(world, { args: watching });
    try {
      await api.putDefinition({ namespace: "blue", name: "back",
        config: bridgeNetwork(world, "back", "10.61.0.0/24") });
      const pods = ["middle", "before"].map((name) => ({ name, uid: `${name}-1`, netns: world.another() }));
      for (const { name, uid } of pods)
        await api.putPod({ namespace: "blue", name, uid, annotations: { [networks]: "back" }, spec: { nodeName } });
      const [middle, before] = pods.map((pod) => ({ ...pod, netns: pod.netns.path, conf: {
        delegates: [bridgeNetwork(world, "front", "10.60.0.0/24")],
      } }));
      assert.ok(middle && before);
      // What a first pod leaves of what all share.
      for (const verb of ["ADD", "DEL"]) succeed(world, podCall(world, api, verb, before));
      const clean = settled(world);

      const conf = { ...middle.conf, defaultNetworks: [],
        delegates: [...middle.conf.delegates, { cniVersion: "1.0.0", name: "odd", type: "pausing" }] };
      const first = start(world, podCall(world, api, "ADD", { ...middle, conf }));
      while (!existsSync(begun)) await sleep(5);
      await api.fault({ kind: "refuse" });
      writeFileSync(goOn, "");
      const second = start(world, podCall(world, api, "ADD", before));
      for (const { status, json, stdout } of [await first.answer, await second.answer])
        assert.equal([status, json.code], [1, 11], stdout);
      assert.equal(pods.map(({ netns }) => linksIn(netns)), [["lo"], ["lo"]]);
      assert.equal(changes(clean, settled(world)), []);
      assert.is(readFileSync(join(world.directory, "plugins", "undone"), "utf8"), `${middle.uid}\n`);

      await api.heal();
      for (const pod of [middle, before]) succeed(world, podCall(world, api, "ADD", pod));
      assert.equal(pods.map(({ netns }) => linksIn(netns)), [["eth0", "lo", "net1"], ["eth0", "lo", "net1"]]);
      for (const pod of [middle, before]) succeed(world, podCall(world, api, "DEL", pod));
      assert.equal(changes(clean, settled(world)), []);
    } finally {
      await daemon.kill();
      await api.stop();
      world.remove();
    }
  });
}
away.run();
