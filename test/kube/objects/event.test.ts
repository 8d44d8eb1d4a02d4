import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Cluster, Pod } from "../../../src/kube/index.ts";
import { openCluster } from "../../../src/kube/index.ts";
import type { ApiServer } from "../../helpers/api-server.ts";
import { startApiServer } from "../../helpers/api-server.ts";
import { testWorld } from "../../helpers/kube-world.ts";

const pod: Pod = { namespace: "blue", name: "web", uid: "uid-1", annotations: {}, isStatic: false, object: {} };
const added = { type: "Normal", reason: "AddedInterface", message: "Add net1 [10.1.0.2/24] from blue/net1" } as const;

let api: ApiServer;
let cluster: Cluster;

const events = suite("recordEvent");

events.before.each(async () => {
  api = await startApiServer();
  const opened = openCluster({ kubeconfig: api.kubeconfig, env: {}, deadlineMs: 30_000, tryTimeoutMs: 20_000 },
    testWorld());
  if (opened === undefined) throw new Error("there is a kubeconfig");
  cluster = opened;
});
events.after.each(async () => {
  cluster.close();
  await api.stop();
});

events("makes a core event of the pod", async () => {
  assert.is(await cluster.recordEvent(pod, added), undefined);
  const [event, ...others] = await api.events();
  const { uid, creationTimestamp, resourceVersion, ...metadata } = event?.["metadata"];
  assert.equal(others, []);
  assert.equal({ ...event, metadata }, {
    apiVersion: "v1", kind: "Event",
    // 2026-01-02T03:04:05.678Z and half a millisecond, in nanoseconds
    metadata: { namespace: "blue",
      name: `web.${(BigInt(Date.UTC(2026, 0, 2, 3, 4, 5, 678)) * 1_000_000n + 500_000n).toString(16)}` },
    involvedObject: { apiVersion: "v1", kind: "Pod", namespace: "blue", name: "web", uid: "uid-1" },
    ...added,
    source: { component: "polynic" }, reportingComponent: "polynic", reportingInstance: "",
    firstTimestamp: "2026-01-02T03:04:05Z", lastTimestamp: "2026-01-02T03:04:05Z", count: 1,
  });
  assert.equal((await api.requests()).map(({ method, path }) => `${method} ${path}`),
    ["POST /api/v1/namespaces/blue/events"]);
});

const messages: readonly [string, string, string][] = [
  ["of 1024 bytes stays", "x".repeat(1024), "x".repeat(1024)],
  ["that is longer is cut", "x".repeat(1025), `${"x".repeat(1021)}...`],
  ["is not cut within a character", `${"x".repeat(1020)}\u00e9\u00e9\u00e9`, `${"x".repeat(1020)}...`],
];
for (const [title, message, recorded] of messages) {
  events(`a message ${title}`, async () => {
    assert.is(await cluster.recordEvent(pod, { ...added, message }), undefined);
    assert.is((await api.events())[0]?.["message"], recorded);
  });
}

for (const name of ["a".repeat(253), `${"a".repeat(235)}.${"b".repeat(17)}`]) {
  events(`a pod's name of 253 characters makes a name the API accepts (${name.slice(233, 238)})`, async () => {
    assert.is(await cluster.recordEvent({ ...pod, name }, added), undefined);
    assert.is((await api.events())[0]?.["involvedObject"].name, name);
  });
}

events("is recorded once when the answer to it was lost", async () => {
  await api.fault({ kind: "lost" });
  assert.is(await cluster.recordEvent(pod, added), undefined);
  assert.is((await api.events()).length, 1);
});

events("a refusal is told, not thrown", async () => {
  await api.deny({ resource: "events", verb: "create" });
  assert.match(await cluster.recordEvent(pod, added) ?? "",
    new RegExp(`^Cannot record event AddedInterface of pod "blue/web": the cluster's API said 403 .*` +
      'expected the permission to create events in namespace "blue"$'));
});

events("an API that cannot be reached holds nobody up for more than three seconds", async () => {
  await api.fault({ kind: "503", times: 100 });
  const world = testWorld(0.9);
  const patient = openCluster({ kubeconfig: api.kubeconfig, env: {}, deadlineMs: 60_000 }, world);
  assert.match(await patient?.recordEvent(pod, added) ?? "", /expected an answer .* within 3000 ms$/);
  assert.ok(world.sleeps.reduce((sum, ms) => sum + ms, 0) < 3000);
});

events("what is left of the command's deadline bounds it too", async () => {
  await api.fault({ kind: "503", times: 100 });
  const hasty = openCluster({ kubeconfig: api.kubeconfig, env: {}, deadlineMs: 500 }, testWorld(0.9));
  assert.match(await hasty?.recordEvent(pod, added) ?? "", /within (500|49\d) ms$/);
});

events("a kubeconfig that is broken is told, not thrown", async () => {
  const broken = openCluster({ kubeconfig: "/nowhere/kubeconfig", env: {}, deadlineMs: 500 }, testWorld());
  assert.match(await broken?.recordEvent(pod, added) ?? "",
    /^Cannot use kubeconfig "\/nowhere\/kubeconfig": it is not there/);
});

events.run();
