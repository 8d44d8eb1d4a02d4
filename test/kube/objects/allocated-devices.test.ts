// src/kube/objects/allocated-devices.ts: what dynamic resource allocation gave a pod, from its claims and the slices.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { code } from "../../../src/cni/index.ts";
import type { Cluster } from "../../../src/kube/index.ts";
import { openCluster } from "../../../src/kube/index.ts";
import type { ApiServer } from "../../helpers/api-server.ts";
import { startApiServer } from "../../helpers/api-server.ts";
import { rejects } from "../../helpers/errors.ts";
import { testWorld } from "../../helpers/kube-world.ts";

const web = { namespace: "shop", name: "web" }, driver = "nic.example";
const made = { resourceClaimStatuses: [{ name: "nic", resourceClaimName: "web-nic" }] };

let api: ApiServer, cluster: Cluster;

/** A device as its driver describes it; one without an id is no network's. */
const device = (name: string, resource: string, id?: string) => ({ name, attributes: {
  "k8s.cni.cncf.io/resourceName": { string: resource }, "nic.example/speed": { int: 10 },
  ...(id === undefined ? {} : { "k8s.cni.cncf.io/deviceID": { string: id } }),
} });

async function slice(name: string, devices: readonly object[], more: object = {}): Promise<void> {
  await api.put("resourceslices", { metadata: { name },
    spec: { driver, nodeName: "worker", pool: { name: "worker", generation: 2 }, devices, ...more } });
}

async function claim(name: string, ...devices: readonly string[]): Promise<void> {
  const results = devices.map((one) => ({ request: "nic/first", driver, pool: "worker", device: one }));
  await api.put("resourceclaims", { metadata: { namespace: "shop", name },
    status: { allocation: { devices: { results } } } });
}

async function allocated(status: object, spec: object = {}): Promise<object> {
  await api.putPod({ ...web, spec: { nodeName: "worker", ...spec }, status: { ...status } });
  const pod = await cluster.getPod(web);
  if (pod === undefined) throw new Error("the test has put the pod there");
  return Object.fromEntries(await cluster.getAllocatedDevices(pod));
}

const devices = suite("devices of a pod's claims");
devices.before(async () => { api = await startApiServer(); });
devices.before.each(async () => {
  await api.allowAll();
  const opened = openCluster({ kubeconfig: api.kubeconfig, env: {}, deadlineMs: 30_000 }, testWorld());
  if (opened === undefined) throw new Error("there is a kubeconfig");
  cluster = opened;
  await slice("one", [device("vf1", "nic_a", "0000:01:00.1"), device("gpu", "gpu")]);
  await slice("two", [device("vf2", "nic_a", "0000:01:00.2"), device("vf3", "nic_b", "0000:01:00.3")]);
  await slice("old", [device("vf1", "nic_old", "0000:09:00.1")], { pool: { name: "worker", generation: 1 } });
  await slice("away", [device("vf1", "nic_away", "0000:08:00.1")], { nodeName: "other" });
  await claim("web-nic", "vf1", "gpu", "vf2", "gone");
  await claim("named", "vf3");
});
devices.after.each(() => cluster.close());
devices.after(async () => await api.stop());

devices("are those with both attributes, in any slice of their pool that is of its newest generation", async () => {
  assert.equal(await allocated(made), { nic_a: ["0000:01:00.1", "0000:01:00.2"] });
});

devices("are of every claim that was made for the pod or that it names, each once", async () => {
  const spec = { resourceClaims: [{ name: "nic", resourceClaimTemplateName: "t" },
    { name: "more", resourceClaimName: "named" }, { name: "again", resourceClaimName: "named" }] };
  assert.equal(await allocated(made, spec), { nic_a: ["0000:01:00.1", "0000:01:00.2"], nic_b: ["0000:01:00.3"] });
});

devices("are asked for where there are claims alone", async () => {
  const before = (await api.requests()).length;
  assert.equal(await allocated({}), {});
  assert.equal((await api.requests()).slice(before).map(({ path }) => path), ["/api/v1/namespaces/shop/pods/web"]);
});

devices("of extended resources are of the resource that the pod asks for", async () => {
  const asking = (resourceName: string) => ({ extendedResourceClaimStatus: { resourceClaimName: "named",
    requestMappings: [{ containerName: "main", resourceName, requestName: "nic" }] } });
  assert.equal(await allocated(asking("nic_b")), { nic_b: ["0000:01:00.3"] });
  assert.match((await rejects(allocated(asking("nic_c")), code.invalidConfig)).message,
    'Cannot use device "vf3" of pod "shop/web": its driver has it under resource "nic_b", expected "nic_c"');
});

devices("that are not allocated yet are waited for, and those we may not ask about are an error", async () => {
  await api.put("resourceclaims", { metadata: { namespace: "shop", name: "web-nic" }, status: {} });
  assert.match((await rejects(allocated(made), code.tryAgainLater)).message,
    'Cannot use ResourceClaim "shop/web-nic" of pod "shop/web": it has no allocation yet');
  await api.deny({ resource: "resourceclaims" });
  assert.match((await rejects(allocated(made), code.cluster)).message,
    "permission to get resourceclaims.resource.k8s.io");
});
devices.run();
