// What the client makes of a server that answers, in every way it may: pods, definitions, refusals, repeated tries.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { connect } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { dirname, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { code } from "../../src/cni/index.ts";
import type { Cluster, ClusterOptions } from "../../src/kube/index.ts";
import { openCluster } from "../../src/kube/index.ts";
import type { ApiServer, FaultKind } from "../helpers/api-server.ts";
import { startApiServer } from "../helpers/api-server.ts";
import { rejects } from "../helpers/errors.ts";
import type { TestWorld } from "../helpers/kube-world.ts";
import { testWorld } from "../helpers/kube-world.ts";
import { waitLimitMs } from "../helpers/limits.ts";

const web = { namespace: "blue", name: "web" };
const net1 = { namespace: "blue", name: "net1" };

let api: ApiServer;

/** A client whose sleeps take no time. */
function client(options: Partial<ClusterOptions> = {}, world: TestWorld = testWorld()): Cluster {
  const cluster = openCluster({ kubeconfig: api.kubeconfig, env: {}, deadlineMs: 30_000, tryTimeoutMs: 20_000,
    version: "1.2.3", ...options }, world);
  if (cluster === undefined) throw new Error("there is a kubeconfig");
  return cluster;
}

function clusterSuite(name: string): ReturnType<typeof suite> {
  const tests = suite(name);
  tests.before(async () => {
    api = await startApiServer({ basic: "admin:secret" });
  });
  tests.before.each(async () => {
    await api.heal();
    await api.allowAll();
    await api.serveDefinitions(true);
    await api.putPod({ ...web, uid: "uid-1", annotations: { "k8s.v1.cni.cncf.io/networks": "net1" } });
    await api.putDefinition({ ...net1, config: { type: "bridge" } });
  });
  tests.after(async () => await api.stop());
  return tests;
}

/** How many requests `work` made. */
async function requestsOf(work: () => Promise<unknown>): Promise<number> {
  const before = (await api.requests()).length;
  await work();
  return (await api.requests()).length - before;
}

const reading = clusterSuite("getPod and getDefinition");

reading("a pod is given with its UID, its annotations and the object itself", async () => {
  const pod = await client().getPod(web);
  assert.equal({ ...pod, object: undefined }, { ...web, uid: "uid-1",
    annotations: { "k8s.v1.cni.cncf.io/networks": "net1" }, isStatic: false, object: undefined });
  assert.equal(pod?.object, await api.getPod(web));
});

reading("a pod without annotations has none", async () => {
  await api.putPod({ namespace: "blue", name: "plain" });
  assert.equal((await client().getPod({ namespace: "blue", name: "plain" }))?.annotations, {});
});

for (const [source, isStatic] of [["file", true], ["http", true], ["api", false]] as const) {
  reading(`a pod whose config.source is ${source} is ${isStatic ? "" : "not "}static`, async () => {
    await api.putPod({ ...web, annotations: { "kubernetes.io/config.source": source } });
    assert.is((await client().getPod(web))?.isStatic, isStatic);
  });
}

reading("what the API does not have is undefined", async () => {
  assert.is(await client().getPod({ namespace: "blue", name: "gone" }), undefined);
  assert.is(await client().getDefinition({ namespace: "green", name: "net1" }), undefined);
});

reading("a definition is given as the API has it", async () => {
  assert.equal((await client().getDefinition(net1))?.["spec"], { config: '{"type":"bridge"}' });
});

reading("requests ask for JSON and name us", async () => {
  await client().getPod(web);
  const request = (await api.requests()).at(-1);
  assert.equal([request?.userAgent, request?.headers["accept"]], ["polynic/1.2.3", "application/json"]);
});

reading("names are escaped in addresses", async () => {
  assert.is(await client().getPod({ namespace: "blue", name: "web/../../x?y" }), undefined);
  assert.is((await api.requests()).at(-1)?.path, "/api/v1/namespaces/blue/pods/web%2F..%2F..%2Fx%3Fy");
});

reading("requests one after the other use one connection, many at once no more than three", async () => {
  const before = await api.connections();
  const cluster = client();
  await cluster.getPod(web);
  await cluster.getPod(web);
  assert.is(await api.connections() - before, 1);
  await Promise.all(Array.from({ length: 8 }, () => cluster.getDefinition(net1)));
  assert.is(await api.connections() - before, 3);
  cluster.close();
});

reading("a connection that the server closed meanwhile is replaced", async () => {
  const cluster = client();
  await cluster.getPod(web);
  await api.dropIdleConnections();
  assert.is((await cluster.getPod(web))?.uid, "uid-1");
});

const answers: readonly [string, string, RegExp][] = [
  ["of another name", '{"metadata":{"name":"other","namespace":"blue","uid":"u"}}',
    /metadata\.name is "other", expected "web"/],
  ["of another namespace", '{"metadata":{"name":"web","namespace":"green","uid":"u"}}',
    /metadata\.namespace is "green", expected "blue"/],
  ["without metadata", "{}", /metadata is missing, expected an object/],
  ["without a UID", '{"metadata":{"name":"web","namespace":"blue"}}', /metadata\.uid is missing, expected a text/],
  ["with an annotation that is no text",
    '{"metadata":{"name":"web","namespace":"blue","uid":"u","annotations":{"a":1}}}',
    /metadata\.annotations\["a"\] is 1, expected a text/],
];
for (const [title, body, message] of answers) {
  reading(`an object ${title} is refused`, async () => {
    await api.fault({ kind: "answer", body });
    assert.match((await rejects(client().getPod(web), code.cluster)).message, message);
  });
}

reading.run();

const telling = clusterSuite("a pod that cannot be told");

const foreign: readonly [string, { kind: FaultKind; status?: number; body?: string; contentType?: string }][] = [
  ["a page with status 404", { kind: "html" }],
  ["a page with status 200", { kind: "html", status: 200 }],
  ["an empty 404", { kind: "answer", status: 404, body: "" }],
  ["a 404 in JSON that is no Status", { kind: "answer", status: 404, body: '{"error":"no such route"}' }],
  ["a NotFound that is no Status", { kind: "answer", status: 404,
    body: '{"kind":"Error","reason":"NotFound","details":{"name":"web"}}' }],
  ["a redirection", { kind: "answer", status: 302, body: "" }],
  ["a list", { kind: "answer", body: "[]" }],
];
for (const [title, fault] of foreign) {
  telling(`${title} does not mean that there is no pod`, async () => {
    await api.fault(fault);
    assert.match((await rejects(client().getPod(web), code.tryAgainLater)).message,
      /^Cannot get pod "blue\/web": the answer is \d+ ".*", expected /);
  });
}

telling("the API's plain 404 does not mean that there is no pod", async () => {
  await api.fault({ kind: "answer", status: 404, contentType: "text/plain", body: "404 page not found\n" });
  assert.match((await rejects(client().getPod(web), code.tryAgainLater)).message,
    /the answer is 404 "404 page not found"/);
});

telling("a NotFound about something else does not mean that there is no pod", async () => {
  await api.fault({ kind: "404" });
  assert.match((await rejects(client().getPod(web), code.cluster)).message,
    /said 404 "a fault of the test: NotFound", expected success/);
});

telling("a missing custom resource definition is told, as the API says it", async () => {
  await api.serveDefinitions(false);
  const { message } = await rejects(client().getDefinition(net1), code.cluster);
  assert.is(message, 'Cannot get NetworkAttachmentDefinition "blue/net1": the API knows no such objects ' +
    '(404 "404 page not found"), expected the custom resource definition ' +
    "network-attachment-definitions.k8s.cni.cncf.io with version v1 to be installed");
});

telling("a missing custom resource definition is told, as clients of the API say it", async () => {
  const body = JSON.stringify({ kind: "Status", status: "Failure",
    message: "the server could not find the requested resource", reason: "NotFound", details: {}, code: 404 });
  await api.fault({ kind: "answer", status: 404, body });
  assert.match((await rejects(client().getDefinition(net1), code.cluster)).message,
    /could not find the requested resource.*custom resource definition/);
});

telling("an object longer than 8 MiB is not read, nor asked for again", async () => {
  await api.fault({ kind: "answer", body: `"${"x".repeat(8 * 1024 * 1024)}"`, times: 2 });
  assert.is(await requestsOf(async () => {
    assert.match((await rejects(client({ tryTimeoutMs: 5000 }).getPod(web), code.cluster)).message,
      /longer than 8388608 bytes/);
  }), 1);
});

telling.run();

const refused = clusterSuite("refusals");

const permissions: readonly [string, { resource: string; verb: string }, (cluster: Cluster) => Promise<unknown>,
  string][] = [
  ["getPod", { resource: "pods", verb: "get" }, (cluster) => cluster.getPod(web), 'get pods in namespace "blue"'],
  ["getDefinition", { resource: "network-attachment-definitions", verb: "get" },
    (cluster) => cluster.getDefinition(net1), 'get network-attachment-definitions.k8s.cni.cncf.io in namespace "blue"'],
  ["setNetworkStatus", { resource: "pods/status", verb: "update" }, async (cluster) => {
    const pod = await cluster.getPod(web);
    if (pod !== undefined) await cluster.setNetworkStatus(pod, "[]");
  }, 'update pods/status in namespace "blue"'],
];
for (const [name, rule, work, permission] of permissions) {
  refused(`${name} tells the permission that is missing and what the API said`, async () => {
    await api.deny(rule);
    const { message } = await rejects(work(client()), code.cluster);
    assert.ok(message.endsWith(`expected the permission to ${permission}`), message);
    assert.match(message, new RegExp(`said 403 ".*is forbidden: User .*cannot ${rule.verb} resource`));
  });
}

refused("a refusal is not asked for twice", async () => {
  await api.deny({ resource: "pods" });
  assert.is(await requestsOf(() => rejects(client().getPod(web), code.cluster)), 1);
});

refused("a token that was renewed is read again", async () => {
  const cluster = client();
  await cluster.getPod(web);
  await api.renewToken();
  assert.is((await cluster.getPod(web))?.uid, "uid-1");
});

refused("a token that is renewed between a 401 and the second try is used for that one", async () => {
  const cluster = client();
  await cluster.getPod(web);
  await api.renewToken({ publish: false });
  await api.fault({ kind: "slow", ms: 1000, match: { method: "GET" } });
  const before = (await api.requests()).length, pod = cluster.getPod(web);
  while ((await api.requests()).length === before) await new Promise((resolve) => setTimeout(resolve, 5));
  api.publishToken();
  assert.is((await pod)?.uid, "uid-1");
  assert.is((await api.requests()).at(-2)?.status, 401);
});

refused("a certificate that was renewed is read again, and gets a connection of its own", async () => {
  const kubeconfig = api.writeKubeconfig({ user: "certificate files" });
  const file = join(dirname(kubeconfig), "client.crt");
  const cluster = client({ kubeconfig });
  await cluster.getPod(web);
  writeFileSync(file, `${readFileSync(file, "utf8")}\n`);
  await api.fault({ kind: "401" });
  assert.is((await cluster.getPod(web))?.uid, "uid-1");
  const [first, second] = (await api.requests()).slice(-3).filter(({ status }) => status === 200);
  assert.is.not(first?.connection, second?.connection);
  cluster.close();
});

refused("a token that stays wrong is tried twice, then told", async () => {
  await api.renewToken({ publish: false });
  assert.is(await requestsOf(async () => {
    assert.match((await rejects(client().getPod(web), code.cluster)).message,
      /said 401 "Unauthorized", expected it to accept our credentials/);
  }), 2);
  api.publishToken();
});

refused.run();

const repeated = clusterSuite("tries");

const passing: readonly FaultKind[] = ["408", "429", "500", "502", "503", "504", "reset", "truncated", "upgrade"];
for (const kind of passing) {
  repeated(`${kind} is tried again`, async () => {
    await api.fault({ kind, times: 2 });
    assert.is(await requestsOf(async () => assert.is((await client().getPod(web))?.uid, "uid-1")), 3);
  });
}

for (const kind of ["silent", "endless"] as const) {
  repeated(`${kind} is tried again`, async () => {
    await api.fault({ kind, times: 2 });
    const made = await requestsOf(async () => {
      assert.is((await client({ tryTimeoutMs: 500 }).getPod(web))?.uid, "uid-1");
    });
    // More where the machine is so busy that a good answer is late, too.
    assert.ok(made >= 3, `${made}`);
  });
}

for (const kind of ["400", "409", "422"] as const) {
  repeated(`${kind} is not tried again`, async () => {
    await api.fault({ kind });
    assert.is(await requestsOf(() => rejects(client().getPod(web), code.cluster)), 1);
  });
}

repeated("a page of a proxy that cannot reach the API is tried again", async () => {
  await api.fault({ kind: "html", status: 502, times: 2 });
  assert.is((await client().getPod(web))?.uid, "uid-1");
});

repeated("a server that comes back is found", async () => {
  await api.fault({ kind: "refuse", ms: 60 });
  const world = { ...testWorld(), sleep: () => new Promise<void>((resolve) => setTimeout(resolve, 20)) };
  assert.is((await client({}, world).getPod(web))?.uid, "uid-1");
});

repeated("pauses are of random length, and their limit doubles up to four seconds", async () => {
  await api.fault({ kind: "503", times: 9 });
  const world = testWorld(0.5);
  await client({}, world).getPod(web);
  assert.equal(world.sleeps, [50, 100, 200, 400, 800, 1600, 2000, 2000, 2000]);
});

repeated("Retry-After is waited for, in seconds or until a date", async () => {
  await api.fault({ kind: "429", retryAfter: "3" });
  await api.fault({ kind: "503", retryAfter: "Fri, 02 Jan 2026 03:04:15 GMT" });
  const world = testWorld(0);
  await client({}, world).getPod(web);
  // The test's clock starts at 03:04:05.678 and has slept three seconds.
  assert.equal(world.sleeps, [3000, 6322]);
});

repeated("a Retry-After beyond the deadline is not waited for", async () => {
  await api.fault({ kind: "429", retryAfter: "60" });
  const world = testWorld();
  assert.match((await rejects(client({}, world).getPod(web), code.tryAgainLater)).message,
    /it said a fault of the test: TooManyRequests \(1 try\)/);
  assert.equal(world.sleeps, []);
});

repeated("there are thirty tries at most, however long the deadline", async () => {
  await api.fault({ kind: "500", times: 100 });
  assert.is(await requestsOf(async () => {
    const { message } = await rejects(client({}, testWorld(0)).getPod(web), code.tryAgainLater);
    assert.is(message, `Cannot get pod "blue/web": it said a fault of the test: InternalError (30 tries), expected an ` +
      `answer of the cluster's API at ${api.url} within 30000 ms`);
  }), 30);
});

repeated("the deadline ends the tries", async () => {
  await api.fault({ kind: "500", times: 100 });
  const world = testWorld(0.9);
  assert.match((await rejects(client({ deadlineMs: 1000 }, world).getPod(web), code.tryAgainLater)).message,
    /within 1000 ms$/);
  assert.ok(world.sleeps.reduce((sum, ms) => sum + ms, 0) < 1000);
});

repeated("what is in reserve is left for what has a limit of its own", async () => {
  const world = testWorld(0.9), cluster = client({ deadlineMs: 1000, reserveMs: 400 }, world);
  const pod = await cluster.getPod(web);
  if (pod === undefined) return assert.unreachable("the pod should be there");
  await api.fault({ kind: "500", times: 100, match: { path: "/pods/" } });
  assert.match((await rejects(cluster.getPod(web), code.tryAgainLater)).message, /within 600 ms$/);
  assert.match((await rejects(cluster.setNetworkStatus(pod, "[]"), code.tryAgainLater)).message, /within 600 ms$/);
  await api.heal();
  assert.is(await cluster.setNetworkStatus(pod, "[]", { limitMs: 300 }), "written");
  assert.is(await cluster.recordEvent(pod, { type: "Warning", reason: "Failed", message: "It did" }), undefined);
});

repeated("a request that hangs ends with the deadline", async () => {
  await api.fault({ kind: "silent", times: 100 });
  const cluster = client({ deadlineMs: 120, tryTimeoutMs: waitLimitMs });
  assert.match((await rejects(cluster.getPod(web), code.tryAgainLater)).message,
    /no whole answer within \d+ ms \(1 try\)/);
});

repeated("one deadline is for all requests of a command", async () => {
  await api.fault({ kind: "503", times: 100 });
  const cluster = client({ deadlineMs: 1000 }, testWorld(0.9));
  const [first, second] = [await rejects(cluster.getPod(web), code.tryAgainLater),
    await rejects(cluster.getPod(web), code.tryAgainLater)];
  const tries = (error: Error): number => Number(/\((\d+) tr/.exec(error.message)?.[1]);
  assert.ok(tries(second) < tries(first), `${first.message}; ${second.message}`);
});

repeated("nobody listening is told with the address", async () => {
  const kubeconfig = api.writeKubeconfig({ cluster: { server: "https://127.0.0.1:1" } });
  const { message } = await rejects(client({ kubeconfig }).getPod(web), code.tryAgainLater);
  assert.match(message, /connect ECONNREFUSED 127\.0\.0\.1:1 .*at https:\/\/127\.0\.0\.1:1 within/);
});

repeated("a closed client asks nothing", async () => {
  const cluster = client();
  cluster.close();
  assert.is(await requestsOf(async () => assert.match((await rejects(cluster.getPod(web), code.tryAgainLater)).message,
    /the client was closed/)), 0);
});

repeated.run();

const trusted = clusterSuite("trust");

const distrusts: readonly [string, Record<string, unknown>, RegExp][] = [
  ["signed by nobody this machine knows", { "certificate-authority-data": undefined }, /unable to verify|self-signed/],
  ["for another name", { "tls-server-name": "other.example" }, /Hostname\/IP does not match certificate's altnames/],
];
for (const [title, cluster, reason] of distrusts) {
  trusted(`a certificate ${title} is refused at once`, async () => {
    const kubeconfig = api.writeKubeconfig({ cluster });
    const world = testWorld();
    const { message } = await rejects(client({ kubeconfig, tryTimeoutMs: 2000 }, world).getPod(web), code.cluster);
    assert.match(message, reason);
    assert.match(message, /^Cannot get pod "blue\/web": there is no trusted connection to https:/);
    assert.ok(message.includes(kubeconfig), message);
    assert.equal(world.sleeps, []);
  });
}

trusted("tls-server-name is the name the certificate is looked at for", async () => {
  const kubeconfig = api.writeKubeconfig({ cluster: { "tls-server-name": "kubernetes.default.svc" } });
  assert.is((await client({ kubeconfig }).getPod(web))?.uid, "uid-1");
});

trusted("insecure-skip-tls-verify accepts any certificate", async () => {
  const kubeconfig = api.writeKubeconfig({ cluster: { "certificate-authority-data": undefined,
    "insecure-skip-tls-verify": true } });
  assert.is((await client({ kubeconfig }).getPod(web))?.uid, "uid-1");
});

trusted("a server that speaks no TLS is refused at once", async () => {
  const plain = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => plain.once("listening", resolve));
  // A server that listens on a port has an address of this shape.
  const { port } = plain.address() as AddressInfo;
  const kubeconfig = api.writeKubeconfig({ cluster: { server: `https://127.0.0.1:${port}` } });
  await rejects(client({ kubeconfig }).getPod(web), code.cluster);
  plain.close();
});

trusted("an API without TLS is spoken to without credentials, below its path", async () => {
  const paths: string[] = [];
  const plain = createServer(({ url = "" }, response) => {
    paths.push(url);
    response.end('{"metadata":{"name":"web","namespace":"blue","uid":"plain"}}');
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => plain.once("listening", resolve));
  const { port } = plain.address() as AddressInfo;
  const cluster = client({ kubeconfig: api.writeKubeconfig({ user: "none",
    cluster: { server: `http://127.0.0.1:${port}/k8s/clusters/c-1/`, "certificate-authority-data": undefined } }) });
  assert.is((await cluster.getPod(web))?.uid, "plain");
  assert.equal(paths, ["/k8s/clusters/c-1/api/v1/namespaces/blue/pods/web"]);
  cluster.close();
  plain.close();
});

trusted("proxy-url is the proxy that requests are tunnelled through", async () => {
  const tunnels: string[] = [];
  const proxy = createServer().on("connect", ({ url = "" }, near: Socket) => {
    tunnels.push(url);
    const far = connect(api.port, api.host, () => near.write("HTTP/1.1 200 OK\r\n\r\n"));
    far.pipe(near).pipe(far);
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => proxy.once("listening", resolve));
  const { port } = proxy.address() as AddressInfo;
  const cluster = client({ kubeconfig: api.writeKubeconfig({ cluster: { "proxy-url": `http://127.0.0.1:${port}` } }) });
  assert.is((await cluster.getPod(web))?.uid, "uid-1");
  assert.equal(tunnels, [`127.0.0.1:${api.port}`]);
  cluster.close();
  proxy.close();
});

trusted("a process may end once its client is closed", () => {
  const program = `
    import { openCluster } from ${JSON.stringify(join(import.meta.dirname, "..", "..", "src", "kube", "index.ts"))};
    const cluster = openCluster({ kubeconfig: ${JSON.stringify(api.kubeconfig)}, env: {}, deadlineMs: ${waitLimitMs} });
    console.log((await cluster.getPod({ namespace: "blue", name: "web" })).uid);
    cluster.close();`;
  const { stdout, status, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", program],
    { encoding: "utf8", timeout: waitLimitMs });
  assert.equal([stdout, status], ["uid-1\n", 0], stderr);
});

trusted.run();
