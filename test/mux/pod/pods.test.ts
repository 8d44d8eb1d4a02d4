// src/mux/pod: ADD, CHECK and DEL of pods, against an API server; plugins only write down how they were called.
import { existsSync, readFileSync, readdirSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CniError } from "../../../src/cni/index.ts";
import { add, check, del, status } from "../../../src/mux/index.ts";
import { formatAddress } from "../../../src/net/index.ts";
import type { ApiServer } from "../../helpers/api-server.ts";
import { startApiServer } from "../../helpers/api-server.ts";
import { rejects } from "../../helpers/errors.ts";
import type { Bench } from "../../helpers/multiplexer.ts";
import { openBench } from "../../helpers/multiplexer.ts";

const networks = "k8s.v1.cni.cncf.io/networks", defaultNetwork = "v1.multus-cni.io/default-network",
  statusKey = "k8s.v1.cni.cncf.io/network-status";
const web = { namespace: "blue", name: "web" };
const args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=blue;K8S_POD_NAME=web;K8S_POD_INFRA_CONTAINER_ID=c1;K8S_POD_UID=";
const single = (type: string, more: object = {}): object => ({ cniVersion: "1.0.0", name: `net-${type}`, type,
  ...more });

let api: ApiServer, bench: Bench;
const pods = suite("pods");
pods.before(async () => { api = await startApiServer(); });
pods.after(() => api.stop());
pods.before.each(async () => {
  bench = openBench();
  await api.putDefinition({ namespace: "blue", name: "two", config: single("two") });
  await api.putDefinition({ namespace: "blue", name: "three", config: single("three", { name: "" }) });
});
pods.after.each(async () => {
  bench.remove();
  await api.heal();
  await api.allowAll();
  await api.removePod(web).catch(() => {});
});

const left = (): readonly string[] => existsSync(bench.cniDir)
  ? readdirSync(bench.cniDir, { recursive: true, encoding: "utf8" }).filter((name) => name !== "results").sort() : [];
const conf = (more: object = {}): object => ({ kubeconfig: api.kubeconfig, delegates: [single("one")], ...more });
const adding = (more: object = {}, changes: object = {}) => bench.command(conf(more), { args, ...changes });
const deleting = (more: object = {}, changes: object = {}) => bench.command(conf(more),
  { verb: "DEL", args, ...changes });
const annotated = (text: string, more: Readonly<Record<string,
  string>> = {}) => api.putPod({ ...web, uid: "u1", annotations: { [networks]: text, ...more } });
/** The network-status annotation, parsed; undefined when there is none. */
async function published(): Promise<Record<string, unknown>[] | undefined> {
  const pod = await api.getPod(web) as { metadata: { annotations?: Record<string, string> } } | undefined;
  const text = pod?.metadata.annotations?.[statusKey];
  return text === undefined ? undefined : JSON.parse(text);
}
async function events(): Promise<readonly string[]> {
  const all = await api.events() as { type: string; reason: string; message: string; involvedObject: { uid: string } }[];
  return all.map(({ type, reason, message }) => `${type} ${reason}: ${message}`);
}

pods("get the networks of their annotation after the node's, in order, and are told about in events and status",
  async () => {
  await annotated("two,three@blue0");
  const before = (await events()).length;
  await add(adding());
  assert.equal(bench.story(), ["ADD one eth0", "ADD two net1", "ADD three blue0"]);
  assert.equal(bench.calls.map(({ request }) => request.conf.name), ["net-one", "net-two", "three"]);
  assert.equal((await published())?.map(({ name, interface: ifName, ips, default: first }) => [name, ifName, ips,
    first]), [
    ["net-one", "eth0", ["10.0.0.100"], true], ["blue/two", "net1", ["10.0.0.1"], false],
      ["blue/three", "blue0", ["10.0.0.200"], false],
  ]);
  assert.equal((await events()).slice(before), [
    "Normal AddedInterface: Add eth0 [10.0.0.100/24] from net-one",
      "Normal AddedInterface: Add net1 [10.0.0.1/24] from blue/two",
    "Normal AddedInterface: Add blue0 [10.0.0.200/24] from blue/three",
  ]);
  await check(bench.command(conf(), { verb: "CHECK", args }));
  assert.equal(bench.story().slice(3), ["CHECK one eth0", "CHECK two net1", "CHECK three blue0"]);
});

pods("are detached by what was written down, without a word to the API", async () => {
  await annotated("two");
  await add(adding());
  await api.fault({ kind: "refuse" });
  await del(deleting());
  assert.equal(bench.story().filter((line) => line.startsWith("DEL")), ["DEL two net1", "DEL one eth0"]);
  assert.equal(left(), []);
});

pods("are detached by their annotation when nothing is written down", async () => {
  await annotated("two@x");
  await add(adding());
  rmSync(bench.cniDir, { recursive: true });
  await del(deleting());
  assert.equal(bench.story().filter((line) => line.startsWith("DEL")), ["DEL two x", "DEL one eth0"]);
});

pods("are detached from networks of the cluster when nothing is written down: the node's, their own first one, those " +
  "they ask for", async () => {
  const node = { delegates: undefined, clusterNetwork: "one", defaultNetworks: ["two"], multusNamespace: "nodes" };
  for (const type of ["one", "two"]) await api.putDefinition({ namespace: "nodes", name: type, config: single(type) });
  const deleted = async (): Promise<readonly string[]> => {
    bench.calls.length = 0;
    await del(deleting(node));
    return bench.story().filter((line) => line.startsWith("DEL"));
  };
  await annotated("three@x");
  assert.equal(await deleted(), ["DEL three x", "DEL two net1", "DEL one eth0"]);
  await annotated("three", { [defaultNetwork]: "blue/two" });
  assert.equal(await deleted(), ["DEL three net2", "DEL two net1", "DEL two eth0"]);
  for (const broken of ["nowhere", "{"]) {
    await annotated(broken);
    assert.equal(await deleted(), ["DEL two net1", "DEL one eth0"],
      `${broken}: the node's networks are deleted whatever the annotation says`);
  }
  await api.removePod(web);
  assert.equal(await deleted(), ["DEL two net1", "DEL one eth0"]);
});

pods("are detached from the node's networks when neither the disk nor the API knows them", async () => {
  await del(deleting());
  assert.equal(bench.story().filter((line) => line.startsWith("DEL")), ["DEL one eth0"]);
});

for (const [version, told] of [["0.2.0", /"ip":"0.0.0.0\/0"/], ["0.3.1", /"version":"4"/],
  ["1.0.0", /"address":"0.0.0.0\/0"/], ["1.1.0", /"address":"0.0.0.0\/0"/]] as const) {
  pods(`that are gone are answered for by a placeholder of version ${version}, and nothing runs`, async () => {
    const result = await add(adding({ cniVersion: version }));
    assert.is(result.cniVersion, version);
    assert.match(JSON.stringify(result), told);
    assert.equal([bench.calls.length, left()], [0, []]);
  });
}

pods("of another UID are refused with both, at DEL taken for unknown", async () => {
  await annotated("two");
  const other = args.replace("K8S_POD_UID=", "K8S_POD_UID=u2");
  assert.match((await rejects(add(adding({}, { args: other })), 11)).message, /UID u2.*u1/);
  assert.is(bench.calls.length, 0);
  await del(deleting({}, { args: other }));
  assert.equal(bench.story(), ["DEL one eth0"]);
  await add(adding({}, { args: args.replace("K8S_POD_UID=", "K8S_POD_UID=u1") }));
  assert.match(bench.calls.at(-1)?.request.attachment.args ?? "", /;K8S_POD_UID=u1$/);
});

pods("that are static have a UID of their own, and are attached and published all the same", async () => {
  await annotated("two", { "kubernetes.io/config.source": "file" });
  await add(adding({}, { args: args.replace("K8S_POD_UID=", "K8S_POD_UID=hash") }));
  assert.is((await published())?.length, 2);
});

pods("are refused with the reason in an event and in their status when a network is missing", async () => {
  await annotated("two,nowhere");
  const before = (await events()).length;
  const { message } = await rejects(add(adding()), 7);
  assert.match(message, /"blue\/nowhere".*namespace "blue"/);
  assert.equal([bench.calls.length, left()], [0, []]);
  assert.equal((await events()).slice(before), [`Warning NoNetworkFound: ${message}`]);
  assert.equal((await published())?.map(({ name, error }) => [name, error]), [["blue/nowhere", message]]);
});

pods("are refused with the reason when a plugin fails, with everything taken back", async () => {
  await annotated("two");
  bench.failures.set("ADD two", new CniError(100, "Cannot lease: full"));
  const before = (await events()).length;
  const { message } = await rejects(add(adding()), 100);
  assert.match(message, /"blue\/two".*full/);
  assert.equal(bench.story(), ["ADD one eth0", "ADD two net1", "undo two net1", "undo one eth0"]);
  assert.equal(left(), []);
  assert.equal((await events()).slice(before), [`Warning FailedToAttachNetwork: ${message}`]);
  assert.equal((await published())?.map(({ name, interface: ifName, error }) => [name, ifName, error]),
    [["blue/two", undefined, message]]);
});

pods("keep nothing when their status cannot be written", async () => {
  await annotated("two");
  await api.deny({ resource: "pods/status" });
  assert.match((await rejects(add(adding()), 120)).message, /update pods\/status/);
  assert.equal([bench.interfaces.size, left()], [0, []]);
  assert.equal(bench.story().slice(2), ["undo two net1", "undo one eth0"]);
});

pods("that vanish meanwhile are attached; their status is nobody's", async () => {
  await annotated("two");
  const body = JSON.stringify({ kind: "Status", apiVersion: "v1", status: "Failure", reason: "NotFound", code: 404,
    message: 'pods "web" not found', details: { name: "web", kind: "pods" } });
  await api.fault({ match: { path: "/status" }, kind: "answer", status: 404, contentType: "application/json", body });
  await add(adding());
  assert.is(bench.story().length, 2);
});

pods("may rename their default network's interface, and ask for address and MAC, which it hears in CNI_ARGS alone",
  async () => {
  await api.putDefinition({ namespace: "nodes", name: "first",
    config: single("two", { capabilities: { ips: true, mac: true } }) });
  bench.answers.set("two", { interfaces: [{ name: "up0", mac: "02:00:00:00:00:09", sandbox: "/n" }],
    ips: [{ address: "10.9.9.9/24", interface: 0 }], routes: [], dns: {} });
  const element = { name: "first", interface: "up0", ips: ["10.9.9.9"], mac: "02:00:00:00:00:09" };
  await annotated("three", { [defaultNetwork]: JSON.stringify([element]) });
  await add(adding({ multusNamespace: "nodes", runtimeConfig: { mac: "02:00:00:00:00:01" },
    namespaceIsolation: true }));
  assert.equal(bench.story(), ["ADD two up0", "ADD three net1"]);
  const [first] = bench.calls.map(({ request }) => request);
  assert.equal(first?.conf["runtimeConfig"], { mac: "02:00:00:00:00:01" }, "the runtime's");
  assert.match(first?.attachment.args ?? "", /;MAC=02:00:00:00:00:09;IP=10\.9\.9\.9$/);
  await del(deleting());
  assert.equal(bench.story().filter((line) => line.startsWith("DEL")), ["DEL three net1", "DEL two up0"]);
});

pods("may not ask of their default network what only a capability can carry: its arguments are the runtime's",
  async () => {
  await api.putDefinition({ namespace: "blue", name: "ports",
    config: single("two", { capabilities: { portMappings: true, ips: true } }) });
  await annotated("three", { [defaultNetwork]: JSON.stringify([{ name: "ports", namespace: "blue",
    portMappings: [{ hostPort: 80, containerPort: 80 }] }]) });
  assert.match((await rejects(add(adding()), 7)).message, /"blue\/ports".*portMappings.*default network/);
  await annotated("three", { [defaultNetwork]: JSON.stringify([{ name: "ports", namespace: "blue",
    ips: ["10.9.9.9"] }]) });
  assert.match((await rejects(add(adding()), 7)).message, /"blue\/ports".*10\.9\.9\.9/);
  const before = (await events()).length;
  await add(adding({}, { invokedAs: "multus" }));
  assert.match((await events()).slice(before).filter((line) => line.startsWith("Warning")).join(), /10\.9\.9\.9/);
});

pods("get a status without any annotation, in system namespaces too", async () => {
  await api.putPod(web);
  await add(adding({ systemNamespaces: ["blue"] }));
  assert.is((await published())?.length, 1);
});

pods("replace the node's default network by their own, inline or by reference", async () => {
  await annotated("three", { [defaultNetwork]: "blue/two" });
  for (const node of [{}, { delegates: undefined, clusterNetwork: "two", multusNamespace: "blue",
    defaultNetworks: [] }]) {
    bench.calls.length = 0;
    await add(adding(node));
    assert.equal(bench.story(), ["ADD two eth0", "ADD three net1"]);
    await del(deleting(node));
    assert.equal(bench.story().slice(2).filter((line) => line.startsWith("DEL")), ["DEL three net1", "DEL two eth0"]);
  }
});

pods("must name exactly one default network", async () => {
  for (const [text, says] of [["two,three", /default-network.*more than one/],
    ["[]", /default-network.*no network/]] as const) {
    await annotated("two", { [defaultNetwork]: text });
    assert.match((await rejects(add(adding()), 7)).message, says);
  }
});

pods("find the node's networks in the cluster, by name in multusNamespace, before files", async () => {
  await api.putPod(web);
  bench.file("net.d/10.conf", JSON.stringify(single("three", { name: "two" })));
  bench.file("net.d/20.conf", JSON.stringify(single("three", { name: "file" })));
  const node = { delegates: undefined, clusterNetwork: "two", defaultNetworks: ["file"], multusNamespace: "blue" };
  await add(adding(node));
  assert.equal(bench.story(), ["ADD two eth0", "ADD three net1"]);
  assert.equal((await published())?.map(({ name }) => name), ["blue/two", "file"]);
  await status(bench.command(conf({ ...node, cniVersion: "1.1.0" }),
    { verb: "STATUS", ifName: "", containerId: "", netns: "" }));
  assert.match((await rejects(add(adding({ ...node, clusterNetwork: "none" })), 7)).message,
    /no configuration file.*in the cluster: .*"blue\/none"/);
});

pods("of system namespaces, whose names must be equal, go without defaultNetworks", async () => {
  await api.putPod(web);
  const node = { delegates: undefined, clusterNetwork: "two", defaultNetworks: ["three"], multusNamespace: "blue" };
  for (const [systemNamespaces, story] of [[["blue"], ["ADD two eth0"]],
    [["blu", "blue-2", "BLUE", "web"], ["ADD two eth0", "ADD three net1"]]] as const) {
    bench.calls.length = 0;
    await add(adding({ ...node, systemNamespaces }));
    assert.equal(bench.story(), story);
    await del(deleting(node));
  }
});

pods("take networks with an empty definition from the node's files", async () => {
  await api.putDefinition({ namespace: "blue", name: "filed" });
  await annotated("filed");
  assert.match((await rejects(add(adding()), 7)).message, /no configuration file in .*net\.d/);
  const broken = bench.file("net.d/00.conf", "{");
  assert.match((await rejects(add(adding()), 6)).message, /00\.conf/);
  unlinkSync(broken);
  bench.file("net.d/10.conflist", JSON.stringify({ cniVersion: "1.0.0", name: "filed", plugins: [{ type: "three" },
    { type: "shaper" }] }));
  await add(adding());
  assert.equal(bench.story(), ["ADD one eth0", "ADD three net1", "ADD shaper net1"]);
  assert.equal(bench.calls.map(({ request }) => request.trusted), [true, true, true],
    "a file of the node is the node's own");
  await del(deleting());
  assert.equal(bench.calls.filter(({ verb }) => verb === "DEL").map(({ request }) => request.trusted),
    [true, true, true]);
});

pods("are not trusted with what their definitions say", async () => {
  await annotated("two");
  await add(adding());
  unlinkSync(join(bench.cniDir, "c1"));
  await del(deleting());
  const trusted = (verb: string) => bench.calls.filter((call) => call.verb === verb).map(({ type, request }) => [type,
    request.trusted]);
  assert.equal(trusted("ADD"), [["one", true], ["two", false]]);
  assert.equal(trusted("DEL"), [["two", false], ["one", true]]);
});

pods("hand what they ask for to the plugins that take it, and to the network that was asked only", async () => {
  const list = { cniVersion: "1.0.0", name: "chain", plugins: [{ type: "two", capabilities: { ips: true, mac: true,
    bandwidth: true } }, { type: "shaper", capabilities: { portMappings: true } }] };
  await api.putDefinition({ namespace: "blue", name: "chain", config: list });
  const asked = {
    name: "chain", interface: "fast", ips: ["10.9.9.9/24"], mac: "02:00:00:00:00:09", bandwidth: { ingressRate: 100 },
      "cni-args": { hint: "a" },
    portMappings: [{ hostPort: 80, containerPort: 8080, protocol: "tcp" },
      { hostPort: 53, containerPort: 53, protocol: "udp" }],
  };
  await annotated(JSON.stringify([asked, { name: "two" }]));
  await add(adding({ runtimeConfig: { portMappings: [{ HostPort: 1 }] } }));
  const [, second, third, fourth] = bench.calls.map(({ request }) => request);
  assert.equal(second?.conf["runtimeConfig"], { ips: ["10.9.9.9/24"], mac: "02:00:00:00:00:09",
    bandwidth: { ingressRate: 100 } });
  assert.equal(third?.conf["runtimeConfig"], { portMappings: asked.portMappings });
  assert.equal([second?.conf["args"], third?.conf["args"]], [{ cni: { hint: "a" } }, { cni: { hint: "a" } }]);
  assert.is(second?.attachment.args, "IgnoreUnknown=true;K8S_POD_NAMESPACE=blue;K8S_POD_NAME=web;" +
    "K8S_POD_INFRA_CONTAINER_ID=c1;K8S_POD_UID=;MAC=02:00:00:00:00:09;IP=10.9.9.9/24");
  assert.not.match(fourth?.attachment.args ?? "", /MAC|IP=/);
  assert.is(fourth?.attachment.ifName, "net2");
  await del(deleting());
  const [deleted] = bench.calls.filter(({ verb, type }) => verb === "DEL" && type === "shaper");
  assert.equal(deleted?.request.conf["runtimeConfig"], { portMappings: asked.portMappings });
  assert.not.match(deleted?.request.attachment.args ?? "MAC", /MAC|IP=/, "CNI_ARGS carry them to ADD alone");
});

pods("have what they asked for at DEL after a kill too, when nothing is cached yet", async () => {
  await api.putDefinition({ namespace: "blue", name: "ports",
    config: single("two", { capabilities: { portMappings: true } }) });
  await annotated(JSON.stringify([{ name: "ports", portMappings: [{ hostPort: 80, containerPort: 8080,
    protocol: "tcp" }] }]));
  await add(adding());
  rmSync(join(bench.cniDir, "results"), { recursive: true });
  await del(deleting());
  const [deleted] = bench.calls.filter(({ verb, type }) => verb === "DEL" && type === "two");
  assert.equal(deleted?.request.conf["runtimeConfig"], { portMappings: [{ hostPort: 80, containerPort: 8080,
    protocol: "tcp" }] });
});

for (const [what, selection, says] of [
  ["ports nobody maps", { portMappings: [{ hostPort: 80, containerPort: 80, protocol: "tcp" }] },
    /capability portMappings/],
  ["an address nobody gave", { ips: ["10.9.9.9"] }, /address 10\.9\.9\.9/],
  ["a MAC nobody set", { mac: "02:00:00:00:00:09" }, /MAC 02:00:00:00:00:09/],
] as const) {
  pods(`that ask for ${what} are refused, or told so where Multus lets it pass`, async () => {
    await annotated(JSON.stringify([{ name: "two", ...selection }]));
    assert.match((await rejects(add(adding()), 7)).message, says);
    assert.equal([bench.interfaces.size, left()], [0, []]);
    const before = (await events()).length;
    await add(adding({}, { invokedAs: "multus" }));
    const [warning] = (await events()).slice(before).filter((line) => line.startsWith("Warning"));
    assert.match(warning ?? "", says);
  });
}

pods("that ask for what the specification forbids are refused, or told so, by element and key, where Multus lets it " +
  "pass", async () => {
  await api.putDefinition({ namespace: "blue", name: "ports",
    config: single("two", { capabilities: { portMappings: true } }) });
  await annotated('[{"name":"three"},{"name":"ports","portMappings":[{"hostPort":70000,"containerPort":1}]}]');
  assert.match((await rejects(add(adding()), 7)).message, /element 2 \("ports"\).*"hostPort" is 70000/);
  const before = (await events()).length;
  await add(adding({ strictSelections: false }));
  assert.equal(bench.story(), ["ADD one eth0", "ADD three net1", "ADD two net2"]);
  const warnings = (await events()).slice(before).filter((line) => line.startsWith("Warning"));
  assert.is(warnings.length, 1);
  assert.match(warnings[0] ?? "",
    /NetworkRequestIgnored: .*of pod "blue\/web".*element 2 \("ports"\): "portMappings"\[0\]\."hostPort" is 70000, expected a port/);
});

pods("that got the address they asked for without a capability are content", async () => {
  await annotated(JSON.stringify([{ name: "two", ips: ["10.0.0.1"] }]));
  await add(adding());
});

pods("are told about in events in order, with addresses that a result before 0.3.0 has for no interface", async () => {
  const cniVersion = "0.2.0";
  for (const [index, type] of ["one", "two", "three"].entries()) {
    bench.answers.set(type, { interfaces: [], ips: [{ address: `10.${index}.0.2/24` }], routes: [], dns: {} });
    await api.putDefinition({ namespace: "blue", name: type, config: single(type, { cniVersion, name: "" }) });
  }
  await annotated("two,three");
  const before = (await events()).length;
  await add(adding({ cniVersion, delegates: [single("one", { cniVersion })], mergeResults: false }));
  assert.equal((await events()).slice(before), [
    "Normal AddedInterface: Add eth0 [10.0.0.2/24] from net-one",
      "Normal AddedInterface: Add net1 [10.1.0.2/24] from blue/two",
    "Normal AddedInterface: Add net2 [10.2.0.2/24] from blue/three",
  ]);
  assert.equal((await published())?.map(({ interface: ifName, ips }) => [ifName, ips]),
    [["eth0", ["10.0.0.2"]], ["net1", ["10.1.0.2"]], ["net2", ["10.2.0.2"]]]);
});

for (const cniVersion of ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]) {
  pods(`that move their default route have it moved in the cached results of ${cniVersion} too, of that family alone`,
    async () => {
    const config = (type: string): object => single(type, { cniVersion });
    await api.putDefinition({ namespace: "blue", name: "two", config: config("two") });
    const specific = { dst: "172.20.0.0/16", gw: "10.0.0.9" }, v6 = { dst: "::/0", gw: "fd00::1" };
    bench.answers.set("one", {
      interfaces: [{ name: "eth0", sandbox: "/n" }], ips: [{ address: "10.0.0.2/24", interface: 0 },
        { address: "fd00::2/64", interface: 0 }],
      routes: [{ dst: "0.0.0.0/0", gw: "10.0.0.1" }, specific, v6], dns: {},
    });
    await annotated('[{"name":"two","default-route":["10.0.0.254"]}]');
    const told = await add(adding({ cniVersion, delegates: [config("one")] }, { invokedAs: "multus" }));
    const cached = (name: string): string => JSON.stringify(JSON.parse(readFileSync(join(bench.cniDir, "results", name),
      "utf8")).result);
    const [eth0, net1] = [cached("net-one-c1-eth0"), cached("net-two-c1-net1")];
    const found = [eth0, net1].map((text) => ["0.0.0.0/0", "10.0.0.254", "::/0",
      "172.20.0.0/16"].filter((part) => text.includes(`"${part}"`)));
    assert.equal(found, [["::/0", "172.20.0.0/16"], ["0.0.0.0/0", "10.0.0.254"]]);
    assert.match(eth0, `"cniVersion":"${cniVersion}"`);
    assert.equal(bench.routes.map(({ dst, gateway, index }) => [dst.prefixBits,
      gateway === undefined ? "" : formatAddress(gateway), index]),
      [[16, "10.0.0.9", 1], [0, "fd00::1", 1], [0, "10.0.0.254", 2]]);
    assert.match(JSON.stringify(told), /"0\.0\.0\.0\/0"/,
      "Multus answers with what the default network's plugins said");
    assert.equal((await published())?.map(({ gateway, "default-route": asked }) => [gateway, asked]),
      [[["10.0.0.1", "fd00::1"], undefined], [undefined, ["10.0.0.254"]]]);
    await del(deleting({}, { invokedAs: "multus" }));
    const [prevResult] = bench.calls.filter(({ verb, type }) => verb === "DEL"
      && type === "one").map(({ request }) => request.prevResult);
    if (cniVersion >= "0.4.0") assert.equal(prevResult?.routes, [specific, v6]);
    else assert.is(prevResult, undefined);
  });
}

pods("are written down with what they ask for as Multus reads it", async () => {
  const list = { cniVersion: "1.0.0", name: "chain", plugins: [{ type: "two", capabilities: { ips: true, mac: true,
    infinibandGUID: true, deviceID: true } }] };
  await api.putDefinition({ namespace: "blue", name: "chain", config: list });
  const asked = {
    name: "chain", interface: "fast", ips: ["10.9.9.9/24"], mac: "02:00:00:00:00:09",
      "infiniband-guid": "02:00:00:00:00:00:00:01", deviceID: "0000:01:00.1", "default-route": ["10.9.9.1"],
  };
  await annotated(JSON.stringify([asked, { name: "two" }]));
  await add(adding());
  const [eth0, fast, net2] = JSON.parse(readFileSync(join(bench.cniDir, "c1"),
    "utf8")).map(({ polynic: _, ConfList: __, Conf: ___, ...entry }: Record<string, unknown>) => entry);
  assert.equal(fast, {
    Name: "blue/chain", ifnameRequest: "fast", macRequest: "02:00:00:00:00:09",
      infinibandGUIDRequest: "02:00:00:00:00:00:00:01", ipRequest: ["10.9.9.9/24"],
    "default-route": ["10.9.9.1"], IsFilterV4Gateway: false, IsFilterV6Gateway: false, deviceID: "0000:01:00.1",
      Bytes: Buffer.from(JSON.stringify(list)).toString("base64"),
  });
  assert.equal([eth0.Name, eth0.IsFilterV4Gateway, net2.Name, net2.IsFilterV4Gateway, Object.keys(net2)],
    ["net-one", true, "blue/two", true, ["Name", "IsFilterV4Gateway", "IsFilterV6Gateway", "Bytes"]]);
});

pods("that Multus attached get at DEL what it wrote down of their requests, cached or not", async () => {
  const config = JSON.stringify(single("two", { capabilities: { ips: true, mac: true, infinibandGUID: true,
    deviceID: true, portMappings: true } }));
  const given = { ips: ["10.9.9.9/24"], mac: "02:00:00:00:00:09", infinibandGUID: "02:00:00:00:00:00:00:01",
    deviceID: "0000:01:00.1" };
  const entry = {
    Conf: { cniVersion: "1.0.0", name: "net-two", type: "two", ipam: {}, dns: {} }, ConfList: { plugins: null },
      Name: "blue/two", ifnameRequest: "fast", macRequest: given.mac,
    infinibandGUIDRequest: given.infinibandGUID, ipRequest: given.ips, deviceID: given.deviceID,
      IsFilterV4Gateway: false, IsFilterV6Gateway: false, Bytes: Buffer.from(config).toString("base64"),
  };
  const first = { Name: "net-one", Bytes: Buffer.from(JSON.stringify(single("one"))).toString("base64") };
  const portMappings = [{ hostPort: 80, containerPort: 80, protocol: "tcp" }];
  const cache = { kind: "cniCacheV1", containerId: "c1", config: entry.Bytes, ifName: "fast", networkName: "net-two",
    capabilityArgs: { ...given, portMappings }, result: { cniVersion: "1.0.0" } };
  for (const [written, runtimeConfig] of [[undefined, given], [cache, { ...given, portMappings }]] as const) {
    bench.calls.length = 0;
    bench.file("cni/c1", JSON.stringify([first, entry]));
    if (written !== undefined) bench.file("cni/results/net-two-c1-fast", JSON.stringify(written));
    await del(deleting({ kubeconfig: "/nowhere" }));
    assert.equal(bench.story(), ["DEL two fast", "DEL one eth0"]);
    assert.equal(bench.calls[0]?.request.conf["runtimeConfig"], runtimeConfig);
    assert.equal(left(), []);
  }
});

pods("are kept to their namespace and the global ones where the node isolates them", async () => {
  await api.putDefinition({ namespace: "red", name: "two", config: single("two") });
  await annotated("red/two");
  assert.match((await rejects(add(adding({ namespaceIsolation: true })), 7)).message, /"red".*"blue"|"blue".*"red"/);
  await add(adding({ namespaceIsolation: true, globalNamespaces: " x ,red" }));
});

pods("are refused with the element of an annotation that cannot be read", async () => {
  await annotated('[{"name":"two"},{"name":"three","mac":"zz"}]');
  const { message } = await rejects(add(adding()), 7);
  assert.match(message, /blue\/web.*three.*mac.*zz/);
  assert.is(bench.calls.length, 0);
});

pods("are refused when the API cannot tell, without a word about networks", async () => {
  await annotated("two");
  await api.deny({ resource: "pods", verb: "get" });
  assert.match((await rejects(add(adding()), 120)).message, /get pods in namespace "blue"/);
  assert.is(bench.calls.length, 0);
});

pods("are refused with the file when the kubeconfig cannot be used; their DEL goes on", async () => {
  await annotated("two");
  const kubeconfig = join(bench.directory, "none");
  assert.match((await rejects(add(adding({ kubeconfig })), 7)).message, /none/);
  await del(deleting({ kubeconfig }));
  writeFileSync(kubeconfig, "{");
  assert.match((await rejects(add(adding({ kubeconfig })), 7)).message, /none/);
});

pods("are containers as any other where CNI_ARGS name no pod", async () => {
  await add(adding({}, { args: "IgnoreUnknown=1;K8S_POD_NAME=alone" }));
  assert.equal(bench.story(), ["ADD one eth0"]);
});

pods("must have one interface of a name, whoever asks for it", async () => {
  await annotated("two@eth0");
  assert.match((await rejects(add(adding()), 7)).message, /"eth0".*"blue\/two"/);
});

pods("have their auxiliary chain last, of which nobody is told", async () => {
  const clusterNetwork = bench.file("net.d/10.conf", JSON.stringify(single("one")));
  bench.file("net.d/extra/a.conf", JSON.stringify({ type: "shaper" }));
  bench.types.add("passthru");
  await annotated("two");
  await add(adding({ delegates: undefined, clusterNetwork, auxiliaryCNIChainName: "extra" }));
  assert.equal(bench.story().at(-1), "ADD shaper net2");
  assert.is((await published())?.length, 2);
});

pods.run();
