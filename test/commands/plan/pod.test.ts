// polynic plan of a pod: of the cluster and of a manifest, held against what the ADD then does and publishes.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import type { ApiServer } from "../../helpers/api-server.ts";
import { startApiServer } from "../../helpers/api-server.ts";
import { runExecutable } from "../../helpers/executable.ts";
import { attempt, ipJson, kernelSuite, run } from "../../helpers/netns.ts";
import { confDir, emptyMachine, restoreMachine, typed, typedJson, writeConf } from "../../helpers/typed.ts";

const networksKey = "k8s.v1.cni.cncf.io/networks", statusKey = "k8s.v1.cni.cncf.io/network-status";
const lan = { cniVersion: "1.0.0", type: "macvlan", master: "uplink",
  ipam: { type: "static", addresses: [{ address: "192.168.7.9/24" }] } };
const primary = { cniVersion: "1.0.0", name: "primary", plugins: [
  { type: "bridge", bridge: "pods0", isGateway: true, ipam: { type: "host-local",
    ranges: [[{ subnet: "10.1.0.0/24" }]], routes: [{ dst: "0.0.0.0/0" }] } },
  { type: "portmap", backend: "nftables", capabilities: { portMappings: true } }] };
const spec = { containers: [{ ports: [{ hostPort: 8080, containerPort: 80 }, { containerPort: 443 }] }] };

let api: ApiServer;
const plan = kernelSuite("polynic plan of a pod", import.meta.url, { needs: ["nft_nat", "macvlan"] });
plan.before(async () => {
  emptyMachine();
  api = await startApiServer();
  run("ip", "netns", "add", "pod");
  // Only the definition names it, and it has no address.
  run("ip", "link", "add", "uplink", "type", "veth", "peer", "name", "far");
  run("ip", "link", "set", "uplink", "up");
  await api.putDefinition({ namespace: "blue", name: "lan", config: lan });
  await api.putPod({ namespace: "blue", name: "web", uid: "u-1", annotations: { [networksKey]: "lan@lan0" }, spec });
  writeConf("20-primary.conflist", primary);
  writeConf("00-polynic.conflist", nodeConf(api.kubeconfig));
});
plan.after(async () => {
  await api.stop();
  for (const name of ["pods0", "uplink"]) attempt("ip", "link", "del", name);
  run("ip", "netns", "del", "pod");
  restoreMachine();
});

function nodeConf(kubeconfig: string | undefined): object {
  return { cniVersion: "1.0.0", name: "node", plugins: [{ type: "polynic", capabilities: { portMappings: true },
    clusterNetwork: join(confDir, "20-primary.conflist"), ...(kubeconfig === undefined ? {} : { kubeconfig }) }] };
}

/** Words of all steps. */
const said = ({ steps }: { readonly steps: readonly any[] }): readonly string[] => steps.map(({ what }) => what);
const commands = ({ steps }: { readonly steps: readonly any[] }): readonly string[] => (
  steps.flatMap((step) => step.commands));

/** What a pod is told to have, without what chance makes. */
function statusIn(text: string): readonly object[] {
  return JSON.parse(text).map(({ mac: _, ...entry }: any) => entry);
}

plan("tells what the ADD then does, and publishes nothing", async () => {
  const { status, json } = typedJson("plan", "blue/web");
  assert.is(status, 0, JSON.stringify(json));
  assert.is((await api.getPod({ namespace: "blue", name: "web" }))?.["metadata"].annotations[statusKey], undefined);
  assert.equal(await api.events(), []);
  assert.equal(ipJson("link show type bridge"), []);

  const all = said(json), published = commands(json).find((line) => line.startsWith("kubectl ")) ?? "";
  assert.ok(all.some((what) => what.startsWith('add macvlan "lan0" on "uplink" of the host')), all.join("\n"));
  assert.ok(commands(json).some((line) =>
    /^nft add rule ip cni_hostport .*dport 8080 dnat to 10\.1\.0\.2:80/.test(line)),
    commands(json).join("\n"));
  assert.ok(all.some((what) => /^record event Normal AddedInterface of pod "blue\/web": Add lan0/.test(what)),
    all.join("\n"));
  const [, text = ""] = /^kubectl -n blue annotate --overwrite pod web \S+network-status='(.*)'$/.exec(published) ?? [];

  const added = runExecutable({ env: { CNI_COMMAND: "ADD", CNI_CONTAINERID: "c1", CNI_NETNS: "/run/netns/pod",
    CNI_IFNAME: "eth0", CNI_PATH: "/none",
    CNI_ARGS: "IgnoreUnknown=1;K8S_POD_NAMESPACE=blue;K8S_POD_NAME=web;K8S_POD_UID=u-1" },
    stdin: { ...Object(nodeConf(api.kubeconfig)).plugins[0], name: "node", cniVersion: "1.0.0",
      runtimeConfig: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }] } } });
  assert.is(added.status, 0, added.stdout);
  const now = (await api.getPod({ namespace: "blue", name: "web" }))?.["metadata"].annotations[statusKey];
  assert.equal(statusIn(text), statusIn(now));
  assert.equal(ipJson("-n pod link show").map(({ ifname }) => ifname).toSorted(), ["eth0", "lan0", "lo"]);
});

const manifest = [
  { apiVersion: "k8s.cni.cncf.io/v1", kind: "NetworkAttachmentDefinition", metadata: { name: "new", namespace: "red" },
    spec: { config: JSON.stringify(lan) } },
  { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "shop", namespace: "red" },
    spec: { replicas: 1, template: { metadata: { annotations: { [networksKey]: "new, blue/lan" } }, spec } } },
];

plan("is of a manifest's, with definitions of the file and of the cluster", async () => {
  const file = "/run/shop.yaml";
  writeFileSync(file, manifest.map((one) => JSON.stringify(one)).join("\n---\n"));
  const { status, json } = typedJson("plan", file);
  assert.is(status, 0, JSON.stringify(json));
  for (const name of ["net1", "net2"])
    assert.ok(said(json).some((what) => what.startsWith(`add macvlan "${name}" on "uplink"`)), said(json).join("\n"));
  assert.ok(commands(json).some((line) => line.startsWith("kubectl -n red annotate --overwrite pod shop ")));
  const piped = runExecutable({ args: ["plan", "-"],
    stdin: manifest.map((one) => JSON.stringify(one)).join("\n---\n") });
  assert.equal([piped.status, piped.stderr], [0, ""]);
});

plan("is of a manifest's without any cluster", () => {
  const file = "/run/alone.yaml", directory = "/run/alone";
  run("mkdir", "-p", directory);
  writeFileSync(file, manifest.map((one) => JSON.stringify(one)).join("\n---\n").replace(", blue/lan", ""));
  writeFileSync(join(directory, "00.conflist"), JSON.stringify(nodeConf(undefined)));
  const { status, json } = typedJson("plan", file, "--conf-dir", directory);
  assert.is(status, 0, JSON.stringify(json));
  assert.ok(said(json).some((what) => what.startsWith('add macvlan "net1" on "uplink"')));
});

for (const [title, words, says] of [
  ["a pod that is not there", ["blue/wbe"], /Cannot find pod "blue\/wbe": the cluster has none of that name/],
  ["a network that is not there", ["blue/lost"], /namespace "blue" has no NetworkAttachmentDefinition "nowhere"/],
  ["a pod where no cluster is known", ["blue/web", "--conf-dir", "/run/alone"],
    /names no cluster, expected its kubeconfig/],
  ["a pod where nothing is the multiplexer's", ["blue/web", "--conf-dir", "/run/netns"],
    /is the multiplexer's, expected/],
  ["a manifest without a pod", ["/run/none.yaml"], /there is no pod in it, expected a Pod/],
  ["a manifest with several", ["/run/several.yaml"], /several pods in it \(red\/a, red\/b\), expected one/],
] as const) {
  plan(`says what would be right: ${title}`, async () => {
    const pod = (name: string) =>
      JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "red" } });
    writeFileSync("/run/none.yaml", JSON.stringify(manifest[0]));
    writeFileSync("/run/several.yaml", `${pod("a")}\n---\n${pod("b")}\n`);
    await api.putPod({ namespace: "blue", name: "lost", annotations: { [networksKey]: "nowhere" } });
    const { status, stderr } = typed("plan", ...words);
    assert.ok(status === 1 || status === 2, stderr);
    assert.match(stderr, says);
  });
}
plan.run();
