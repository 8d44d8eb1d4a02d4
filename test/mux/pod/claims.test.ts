// src/mux/pod/claims.ts: a virtual machine's pods come and go on several nodes, and its addresses stay its own. The
// built executable, a bridge and a store that nodes share.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { parseAllDocuments } from "yaml";
import type { ApiServer } from "../../helpers/api-server.ts";
import { startApiServer } from "../../helpers/api-server.ts";
import type { Json } from "../../helpers/executable.ts";
import { runExecutable } from "../../helpers/executable.ts";
import { ipJson, kernelSuite, run } from "../../helpers/netns.ts";
import { emptyMachine, restoreMachine } from "../../helpers/typed.ts";

let api: ApiServer;

const bridge = { cniVersion: "1.1.0", name: "tenant", type: "bridge", bridge: "lan0" };
const ipam = { type: "host-local", subnet: "10.7.0.0/29", store: { type: "kubernetes" } };
const whereabouts = { type: "whereabouts", range: "10.8.0.0/29", store: { type: "kubernetes" } };
const annotation = "k8s.v1.cni.cncf.io/networks";

const claims = kernelSuite("pods that refer to an IPAMClaim", import.meta.url);
claims.before(async () => {
  emptyMachine();
  api = await startApiServer();
  await define("lan", { ...bridge, ipam });
  await define("wide", { ...bridge, name: "wide", ipam: whereabouts });
  await define("local", { ...bridge, name: "local", ipam: { ...ipam, store: { type: "files" } } });
  await define("untyped", { ...bridge, name: "untyped", ipam: { ...ipam, store: {} } });
  await define("flat", { ...bridge, name: "flat" });
});
claims.after(async () => {
  for (const name of ["lan0", "front0"]) run("ip", "link", "del", name);
  await api.stop();
  restoreMachine();
});

const define = async (name: string, config: object) => await api.putDefinition({ namespace: "shop", name, config });

async function claim(name: string, network = "tenant", more: object = {}): Promise<void> {
  await api.put("ipamclaims", { metadata: { namespace: "shop", name }, spec: { network, interface: "net1" }, ...more });
}

async function statusOf(name: string): Promise<object | undefined> {
  return (await api.get("ipamclaims", "shop", name))?.["status"];
}

interface Pod { readonly name: string; readonly node: string; readonly claim?: string; readonly network?: string }

function call(verb: "ADD" | "DEL", { name, node }: Pod, more: object = {}) {
  const stdin = {
    cniVersion: "1.1.0", name: "pods", type: "polynic", nodeName: node, cniDir: `/var/lib/cni/${node}`,
    kubeconfig: api.kubeconfig, delegates: [{ cniVersion: "1.1.0", name: "front", type: "bridge", bridge: "front0" }],
    ...more,
  };
  const env = { CNI_COMMAND: verb, CNI_CONTAINERID: `c-${name}`, CNI_NETNS: `/run/netns/${name}`, CNI_IFNAME: "eth0",
    CNI_PATH: "/none", CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=${name};K8S_POD_UID=u-${name}` };
  return runExecutable({ env, stdin });
}

/** Its ADD. The pod is there from then on, until `leave`. */
async function enter(pod: Pod, more: object = {}): Promise<Json> {
  const { name, claim, network = "lan" } = pod;
  const reference = claim === undefined ? {} : { "ipam-claim-reference": claim };
  const annotations = { [annotation]: JSON.stringify([{ name: network, interface: "net1", ...reference }]) };
  await api.putPod({ namespace: "shop", name, uid: `u-${name}`, annotations });
  run("ip", "netns", "add", name);
  return call("ADD", pod, more).json ?? {};
}

async function leave(pod: Pod): Promise<void> {
  const { status, stdout } = call("DEL", pod);
  assert.is(status, 0, stdout);
  run("ip", "netns", "del", pod.name);
  await api.removePod({ namespace: "shop", name: pod.name });
}

/** As the kernel has it. */
function addressOf({ name }: Pod): string {
  const [link] = ipJson(`-n ${name} -4 addr show dev net1`);
  return link?.addr_info?.[0]?.local ?? "";
}

for (const [network, name, first] of [["lan", "tenant", "10.7.0.2"], ["wide", "wide", "10.8.0.1"]] as const) {
  claims(`have its address on whatever node they run, and nobody else has it (${network})`, async () => {
    await claim(`vm.${name}`, name);
    const before: Pod = { name: "before", node: "a", claim: `vm.${name}`, network };
    await enter(before);
    assert.is(addressOf(before), first);
    const noted = { ips: [`${first}/29`], ownerPod: { name: "before" } };
    assert.equal(await statusOf(`vm.${name}`), noted);
    await leave(before);
    assert.equal(await statusOf(`vm.${name}`), noted, "it stays the claim's");

    const other: Pod = { name: "other", node: "a", network };
    await enter(other);
    assert.is.not(addressOf(other), first);
    const source: Pod = { name: "source", node: "b", claim: `vm.${name}`, network };
    await enter(source);
    assert.is(addressOf(source), first);

    const target: Pod = { name: "target", node: "c", claim: `vm.${name}`, network };
    await enter(target);
    assert.is(addressOf(target), first, "a machine that moves has one address on both nodes for a while");
    await leave(source);
    assert.equal(await statusOf(`vm.${name}`), { ...noted, ownerPod: { name: "target" } });
    await leave(other);
    const late: Pod = { name: "late", node: "b", network };
    await enter(late);
    assert.is.not(addressOf(late), first, "the source's DEL leaves the target's");
    await leave(late);
    await leave(target);
  });
}

claims("have what the claim says, where the store knows nothing of it", async () => {
  await claim("kept.tenant", "tenant", { status: { ips: ["10.7.0.5/29"], conditions: [{ type: "IPsAllocated" }] } });
  const pod: Pod = { name: "kept", node: "a", claim: "kept.tenant" };
  await enter(pod);
  assert.is(addressOf(pod), "10.7.0.5");
  assert.equal(await statusOf("kept.tenant"),
    { ips: ["10.7.0.5/29"], conditions: [{ type: "IPsAllocated" }], ownerPod: { name: "kept" } });
  await leave(pod);
});

claims("are refused, with nothing left, where it cannot be kept", async () => {
  await claim("other.net", "other");
  await claim("moved.tenant", "tenant", { status: { ips: ["192.0.2.1/24"] } });
  await claim("odd.tenant", "tenant", { status: { ips: ["here"] } });
  await claim("net2.tenant", "tenant", { spec: { network: "tenant", interface: "net2" } });
  for (const [reference, network, code, message] of [
    ["none", "lan", 7, /IPAMClaim "shop\/none": there is none of this name/],
    ["other.net", "lan", 7, /spec\.network is "other", expected one of network "tenant"/],
    ["net2.tenant", "lan", 7, /spec\.interface is "net2", expected one of interface "net1"/],
    ["odd.tenant", "lan", 120, /status\.ips is "here", expected addresses/],
    ["local.local", "local", 7, /reserved in files of this node, expected ipam\.store of type etcd or kubernetes/],
    ["none", "untyped", 7, /reserved in files of this node, expected ipam\.store of type etcd or kubernetes/],
    ["moved.tenant", "lan", 7, /address 192\.0\.2\.1 of IPAMClaim "shop\/moved\.tenant": its plugins gave 10\.7\.0/],
  ] as const) {
    const pod: Pod = { name: "refused", node: "a", claim: reference, network };
    const answer = await enter(pod);
    assert.is(answer["code"], code, `${reference}: ${JSON.stringify(answer)}`);
    assert.match(String(answer["msg"]), message);
    assert.equal(ipJson("-n refused link").map(({ ifname }) => ifname), ["lo"]);
    await leave(pod);
  }
  assert.equal(await statusOf("moved.tenant"), { ips: ["192.0.2.1/24"] });
});

claims("go on without it where the configuration lets that pass, and are told", async () => {
  const pod: Pod = { name: "lenient", node: "a", claim: "moved.tenant" };
  await enter(pod, { strictSelections: false });
  assert.match(addressOf(pod), /^10\.7\.0\./);
  const told = (await api.events()).map(({ reason, message }) => `${reason}: ${message}`);
  assert.ok(told.some((line) => /^NetworkRequestIgnored: .*192\.0\.2\.1 of IPAMClaim/.test(line)), told.join("\n"));
  await leave(pod);
});

claims("ask nothing of a plugin that keeps nothing for it, and write nothing", async () => {
  await claim("flat.flat", "flat");
  const pod: Pod = { name: "flat", node: "a", claim: "flat.flat", network: "flat" };
  await enter(pod);
  assert.is(await statusOf("flat.flat"), undefined);
  await leave(pod);
  const asked = (await api.requests()).filter(({ path }) => path.endsWith("/ipamclaims/flat.flat"));
  assert.equal(asked, [], "rights that a plugin of others does not need are not needed");
});

claims("ask for what their role permits, and for all of it", async () => {
  const file = join(import.meta.dirname, "..", "..", "..", "deploy", "cluster-ipam", "claims", "rbac.yaml");
  const role = parseAllDocuments(readFileSync(file, "utf8")).map((document) => document.toJS())
    .find(({ kind }) => kind === "ClusterRole");
  const permitted = role.rules.flatMap(({ resources, verbs }: { resources: string[]; verbs: string[] }) =>
    resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource}`)));
  const used = (await api.requests()).filter(({ path }) => path.includes("/ipamclaims")).map(({ method, path }) =>
    `${method === "PUT" ? "update" : "get"} ipamclaims${path.endsWith("/status") ? "/status" : ""}`);
  assert.equal([...new Set(used)].sort(), permitted.sort());
});

claims.run();
