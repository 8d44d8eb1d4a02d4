// The network-status annotation among others who write to the same pod.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { code } from "../../../src/cni/index.ts";
import type { Cluster, Pod } from "../../../src/kube/index.ts";
import { openCluster } from "../../../src/kube/index.ts";
import type { ApiServer } from "../../helpers/api-server.ts";
import { startApiServer } from "../../helpers/api-server.ts";
import { rejects } from "../../helpers/errors.ts";
import { testWorld } from "../../helpers/kube-world.ts";

const web = { namespace: "blue", name: "web" };
const annotation = "k8s.v1.cni.cncf.io/network-status";
const status = '[{"name":"blue/net1"}]';

let api: ApiServer;
let cluster: Cluster;
let world: ReturnType<typeof testWorld>;

/** The pod as it is now. */
async function read(): Promise<Pod> {
  const pod = await cluster.getPod(web);
  if (pod === undefined) throw new Error("the test has put the pod there");
  return pod;
}

const writing = suite("setNetworkStatus");

writing.before(async () => {
  api = await startApiServer();
});
writing.before.each(async () => {
  await api.heal();
  await api.allowAll();
  await api.removePod(web);
  await api.putPod({ ...web, uid: "uid-1", annotations: { other: "kept" }, labels: { app: "web" },
    status: { phase: "Pending", podIP: "10.0.0.1" } });
  world = testWorld();
  const opened = openCluster({ kubeconfig: api.kubeconfig, env: {}, deadlineMs: 30_000, tryTimeoutMs: 20_000 }, world);
  if (opened === undefined) throw new Error("there is a kubeconfig");
  cluster = opened;
});
writing.after.each(() => cluster.close());
writing.after(async () => await api.stop());

writing("changes that annotation and nothing else", async () => {
  const before = await api.getPod(web);
  assert.is(await cluster.setNetworkStatus(await read(), status), "written");
  const after = await api.getPod(web);
  assert.equal(after?.["metadata"].annotations, { other: "kept", [annotation]: status });
  assert.equal({ ...after, metadata: { ...after?.["metadata"], annotations: undefined, resourceVersion: undefined } },
    { ...before, metadata: { ...before?.["metadata"], annotations: undefined, resourceVersion: undefined } });
});

writing("is one update of the status", async () => {
  const pod = await read();
  const count = (await api.requests()).length;
  await cluster.setNetworkStatus(pod, status);
  const requests = (await api.requests()).slice(count).map(({ method, path, contentType }) => [method, path,
    contentType]);
  assert.equal(requests, [["PUT", "/api/v1/namespaces/blue/pods/web/status", "application/json"]]);
});

writing("gives a pod without annotations its first", async () => {
  await api.removePod(web);
  await api.putPod(web);
  await cluster.setNetworkStatus(await read(), status);
  assert.equal((await api.getPod(web))?.["metadata"].annotations, { [annotation]: status });
});

writing("keeps what somebody else wrote since the pod was read", async () => {
  const pod = await read();
  await api.putPod({ ...web, annotations: { other: "changed", more: "new" }, status: { phase: "Running" } });
  assert.is(await cluster.setNetworkStatus(pod, status), "written");
  const after = await api.getPod(web);
  assert.equal(after?.["metadata"].annotations, { other: "changed", more: "new", [annotation]: status });
  assert.equal(after?.["status"], { phase: "Running" });
});

writing("pauses for a random time after a conflict", async () => {
  const pod = await read();
  await api.fault({ kind: "409", times: 3, match: { method: "PUT" } });
  assert.is(await cluster.setNetworkStatus(pod, status), "written");
  assert.equal(world.sleeps, [25, 25, 25]);
});

writing("gives up after ten conflicts", async () => {
  const pod = await read();
  await api.fault({ kind: "409", times: 100, match: { method: "PUT" } });
  const { message } = await rejects(cluster.setNetworkStatus(pod, status), code.tryAgainLater);
  assert.is(message, 'Cannot write the network-status of pod "blue/web": somebody else changed the pod each of 10 ' +
    'times, expected it to rest');
});

writing("knows its own write when the answer to it was lost", async () => {
  const pod = await read();
  await api.fault({ kind: "lost", match: { method: "PUT" } });
  const count = (await api.requests()).length;
  assert.is(await cluster.setNetworkStatus(pod, status), "written");
  assert.equal((await api.requests()).slice(count).map(({ method, status: answered }) => `${method} ${answered}`),
    ["PUT 0", "PUT 409", "GET 200"]);
});

writing("tells a pod that was deleted", async () => {
  const pod = await read();
  await api.removePod(web);
  assert.is(await cluster.setNetworkStatus(pod, status), "gone");
});

writing("tells a pod that was deleted between a conflict and the next try", async () => {
  const pod = await read();
  await api.fault({ kind: "409", match: { method: "PUT" } });
  world.sleep = async () => await api.removePod(web);
  assert.is(await cluster.setNetworkStatus(pod, status), "gone");
});

writing("leaves another pod of the same name alone", async () => {
  const pod = await read();
  await api.removePod(web);
  await api.putPod({ ...web, uid: "uid-2" });
  assert.is(await cluster.setNetworkStatus(pod, status), "gone");
  assert.is((await api.getPod(web))?.["metadata"].annotations, undefined);
});

writing("does not take a foreign 404 for a deleted pod", async () => {
  const pod = await read();
  await api.fault({ kind: "html", match: { method: "PUT" } });
  await rejects(cluster.setNetworkStatus(pod, status), code.tryAgainLater);
});

writing("two writers at once both get their turn", async () => {
  const pod = await read();
  assert.equal(await Promise.all([cluster.setNetworkStatus(pod, "[1]"), cluster.setNetworkStatus(pod, "[2]")]),
    ["written", "written"]);
  assert.ok(["[1]", "[2]"].includes((await api.getPod(web))?.["metadata"].annotations[annotation]));
});

writing.run();
