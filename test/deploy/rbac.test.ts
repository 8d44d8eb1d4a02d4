// The role permits what polynic asks of the API and nothing else, and the kubeconfig that polynic install writes leads
// there.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseAllDocuments } from "yaml";
import { keepClusters, openCluster } from "../../src/kube/index.ts";
import type { LoggedRequest } from "../helpers/api-server.ts";
import { startApiServer } from "../helpers/api-server.ts";
import { confDir, pretendNode } from "../helpers/pretend-node.ts";

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

function permitted(directory: string): readonly string[] {
  const text = readFileSync(join(import.meta.dirname, "..", "..", "deploy", directory, "rbac.yaml"), "utf8");
  const role = parseAllDocuments(text).map((document) => document.toJS()).find(({ kind }) => kind === "ClusterRole");
  const rules: readonly Rule[] = role.rules;
  return rules.flatMap(({ apiGroups, resources,
    verbs }) => apiGroups.flatMap((group) =>
      resources.flatMap((resource) => verbs.map((verb) => `${verb} ${group}/${resource}`)))).sort();
}

/** A request as the authorizer sees it (kubernetes.io, "Authorization overview": request verbs). */
function asked({ method, path, query }: LoggedRequest): string {
  const parts = /^\/(?:api|apis\/([^/]+))\/v1(?:\/namespaces\/[^/]+)?\/([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/;
  const [, group = "", resource = "", name, subresource] = parts.exec(path) ?? [];
  const reading = query.includes("watch=true") ? "watch" : name === undefined ? "list" : "get";
  const verb = { GET: reading, PUT: "update", POST: "create", PATCH: "patch", DELETE: "delete" }[method] ?? method;
  return `${verb} ${group}/${subresource === undefined ? resource : `${resource}/${subresource}`}`;
}

const role = suite("the cluster role");

role("permits exactly what the client asks, through the kubeconfig polynic install has written, also after the token " +
  "has changed", async () => {
  const api = await startApiServer();
  using node = pretendNode({ account: false });
  try {
    const web = { namespace: "blue", name: "web" }, net = { namespace: "blue", name: "net1" };
    await api.putPod({ ...web, status: { resourceClaimStatuses: [{ name: "nic", resourceClaimName: "web-nic" }] } });
    await api.put("resourceclaims", { metadata: { namespace: "blue", name: "web-nic" },
      status: { allocation: { devices: { results: [{ driver: "d", pool: "p", device: "vf" }] } } } });
    await api.putDefinition({ ...net, config: { type: "bridge" } });
    node.write(`${confDir}/10-flannel.conflist`, { cniVersion: "1.0.0", name: "cbr0", plugins: [{ type: "flannel" }] });
    const install = () => node.install(["--service-account-dir", api.serviceAccountDirectory], undefined, api.env);
    install();
    const kubeconfig = join(node.root, confDir, "polynic.d", "kubeconfig");
    for (const round of [1, 2]) {
      const cluster = openCluster({ kubeconfig, env: {}, deadlineMs: 10_000, version: "1.2.3" });
      const pod = await cluster?.getPod(web);
      if (cluster === undefined || pod === undefined) throw new Error(`Expected the pod in round ${round}`);
      assert.ok(await cluster.getDefinition(net));
      await cluster.getAllocatedDevices(pod);
      assert.is(await cluster.setNetworkStatus(pod, `[${round}]`), "written");
      assert.is(await cluster.recordEvent(pod, { type: "Normal", reason: "AddedInterface", message: "Add eth0" }),
        undefined);
      cluster.close();
      await api.renewToken();
      install();
    }
    assert.equal([...new Set((await api.requests()).map(asked))].sort(), permitted("base"));
  } finally {
    await api.stop();
  }
});

role("of the daemon permits exactly what it asks besides", async () => {
  const api = await startApiServer();
  const clusters = keepClusters({ nodeName: "worker-1", userAgent: "polynic/test", log: () => {} });
  try {
    clusters.of({ kubeconfig: api.kubeconfig, env: {} });
    while ((await api.requests()).length < 2) await sleep(5);
    assert.equal([...new Set((await api.requests()).map(asked))].sort(), permitted("daemon"));
  } finally {
    clusters.close();
    await api.stop();
  }
});

role.run();
