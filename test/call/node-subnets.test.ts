// `usePodCidr`: ranges that are what the cluster has given this node, from its API to the address.
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseAllDocuments } from "yaml";
import type { OpenHandles } from "../../src/call/index.ts";
import { handlesWith, openHandles } from "../../src/call/index.ts";
import { nodeSubnets } from "../../src/call/node-subnets/index.ts";
import { asksForNodeSubnet } from "../../src/ipam/index.ts";
import { openNodes } from "../../src/kube/index.ts";
import { formatPrefix } from "../../src/net/index.ts";
import type { AddContext, Plugin, PluginConf, PluginRequest } from "../../src/plugins/index.ts";
import { builtIn } from "../../src/plugins/index.ts";
import { rangeSetsHere } from "../../src/plugins/host-local/node-ranges.ts";
import { wasmIpam } from "../../src/plugins/wasm/index.ts";
import { withKnownSubnets } from "../../src/commands/machine/node-ranges.ts";
import { openKnownSubnets } from "../../src/store/index.ts";
import type { ApiServer } from "../helpers/api-server.ts";
import { startApiServer } from "../helpers/api-server.ts";
import { rejects } from "../helpers/errors.ts";
import { builtModules } from "../helpers/wasm.ts";

const root = join(import.meta.dirname, "..", "..");
const hostLocal = builtIn.get("host-local");
if (hostLocal === undefined) throw new Error("host-local is built in");

interface Context { directory: string; warnings: string[]; api: ApiServer }

const both = [[{ subnet: "usePodCidr" }], [{ subnet: "usePodCidrIPv6" }]];

function handlesOf({ directory, warnings, api }: Context, { node = "a", kubeconfig = api.kubeconfig } = {}) {
  return openHandles({ netns: "", path: [], execute: [], modules: builtModules,
    ...(kubeconfig === "" ? {} : { leaseStores: { kubernetes: { kubeconfig } } }),
    moduleSettings: { nodeName: node, nodeIndex: null }, stateDir: join(directory, node),
    log: { error() {}, warn: (line) => void warnings.push(line), verbose() {}, debug() {} },
    surroundings: { env: {}, tell() {} } });
}

function requestOf({ directory }: Context, ipam: object, containerId: string, trusted = true): PluginRequest {
  const conf: PluginConf = { cniVersion: "1.1.0", name: "pods", type: "bridge",
    ipam: { type: "host-local", dataDir: join(directory, "leases"), ...ipam } };
  return { attachment: { containerId, netns: "", ifName: "eth0", args: "", path: [] }, conf, trusted,
    prevResult: undefined };
}

async function add(handles: OpenHandles, request: PluginRequest, plugin: Plugin = hostLocal as Plugin) {
  // An IPAM plugin needs no more of a context than these.
  const context = Object.assign(Object.create(handles), { undo: { add() {} }, withoutEffect() {} }) as AddContext;
  const result = await (await plugin.step(request, handles)).add(undefined, context);
  return result.ips.map(({ address, gateway }) => `${address} by ${gateway}`);
}

const leases = ({ directory }: Context): readonly string[] => readdirSync(join(directory, "leases", "pods"))
  .filter((name) => /^\d+\.|:/.test(name)).sort();

const direct = { node: "a", stores: {}, log: { warn() {} }, env: {} };

const test = suite<Context>("a range that is the node's");
test.before(async (context) => { context.api = await startApiServer(); });
test.before.each(async (context) => {
  context.directory = mkdtempSync(join(tmpdir(), "polynic-subnets-"));
  context.warnings = [];
  await context.api.putNode({ name: "a", subnets: ["10.244.1.0/24", "fd00:10:1::/64"] });
});
test.after.each(async ({ directory, api }) => {
  rmSync(directory, { recursive: true });
  await api.heal();
  await api.allowAll();
});
test.after(async ({ api }) => await api.stop());

test("is its pod CIDR of that family, as `subnet` and in `ranges`, for host-local and for modules", async (context) => {
  const handles = handlesOf(context);
  assert.equal(await add(handles, requestOf(context, { ranges: both }, "c1")),
    ["10.244.1.2/24 by 10.244.1.1", "fd00:10:1::2/64 by fd00:10:1::1"]);
  assert.equal(await add(handles, requestOf(context, { subnet: "usePodCidrIPv6", gateway: "fd00:10:1::9" }, "c2")),
    ["fd00:10:1::1/64 by fd00:10:1::9"]);
  assert.equal(await add(handles, requestOf(context, { subnet: "usepodcidr", rangeStart: "10.244.1.100" }, "c3")),
    ["10.244.1.100/24 by 10.244.1.1"]);
  assert.equal(await add(handles, requestOf(context, { type: "lowest", subnet: "usePodCidr" }, "c4"),
    wasmIpam("lowest")), ["10.244.1.3/24 by 10.244.1.1"]);
  assert.is(asksForNodeSubnet([[{ subnet: "10.1.2.0/24" }]]), false);
});

test("stands where the API is away, and gets new leases from the new one once it has changed", async (context) => {
  const { api } = context, ipam = { subnet: "usePodCidr" }, old = requestOf(context, ipam, "c1");
  await add(handlesOf(context), old);
  assert.equal(JSON.parse(readFileSync(join(context.directory, "a", "node-subnets.json"), "utf8")),
    { node: "a", podCIDRs: ["10.244.1.0/24", "fd00:10:1::/64"] });
  await api.fault({ kind: "503", times: 100 });
  assert.equal(await add(handlesOf(context), requestOf(context, ipam, "c2")), ["10.244.1.3/24 by 10.244.1.1"]);
  assert.match(context.warnings.join(), /Cannot get node "a".*the subnets that it told of before are used/);
  await api.heal();
  await api.putNode({ name: "a", subnets: ["10.244.7.0/24"], uid: "joined anew" });
  const handles = handlesOf(context);
  assert.equal(await add(handles, requestOf(context, ipam, "c3")), ["10.244.7.2/24 by 10.244.7.1"]);
  assert.equal(leases(context), ["10.244.1.2", "10.244.1.3", "10.244.7.2"]);
  await hostLocal?.check(old, handles);
  await hostLocal?.del(old, Object.assign(Object.create(handles), { teardown: {} }));
  assert.equal(leases(context), ["10.244.1.3", "10.244.7.2"], "what lies in the old one is its owner's until then");
});

test("may become another family's, or both, and what pods have of it stays right", async (context) => {
  const { api } = context, ipam = { ranges: both }, request = requestOf(context, ipam, "c1");
  await api.putNode({ name: "a", subnets: ["10.244.1.0/24"] });
  assert.match((await rejects(add(handlesOf(context), request), 7)).message, /none of IPv6/);
  await api.putNode({ name: "a", subnets: ["fd00:10:1::/64", "10.244.1.0/24"] });
  assert.equal(await add(handlesOf(context), request),
    ["10.244.1.2/24 by 10.244.1.1", "fd00:10:1::2/64 by fd00:10:1::1"]);
  await api.putNode({ name: "a", subnets: ["fd00:10:2::/64"] });
  await hostLocal?.check(request, handlesOf(context));
  await api.fault({ kind: "refuse" });
  await hostLocal?.check(request, handlesOf(context));
  await api.heal();
  assert.match((await rejects(add(handlesOf(context), requestOf(context, ipam, "c2")), 7)).message, /none of IPv4/);
  await hostLocal?.del(request, Object.assign(Object.create(handlesOf(context)), { teardown: {} }));
  assert.equal(leases(context), []);
});

test("is not there yet where the API is away and nothing is known", async (context) => {
  await context.api.fault({ kind: "refuse" });
  const error = await rejects(nodeSubnets({ trusted: true, kubeconfig: context.api.kubeconfig },
    { ...direct, stateDir: context.directory, limitsMs: { known: 1, unknown: 100 } }), 11);
  assert.match(error.message, /Cannot get node "a": .*expected an answer of the cluster's API at https/);
});

const refusals = [
  { title: "no subnet at all", subnets: [], ipam: { ranges: both },
    words: /subnet "usePodCidr": node "a" has no spec\.podCIDRs.*--allocate-node-cidrs.*ipam\.type node-slice/ },
  { title: "none of IPv4", subnets: ["fd00::/64"], ipam: { subnet: "usePodCidr" },
    words: /node "a" has fd00::\/64 and none of IPv4, expected usePodCidrIPv6/ },
  { title: "none of IPv6", subnets: ["10.244.1.0/24"], ipam: { subnet: "usePodCidrIPv6" },
    words: /node "a" has 10\.244\.1\.0\/24 and none of IPv6, expected usePodCidr,/ },
  { title: "a start outside of it", subnets: ["10.244.1.0/24"], ipam: { subnet: "usePodCidr", rangeStart: "10.9.0.1" },
    words: /rangeStart 10\.9\.0\.1 is not in network 10\.244\.1\.0\/24/ },
];
async function statusWith(request: PluginRequest, handles: OpenHandles): Promise<void> {
  await hostLocal?.status(request, handlesWith(handles, { withoutEffect() {} }));
}

for (const { title, subnets, ipam, words } of refusals) {
  test(`refuses ${title}, at STATUS as at ADD`, async (context) => {
    await context.api.putNode({ name: "a", subnets });
    const handles = handlesOf(context), request = requestOf(context, ipam, "c1");
    assert.match((await rejects(add(handles, request), 7)).message, words);
    assert.match((await rejects(statusWith(request, handles), 7)).message, words);
  });
}

test("tells of a node that the cluster has not, and of a permission that is missing", async (context) => {
  const request = requestOf(context, { subnet: "usePodCidr" }, "c1");
  assert.match((await rejects(add(handlesOf(context, { node: "b" }), request), 7)).message,
    /has no node "b", expected the name of this one in nodeName/);
  await context.api.deny({ resource: "nodes" });
  assert.match((await rejects(statusWith(request, handlesOf(context)), 120)).message,
    /expected the permission to get nodes/);
});

test("is asked for by the kubeconfig of the node, or of a network that is the node's own", async (context) => {
  const { kubeconfig } = context.api, bare = handlesOf(context, { kubeconfig: "" });
  const named = { subnet: "usePodCidr", kubernetes: { kubeconfig } };
  assert.equal(await add(bare, requestOf(context, named, "c1")), ["10.244.1.2/24 by 10.244.1.1"]);
  assert.match((await rejects(add(handlesOf(context), requestOf(context, named, "c2", false)), 7)).message,
    /not the node's own: expected none/);
  assert.match((await rejects(add(bare, requestOf(context, { subnet: "usePodCidr" }, "c2")), 7)).message,
    /no kubeconfig is named, expected ipam\.kubernetes\.kubeconfig/);
});

test("writes nothing where an ADD is only planned, and is found by the host's name in any case", async (context) => {
  const { api, directory } = context;
  const { subnets } = await nodeSubnets({ trusted: true, kubeconfig: api.kubeconfig },
    { ...direct, node: "A", stateDir: directory, isDry: true });
  assert.equal(subnets.map(formatPrefix), ["10.244.1.0/24", "fd00:10:1::/64"]);
  assert.equal(readdirSync(directory), []);
});

test("is not waited for where no range is", (context) => {
  const conf = { ipam: { subnet: "10.1.2.0/24" } };
  const sets = rangeSetsHere(conf, { network: "pods", cniVersion: "1.1.0", trusted: true }, handlesOf(context));
  assert.ok(Array.isArray(sets));
});

test("takes the right to get nodes, which the role gives, and no other", async ({ api }) => {
  const answered = (await api.requests()).filter(({ status }) => status === 200);
  assert.equal([...new Set(answered.map(({ method, path }) => `${method} ${path}`))], ["GET /api/v1/nodes/a"]);
  const role = parseAllDocuments(readFileSync(join(root, "deploy", "pod-cidr", "rbac.yaml"), "utf8"))[0]?.toJS();
  assert.equal(role.rules, [{ apiGroups: [""], resources: ["nodes"], verbs: ["get"] }]);
});

test("is what the example of conf/ gives from", async (context) => {
  const file = join(root, "conf", "cluster-ipam", "pod-cidr.conflist");
  const { plugins: [bridge] } = JSON.parse(readFileSync(file, "utf8"));
  const ipam = { ...bridge.ipam, kubernetes: { kubeconfig: context.api.kubeconfig } };
  const given = await add(handlesOf(context, { kubeconfig: "" }), requestOf(context, ipam, "c1"));
  assert.equal(given, ["10.244.1.2/24 by 10.244.1.1"]);
});

test("is shown to people as it was known last, and left out before", async (context) => {
  const stateDir = join(context.directory, "a"), sets = [...both, [{ subnet: "10.1.2.0/24" }]];
  assert.equal(withKnownSubnets(sets, stateDir), [[{ subnet: "10.1.2.0/24" }]]);
  await add(handlesOf(context), requestOf(context, { ranges: both }, "c1"));
  assert.equal(withKnownSubnets(sets, stateDir).flat().map(({ subnet }) => subnet),
    ["10.244.1.0/24", "fd00:10:1::/64", "10.1.2.0/24"]);
});

test("is kept in a file that may hold anything", ({ directory }) => {
  const known = openKnownSubnets(directory), path = join(directory, "node-subnets.json");
  for (const text of ["", "[]", '{"node": "a"}', '{"node": "a", "podCIDRs": ["here"]}', "x".repeat(5000)]) {
    writeFileSync(path, text);
    assert.is(known.load("a"), undefined);
  }
  known.save({ node: "a", subnets: [] });
  assert.equal(known.load("a"), { node: "a", subnets: [] });
  assert.is(known.load("b"), undefined);
});

test("is refused where the API's answer is no node", async ({ api }) => {
  const nodes = openNodes({ kubeconfig: api.kubeconfig, env: {} });
  const metadata = { name: "a", uid: "1" };
  for (const [object, words] of [
    [{ metadata: { name: "a" } }, /node "a": metadata\.uid is missing/],
    [{ metadata: {} }, /a node: metadata\.name is missing/],
    [{ metadata, spec: { podCIDRs: ["10.0.0.0/99"] } }, /node "a": spec\.podCIDRs is "10\.0\.0\.0\/99"/],
    [{ metadata: { name: "b", uid: "1" } }, /gave node "b", expected the one asked for/],
  ] as const) {
    await api.fault({ kind: "answer", body: JSON.stringify(object) });
    assert.match((await rejects(nodes?.get("a", 5_000) ?? Promise.resolve(), 120)).message, words);
  }
  const addresses = [{ type: "InternalIP", address: "192.0.2.1" }, { type: "ExternalIP", address: "192.0.2.9" }];
  await api.fault({ kind: "answer",
    body: JSON.stringify({ metadata, spec: { podCIDR: "10.0.0.0/24" }, status: { addresses } }) });
  const node = await nodes?.get("a", 5_000);
  assert.equal([node?.subnets.map(formatPrefix), node?.addresses.length], [["10.0.0.0/24"], 1]);
  nodes?.close();
  assert.is(openNodes({ kubeconfig: "", env: {} }), undefined);
});

test.run();
