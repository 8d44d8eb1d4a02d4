// What is kept of a cluster by watching it, against an API server that ends, forgets, refuses and says nonsense.
import { setTimeout as sleep } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { KeptCluster, WatchFacts, WatchedClusters } from "../../../src/kube/index.ts";
import { keepClusters, openCluster } from "../../../src/kube/index.ts";
import type { KeepOptions } from "../../../src/kube/watch/kept-clusters.ts";
import { watchTimes } from "../../../src/kube/watch/watch.ts";
import type { ApiServer, PodSeed } from "../../helpers/api-server.ts";
import { startApiServer } from "../../helpers/api-server.ts";

const web = { namespace: "blue", name: "web" }, net = { namespace: "blue", name: "net1" };
const here = { nodeName: "worker-1", containers: [{ name: "main", image: "pause" }] };
const times = { ...watchTimes, backoffMs: 10, backoffMaxMs: 20 };

let api: ApiServer;
let clusters: WatchedClusters;
let said: string[];
/** Requests of tests before this one. */
let before = 0;

const put = (more: Partial<PodSeed> = {}) => api.putPod({ ...web, uid: "u1", spec: here, ...more });

/** The cluster of the test, watched. */
function watched(options: Partial<KeepOptions> = {}): KeptCluster {
  clusters = keepClusters({ nodeName: "worker-1", userAgent: "polynic/test", times,
    log: (line) => { said.push(line); }, ...options });
  const kept = clusters.of({ kubeconfig: api.kubeconfig, env: {} });
  if (kept === undefined) throw new Error("it is the first one");
  return kept;
}

const facts = (): WatchFacts => clusters.facts();
/** Until something is so: a limit of the test run, not a guess at how long it takes. */
async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await sleep(2);
}
const annotation = (kept: KeptCluster): string | undefined => kept.pod(web, "u1")?.annotations["a"];
/** What watches of pods have asked for, in order. */
async function versionsAsked(): Promise<readonly (string | null)[]> {
  return (await api.requests()).slice(before).filter(({ path }) => path === "/api/v1/pods")
    .map(({ query }) => new URLSearchParams(query).get("resourceVersion"));
}

const watching = suite("a cluster that is watched");
watching.before(async () => { api = await startApiServer(); });
watching.after(() => api.stop());
watching.before.each(async () => {
  said = [];
  before = (await api.requests()).length;
  await put({ annotations: { a: "1" } });
  await api.putDefinition({ ...net, config: { type: "bridge" } });
});
watching.after.each(async () => {
  clusters.close();
  await api.heal();
  await api.allowAll();
  await api.serveDefinitions(true);
  for (const name of ["web", "far", "done", "gone", "big"]) await api.removePod({ ...web, name });
});

watching("is known as far as its node goes, without one request more", async () => {
  await api.putPod({ namespace: "blue", name: "far", uid: "u2", spec: { nodeName: "worker-2" } });
  await put({ name: "done", uid: "u3", status: { phase: "Succeeded" } });
  const kept = watched();
  assert.is(kept.pod(web, "u1"), undefined, "nothing has been heard yet");
  await until(() => facts().pods.objects === 1 && facts().definitions.objects === 1);
  const count = (await api.requests()).length;
  assert.is(annotation(kept), "1");
  assert.equal(kept.definition(net)?.["spec"], { config: '{"type":"bridge"}' });
  assert.equal([kept.pod(web, "u9"), kept.pod({ ...web, name: "far" }, "u2"), kept.pod({ ...web, name: "done" }, "u3"),
    kept.definition({ ...net, name: "none" })], [undefined, undefined, undefined, undefined]);
  assert.is((await api.requests()).length, count);
  const { pods, definitions } = facts();
  assert.equal([pods.hits, pods.misses, definitions.hits, definitions.misses], [1, 4, 1, 1]);
  const lines = said.toSorted();
  assert.equal(lines, ["NetworkAttachmentDefinitions are watched", 'pods of node "worker-1" are watched']);
});

watching("gives a pod as the API has it, to be written back, but for who manages its fields", async () => {
  const managed = { ...web, uid: "u1", managedFields: [{ manager: "kubelet", fieldsV1: {} }] };
  await api.putPod({ ...managed, spec: { ...here, activeDeadlineSeconds: 12 }, annotations: { a: "2" } });
  const kept = watched();
  await until(() => annotation(kept) === "2");
  const live = openCluster({ kubeconfig: api.kubeconfig, env: {}, deadlineMs: 30_000 });
  const pod = kept.pod(web, "u1");
  assert.equal({ ...await live?.getPod(web), isAssumed: true }, pod);
  live?.close();
});

watching("follows what changes, and knows nothing of what is gone, finished, or of its name and another", async () => {
  const kept = watched();
  await until(() => annotation(kept) === "1");
  await put({ annotations: { a: "2" } });
  await until(() => annotation(kept) === "2");
  await put({ status: { phase: "Failed" } });
  await until(() => facts().pods.objects === 0);
  await put({ annotations: { a: "3" } });
  await until(() => annotation(kept) === "3");
  await api.removePod(web);
  await put({ uid: "u2" });
  await until(() => kept.pod(web, "u2") !== undefined);
  assert.is(kept.pod(web, "u1"), undefined);
});

watching("goes on where a watch has ended, with what has changed meanwhile", async () => {
  const kept = watched();
  await until(() => annotation(kept) === "1");
  await api.bookmark();
  await put({ annotations: { a: "2" } });
  await until(() => annotation(kept) === "2");
  await api.fault({ kind: "503", match: { path: "/pods?watch" } });
  await api.endWatches();
  await put({ annotations: { a: "3" } });
  await until(() => annotation(kept) === "3");
  const [first, ...later] = await versionsAsked();
  assert.is(first, "0");
  assert.ok(later.length >= 2 && new Set(later).size === 1 && later[0] !== "0", String(later));
  assert.ok(facts().pods.reconnects >= 2);
  assert.match(said.join("\n"), /pods of node "worker-1" cannot be watched: it said a fault of the test: Service/);
});

watching("is not taken for known while nobody watches it", async () => {
  const kept = watched();
  await until(() => annotation(kept) === "1");
  await api.fault({ kind: "refuse" });
  await until(() => kept.pod(web, "u1") === undefined && kept.definition(net) === undefined);
  await api.heal();
  await until(() => annotation(kept) === "1" && kept.definition(net) !== undefined);
});

watching("begins anew where the API has forgotten what came since, and knows nothing that is gone", async () => {
  const kept = watched();
  await until(() => annotation(kept) === "1");
  await put({ name: "gone", uid: "u2" });
  await until(() => facts().pods.objects === 2);
  await api.fault({ kind: "503", match: { path: "/pods?watch" }, times: 1, retryAfter: "0" });
  await api.endWatches();
  await api.removePod({ ...web, name: "gone" });
  await put({ annotations: { a: "2" } });
  await api.compact();
  await until(() => annotation(kept) === "2");
  assert.is(facts().pods.objects, 1);
});

for (const [title, answer] of [
  ["as an event", { kind: "answer", body: '{"type":"ERROR","object":{"code":410,"reason":"Expired"}}\n' }],
  ["as a status", { kind: "410" }],
] as const) {
  watching(`begins anew when it is told so ${title}`, async () => {
    const kept = watched();
    await until(() => annotation(kept) === "1");
    await api.fault({ ...answer, match: { path: "/pods?watch" } });
    await api.endWatches();
    await until(() => facts().pods.reconnects >= 2 && annotation(kept) === "1");
    const asked = await versionsAsked();
    assert.equal([asked.at(0), asked.at(1) === "0", asked.at(2)], ["0", false, "0"]);
  });
}

watching("takes a new token when the API does not know the old one any more", async () => {
  const kept = watched();
  await until(() => annotation(kept) === "1");
  await api.renewToken({ publish: false });
  await api.endWatches();
  await until(() => said.some((line) => line.includes("Unauthorized")));
  api.publishToken();
  await until(() => annotation(kept) === "1");
});

watching("does without what it may not watch, says what is missing, and begins when it may", async () => {
  await api.deny({ resource: "pods", verb: "watch" });
  const kept = watched();
  await until(() => kept.definition(net) !== undefined && said.some((line) => line.includes("cannot watch")));
  assert.match(said.join("\n"), /pods of node "worker-1" cannot be watched: it said pods is forbidden: User .*; calls/);
  assert.is(kept.pod(web, "u1"), undefined);
  await api.allowAll();
  await until(() => annotation(kept) === "1");
});

watching("does without definitions that the cluster does not have", async () => {
  await api.serveDefinitions(false);
  const kept = watched();
  await until(() => annotation(kept) === "1" && said.some((line) => line.includes("404")));
  assert.is(kept.definition(net), undefined);
});

for (const [title, text, told] of [
  ["is no event", "<html>busy</html>\n", /cannot be watched: it holds a line that is no event: .*busy/],
  ["never ends", "x".repeat(8 * 1024 * 1024 + 1), /cannot be watched: a line of it is longer than 8388608 bytes/],
] as const) {
  watching(`forgets everything when it is told what ${title}, and begins anew`, async () => {
    const kept = watched();
    await until(() => annotation(kept) === "1");
    await api.sayToWatches(text);
    await until(() => told.test(said.join("\n")));
    await until(() => annotation(kept) === "1");
    assert.equal((await versionsAsked()).slice(0, 2), ["0", "0"]);
  });
}

for (const [title, change, fault] of [
  ["says nothing any more", { silenceMs: 40 }, undefined],
  ["never answers", { answerMs: 200 }, { kind: "silent", match: { path: "/pods?watch" } }],
] as const) {
  watching(`watches anew when the server ${title}`, async () => {
    if (fault !== undefined) await api.fault(fault);
    const kept = watched({ times: { ...times, ...change } });
    await until(() => facts().pods.reconnects >= 1);
    assert.match(said.join("\n"), /of node "worker-1" cannot be watched: (nothing has come for 40 ms|there was no)/);
    await until(() => annotation(kept) === "1");
  });
}

watching("is known no further than there is room for", async () => {
  await put({ name: "big", uid: "u2", annotations: { big: "x".repeat(10_000) } });
  const kept = watched({ limits: { pods: { objects: 10, chars: 8_000 }, definitions: { objects: 0, chars: 8_000 } } });
  await until(() => annotation(kept) === "1" && said.length === 2);
  assert.equal([kept.pod({ ...web, name: "big" }, "u2"), kept.definition(net)], [undefined, undefined]);
});

watching("is one of four at most, each watched once, and left in the end", async () => {
  const kept = watched();
  const places = [1, 2, 3, 4].map(() => ({ kubeconfig: api.writeKubeconfig({}), env: {} }));
  const others = places.map((place) => clusters.of(place));
  assert.equal(others.map((one) => one !== undefined), [true, true, true, false]);
  assert.is(clusters.of({ kubeconfig: api.kubeconfig, env: {} }), kept);
  await until(async () => await api.countWatches("pods") === 4);
  clusters.close();
  await until(async () => await api.countWatches("pods") === 0);
});

watching.run();
