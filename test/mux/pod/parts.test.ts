// src/mux/pod: how a definition, a selection and a device become a network.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { CniError } from "../../../src/cni/index.ts";
import { parseMuxConf } from "../../../src/mux/index.ts";
import type { Delegate } from "../../../src/mux/networks/delegate.ts";
import { planAttachments } from "../../../src/mux/networks/network-attachment.ts";
import { delegateOf } from "../../../src/mux/pod/delegates.ts";
import { deviceQueue } from "../../../src/mux/pod/devices.ts";
import { networksOfPod } from "../../../src/mux/pod/networks.ts";
import type { NetworkDefinition, NetworkSelection } from "../../../src/nad/index.ts";
import { rejects } from "../../helpers/errors.ts";

const config = parseMuxConf({ cniVersion: "1.0.0", name: "pods", type: "polynic",
  delegates: [{ name: "one", type: "bridge" }] }, { invokedAs: "polynic", verb: "ADD" });
const definition = (config: object, resourceName = ""): NetworkDefinition =>
  ({ namespace: "blue", name: "fast", displayName: "blue/fast", config: { ...config }, resourceName });
const single = definition({ cniVersion: "1.0.0", name: "fast", type: "sriov" }, "vendor/nic");
const selection = (more: object = {}): NetworkSelection => ({ namespace: "blue", name: "fast", ...more });
const attachment = { containerId: "c1", netns: "/run/netns/c1", ifName: "eth0", args: "", path: [] };
const refuse = (problem: CniError): never => { throw problem; };

const queue = suite("deviceQueue");
queue("hands devices of a resource out in order, one each, and asks the kubelet once, when the first is wanted",
  async () => {
  let asked = 0;
  const devices = deviceQueue(async () => {
    asked++;
    return new Map([["a", ["1", "2"]], ["b", ["9"]]]);
  });
  assert.is(asked, 0);
  assert.equal([await devices.next("a"), await devices.next("b"), await devices.next("a"), await devices.next("a"),
    await devices.next("c")], ["1", "9", "2", undefined, undefined]);
  assert.is(asked, 1);
});
queue.run();

const making = suite("delegateOf");
making("puts a device into a single configuration and into every plugin of a list, and offers it as a capability",
  () => {
  const list = definition({ cniVersion: "1.0.0", name: "fast",
    plugins: [{ type: "sriov" }, { type: "tuning", capabilities: { mac: true } }] }, "vendor/nic");
  for (const [one, devices] of [[single, 1], [list, 2]] as const) {
    const delegate = delegateOf({ definition: one, selection: selection(), deviceId: "0000:01:00.1" }, config, refuse);
    assert.equal(delegate.network.plugins.map(({ deviceID, pciBusID }) => [deviceID, pciBusID]),
      Array.from({ length: devices }, () => ["0000:01:00.1", "0000:01:00.1"]));
    assert.equal(delegate.capabilityArgs, { deviceID: "0000:01:00.1" });
    assert.equal(delegate.requests, { deviceId: "0000:01:00.1", resourceName: "vendor/nic" });
    assert.is(delegate.trusted, false);
  }
});
making("prefers the device of the resource to the one that the pod names, which needs a plugin that takes it", () => {
  assert.equal(delegateOf({ definition: single, selection: selection({ deviceId: "x" }), deviceId: "y" }, config,
    refuse).requests.deviceId, "y");
  const problems: string[] = [];
  const own = delegateOf({ definition: definition({ cniVersion: "1.0.0", name: "fast", type: "sriov" }),
    selection: selection({ deviceId: "x" }) }, config, ({ message }) => problems.push(message));
  assert.equal([own.requests.deviceId, own.capabilityArgs], ["x", { deviceID: "x" }]);
  assert.match(problems.join(), /capability deviceID/);
});
making("keeps every request for DEL", () => {
  const asked = { ifName: "f0", mac: "02:00:00:00:00:01", ips: ["10.0.0.1"], infinibandGuid: "00:11:22:33:44:55:66:77",
    defaultRoute: [] };
  const declared = definition({ cniVersion: "1.0.0", name: "fast", type: "x", capabilities: { infinibandGUID: true } });
  assert.equal(delegateOf({ definition: declared, selection: selection(asked) }, config, refuse).requests, asked);
});
making.run();

const planning = suite("planAttachments");
const runtimeConfig = Object.freeze({ mac: "02::" });
const planned = (delegates: readonly Delegate[]) => planAttachments(delegates, attachment, { ...config, runtimeConfig },
  [], { adding: true });
planning("gives a network with a device the file that describes it, and the default network nothing of its selection",
  () => {
  const delegate = delegateOf({ definition: single, selection: selection({ mac: "02:00:00:00:00:07" }), deviceId: "d" },
    config, () => {});
  const [first, second] = planned([delegate, delegate]);
  assert.equal(first?.capabilityArgs, { mac: "02::" });
  assert.equal(second?.capabilityArgs, {
    mac: "02:00:00:00:00:07", deviceID: "d",
      CNIDeviceInfoFile: "/var/run/k8s.cni.cncf.io/devinfo/cni/blue-fast-c1_net1",
  });
  for (const network of [first, second]) assert.ok(network?.argPairs.some(([key, value]) => key === "MAC"
    && value === "02:00:00:00:00:07"));
});
planning.run();

const resolving = suite("networksOfPod");
const pod = (networks: string) => ({ namespace: "blue", name: "web", uid: "u", isStatic: false, object: {},
  annotations: { "k8s.v1.cni.cncf.io/networks": networks } });
const lookup = (devices: Record<string, readonly string[]>, problems: string[] = []) => ({
  conf: config, find: async () => single, devices: deviceQueue(async () => new Map(Object.entries(devices))),
  ignored: (problem: CniError, kind: string) => { problems.push(`${kind}: ${problem.message}`); },
});
resolving("gives successive networks of a resource successive devices, and tells when they run out", async () => {
  const problems: string[] = [];
  const delegates = await networksOfPod(pod("fast,fast@b,fast@c"), lookup({ "vendor/nic": ["1", "2"] }, problems));
  assert.equal(delegates.map(({ requests }) => requests.deviceId), [undefined, "1", "2", undefined]);
  assert.is(problems.length, 1);
  assert.match(problems[0] ?? "", /^device: .*"blue\/fast".*"vendor\/nic"/);
});
resolving("gives the node's networks their devices in order, whichever definition the API tells first", async () => {
  const node = { ...config, delegates: [], clusterNetwork: "slow", defaultNetworks: ["fast"] };
  const find = async ({ name }: { readonly name: string }): Promise<NetworkDefinition> => {
    if (name === "slow") await new Promise((resolve) => setTimeout(resolve, 20));
    return { ...single, name };
  };
  const delegates = await networksOfPod(pod("fast"), { ...lookup({ "vendor/nic": ["1", "2", "3"] }), conf: node,
    find });
  assert.equal(delegates.map(({ requests }) => requests.deviceId), ["1", "2", "3"]);
});
resolving("fails when the kubelet cannot tell, naming network and resource", async () => {
  const broken = { ...lookup({}), devices: deviceQueue(async () => { throw Object.assign(new Error("nobody listens"),
    { syscall: "connect" }); }) };
  assert.match((await rejects(networksOfPod(pod("fast"), broken), 5)).message,
    /"blue\/fast" \(resource "vendor\/nic"\): nobody listens/);
});
resolving("plans default routes for all networks once one of them asks", async () => {
  const gateways = async (text: string) => (await networksOfPod(pod(text),
    lookup({ "vendor/nic": ["1", "2"] }))).map((delegate) => delegate.gateways);
  assert.equal(await gateways('[{"name":"fast"}]'), [undefined, undefined]);
  assert.equal(await gateways('[{"name":"fast","default-route":["10.0.0.1"]}]'), [
    { stripV4: true, stripV6: false, gateways: [] }, { stripV4: false, stripV6: false, gateways: ["10.0.0.1"] },
  ]);
  const clash = '[{"name":"fast","default-route":["10.0.0.1"]},{"name":"fast","default-route":["10.0.0.2"]}]';
  await rejects(networksOfPod(pod(clash), lookup({})), 7);
});
resolving.run();
