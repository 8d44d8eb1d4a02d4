// ADD of pods whose node is watched, src/mux/pod and src/kube/watch: what is known by watching is used at once, and
// nothing rests on it in the end that the API has not confirmed.
import { setTimeout as sleep } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CniError } from "../../../src/cni/index.ts";
import type { WatchedClusters } from "../../../src/kube/index.ts";
import { keepClusters } from "../../../src/kube/index.ts";
import { watchTimes } from "../../../src/kube/watch/watch.ts";
import { add, del } from "../../../src/mux/index.ts";
import type { ApiServer, Key } from "../../helpers/api-server.ts";
import { startApiServer } from "../../helpers/api-server.ts";
import { rejects } from "../../helpers/errors.ts";
import type { Bench } from "../../helpers/multiplexer.ts";
import { openBench } from "../../helpers/multiplexer.ts";

const networks = "k8s.v1.cni.cncf.io/networks", statusKey = "k8s.v1.cni.cncf.io/network-status";
const web = { namespace: "blue", name: "web" };
const times = { ...watchTimes, backoffMs: 10, backoffMaxMs: 20 };
const single = (type: string, more: object = {}): object =>
  ({ cniVersion: "1.0.0", name: `net-${type}`, type, ...more });

let api: ApiServer, bench: Bench, clusters: WatchedClusters;
/** Requests that were made before. */
let before: number;

const argsOf = ({ namespace, name }: Key, uid: string): string =>
  `IgnoreUnknown=1;K8S_POD_NAMESPACE=${namespace};K8S_POD_NAME=${name};K8S_POD_INFRA_CONTAINER_ID=c1;` +
  `K8S_POD_UID=${uid}`;
interface Given {
  readonly uid?: string;
  readonly of?: Key;
  readonly namespaceIsolation?: boolean;
}
const command = (verb: string, { uid = "u1", of = web, ...more }: Given = {}) => ({
  ...bench.command({ kubeconfig: api.kubeconfig, delegates: [single("one")], ...more },
    { verb, args: argsOf(of, uid) }),
  clusters,
});
const asks = (text: string, of: Key = web, uid = "u1") =>
  api.putPod({ ...of, uid, annotations: { [networks]: text }, spec: { nodeName: "worker-1" } });
async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await sleep(2);
}

/** Puts the pod there, and waits until the watch has told of it and of every definition. */
async function known(text: string): Promise<void> {
  await asks(text);
  const kept = clusters.of({ kubeconfig: api.kubeconfig, env: {} });
  await until(() => kept?.pod(web, "u1")?.annotations[networks] === text && clusters.facts().definitions.objects === 3);
  before = (await api.requests()).length;
}

/** What the API was asked since then, events and watches aside. */
async function asked(): Promise<readonly string[]> {
  return (await api.requests()).slice(before).filter(({ path, query }) =>
    !path.endsWith("/events") && !query.includes("watch=true"))
    .map(({ method, path }) => `${method} ${path.split("/").slice(-2).join("/")}`);
}
async function published(of: Key = web): Promise<readonly string[]> {
  const pod = await api.getPod(of) as { metadata: { annotations?: Record<string, string> } } | undefined;
  return JSON.parse(pod?.metadata.annotations?.[statusKey] ?? "[]").map(({ name }: { name: string }) => name);
}
async function events(): Promise<readonly string[]> {
  const all = (await api.requests()).slice(before).filter(({ path }) => path.endsWith("/events"));
  return all.map(({ body }) => JSON.parse(body)).map(({ reason, message }) => `${reason}: ${message}`);
}

const watched = suite("pods of a node that is watched");
watched.before(async () => { api = await startApiServer(); });
watched.after(() => api.stop());
watched.before.each(async () => {
  bench = openBench();
  for (const type of ["one", "two", "three"])
    await api.putDefinition({ namespace: "blue", name: type, config: single(type) });
  clusters = keepClusters({ nodeName: "worker-1", userAgent: "polynic/test", times, log: () => {} });
});
watched.after.each(async () => {
  clusters.close();
  bench.remove();
  await api.heal();
  await api.allowAll();
  await api.releaseWatches();
  for (const name of ["web", "other"]) await api.removePod({ namespace: "blue", name });
});

watched("are attached without waiting for the API, which confirms networks meanwhile and the pod by its status",
  async () => {
  await known("two,three@x,two");
  await add(command("ADD"));
  assert.equal(bench.story(), ["ADD one eth0", "ADD two net1", "ADD three x", "ADD two net3"]);
  assert.equal((await asked()).toSorted(), ["GET network-attachment-definitions/three",
    "GET network-attachment-definitions/two", "PUT web/status"]);
  assert.equal(await published(), ["net-one", "blue/two", "blue/three", "blue/two"]);
  assert.equal((await events()).map((line) => line.split(" ").slice(0, 3).join(" ")),
    ["AddedInterface: Add eth0", "AddedInterface: Add net1", "AddedInterface: Add x", "AddedInterface: Add net3"]);
});

watched("whose status the kubelet wrote meanwhile are as attached, and what it wrote is kept", async () => {
  await known("two");
  await api.holdWatches("pods");
  await api.putPod({ ...web, annotations: { [networks]: "two" }, spec: { nodeName: "worker-1" },
    status: { phase: "Pending", startTime: "now" } });
  await add(command("ADD"));
  assert.equal(bench.story(), ["ADD one eth0", "ADD two net1"]);
  assert.equal((await asked()).filter((line) => line.includes("web")), ["PUT web/status", "GET pods/web",
    "PUT web/status"]);
  assert.equal((await api.getPod(web))?.["status"], { phase: "Pending", startTime: "now" });
  assert.equal(await published(), ["net-one", "blue/two"]);
});

watched("have the networks that they ask for by now, whatever the watch has told last", async () => {
  await known("two");
  await api.holdWatches("pods");
  await asks("three");
  await add(command("ADD"));
  assert.equal(bench.story(), ["ADD one eth0", "ADD two net1", "undo two net1", "undo one eth0", "ADD one eth0",
    "ADD three net1"]);
  assert.equal([[...bench.interfaces].toSorted(), await published()], [["eth0", "net1"], ["net-one", "blue/three"]]);
  assert.equal((await events()).filter((line) => line.includes("two")), [], "nobody hears of what was taken back");
});

for (const [title, change, after] of [
  ["is another", () => api.putDefinition({ namespace: "blue", name: "two", config: single("three") }),
    "ADD three net1"],
  ["has another configuration", () => api.putDefinition({ namespace: "blue", name: "two",
    config: single("two", { mtu: 1400 }) }), "ADD two net1"],
] as const) {
  watched(`have a network as it is by now, when it ${title}`, async () => {
    await known("two");
    await api.holdWatches("network-attachment-definitions");
    await change();
    await add(command("ADD"));
    assert.equal(bench.story(), ["ADD one eth0", "ADD two net1", "undo two net1", "undo one eth0", "ADD one eth0",
      after]);
    assert.equal(await published(), ["net-one", "blue/two"]);
  });
}

watched("are not attached to a network that is gone by now", async () => {
  await known("two");
  await api.holdWatches("network-attachment-definitions");
  await api.removeDefinition({ namespace: "blue", name: "two" });
  const { message } = await rejects(add(command("ADD")), 7);
  assert.match(message, /has no NetworkAttachmentDefinition "two"/);
  assert.equal(bench.story(), ["ADD one eth0", "ADD two net1", "undo two net1", "undo one eth0"]);
  assert.equal((await events()).map((line) => line.split(":")[0]), ["NoNetworkFound"]);
});

watched("do not fail for what they asked for before", async () => {
  await known("two");
  bench.failures.set("ADD two", new CniError(100, "two is broken"));
  await api.holdWatches("pods");
  await asks("three");
  await add(command("ADD"));
  assert.equal(bench.story().slice(-2), ["ADD one eth0", "ADD three net1"]);
  assert.equal((await events()).filter((line) => line.startsWith("Failed")), []);
});

watched("that fail are told so, once the API has confirmed what they ask for", async () => {
  await known("two");
  bench.failures.set("ADD two", new CniError(100, "two is broken"));
  await rejects(add(command("ADD")), 100);
  assert.equal((await asked()).toSorted(), ["GET network-attachment-definitions/two", "GET pods/web",
    "PUT web/status"]);
  assert.match((await events()).join(), /FailedToAttachNetwork: .*two is broken/);
});

for (const [title, uid, status] of [
  ["of another UID", "u9", 11], ["without a UID of the runtime's", "", undefined],
] as const) {
  watched(`${title} are asked for`, async () => {
    await known("two");
    if (status === undefined) await add(command("ADD", { uid }));
    else await rejects(add(command("ADD", { uid })), status);
    assert.is((await asked())[0], "GET pods/web");
  });
}

watched("that the watch has not told of yet are asked for", async () => {
  await known("two");
  await api.holdWatches("pods");
  const other = { namespace: "blue", name: "other" };
  await asks("three", other, "u2");
  await add(command("ADD", { of: other, uid: "u2" }));
  assert.is((await asked())[0], "GET pods/other");
  assert.equal(bench.story(), ["ADD one eth0", "ADD three net1"]);
});

watched("of an API that is away wait for it, and say so; their DEL does not", async () => {
  await known("two");
  await add(command("ADD"));
  await api.fault({ kind: "refuse" });
  const kept = clusters.of({ kubeconfig: api.kubeconfig, env: {} });
  await until(() => kept?.pod(web, "u1") === undefined);
  await del(command("DEL"));
  assert.equal(bench.story().filter((line) => line.startsWith("DEL")), ["DEL two net1", "DEL one eth0"]);
  bench.calls.length = 0;
  const adding = add(command("ADD"));
  await sleep(20);
  assert.equal(bench.story(), [], "nothing is touched before the pod is known");
  await api.heal();
  await adding;
  assert.equal(bench.story(), ["ADD one eth0", "ADD two net1"]);
});

watched("are kept to their namespace as ever", async () => {
  await api.putDefinition({ namespace: "green", name: "two", config: single("two") });
  await asks("green/two");
  const kept = clusters.of({ kubeconfig: api.kubeconfig, env: {} });
  const green = { namespace: "green", name: "two" };
  await until(() => kept?.pod(web, "u1") !== undefined && kept.definition(green) !== undefined);
  const { message } = await rejects(add(command("ADD", { namespaceIsolation: true })), 7);
  assert.match(message, /namespace "green"/);
  assert.equal(bench.story(), []);
  await api.removeDefinition({ namespace: "green", name: "two" });
});

watched.run();
