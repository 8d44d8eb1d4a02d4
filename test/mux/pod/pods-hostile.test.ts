// src/mux/pod: what somebody with rights in one namespace of a cluster may write, and a cluster that fails at the wrong
// moment.
import { existsSync, readdirSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CniError, printError } from "../../../src/cni/index.ts";
import { add, del } from "../../../src/mux/index.ts";
import type { ApiServer } from "../../helpers/api-server.ts";
import { startApiServer } from "../../helpers/api-server.ts";
import { rejects } from "../../helpers/errors.ts";
import type { Bench } from "../../helpers/multiplexer.ts";
import { openBench } from "../../helpers/multiplexer.ts";

const networks = "k8s.v1.cni.cncf.io/networks", statusKey = "k8s.v1.cni.cncf.io/network-status";
const web = { namespace: "blue", name: "web" };
const args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=blue;K8S_POD_NAME=web;K8S_POD_INFRA_CONTAINER_ID=c1;K8S_POD_UID=";
const single = (type: string, more: object = {}): object => ({ cniVersion: "1.0.0", name: `net-${type}`, type,
  ...more });

let api: ApiServer, bench: Bench;
const pods = suite("pods of others");
pods.before(async () => { api = await startApiServer(); });
pods.after(() => api.stop());
pods.before.each(async () => {
  bench = openBench();
  await api.putDefinition({ namespace: "blue", name: "two", config: single("two") });
});
pods.after.each(async () => {
  bench.remove();
  await api.heal();
  await api.allowAll();
  await api.serveDefinitions(true);
  await api.removePod(web).catch(() => {});
});

const left = (): readonly string[] => existsSync(bench.cniDir)
  ? readdirSync(bench.cniDir, { recursive: true, encoding: "utf8" }).filter((name) => name !== "results") : [];
const conf = (more: object = {}): object => ({ kubeconfig: api.kubeconfig, delegates: [single("one")], ...more });
const adding = (more: object = {}, changes: object = {}) => bench.command(conf(more), { args, ...changes });
const annotated = (text: string, more: Readonly<Record<string,
  string>> = {}) => api.putPod({ ...web, uid: "u1", annotations: { [networks]: text, ...more } });
async function published(): Promise<Record<string, unknown>[] | undefined> {
  const pod = await api.getPod(web) as { metadata: { annotations?: Record<string, string> } } | undefined;
  const text = pod?.metadata.annotations?.[statusKey];
  return text === undefined ? undefined : JSON.parse(text);
}
async function eventsOf(work: () => Promise<unknown>): Promise<readonly { type: string; reason: string; message: string }[]> {
  const before = (await api.events()).length;
  await work();
  return (await api.events()).slice(before) as unknown as { type: string; reason: string; message: string }[];
}

const stale = JSON.stringify([{ name: "net-one", interface: "eth0", ips: ["10.0.0.1"], default: true, dns: {} }]);
for (const [what, config, annotation, errorCode] of [
  ["a plugin nobody has", single("nobody"), "bad", 112],
  ["a version its plugin does not speak", single("two", { cniVersion: "9.9.9" }), "bad", 1],
  ["an interface name that another network has", single("two"), "bad@eth0", 7],
] as const) {
  pods(`with ${what} have the reason in their status, and nothing from before`, async () => {
    await api.putDefinition({ namespace: "blue", name: "bad", config });
    await annotated(annotation, { [statusKey]: stale });
    const { message } = await rejects(add(adding()), errorCode);
    assert.equal((await published())?.map((one) => [one["name"], one["interface"], one["error"]]),
      [["blue/bad", undefined, message]]);
    assert.equal([bench.calls.length, left()], [0, []]);
  });
}

pods("whose annotation cannot be read keep nothing from before in their status", async () => {
  await annotated("[{", { [statusKey]: stale });
  await rejects(add(adding()), 6);
  assert.equal(await published(), []);
});

for (const [what, prepare, reason] of [
  ["is not there", async () => api.removeDefinition({ namespace: "blue", name: "two" }), "NoNetworkFound"],
  ["may not be read", async () => api.deny({ resource: "network-attachment-definitions" }), "FailedToAttachNetwork"],
  ["is of a kind the cluster does not know", async () => api.serveDefinitions(false), "FailedToAttachNetwork"],
  ["holds no JSON", async () => api.putDefinition({ namespace: "blue", name: "two", config: "{" }),
    "FailedToAttachNetwork"],
] as const) {
  pods(`with a definition that ${what} have an event ${reason}`, async () => {
    await annotated("two");
    await prepare();
    const events = await eventsOf(() => add(adding()).then(() => assert.unreachable(), () => {}));
    assert.equal(events.map((event) => event.reason), [reason]);
  });
}

pods("tell what they cannot have on one line, whatever their definitions say", async () => {
  await api.putDefinition({ namespace: "blue", name: "bad",
    config: single("x\n2026-01-01T00:00:00Z [error] all is lost\u001b[2J\u009b\u2028", { name: "bad" }) });
  await annotated("bad");
  const events = await eventsOf(() => add(adding()).then(() => assert.unreachable(), () => {}));
  assert.is(events.length, 1);
  assert.not.match(events[0]?.message ?? "", /[\0-\x1f\x7f-\x9f\u2028\u2029]/);
});

pods("have errors of bounded length, whatever their definitions say", async () => {
  await api.putDefinition({ namespace: "blue", name: "bad", config: single("x".repeat(500_000), { name: "bad" }) });
  await annotated("bad");
  const { message } = await rejects(add(adding()), 112);
  assert.ok(printError(new CniError(112, message, { details: message }), "1.0.0").length < 20_000);
  const pod = await api.getPod(web);
  assert.ok(JSON.stringify(pod).length < 5_000, "in the status");
});

pods("hear of their failure after everything else, also of what was told before", async () => {
  await annotated("two");
  await api.deny({ resource: "pods/status" });
  await api.fault({ kind: "slow", ms: 100, match: { path: "/events" }, times: 2 });
  const events = await eventsOf(() => add(adding()).then(() => assert.unreachable(), () => {}));
  assert.equal(events.map(({ reason }) => reason), ["AddedInterface", "AddedInterface", "FailedToAttachNetwork"]);
});

pods("cannot have thousands of plugins in one network", async () => {
  await api.putDefinition({ namespace: "blue", name: "bad",
    config: { cniVersion: "1.0.0", name: "l", plugins: Array.from({ length: 5000 }, () => ({ type: "two" })) } });
  await annotated("bad");
  assert.match((await rejects(add(adding()), 7)).message, /plugins has 5000 entries, expected at most 100/);
});

pods("cannot have a definition of a megabyte a thousand times", async () => {
  await api.putDefinition({ namespace: "blue", name: "two", config: single("two", { filler: "x".repeat(1_000_000) }) });
  await annotated(Array.from({ length: 1000 }, () => "two").join(","));
  const before = process.memoryUsage().rss;
  assert.match((await rejects(add(adding()), 7)).message, /"blue\/two".*expected at most 4194304/);
  assert.ok(process.memoryUsage().rss - before < 200 * 1024 * 1024);
  assert.is(bench.calls.length, 0);
});

pods("have their numbers written back as they were read", async () => {
  await annotated("");
  const object = await api.getPod(web) as { spec: object };
  const text = JSON.stringify({ ...object, kind: "Pod", apiVersion: "v1",
    spec: { ...object.spec, big: 0 } }).replace('"big":0', '"big":9223372036854775807,"small":1.50');
  await api.fault({ kind: "answer", status: 200, contentType: "application/json", body: text,
    match: { method: "GET", path: "/pods/web" } });
  await add(adding());
  const put = (await api.requests()).findLast(({ method }) => method === "PUT");
  assert.match(put?.body ?? "", /"big":9223372036854775807,/);
});

pods("with a thousand wishes nobody can grant are told so in a few events", async () => {
  const many = Array.from({ length: 1000 }, (_, index) => ({ name: "two", interface: `i${index}`,
    bandwidth: { ingressRate: 1 } }));
  await annotated(JSON.stringify(many));
  const events = await eventsOf(() => add(adding({ strictSelections: false })));
  assert.ok(events.length > 10 && events.length < 50, `${events.length} events`);
  assert.is((await published())?.length, 1001);
});

for (const [what, config, says] of [
  ["as IPAM", single("two", { ipam: { type: "polynic" } }), /ipam\.type is "polynic"/],
  ["under other spellings", single("two", { IPAM: { Type: "multus" } }), /IPAM\.Type is "multus"/],
  ["as a delegate", single("two", { delegate: { type: "multus-shim" } }), /delegate\.type is "multus-shim"/],
  ["deep in a list", { cniVersion: "1.0.0", name: "l", plugins: [{ type: "two" },
    { type: "three", chain: [{ any: { type: "polynic" } }] }] }, /chain\[0\]\.any\.type is "polynic"/],
] as const) {
  pods(`cannot run the multiplexer ${what} with a configuration of their own`, async () => {
    await api.putDefinition({ namespace: "blue", name: "bad", config });
    await annotated("bad");
    assert.match((await rejects(add(adding()), 7)).message, says);
    assert.is(bench.calls.length, 0);
  });
}

pods("are isolated in their choice of default network too, but for those of the node's namespace", async () => {
  for (const namespace of ["red", "nodes", "default"])
    await api.putDefinition({ namespace, name: "two", config: single("two") });
  const chosen = async (name: string, more: object = {}): Promise<unknown> => {
    bench.interfaces.clear();
    await annotated("", { "v1.multus-cni.io/default-network": name });
    return await add(adding({ namespaceIsolation: true, multusNamespace: "nodes", ...more }));
  };
  const { message } = await rejects(chosen("red/two"), 7);
  assert.match(message, /"red\/two" for a pod in namespace "blue".*expected one of "blue", "nodes", "default"/);
  assert.is(bench.calls.length, 0);
  for (const name of ["two", "nodes/two", "blue/two", "default/two"]) await chosen(name);
  await chosen("red/two", { globalNamespaces: "red" });
  await rejects(chosen("default/two", { globalNamespaces: "red" }), 7);
  await chosen("red/two", { namespaceIsolation: false });
});

for (const [what, config, says] of [
  ["with delegates", single("multus.before", { binDir: "/tmp", delegates: [{ type: "evil" }] }),
    /delegates is a multiplexer's/],
  ["in any spelling", single("multus.before", { DELEGATES: [{ type: "evil" }] }), /DELEGATES is a multiplexer's/],
  ["with a cluster network", single("two", { clusterNetwork: "/tmp/evil.conf" }), /clusterNetwork is a multiplexer's/],
  ["as IPAM of what is built in", single("macvlan", { ipam: { type: "old", delegates: [] } }),
    /ipam\.delegates is a multiplexer's/],
  ["below a built-in plugin's IPAM", single("bridge", { clusterNetwork: "x", ipam: { type: "old" } }),
    /clusterNetwork is a multiplexer's/],
  ["deep in a chain", { cniVersion: "1.0.0", name: "l", plugins: [{ type: "two" },
    { type: "three", chain: [{ any: { delegates: [] } }] }] }, /chain\[0\]\.any\.delegates is a multiplexer's/],
] as const) {
  pods(`cannot run a multiplexer of another name ${what}`, async () => {
    await api.putDefinition({ namespace: "blue", name: "bad", config });
    await annotated("bad");
    assert.match((await rejects(add(adding()), 7)).message, says);
    assert.is(bench.calls.length, 0);
  });
}

pods("cannot hand a multiplexer's keys on as arguments either", async () => {
  await annotated('[{"name":"two","cni-args":{"delegates":[{"type":"evil"}]}}]');
  assert.match((await rejects(add(adding()), 7)).message, /args\.cni\.delegates is a multiplexer's/);
  assert.is(bench.calls.length, 0);
});

pods("may have such keys where only what is built in reads them", async () => {
  await api.putDefinition({ namespace: "blue", name: "two",
    config: single("loopback", { delegates: "a remark", binDir: "/x" }) });
  await annotated("two");
  bench.types.add("loopback");
  await add(adding());
  assert.equal(bench.story(), ["ADD one eth0", "ADD loopback net1"]);
});

pods("are told which definition has a name that no network can have", async () => {
  await api.putDefinition({ namespace: "blue", name: "odd", config: single("two", { name: "odd name" }) });
  await annotated("odd");
  const { message } = await rejects(add(adding()), 7);
  assert.match(message, 'the network\'s name in NetworkAttachmentDefinition "blue/odd": expected');
});

for (const [what, config, refused] of [
  ["plugin", single("two"), /type is "two"/],
  ["plugin of a list", { cniVersion: "1.0.0", name: "l", plugins: [{ type: "three" }, { type: "two" }] },
    /type is "two"/],
  ["IPAM plugin", single("three", { IPAM: { Type: "two" } }), /ipam\.type is "two"/],
  ["delegate", single("three", { delegate: { type: "two" } }), /delegate\.type is "two"/],
] as const) {
  pods(`have no ${what} that networkTypes of the node does not name`, async () => {
    await api.putDefinition({ namespace: "blue", name: "listed", config });
    await annotated("listed");
    const { message } = await rejects(add(adding({ networkTypes: ["three"] })), 7);
    assert.match(message, refused);
    assert.match(message, /"blue\/listed".*not in networkTypes of this node, expected three$/);
    assert.is(bench.calls.length, 0);
    await add(adding({ networkTypes: ["three", "two"] }));
  });
}

pods("get networks of the node's own files whatever networkTypes says", async () => {
  bench.file("net.d/10-two.conf", JSON.stringify(single("two", { name: "filed" })));
  await api.putDefinition({ namespace: "blue", name: "filed", config: "" });
  await annotated("filed");
  await add(adding({ networkTypes: [] }));
  assert.equal(bench.story(), ["ADD one eth0", "ADD two net1"]);
  await annotated("two");
  bench.interfaces.clear();
  assert.match((await rejects(add(adding({ networkTypes: [] })), 7)).message, /expected no network of the cluster/);
});

pods("keep what they have when networkTypes changes: DEL takes it away all the same", async () => {
  await annotated("two");
  await add(adding());
  await del(bench.command(conf({ networkTypes: [] }), { verb: "DEL", args }));
  assert.equal(left(), []);
});

for (const [type, ipam] of [["ptp", "ptp"], ["two", "bridge"], ["ptp", "macvlan"]] as const) {
  pods(`cannot have ${type} ask ${ipam} for addresses, which would ask again`, async () => {
    await api.putDefinition({ namespace: "blue", name: "bad",
      config: single(type, { IPAM: { type: "static" }, ipam: { Type: "static", type: ipam } }) });
    await annotated("bad");
    assert.match((await rejects(add(adding()), 7)).message,
      new RegExp(`ipam\\.type is "${ipam}", which gives no addresses`));
  });
}

pods("may have a plugin that gives addresses to itself", async () => {
  await api.putDefinition({ namespace: "blue", name: "two",
    config: single("two", { ipam: { type: "two", ippools: ["pool"] } }) });
  await annotated("two");
  await add(adding());
  assert.equal(bench.story(), ["ADD one eth0", "ADD two net1"]);
});

pods("named like a prototype's keys keep them", async () => {
  await api.putDefinition({ namespace: "blue", name: "bad",
    config: `{"cniVersion":"1.0.0","name":"x","type":"two","__proto__":{"type":"three"},"constructor":{"a":1},` +
      `"toString":1,"capabilities":{"__proto__":true,"constructor":true}}` });
  await annotated(`[{"name":"bad","cni-args":{"__proto__":{"x":1},"constructor":2},"__proto__":{"name":"two"},` +
    `"bandwidth":{"__proto__":1}}]`);
  await add(adding());
  const added = JSON.stringify(bench.calls[1]?.request.conf);
  for (const part of ['"__proto__":{"type":"three"}', '"constructor":{"a":1}', '"type":"two"',
    '"cni":{"__proto__":{"x":1},"constructor":2}']) assert.ok(added.includes(part), part);
  await del(bench.command(conf(), { verb: "DEL", args }));
  assert.equal(left(), []);
});

pods.run();
