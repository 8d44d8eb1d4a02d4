// The whole way of a pod's network without a cluster: a kubelet's words to containerd, containerd's to the built
// executable, networks from its configuration; and back again until nothing is left.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { addressesOf, defaultRoutesOf, fetchText, linksOf, makeUplinks, uplinks } from "../helpers/box-node.ts";
import { leftovers, nothingLeft } from "../helpers/box-traces.ts";
import type { Box } from "../helpers/box.ts";
import { boxSuite, enterBox } from "../helpers/box.ts";
import type { Containerd } from "../helpers/containerd.ts";
import { containerdPrograms, containerdBuilds, image, startContainerd } from "../helpers/containerd.ts";
import { ipJson, run } from "../helpers/netns.ts";
import { ourPlugins } from "../helpers/three-networks.ts";

const fixtures = { links: uplinks };
const primary = {
  name: "primary", plugins: [
    { type: "bridge", bridge: "cni0", isDefaultGateway: true, ipMasq: true, hairpinMode: true,
      ipam: { type: "host-local", ranges: [[{ subnet: "10.90.0.0/16" }], [{ subnet: "fd00:90::/64" }]] } },
    { type: "portmap", capabilities: { portMappings: true } },
  ],
};
const lan = { name: "lan", type: "macvlan", master: "uplink0",
  ipam: { type: "host-local", ranges: [[{ subnet: "192.168.90.0/24" }]] } };

for (const build of containerdBuilds()) {
  const pods = boxSuite(`pods of the ${build.name} containerd`, import.meta.url,
    { programs: containerdPrograms, needs: ["nft_nat", "macvlan", "ipv6"] });

  let box: Box, containerd: Containerd;
  pods.before(async () => {
    box = enterBox([ourPlugins()]);
    makeUplinks();
    containerd = await startContainerd(box, build);
  });
  pods.after(async () => {
    await containerd.stop();
    await box.leave();
  });

  /** The network list a node has, with these networks for every pod. */
  const nodeNetwork = (...delegates: readonly object[]): object => {
    const { cniVersion } = build;
    return { cniVersion, name: "node", plugins: [{ type: "polynic", capabilities: { portMappings: true },
      delegates: delegates.map((delegate) => ({ cniVersion, ...delegate })) }] };
  };

  pods("are refused while the node has no network, and cleaned up after once it has one", async () => {
    const { version } = await containerd.cri.version();
    assert.ok(run(join(build.directory, "containerd"), "--version").includes(` ${version}`), version);
    const { NetworkReady } = await containerd.cri.conditions();
    assert.match([NetworkReady?.status, NetworkReady?.message].join(" "), /^false .*cni plugin not initialized/);
    await containerd.cri.runPod({ name: "early" }).then(() => assert.unreachable("a pod without a network"),
      ({ message }) => assert.match(message, /cni plugin not initialized/));
    // containerd keeps what it could not clean up for a kubelet to remove: DEL of a pod that never had an ADD.
    await containerd.useNetwork(nodeNetwork(primary));
    assert.ok((await containerd.cri.conditions())["NetworkReady"]?.status);
    for (const id of await containerd.cri.listPods()) await containerd.remove(id);
    await nothingLeft(fixtures);
  });

  pods("have the addresses, routes and ports of the primary network, and leave nothing", async () => {
    const { cri } = containerd;
    await containerd.useNetwork(nodeNetwork(primary));
    const pod = { name: "web", portMappings: [{ hostPort: 8080, containerPort: 80 }] };
    const id = await cri.runPod(pod);
    const { ready, ips } = await cri.podStatus(id);
    assert.equal([ready, ...ips], [true, "10.90.0.2", "fd00:90::2"]);

    const netns = await containerd.netnsOf(id);
    assert.equal(linksOf(netns), ["eth0", "lo"]);
    assert.equal(addressesOf(netns, "eth0"), ["10.90.0.2/16", "fd00:90::2/64"]);
    assert.equal([...defaultRoutesOf(netns, 4), ...defaultRoutesOf(netns, 6)], ["10.90.0.1 eth0", "fd00:90::1 eth0"]);
    assert.is(ipJson("link show master cni0").length, 1);

    const container = await cri.startContainer(id, pod, { image,
      command: ["/bin/httpd", "-f", "-p", "80", "-h", "/etc"] });
    assert.match((await cri.exec(container, "ip", "addr", "show", "eth0")).stdout, /inet 10\.90\.0\.2\/16 /);
    assert.is((await cri.exec(container, "sh", "-c", "echo hello > /etc/page")).exitCode, 0);
    assert.is(await fetchText("http://10.90.0.1:8080/page"), "hello\n");

    assert.ok(leftovers(fixtures).length > 0, "a running pod has traces");
    for (let i = 0; i < 3; i++) await cri.stopPod(id);
    assert.is((await cri.podStatus(id)).ready, false);
    await cri.removePod(id);
    await nothingLeft(fixtures);
  });

  pods("live on while containerd is away, and are removed by the next one", async () => {
    await containerd.useNetwork(nodeNetwork(primary, lan));
    const id = await containerd.cri.runPod({ name: "long" });
    const { ips } = await containerd.cri.podStatus(id);
    assert.is(ips.length, 2);
    const netns = await containerd.netnsOf(id);
    assert.equal(linksOf(netns), ["eth0", "lo", "net1"]);
    await containerd.stop();
    assert.equal([addressesOf(netns, "eth0")[0], ...addressesOf(netns, "net1")], [`${ips[0]}/16`, "192.168.90.2/24"]);
    await containerd.start();
    assert.equal(await containerd.cri.podStatus(id).then(({ ready, ips: now }) => [ready, now]), [true, ips]);
    await containerd.remove(id);
    await nothingLeft(fixtures);
  });

  pods("fail with the plugin's own words, leaving nothing, when a later network fails", async () => {
    await containerd.useNetwork(nodeNetwork(primary, { ...lan, master: "nowhere" }));
    const message = await containerd.cri.runPod({ name: "broken" }).then(() => "", (error: Error) => error.message);
    assert.match(message, /plugin type="polynic" failed \(add\): .*"lan".*nowhere/);
    await nothingLeft(fixtures);
  });

  pods("come and go twenty at once, each with addresses of its own", async () => {
    await containerd.useNetwork(nodeNetwork(primary, lan));
    const { cri } = containerd;
    const ids = await Promise.all(Array.from({ length: 20 },
      (_, index) => cri.runPod({ name: `crowd-${index}`, portMappings: [{ hostPort: 9000 + index,
      containerPort: 80 }] })));
    const addresses = await Promise.all(ids.map(async (id) => {
      const netns = await containerd.netnsOf(id);
      return [...addressesOf(netns, "eth0"), ...addressesOf(netns, "net1")];
    }));
    assert.ok(addresses.every((own) => own.length === 3), JSON.stringify(addresses));
    assert.is(new Set(addresses.flat()).size, 60);
    await Promise.all(ids.map((id) => containerd.remove(id)));
    await nothingLeft(fixtures);
  });

  if (build.cniVersion === "1.1.0") {
    pods("are not to be had while a network says that it is not well, in its own words", async () => {
      const answer = { cniVersion: "1.1.0", code: 50, msg: "no carrier", details: "port 7" };
      writeFileSync(join(box.pluginDir, "unwell"),
        `#!/bin/sh\ncat > /dev/null\ntest -e /run/box/well && exit 0\necho '${JSON.stringify(answer)}'\nexit 1\n`,
        { mode: 0o755 });
      await containerd.useNetwork(nodeNetwork({ name: "wire", type: "unwell" }));
      const { NetworkReady } = await containerd.cri.conditions();
      assert.match([NetworkReady?.status, NetworkReady?.message].join(" "), /^false .*no carrier; port 7/);
      writeFileSync("/run/box/well", "");
      assert.ok((await containerd.cri.conditions())["NetworkReady"]?.status);
    });
  }

  pods.run();
}
