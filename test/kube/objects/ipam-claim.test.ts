// src/kube/objects/ipam-claim.ts: an IPAMClaim read and written, among others who write to it.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { code } from "../../../src/cni/index.ts";
import type { Cluster, IpamClaim } from "../../../src/kube/index.ts";
import { openCluster } from "../../../src/kube/index.ts";
import { formatAddress } from "../../../src/net/index.ts";
import type { ApiServer } from "../../helpers/api-server.ts";
import { startApiServer } from "../../helpers/api-server.ts";
import { rejects } from "../../helpers/errors.ts";
import { testWorld } from "../../helpers/kube-world.ts";

const key = { namespace: "shop", name: "vm.lan" }, status = { ips: ["10.1.2.3/24", "fd00::3/64"], pod: "virt-1" };
const spec = { network: "lan", interface: "net1" };

let api: ApiServer, cluster: Cluster;

const put = async (more: object = {}) => await api.put("ipamclaims", { metadata: key, spec, ...more });
const object = async () => await api.get("ipamclaims", key.namespace, key.name);

async function read(): Promise<IpamClaim> {
  const claim = await cluster.getIpamClaim(key);
  if (claim === undefined) throw new Error("the test has put the claim there");
  return claim;
}

const claims = suite("IPAMClaims");
claims.before(async () => { api = await startApiServer(); });
claims.before.each(async () => {
  await api.heal();
  await api.allowAll();
  await put();
  const opened = openCluster({ kubeconfig: api.kubeconfig, env: {}, deadlineMs: 30_000 }, testWorld());
  if (opened === undefined) throw new Error("there is a kubeconfig");
  cluster = opened;
});
claims.after.each(() => cluster.close());
claims.after(async () => await api.stop());

claims("are read with what they are for and what they have had", async () => {
  await put({ status: { ips: ["10.1.2.3/24", "fd00::3"] } });
  const { network, ifName, addresses } = await read();
  assert.equal([network, ifName, addresses.map(formatAddress)], ["lan", "net1", ["10.1.2.3", "fd00::3"]]);
  await put({ spec: {} });
  const bare = await read();
  assert.equal([bare.network, bare.ifName, bare.addresses], ["", "", []]);
  assert.is(await cluster.getIpamClaim({ ...key, name: "none" }), undefined);
});

claims("get addresses and their pod, and keep all else", async () => {
  const conditions = [{ type: "IPsAllocated", status: "True" }];
  await put({ status: { ips: [], conditions } });
  assert.is(await cluster.setClaimStatus(await read(), status), "written");
  const written = await object();
  assert.equal(written?.["status"], { ips: status.ips, conditions, ownerPod: { name: "virt-1" } });
  assert.equal(written?.["spec"], spec);
  const count = (await api.requests()).length;
  assert.is(await cluster.setClaimStatus(await read(), status), "written");
  assert.is((await api.requests()).length, count + 1, "what is so already is not written");
});

claims("are written in spite of others, unless they are gone", async () => {
  const claim = await read();
  await put({ status: { ips: [], conditions: [] } });
  assert.is(await cluster.setClaimStatus(claim, status), "written");
  assert.equal((await object())?.["status"], { ips: status.ips, conditions: [], ownerPod: { name: "virt-1" } });
  await api.remove("ipamclaims", key.namespace, key.name);
  assert.is(await cluster.setClaimStatus(claim, status), "gone");
  await put();
  await api.fault({ kind: "409", match: { method: "PUT", path: "/ipamclaims/" }, times: 100 });
  await rejects(cluster.setClaimStatus(await read(), status), code.tryAgainLater);
});

claims("say what is wrong with them", async () => {
  for (const ips of ["10.1.2.3", [7], ["10.1.2"], Array.from({ length: 300 }, () => "10.1.2.3")]) {
    await put({ status: { ips } });
    assert.match((await rejects(read(), code.cluster)).message, /IPAMClaim "shop\/vm\.lan": status\.ips is .*expected/);
  }
});

claims("say which permission or definition is missing", async () => {
  const claim = await read();
  await api.deny({ resource: "ipamclaims/status" });
  assert.match((await rejects(cluster.setClaimStatus(claim, status), code.cluster)).message,
    /permission to update ipamclaims\/status\.k8s\.cni\.cncf\.io in namespace "shop"/);
  await api.serve("ipamclaims", false);
  try {
    const { message } = await rejects(read(), code.cluster);
    assert.match(message, /definition ipamclaims\.k8s\.cni\.cncf\.io with version v1alpha1 to be installed/);
  } finally {
    await api.serve("ipamclaims", true);
  }
});

claims.run();
