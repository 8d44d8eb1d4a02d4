// polynic lint: what it finds in manifests and configurations, where, and what it leaves alone.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { tmpdir } from "node:os";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { CheckOptions } from "../../../src/commands/lint/check.ts";
import { checkDocuments } from "../../../src/commands/lint/check.ts";
import type { Finding } from "../../../src/commands/lint/finding.ts";
import { findingLine, gather, inOrder } from "../../../src/commands/lint/finding.ts";
import { documentsOf, sourcesOf } from "../../../src/commands/lint/source.ts";
import { rejects } from "../../helpers/errors.ts";

let directory = "";

/** The findings in files written into a directory, which is what is checked. */
async function lint(files: Readonly<Record<string, string>>, options: Partial<CheckOptions> = {},
  named: readonly string[] = ["."]): Promise<readonly Finding[]> {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
  const { findings, report } = gather();
  const sources = named.flatMap((name) => sourcesOf(join(directory, name)));
  const documents = [];
  for (const source of sources) documents.push(...await documentsOf(source, report));
  checkDocuments(documents, { strict: false, isolated: false, globalNamespaces: undefined, namespace: "default",
    ...options }, report);
  return inOrder(findings, sources.map(({ file }) => file)).map((finding) => ({ ...finding,
    file: finding.file.slice(directory.length + 1) }));
}

/** The same as lines, without what the file is called. */
async function lines(files: Readonly<Record<string, string>>,
  options?: Partial<CheckOptions>): Promise<readonly string[]> {
  return (await lint(files, options)).map((finding) => findingLine(finding).slice(finding.file.length + 1));
}

function definition(name: string, config: object | string, extra = ""): string {
  const text = typeof config === "string" ? config : JSON.stringify(config);
  return `apiVersion: k8s.cni.cncf.io/v1\nkind: NetworkAttachmentDefinition\nmetadata:\n  name: ${name}\n  ` +
    `namespace: blue\n${extra}spec:\n  config: '${text}'\n`;
}

function pod(networks: object | string, extra = ""): string {
  const text = typeof networks === "string" ? networks : JSON.stringify(networks);
  return `apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: blue\n  annotations:\n    ` +
    `k8s.v1.cni.cncf.io/networks: '${text}'\n${extra}`;
}

const bridge = { cniVersion: "1.0.0", type: "bridge", capabilities: { ips: true, mac: true },
  ipam: { type: "host-local", subnet: "10.0.0.0/24" } };
const networks = 'metadata.annotations["k8s.v1.cni.cncf.io/networks"]';

const linting = suite("polynic lint");
linting.before.each(() => { directory = mkdtempSync(join(tmpdir(), "polynic-lint-")); });
linting.after.each(() => rmSync(directory, { recursive: true }));

for (const [title, text, expected] of [
  ["a mode there is not", definition("a", { cniVersion: "1.0.0", type: "macvlan", mode: "bridgey" }),
    ['7:51: error: spec.config.mode: it is "bridgey", expected bridge, private, vepa or passthru']],
  ["JSON in quotes whose last line stands at its key",
    definition("a", { cniVersion: "1.0.0", type: "bridge" }).replace("}'", "\n  }'").replace("'{", "'{\n"), []],
  ["broken JSON", definition("a", '{"type": "bridge",}'),
    ['7:30: error: spec.config: it is not JSON at line 1, column 19 (near `type": "bridge",}`): found "}", expected a ' +
      'key in double quotes']],
  ["a configuration that is no text",
    "apiVersion: k8s.cni.cncf.io/v1\nkind: NetworkAttachmentDefinition\nmetadata: {name: a}\nspec:\n  config: {type: " +
      "bridge}\n",
    ["5:3: error: spec.config: it is an object, expected a string that holds a CNI configuration as JSON"]],
  ["neither type nor plugins", definition("a", { cniVersion: "1.0.0" }),
    ["7:12: error: spec.config: it has neither type nor plugins, expected one of them"]],
  ["the multiplexer inside itself", definition("a", { cniVersion: "1.0.0", type: "multus" }),
    ['7:34: error: spec.config.type: it is "multus", which would run the multiplexer inside itself; expected the type ' +
      'of a network\'s own plugin']],
  ["a version nobody speaks", definition("a", { cniVersion: "1.2.0", plugins: [{ type: "bridge" }] }),
    ['7:13: error: spec.config.cniVersion: it is "1.2.0", expected one of 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, ' +
      '1.1.0']],
  ["a plugin that is not built in", definition("a", { cniVersion: "1.0.0", plugins: [{ type: "bridge" },
    { type: "mirror" }] }),
    ['7:64: warning: spec.config.plugins[1].type: it is "mirror", which is not built in: a module or a program of ' +
      'that name must be on every node']],
  ["addresses from a program", definition("a", { cniVersion: "1.0.0", type: "bridge", ipam: { type: "whereabouts",
    range: "10.0.0.0/8" } }),
    ['7:58: warning: spec.config.ipam.type: it is "whereabouts", which is not built in: a module or a program of that ' +
      'name must be on every node']],
  ["a list whose first plugin needs one before it", definition("a", { cniVersion: "1.0.0",
    plugins: [{ type: "portmap", capabilities: { portMappings: true } }, { type: "bridge" }] }),
    [/7:\d+: error: spec\.config\.plugins\[0\]\.type: it is "portmap", which works on what a plugin before it has made/]],
  ["a network that is nothing but port mappings", definition("a", { cniVersion: "1.0.0", type: "portmap" }),
    [/7:\d+: error: spec\.config\.type: it is "portmap"/]],
  ["a pod that chooses another default route", pod([{ name: "x" }, { name: "y", "default-route": ["10.0.0.1"] }]),
    [`7:61: note: ${networks}[1].default-route: the pod's default route leaves the default network for 10.0.0.1, as ` +
      "it " +
      "asks (Multus up to 4.3 leaves it where it is)"]],
  ["a misspelled key", definition("a", { cniVersion: "1.0.0", type: "bridge", isGatway: true, _comment: "mine" }),
    ["7:50: warning: spec.config.isGatway: it is unknown and ignored, expected isGateway"]],
  ["a key deep inside that nobody reads", definition("a", { ...bridge, ipam: { type: "host-local",
    ranges: [[{ subnet: "10.0.0.0/24", gatewai: "10.0.0.1" }]] } }),
    ["7:152: warning: spec.config.ipam.ranges[0][0].gatewai: it is unknown and ignored, expected gateway"]],
  ["what only the plugin can tell", definition("a", { ...bridge, ipam: { type: "host-local",
    ranges: [[{ subnet: "10.0.0.0/33" }]] } }),
    [/7:\d+: error: spec\.config\.ipam\.ranges\[0\]\[0\]: .*subnet is "10\.0\.0\.0\/33", expected a prefix/]],
  ["another API version", definition("a", bridge).replace("cncf.io/v1", "cncf.io/v2"),
    ['1:1: error: apiVersion: it is "k8s.cni.cncf.io/v2", expected k8s.cni.cncf.io/v1']],
  ["a definition twice", `${definition("a", bridge)}---\n${definition("a", bridge)}`,
    ['12:3: warning: metadata.name: "blue/a" is defined twice among these files, and one replaces the other']],
  ["an API version that is no text", definition("a", bridge).replace("k8s.cni.cncf.io/v1", "[k8s.cni.cncf.io/v1]"),
    ["1:1: error: apiVersion or kind is missing or no text, expected both, as of a cluster's objects"]],
  ["an object without API version", definition("a", bridge).replace("apiVersion", "apiVersoin"),
    ["1:1: error: apiVersion or kind is missing or no text, expected both, as of a cluster's objects"]],
  ["an annotation of nothing but spaces", pod("  "),
    [`7:37: error: ${networks}: element 1: it is empty, expected [namespace/]name[@interface]`]],
  ["a name that is an object", JSON.stringify({ cniVersion: "1.0.0", name: { toString: "x" }, plugins: [bridge] }),
    [/error: name: /]],
  ["an escape that is none, of a character that shows nothing", '{"kind": "\\\0"}', [/error: .*escape/]],
  ["YAML that is none", "a: [1\n", [/2:1: error: .*flow/i]],

  ["a MAC that is none", pod([{ name: "x" }, { name: "storage", mac: "zz" }]),
    [`7:67: error: ${networks}[1].mac: element 2 ("storage"): "mac" is "zz", expected 6, 8 or 20 bytes such as ` +
      "02:00:00:00:00:01"]],
  ["what Multus lets pass", pod([{ name: "x", portMappings: [{ hostPort: 0, containerPort: 80 }] }]),
    [`7:65: warning: ${networks}[0].portMappings[0].hostPort: element 1 ("x"): "portMappings"[0]."hostPort" is 0, ` +
      `expected a port from 1 to 65535 (Multus takes it, polynic only with "strictSelections": false)`]],
  ["broken JSON of an annotation", pod('[{"name": "x"'), [/7:48: error: .*it is not JSON at line 1, column 14/]],
  ["an item of the comma form", pod("x,y@a/b"),
    [`7:37: error: ${networks}: element 2 ("y@a/b"): interface "a/b" cannot be used: it holds "/", ":" or white space`]],
  ["an annotation that is no string",
    "apiVersion: v1\nkind: Pod\nmetadata:\n  annotations:\n    k8s.v1.cni.cncf.io/networks: [x]\n",
    [`5:5: error: ${networks}: it is ["x"], expected a string: put it into quotes or a block`]],
  ["a key of an element that nobody reads", pod([{ name: "x", "example.com/mine": 1, interfase: "y" }]),
    [`7:69: warning: ${networks}[0].interfase: it is unknown and ignored, expected interface`]],
  ["two networks with one interface", pod("x@eth1,y@eth1"),
    [`7:42: error: ${networks}: "y" gets interface "eth1", which "x" has already: expected one name per network`]],
  ["an interface that is another's by position", pod([{ name: "x", interface: "net2" }, { name: "y" }]),
    [`7:68: error: ${networks}[1]: "y" gets interface "net2", which "x" has already: expected one name per network`]],
  ["the default network's interface", pod("x@eth0"),
    [`7:35: error: ${networks}: "x" gets interface "eth0", which the default network has already: expected one name ` +
      "per network"]],
  ["two default routes", pod([{ name: "x", "default-route": ["10.0.0.1"] }, { name: "y",
    "default-route": ["10.0.1.1"] }]),
    [`7:5: error: ${networks}: default-route asks for 2 IPv4 gateways (10.0.0.1 for "x", 10.0.1.1 for "y"), expected ` +
      "at most one of each family over all networks of a pod"]],
  ["two default networks", pod("x").replace("k8s.v1.cni.cncf.io/networks",
    "v1.multus-cni.io/default-network").replace("'x'", "x,y"),
    ['7:5: error: metadata.annotations["v1.multus-cni.io/default-network"]: it names more than one network, expected ' +
      'exactly one']],
  ["ports of the default network",
    `${definition("a", { ...bridge, capabilities: { portMappings: true, ips: true } })}---\n` +
      pod([
        { name: "a", namespace: "blue", ips: ["10.0.0.5"], portMappings: [{ hostPort: 80, containerPort: 80 }] },
      ]).replace("k8s.v1.cni.cncf.io/networks", "v1.multus-cni.io/default-network"),
    [/15:\d+: warning: .*\[0\]\.portMappings: a default network is handed what the runtime sends, not what a pod asks for/]],
  ["a request no plugin takes",
    `${definition("a", bridge)}---\n${pod([{ name: "a", ips: ["10.0.0.5"], bandwidth: { ingressRate: 1 } }])}`,
    [/15:\d+: warning: .*\[0\]\.bandwidth: no plugin of "blue\/a" declares "capabilities": \{"bandwidth": true\}, so it reaches none/]],
  ["a request the network cannot be read with",
    `${definition("a", { ...bridge, ipam: { type: "static" } })}---\n${pod([{ name: "a", ips: ["10.0.0.5"] }])}`,
    [/15:\d+: error: .*\[0\]: with it the network is refused: /]],
  ["arguments that cannot be laid over",
    `${definition("a", { ...bridge, args: "x=y" })}---\n${pod([{ name: "a", "cni-args": { x: 1 } }])}`,
    [/7:\d+: error: spec\.config\.args: it is "x=y"/, /15:\d+: error: .*\[0\]\.cni-args: /]],
  ["a network that is in another namespace", `${definition("a", bridge)}---\n${pod("red/a")}`,
    [`15:35: warning: ${networks}: network "red/a" is not among these files, but "blue/a" is: expected "namespace" ` +
      "where it is meant"]],
  ["a device where the kubelet's is used",
    definition("a", { cniVersion: "1.0.0", type: "host-device" },
      "  annotations: {k8s.v1.cni.cncf.io/resourceName: example.com/nic}\n") +
      `---\n${pod([{ name: "a", deviceID: "0000:01:00.0" }])}`,
    [/\[0\]\.deviceID: "blue\/a" takes its device from resource example\.com\/nic/]],
] as const) {
  linting(`finds ${title}`, async () => {
    const found = await lines({ "a.yaml": text });
    assert.is(found.length, expected.length, found.join("\n"));
    for (const { line, column, path } of await lint({ "a.yaml": text })) {
      const [, key] = /\.([\w-]+)$/.exec(path) ?? [];
      const there = text.split("\n")[line - 1]?.slice(column - 1) ?? "";
      assert.ok(key === undefined || key === "config" || there.startsWith(key) || there.startsWith(`"${key}"`)
        || !text.includes(key), `${path} is not at ${line}:${column}`);
    }
    for (const [index, wanted] of expected.entries()) {
      if (typeof wanted === "string") assert.is(found[index], wanted);
      else assert.match(found[index] ?? "", wanted);
    }
  });
}

for (const [title, text] of [
  ["a definition without a configuration, which a node's file has",
    "apiVersion: k8s.cni.cncf.io/v1\nkind: NetworkAttachmentDefinition\nmetadata: {name: a}\n"],
  ["a network and a pod that fit",
    `${definition("a", bridge)}---\n${pod([{ name: "a", ips: ["10.0.0.5/24"], mac: "02:00:00:00:00:01" }])}`],
  ["a device of the kubelet's for a plugin that needs one",
    definition("a", { cniVersion: "1.0.0", type: "host-device" },
    "  annotations: {k8s.v1.cni.cncf.io/resourceName: example.com/nic}\n")],
  ["a pod whose networks are elsewhere", pod("x,y@lan0")],
  ["an empty annotation", pod("")],
  ["other objects, empty documents and comments",
    "---\n# nothing\n---\napiVersion: v1\nkind: Service\nmetadata: {name: x}\n"],
  ["keys in another case",
    definition("a",
      { CNIVersion: "1.0.0", Type: "bridge", IsGateway: true, IPAM: { Type: "host-local", Subnet: "10.0.0.0/24" } }) +
      `---\n${pod('[{"Name":"x","Interface":"y"}]')}`],
] as const) {
  linting(`leaves ${title} alone`, async () => assert.equal(await lines({ "a.yaml": text }), []));
}

for (const [kind, spec, path] of [
  ["Deployment", "spec:\n  replicas: 2\n  template:\n", "spec.template"],
  ["StatefulSet", "spec:\n  replicas: 2\n  template:\n", "spec.template"],
  ["DaemonSet", "spec:\n  template:\n", "spec.template"],
  ["ReplicaSet", "spec:\n  replicas: 2\n  template:\n", "spec.template"],
  ["Job", "spec:\n  parallelism: 2\n  template:\n", "spec.template"],
  ["CronJob", "spec:\n  jobTemplate:\n   spec:\n    template:\n", "spec.jobTemplate.spec.template"],
] as const) {
  linting(`looks into the pod template of a ${kind}`, async () => {
    const metadata = `        metadata:\n          annotations:\n            k8s.v1.cni.cncf.io/networks: ` +
      `'[{"name":"x","mac":"zz"},{"name":"y","mac":"02:00:00:00:00:01"}]'\n`;
    const found = await lines({ "a.yaml": `apiVersion: apps/v1\nkind: ${kind}\nmetadata: {name: ` +
      `x}\n${spec}${metadata}` });
    assert.ok(found[0]?.includes(`error: ${path}.metadata.annotations["k8s.v1.cni.cncf.io/networks"][0].mac`),
      found.join("\n"));
    // A CronJob's pods come one after the other.
    assert.is(found.length, kind === "CronJob" ? 1 : 2);
    if (kind !== "CronJob") assert.ok(found[1]?.includes("[1].mac: it is asked for by"), found[1]);
  });
}

linting("says of an annotation beside the pod template that nobody reads it", async () => {
  const found = await lines({ "a.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  annotations: " +
    "{k8s.v1.cni.cncf.io/networks: x}\nspec: {template: {}}\n" });
  assert.is(found.length, 1);
  assert.ok(found[0]?.startsWith("4:17: warning:"), found[0]);
});

linting("looks into lists, and at JSON", async () => {
  const list = { apiVersion: "v1", kind: "List", items: [{ apiVersion: "v1", kind: "Pod",
    metadata: { annotations: { "k8s.v1.cni.cncf.io/networks": '[{"name":1}]' } } }] };
  const [finding] = await lint({ "list.json": JSON.stringify(list, null, 2) });
  assert.is(finding?.path, `items[0].${networks}[0].name`);
  assert.is(finding?.line, 10);
});

linting("keeps namespaces apart when asked, or when the multiplexer among the files does", async () => {
  const files = { "a.yaml": pod("default/x,red/y,green/z") };
  assert.equal(await lines(files), []);
  const isolated = await lines(files, { isolated: true });
  assert.is(isolated.length, 2);
  assert.ok(isolated[0]?.includes('"red/y"') && isolated[0].includes('namespace "blue"'), isolated[0]);
  assert.is((await lines(files, { isolated: true, globalNamespaces: "red, green" })).length, 1);
  const multiplexer = JSON.stringify({ cniVersion: "1.0.0", name: "pods", type: "polynic", namespaceIsolation: true,
    globalNamespaces: "green", delegates: [{ name: "n", cniVersion: "1.0.0", type: "bridge" }] });
  const found = await lines({ ...files, "00.conf": multiplexer });
  assert.equal(found.map((line) => /network "([^"]*)"/.exec(line)?.[1]), ["default/x", "red/y"]);
});

const subnet = "10.1.0.0/24", outside = "10.2.0.1";
const unreachable = (key: string, within: string = subnet): string =>
  `error: ${key}: it is "${outside}", which no address reaches: no route can go over it, expected one within ${within}`;
for (const [title, more, ipam, expected] of [
  ["the default gateway", { isDefaultGateway: true }, { type: "host-local", subnet, gateway: outside },
    [unreachable("ipam.gateway")]],
  ["that of a route, of one of several ranges", {}, { type: "host-local", routes: [{ dst: "0.0.0.0/0" }],
    ranges: [[{ subnet, gateway: outside }, { subnet: "10.3.0.0/24" }]] },
    [unreachable("ipam.ranges[0][0].gateway", `${subnet} or 10.3.0.0/24`)]],
  ["a route's own", {}, { type: "static", addresses: [{ address: "10.1.0.5/24" }],
    routes: [{ dst: "0.0.0.0/0", gw: outside }] }, [unreachable("ipam.routes[0].gw", "10.1.0.5/24")]],
  ["one that no route goes over", {}, { type: "host-local", subnet, gateway: outside }, []],
  ["one behind the first, which is the subnet's", { isDefaultGateway: true }, { type: "host-local", subnet,
    ranges: [[{ subnet: "10.3.0.0/24", gateway: outside }]] }, []],
  ["one that a route leads to", {}, { type: "static", addresses: [{ address: "10.1.0.5/24", gateway: "10.1.0.1" }],
    routes: [{ dst: `${outside}/32`, scope: 253 }, { dst: "0.0.0.0/0", gw: outside }] }, []],
  ["a link-local one", { isDefaultGateway: true }, { type: "static",
    addresses: [{ address: "fd00::5/64", gateway: "fe80::1" }] }, []],
  ["ptp's, to which it makes a route", { type: "ptp" }, { type: "host-local", subnet, gateway: outside,
    routes: [{ dst: "0.0.0.0/0" }] }, []],
] as const) {
  linting(`${expected.length > 0 ? "finds" : "allows"} a gateway outside of every subnet: ${title}`, async () => {
    const found = await lint({ "00.conf": JSON.stringify({ cniVersion: "1.0.0", name: "a", type: "bridge", ipam,
      ...more }, null, 2) });
    assert.equal(found.map((finding) => findingLine(finding).replace(/^[^ ]+ /, "")), expected);
  });
}

linting("takes what polynic and podman keep in a list's args, and nothing else there", async () => {
  const list = (args: object): Promise<readonly string[]> => lines({ "00.conflist":
    JSON.stringify({ cniVersion: "1.0.0", name: "a", args, plugins: [{ type: "bridge" }] }) });
  assert.equal(await list({ polynic: { made: "br0" }, podman_labels: { a: "b" } }), []);
  assert.match((await list({ cni: { ips: [] } })).join(), /args: it is unknown and ignored/);
});

for (const [title, file, json, expected] of [
  ["a key of the multiplexer", "00.conf", { name: "pods", type: "polynic", cniVersion: "1.0.0", delegates: {} },
    ["error: delegates: it is {}, expected a list of network configurations"]],
  ["a multiplexer without networks", "00.conf", { name: "pods", type: "polynic", cniVersion: "1.0.0" },
    ["error: neither delegates nor clusterNetwork is set, expected one of them"]],
  ["a network inside the multiplexer", "00.conf", { name: "pods", type: "polynic", cniVersion: "1.0.0",
    delegates: [{ name: "a", cniVersion: "1.0.0", type: "macvlan", mode: "x" }] },
    ['error: delegates[0].mode: it is "x", expected bridge, private, vepa or passthru']],
  ["a capability no runtime sends", "00.conf", { name: "pods", type: "polynic", cniVersion: "1.0.0",
    delegates: [{ name: "a", cniVersion: "1.0.0", plugins: [{ type: "bridge" },
    { type: "portmap", capabilities: { portMappings: true } }] }] },
    ['warning: delegates[0].plugins[1].capabilities.portMappings: it is declared by the plugin only, so no runtime ' +
      'sends it: expected "capabilities": {"portMappings": true} in the configuration of polynic too']],
  ["delegates nobody reads", "00.conf", { name: "pods", type: "multus", cniVersion: "1.0.0", clusterNetwork: "x",
    delegates: [{}] }, ["warning: delegates: it is unused beside clusterNetwork, expected one of the two"]],
  ["a key of the daemon that nothing leads to", "00.conf", { name: "pods", type: "polynic", cniVersion: "1.0.0",
    hotPlug: true, delegates: [{ name: "a", cniVersion: "1.0.0", type: "bridge" }] },
    ["warning: hotPlug: nothing is watched before a call leads to a cluster, expected kubeconfig beside it"]],
  ["a key of the daemon that is no switch", "00.conf", { name: "pods", type: "polynic", cniVersion: "1.0.0",
    hotPlug: "yes", kubeconfig: "/k", delegates: [{ name: "a", cniVersion: "1.0.0", type: "bridge" }] },
    ['error: hotPlug: it is "yes", expected true or false']],
  ["a misspelled key of the multiplexer", "00.conf", { name: "pods", type: "multus", cniVersion: "1.0.0",
    clusterNetwork: "x", kubeconfg: "/x" }, ["warning: kubeconfg: it is unknown and ignored, expected kubeconfig"]],
  ["a list in a .conf file", "00.conf", { name: "pods", cniVersion: "1.0.0", plugins: [{ type: "bridge" }] },
    ["error: it is a list of plugins, which is read from a file that ends in .conflist only"]],
  ["a single plugin in a .conflist file", "00.conflist", { name: "pods", cniVersion: "1.0.0", type: "bridge" },
    ["error: it is a single plugin, expected a list in a file that ends in .conflist"]],
  ["a file without a name", "00.conf", { cniVersion: "1.0.0", type: "bridge" },
    ["error: name: it is missing, expected a string"]],
  ["a name that cannot be a network's", "00.conflist", { name: "a b", cniVersion: "1.0.0",
    plugins: [{ type: "bridge" }] },
    ['error: name: it is "a b", expected a letter or digit, then letters, digits, "_", "." or "-"']],
  ["a plugin of a list", "00.conflist", { name: "a", cniVersion: "1.0.0", plugins: [{ type: "bridge", mtu: "big" }] },
    ['error: plugins[0].mtu: it is "big", expected an integer']],
  ["the multiplexer as a plugin of a list", "00.conflist", { name: "a", cniVersion: "1.0.0",
    plugins: [{ type: "polynic", delegates: [{ name: "b", type: "bridge", cniVersion: "9.9.9" }] }] },
    ['error: plugins[0].delegates[0].cniVersion: it is "9.9.9", expected one of 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, ' +
      '1.0.0, 1.1.0']],
] as const) {
  linting(`finds ${title}`, async () => {
    const found = await lint({ [file]: JSON.stringify(json, null, 2) });
    assert.equal(found.map((finding) => findingLine(finding).replace(/^[^ ]+ /, "")), expected);
  });
}

linting("takes plugins without a name in a list's folder for what they are", async () => {
  const files = { "00.conflist": JSON.stringify({ name: "pods", cniVersion: "1.0.0", plugins: [{ type: "bridge" }] }),
    "pods/10.conf": JSON.stringify({ type: "portmap" }) };
  assert.equal(await lines(files), []);
});

linting("names the line of JSON that is none", async () => {
  assert.ok((await lines({ "00.conf": '{\n  "name": "a",\n  "type" "bridge"\n}' }))[0]?.startsWith("3:10: error: it is not JSON"));
});

linting("says of a named file that nothing of it was checked, and nothing of one in a directory", async () => {
  const files = { "x.json": '{"a": 1}' };
  assert.equal(await lines(files), []);
  assert.is((await lint(files, {}, ["x.json"]))[0]?.message,
    "it is neither an object of a cluster nor a CNI configuration: nothing of it was checked");
});

linting("cannot read what is not there", async () => {
  assert.ok((await rejects(Promise.resolve().then(() => sourcesOf(join(directory, "none"))),
    5)).message.endsWith("/none: it is not there, expected a file, a directory, or - for stdin"));
});

linting.run();
