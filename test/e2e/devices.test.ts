// A pod whose network has a device: the kubelet's socket, both configurations, device information, network-status. The
// plugin is an executable, as those for devices are; it writes down what it is told.
import {
  chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import type { ApiServer } from "../helpers/api-server.ts";
import { startApiServer } from "../helpers/api-server.ts";
import { builtDist } from "../helpers/dist.ts";
import { kernelSuite, run } from "../helpers/netns.ts";
import { makeWorld, start } from "../helpers/runtime.ts";
import type { World } from "../helpers/runtime.ts";
import type { Kubelet } from "../kube/kubelet/kubelet.ts";
import { startKubelet } from "../kube/kubelet/kubelet.ts";

const resource = "vendor.example/nic", ids = ["0000:01:00.2", "0000:01:00.1"];
const info = { type: "pci", version: "1.1.0", pci: { "pci-address": "0000:01:00.1" } };
const devinfo = "/var/run/k8s.cni.cncf.io/devinfo";
const recorder = `#!/bin/sh
conf=$(cat)
[ "$CNI_COMMAND" = VERSION ] && echo '{"cniVersion":"1.0.0","supportedVersions":["1.0.0"]}' && exit
printf '%s' "$conf" > "$RECORDS/$CNI_COMMAND-$CNI_IFNAME"
[ "$CNI_COMMAND" = ADD ] && printf '{"cniVersion":"1.0.0","interfaces":[{"name":"%s","sandbox":"%s"}],"ips":[]}' "$CNI_IFNAME" "$CNI_NETNS"
exit 0
`;

let world: World, api: ApiServer, kubelet: Kubelet, records: string;

const devices = kernelSuite("devices of a pod", import.meta.url);
devices.before(async () => {
  run("ip", "link", "set", "lo", "up");
  run("mount", "-t", "tmpfs", "tmpfs", "/var/lib");
  mkdirSync("/var/lib/kubelet/pod-resources", { recursive: true });
  mkdirSync(join(devinfo, "dp"), { recursive: true });
  writeFileSync(join(devinfo, "dp", `${resource.replace("/", "-")}-0000:01:00.1-device.json`), JSON.stringify(info));
  kubelet = await startKubelet("/var/lib/kubelet/pod-resources/kubelet.sock", {
    pod_resources: [{ name: "web", namespace: "blue", containers: [{ name: "main", devices: [{ resource_name: resource,
      device_ids: ids }] }] }],
  });
  api = await startApiServer();
  world = makeWorld();
  records = mkdtempSync(join(tmpdir(), "polynic-devices-"));
  writeFileSync(join(records, "recorder"), recorder);
  chmodSync(join(records, "recorder"), 0o755);
  writeFileSync(join(records, "refuser"), '#!/bin/sh\n[ "$CNI_COMMAND" = ADD ] && exit 1\nexit 0\n', { mode: 0o755 });
  const annotations = { "k8s.v1.cni.cncf.io/resourceName": resource };
  await api.putDefinition({ namespace: "blue", name: "fast",
    config: { cniVersion: "1.0.0", type: "recorder", capabilities: { deviceID: true, CNIDeviceInfoFile: true } },
    annotations });
  await api.putDefinition({ namespace: "blue", name: "chain",
    config: { cniVersion: "1.0.0", plugins: [{ type: "recorder" }, { type: "recorder" }] }, annotations });
});
devices.after(async () => {
  world.remove();
  kubelet.stop();
  await api.stop();
  rmSync(records, { recursive: true });
  run("umount", "/var/lib");
});

/** One command, without blocking: the kubelet answers in this process. Its host namespace is the one the API is in. */
async function command(verb: string, expected = 0): Promise<string> {
  const conf = {
    cniVersion: "1.0.0", name: "pods", type: "polynic", kubeconfig: api.kubeconfig, binDir: records,
      cniDir: join(world.directory, "cni"),
    delegates: [{ cniVersion: "1.0.0", name: "first", type: "bridge", bridge: "first0" }],
  };
  const { status, stdout, stderr } = await start({ ...world, host: { ...world.host, path: "/proc/self/ns/net" } }, {
    verb, type: "polynic", path: [join(builtDist(), "bin")], conf,
      args: "IgnoreUnknown=1;K8S_POD_NAMESPACE=blue;K8S_POD_NAME=web", env: { RECORDS: records },
  }).answer;
  assert.is(status, expected, `${verb}: ${stdout}${stderr}`);
  return stderr;
}

const seen = (name: string) => JSON.parse(readFileSync(join(records, name), "utf8"));
const described = (): readonly string[] => existsSync(join(devinfo, "cni")) ? readdirSync(join(devinfo, "cni")) : [];
async function published(): Promise<Record<string, unknown>[]> {
  const pod = await api.getPod({ namespace: "blue", name: "web" }) as { metadata: { annotations: Record<string,
    string> } };
  return JSON.parse(pod.metadata.annotations["k8s.v1.cni.cncf.io/network-status"] ?? "[]");
}

devices("go to its networks in order of their ids, with what is known of them, and nothing of it stays", async () => {
  await api.putPod({ namespace: "blue", name: "web", annotations: { "k8s.v1.cni.cncf.io/networks": "fast,chain" } });
  await command("ADD");
  const file = join(devinfo, "cni", "blue-fast-pod-1_net1");
  const { deviceID, pciBusID, runtimeConfig } = seen("ADD-net1");
  assert.equal({ deviceID, pciBusID, runtimeConfig }, { deviceID: "0000:01:00.1", pciBusID: "0000:01:00.1",
    runtimeConfig: { deviceID: "0000:01:00.1", CNIDeviceInfoFile: file } });
  assert.equal([seen("ADD-net2").deviceID, seen("ADD-net2").runtimeConfig], ["0000:01:00.2", undefined]);
  assert.equal((await published()).map(({ name, "device-info": known }) => [name, known]),
    [["first", undefined], ["blue/fast", info], ["blue/chain", undefined]]);
  assert.equal(described(), ["blue-fast-pod-1_net1"]);
  await command("DEL");
  assert.equal([seen("DEL-net1").deviceID, seen("DEL-net2").deviceID], ["0000:01:00.1", "0000:01:00.2"]);
  assert.equal(described(), []);
});

devices("that are used up are said to be missing, in an event, and the network is attached without one", async () => {
  await api.putPod({ namespace: "blue", name: "web",
    annotations: { "k8s.v1.cni.cncf.io/networks": "chain@a,chain@b,chain@c" } });
  const before = (await api.events()).length;
  assert.match(await command("ADD"), /"blue\/chain".*"vendor\.example\/nic"/);
  assert.equal(["a", "b", "c"].map((name) => seen(`ADD-${name}`).deviceID),
    ["0000:01:00.1", "0000:01:00.2", undefined]);
  const reasons = (await api.events() as { reason: string }[]).slice(before).map(({ reason }) => reason);
  assert.equal(reasons.filter((reason) => reason === "NoDeviceAllocated").length, 1);
  await command("DEL");
});

devices("come from the pod's resource claims, too", async () => {
  const claimed = "vendor.example/claimed", driver = "nic.vendor.example";
  await api.put("resourceclaims", { metadata: { namespace: "blue", name: "web-nic" },
    status: { allocation: { devices: { results: [{ request: "nic", driver, pool: "worker", device: "vf3" }] } } } });
  await api.put("resourceslices", { metadata: { name: "worker-nic" }, spec: { driver, nodeName: "worker",
    pool: { name: "worker", generation: 1 }, devices: [{ name: "vf3", attributes: {
      "k8s.cni.cncf.io/resourceName": { string: claimed },
      "k8s.cni.cncf.io/deviceID": { string: "0000:02:00.3" },
    } }] } });
  await api.putDefinition({ namespace: "blue", name: "claimed", config: { cniVersion: "1.0.0", type: "recorder" },
    annotations: { "k8s.v1.cni.cncf.io/resourceName": claimed } });
  await api.putPod({ namespace: "blue", name: "web", annotations: { "k8s.v1.cni.cncf.io/networks": "claimed@c,fast@d" },
    spec: { nodeName: "worker" }, status: { resourceClaimStatuses: [{ name: "nic", resourceClaimName: "web-nic" }] } });
  await command("ADD");
  assert.equal([seen("ADD-c").deviceID, seen("ADD-d").deviceID], ["0000:02:00.3", "0000:01:00.1"]);
  await command("DEL");
});

devices("are not described any more once an ADD has failed", async () => {
  await api.putDefinition({ namespace: "blue", name: "refusing", config: { cniVersion: "1.0.0", type: "refuser" } });
  await api.putPod({ namespace: "blue", name: "web",
    annotations: { "k8s.v1.cni.cncf.io/networks": "fast@told,refusing" } });
  rmSync(join(records, "DEL-told"), { force: true });
  await command("ADD", 1);
  assert.equal([seen("DEL-told").runtimeConfig.CNIDeviceInfoFile, described()],
    [join(devinfo, "cni", "blue-fast-pod-1_told"), []]);
});

devices.run();
