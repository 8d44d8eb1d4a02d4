// src/kube/kubelet/devices.ts, pod-resources.ts and checkpoint.ts: which devices the kubelet gave a pod, from a server
// that speaks its protocol and from its file.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { devicesOfPod } from "../../../src/kube/index.ts";
import { rejects } from "../../helpers/errors.ts";
import { waitLimitMs } from "../../helpers/limits.ts";
import { startKubelet } from "./kubelet.ts";
import type { Kubelet } from "./kubelet.ts";

const pod = { namespace: "blue", name: "web", uid: "uid-of-web" };

let directory = "";
let socket = "";
let checkpoint = "";
let kubelet: Kubelet | undefined;

const devices = suite("devices of a pod");
devices.before.each(() => {
  directory = mkdtempSync(join(tmpdir(), "polynic-devices-"));
  [socket, checkpoint] = [join(directory, "kubelet.sock"), join(directory, "kubelet_internal_checkpoint")];
});
devices.after.each(() => {
  kubelet?.stop();
  kubelet = undefined;
  rmSync(directory, { recursive: true });
});

async function lookUp(options: { readonly limitMs?: number; readonly skipped?: (problem: string) => void } = {},
  whose = pod): Promise<Record<string, readonly string[]>> {
  return Object.fromEntries(await devicesOfPod(whose, { socket, checkpoint, ...options }));
}

const vf = "example.com/vf", gpu = "example.com/gpu";
const topology = { nodes: [{ ID: 1 }] };

/** Two containers of the pod, with all that a kubelet says, and pods of the same name or namespace. */
const answer = {
  pod_resources: [
    { name: "web", namespace: "red", containers: [{ name: "a", devices: [{ resource_name: vf,
      device_ids: ["0000:03:09.0"] }] }] },
    { name: "db", namespace: "blue", containers: [{ name: "a", devices: [{ resource_name: vf,
      device_ids: ["0000:03:09.1"] }] }] },
    {
      name: "web", namespace: "blue", cpu_ids: [7],
      containers: [
        {
          name: "a", cpu_ids: [1, 2], memory: [{ memory_type: "memory", size: 4096, topology }],
          devices: [
            { resource_name: vf, device_ids: ["0000:03:02.3"], topology },
            { resource_name: vf, device_ids: ["0000:03:02.1"], topology: { nodes: [{ ID: 0 }] } },
            { resource_name: gpu, device_ids: ["gpu0"] },
          ],
        },
        { name: "b", devices: [{ resource_name: vf, device_ids: ["0000:03:02.2", "0000:03:02.10"] }] },
      ],
    },
    {
      name: "claimant", namespace: "blue",
      containers: [{
        name: "a",
        dynamic_resources: [{
          class_name: "nic", claim_name: "nics", claim_namespace: "blue",
          claim_resources: [
            { cdi_devices: [{ name: "vendor.com/vf=net2" }, { name: "net3" }], driver_name: "vendor.com",
              pool_name: "p", device_name: "d" },
            { cdi_devices: [{ name: "vendor.com/vf=net1" }, { name: "vendor.com/vf=" }, { name: "vendor.com/vf=a=b" },
              { name: "=x" }] },
          ],
        }],
      }],
    },
    { name: "plain", namespace: "blue", containers: [{ name: "a" }] },
    { name: "empty", namespace: "blue" },
  ],
};

devices("are those of all containers, in the order of their text per resource", async () => {
  kubelet = await startKubelet(socket, answer);
  assert.equal(await lookUp(), { [vf]: ["0000:03:02.1", "0000:03:02.10", "0000:03:02.2", "0000:03:02.3"],
    [gpu]: ["gpu0"] });
});

devices("of a claim stand under its name, what is no qualified device name left out", async () => {
  kubelet = await startKubelet(socket, answer);
  const problems: string[] = [];
  assert.equal(await lookUp({ skipped: (problem) => problems.push(problem) }, { ...pod, name: "claimant" }),
    { nics: ["net1", "net2"] });
  assert.equal(problems, ["net3", "vendor.com/vf=", "vendor.com/vf=a=b", "=x"].map((name) => (
    `Cannot use device "${name}" of claim "nics": expected vendor/class=device`)));
});

devices("that two containers share come once", async () => {
  const container = { devices: [{ resource_name: vf, device_ids: ["b", "a"] }] };
  kubelet = await startKubelet(socket, { pod_resources: [{ name: "web", namespace: "blue", containers: [container,
    container] }] });
  assert.equal(await lookUp(), { [vf]: ["a", "b"] });
});

devices("are none for a pod without any, or one the kubelet does not know", async () => {
  kubelet = await startKubelet(socket, answer);
  for (const name of ["plain", "empty", "unknown"]) assert.equal(await lookUp({}, { ...pod, name }), {});
});

devices("are none when the kubelet knows no pod at all", async () => {
  kubelet = await startKubelet(socket, {});
  assert.equal(await lookUp(), {});
});

devices("come from the socket even when there is a checkpoint, and no UID is needed", async () => {
  kubelet = await startKubelet(socket, answer);
  writeFileSync(checkpoint, checkpointOf([entry()]));
  assert.equal((await lookUp({}, { ...pod, uid: "" }))[gpu], ["gpu0"]);
});

devices("of a pod without a name are refused", async () => {
  kubelet = await startKubelet(socket, answer);
  for (const [whose, shown] of [[{ name: "" }, "blue/"], [{ namespace: "" }, "/web"]] as const) {
    const { message } = await rejects(lookUp({}, { ...pod, ...whose }), 4);
    assert.is(message, `Cannot look up the devices of pod "${shown}": expected a namespace and a name`);
  }
});

devices("from a long list are found, up to 16 MiB", async () => {
  const other = { name: "other", namespace: "blue", containers: [{ devices: [{ resource_name: vf,
    device_ids: ["x".repeat(1024 * 1024)] }] }] };
  kubelet = await startKubelet(socket, { pod_resources: [...Array<object>(15).fill(other), answer.pod_resources[2]] });
  assert.equal((await lookUp())[gpu], ["gpu0"]);
  kubelet.stop();
  rmSync(socket, { force: true });
  kubelet = await startKubelet(socket, { pod_resources: Array<object>(17).fill(other) });
  const { message } = await rejects(lookUp(), 11);
  assert.match(message, /gave no answer but RESOURCE_EXHAUSTED \(Received message larger than max/);
});

devices("cannot be had from a socket nobody listens on, which is no reason for the checkpoint", async () => {
  // A process that dies leaves its socket's name behind.
  const script = `require("node:net").createServer().listen(${JSON.stringify(socket)}, () => ` +
    `process.kill(process.pid, "SIGKILL"))`;
  try {
    execFileSync(process.execPath, ["-e", script], { stdio: "ignore" });
  } catch {
    // SIGKILL is how it should end.
  }
  writeFileSync(checkpoint, checkpointOf([entry()]));
  const { message } = await rejects(lookUp({ limitMs: waitLimitMs }), 11);
  assert.match(message,
    `Cannot look up the devices of pod "blue/web": the kubelet's socket ${socket} gave no answer but UNAVAILABLE (`);
  assert.match(message, `connect ECONNREFUSED ${socket}`);
  // It does not wait for that.
  assert.match(message, `expected its list of pod resources within ${waitLimitMs} ms`);
});

devices("cannot be had from a file where the socket should be", async () => {
  writeFileSync(socket, "");
  assert.match((await rejects(lookUp(), 11)).message, socket);
});

devices("cannot be had from a server that speaks another protocol", async () => {
  const server = createServer((connection) => connection.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  try {
    assert.match((await rejects(lookUp({ limitMs: waitLimitMs }), 11)).message, socket);
  } finally {
    server.close();
  }
});

devices("are not waited for longer than the limit, connected or not", async () => {
  kubelet = await startKubelet(socket, undefined);
  assert.match((await rejects(lookUp({ limitMs: 200 }), 11)).message, /DEADLINE_EXCEEDED .* within 200 ms$/);
  kubelet.stop();
  rmSync(socket, { force: true });
  const connections: { destroy(): void }[] = [];
  const silent = createServer((connection) => connections.push(connection));
  await new Promise<void>((resolve) => silent.listen(socket, resolve));
  try {
    assert.match((await rejects(lookUp({ limitMs: 200 }), 11)).message, /DEADLINE_EXCEEDED .* within 200 ms$/);
  } finally {
    for (const connection of connections) connection.destroy();
    silent.close();
  }
});

devices("cannot be had from an answer that is cut, or from no answer at all", async () => {
  // Field 1 of the response announces ten bytes, of which there are two.
  kubelet = await startKubelet(socket, Buffer.from("0a0a0a01", "hex"));
  assert.match((await rejects(lookUp(), 11)).message, /gave no answer but INTERNAL \(/);
});

// ---- The checkpoint ----

interface Entry {
  readonly PodUID: unknown;
  readonly ContainerName: unknown;
  readonly ResourceName: unknown;
  readonly DeviceIDs: unknown;
  readonly AllocResp: unknown;
}

function entry(changed: Partial<Entry> = {}): Entry {
  return { PodUID: pod.uid, ContainerName: "a", ResourceName: vf, DeviceIDs: { 0: ["0000:03:02.3", "0000:03:02.0"] },
    AllocResp: "CgA=", ...changed };
}

function checkpointOf(PodDeviceEntries: unknown): string {
  return JSON.stringify({ Data: { PodDeviceEntries, RegisteredDevices: { [vf]: ["0000:03:02.0"] } },
    Checksum: 1172307462 });
}

devices("come from the checkpoint where there is no socket, by UID", async () => {
  writeFileSync(checkpoint, checkpointOf([
    entry(), entry({ PodUID: "another" }), entry({ ContainerName: "b", ResourceName: gpu,
      DeviceIDs: { "-1": ["gpu0"] } }),
  ]));
  assert.equal(await lookUp(), { [vf]: ["0000:03:02.0", "0000:03:02.3"], [gpu]: ["gpu0"] });
});

const shapes: readonly (readonly [string, unknown, Record<string, readonly string[]>])[] = [
  ["of several NUMA nodes", [entry({ DeviceIDs: { 1: ["b"], 0: ["c", "a"] } })], { [vf]: ["a", "b", "c"] }],
  ["that an init container had before", [entry(), entry({ ContainerName: "init" })],
    { [vf]: ["0000:03:02.0", "0000:03:02.3"] }],
  ["as kubelets before 1.20 list them", [entry({ DeviceIDs: ["b", "a"] })], { [vf]: ["a", "b"] }],
  ["of a NUMA node without any", [entry({ DeviceIDs: { 0: null, 1: ["a"] } })], { [vf]: ["a"] }],
  ["of a resource named like a property of objects", [entry({ ResourceName: "constructor" })],
    { constructor: ["0000:03:02.0", "0000:03:02.3"] }],
  ["of nobody", null, {}],
  ["of other pods", [entry({ PodUID: "another" })], {}],
];
for (const [title, entries, expected] of shapes) {
  devices(`in a checkpoint ${title} are read`, async () => {
    writeFileSync(checkpoint, checkpointOf(entries));
    assert.equal(Object.entries(await lookUp()), Object.entries(expected));
  });
}

const broken: readonly (readonly [string, string])[] = [
  ["{", "it is not JSON, expected a JSON object"],
  ["", "it is empty, expected a JSON object"],
  ["[]", "it is a list, expected a JSON object"],
  ["{}", '"Data" is absent, expected an object'],
  ['{"Data":3}', '"Data" is 3, expected an object'],
  ['{"Data":{"PodDeviceEntries":{}}}', '"Data.PodDeviceEntries" is {}, expected a list'],
  [checkpointOf([entry(), 7]), '"Data.PodDeviceEntries[1]" is 7, expected PodUID, ResourceName and DeviceIDs'],
  [checkpointOf([{ PodUID: "u" }]),
    '"Data.PodDeviceEntries[0]" is {"PodUID":"u"}, expected PodUID, ResourceName and DeviceIDs'],
  [checkpointOf([{ PodUID: "u", ResourceName: "r", DeviceIDs: { 0: [1] } }]),
    '"Data.PodDeviceEntries[0]" is {"PodUID":"u","ResourceName":"r","DeviceIDs":{"0":[1]}}, expected PodUID, ' +
      'ResourceName and DeviceIDs'],
  [checkpointOf([{ PodUID: "u", ResourceName: "r", DeviceIDs: "a" }]),
    '"Data.PodDeviceEntries[0]" is {"PodUID":"u","ResourceName":"r","DeviceIDs":"a"}, expected PodUID, ResourceName ' +
      'and DeviceIDs'],
];
for (const [text, problem] of broken) {
  devices(`in a broken checkpoint are refused: ${problem}`, async () => {
    writeFileSync(checkpoint, text);
    assert.is((await rejects(lookUp(), 6)).message, `Cannot read the kubelet's checkpoint ${checkpoint}: ${problem}`);
  });
}

devices("in an entry of any size are refused with a short message", async () => {
  writeFileSync(checkpoint, checkpointOf([entry({ DeviceIDs: "x".repeat(100_000) })]));
  assert.ok((await rejects(lookUp(), 6)).message.length < 500);
});

devices("without a source are an error that names both", async () => {
  assert.is((await rejects(lookUp(), 5)).message,
    `Cannot look up the devices of pod "blue/web": there is neither the kubelet's socket ${socket} nor its ` +
      `checkpoint ${checkpoint}, expected one of them`);
});

devices("in a checkpoint need a UID", async () => {
  writeFileSync(checkpoint, checkpointOf([entry({ PodUID: "" })]));
  assert.is((await rejects(lookUp({}, { ...pod, uid: "" }), 4)).message,
    `Cannot look up the devices of pod "blue/web": its UID is empty, expected the one in the kubelet's checkpoint ` +
      `${checkpoint}`);
});

devices("cannot be had from a checkpoint that is no file, or one too long", async () => {
  mkdirSync(checkpoint);
  assert.is((await rejects(lookUp(), 5)).message,
    `Cannot read the kubelet's checkpoint ${checkpoint}: it is no regular file`);
  rmSync(checkpoint, { recursive: true });
  writeFileSync(checkpoint, "");
  truncateSync(checkpoint, 64 * 1024 * 1024 + 1);
  assert.is((await rejects(lookUp(), 5)).message,
    `Cannot read the kubelet's checkpoint ${checkpoint}: it has 67108865 bytes, expected at most 67108864`);
});
devices.run();
