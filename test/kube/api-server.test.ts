// The API server that tests start: where it has to be like the real one, for clients to be worth testing with it.
import { readFileSync } from "node:fs";
import { get } from "node:https";
import { createInterface } from "node:readline";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Connection } from "../../src/http/index.ts";
import { realWorld } from "../../src/os/world.ts";
import type { ApiServer } from "../helpers/api-server.ts";
import { startApiServer } from "../helpers/api-server.ts";
import { waitLimitMs } from "../helpers/limits.ts";

let api: ApiServer;
let connection: Connection;

interface Raw {
  readonly status: number;
  readonly body: any;
}

async function send(method: string, path: string, body?: unknown, headers: Record<string,
  string> = { "content-type": "application/json" }): Promise<Raw> {
  const authorization = `Bearer ${readFileSync(api.tokenFile, "utf8")}`;
  const request = { method, path, headers: { authorization, ...headers }, timeoutMs: waitLimitMs };
  const answer = await connection.send(body === undefined ? request : { ...request, body: JSON.stringify(body) });
  return { status: answer.status, body: JSON.parse(answer.body) };
}

/** The first `count` lines of a watch. */
async function watched(path: string, count: number,
  meanwhile: () => Promise<unknown> = async () => {}): Promise<any[]> {
  const authorization = `Bearer ${readFileSync(api.tokenFile, "utf8")}`;
  return await new Promise((resolve, reject) => {
    const call = get(`${api.url}${path}`, { ca: api.certificates.authority, headers: { authorization } },
      (response) => {
      const lines: unknown[] = [];
      // Leaving in the middle is an error to the reader, which is expected.
      createInterface(response).on("error", () => {}).on("line", (line) => {
        lines.push(JSON.parse(line));
        if (lines.length < count) return;
        resolve(lines);
        call.destroy();
      });
      meanwhile().catch(reject);
    });
    call.on("error", reject);
  });
}

const pods = "/api/v1/namespaces/blue/pods";

const server = suite("the API server of tests");

server.before.each(async () => {
  api = await startApiServer();
  connection = new Connection({ url: api.url, sockets: 3, bodyBytesMax: 1024 * 1024,
    trust: { authority: api.certificates.authority, skipVerify: false, serverName: undefined } });
  await api.putPod({ namespace: "blue", name: "web", uid: "u1", annotations: { a: "1" } });
});
server.after.each(async () => {
  connection.close();
  await api.stop();
});

server("an update of an old version is a conflict, one without a version is not, and the version rises", async () => {
  const { body: pod } = await send("GET", `${pods}/web`);
  const changed = { ...pod, metadata: { ...pod.metadata, annotations: { a: "2" } } };
  const first = await send("PUT", `${pods}/web`, changed);
  assert.is(first.status, 200);
  assert.ok(Number(first.body.metadata.resourceVersion) > Number(pod.metadata.resourceVersion));
  const second = await send("PUT", `${pods}/web`, changed);
  assert.equal([second.status, second.body.reason, second.body.details],
    [409, "Conflict", { name: "web", kind: "pods" }]);
  const { resourceVersion, ...unversioned } = changed.metadata;
  assert.is((await send("PUT", `${pods}/web`, { ...changed,
    metadata: { ...unversioned, annotations: { a: "3" } } })).status, 200);
});

server("an update that changes nothing leaves the version", async () => {
  const { body: pod } = await send("GET", `${pods}/web`);
  assert.is((await send("PUT", `${pods}/web`, pod)).body.metadata.resourceVersion, pod.metadata.resourceVersion);
});

server("an update of the status leaves the spec", async () => {
  const { body: pod } = await send("GET", `${pods}/web`);
  const { body } = await send("PUT", `${pods}/web/status`, { ...pod, spec: {}, status: { phase: "Running" },
    metadata: { ...pod.metadata, annotations: { b: "1" } } });
  assert.equal([body.spec, body.status, body.metadata.annotations], [pod.spec, { phase: "Running" }, { b: "1" }]);
});

server("another UID is a conflict", async () => {
  const { body: pod } = await send("GET", `${pods}/web`);
  assert.is((await send("PUT", `${pods}/web`, { ...pod, metadata: { ...pod.metadata, uid: "u2" } })).status, 409);
});

const refusals: readonly [string, () => Promise<Raw>, number, string][] = [
  ["what is not there", () => send("GET", `${pods}/none`), 404, "NotFound"],
  ["a wrong token", () => send("GET", `${pods}/web`, undefined, { authorization: "Bearer wrong" }), 401,
    "Unauthorized"],
  ["another kind of content", () => send("PUT", `${pods}/web`, {}, { "content-type": "text/plain" }), 415,
    "UnsupportedMediaType"],
  ["a name that is none", () => send("POST", pods, { metadata: { name: "Web_1" } }), 422, "Invalid"],
  ["a name that is taken", () => send("POST", pods, { metadata: { name: "web" } }), 409, "AlreadyExists"],
  ["another namespace", () => send("POST", pods, { metadata: { name: "x", namespace: "green" } }), 400, "BadRequest"],
  ["an event of another namespace's pod", () => send("POST", "/api/v1/namespaces/blue/events",
    { metadata: { name: "e" }, involvedObject: { namespace: "green" } }), 422, "Invalid"],
];
for (const [title, work, status, reason] of refusals) {
  server(`${title} is told by a Status`, async () => {
    const answer = await work();
    assert.equal([answer.status, answer.body.kind, answer.body.reason, answer.body.code],
      [status, "Status", reason, status]);
  });
}

server("a name may be generated, and an object deleted", async () => {
  const { status, body } = await send("POST", pods, { metadata: { generateName: "job-" } });
  assert.is(status, 201);
  assert.match(body.metadata.name, /^job-.+/);
  assert.is((await send("DELETE", `${pods}/${body.metadata.name}`)).status, 200);
  assert.is((await send("GET", `${pods}/${body.metadata.name}`)).status, 404);
});

server("a list has a version, and may be of one node", async () => {
  await api.putPod({ namespace: "green", name: "far", spec: { nodeName: "other" } });
  const { body } = await send("GET", "/api/v1/pods?fieldSelector=spec.nodeName%3Dother");
  assert.equal([body.kind, body.items.map((pod: any) => pod.metadata.name), body.metadata.resourceVersion],
    ["PodList", ["far"], "1002"]);
});

server("a watch tells what is there, then every change", async () => {
  const lines = await watched(`${pods}?watch=true&allowWatchBookmarks=true`, 4, async () => {
    await realWorld.sleep(20);
    await api.putPod({ namespace: "green", name: "elsewhere" });
    await api.putPod({ namespace: "blue", name: "web", annotations: { a: "2" } });
    await api.removePod({ namespace: "blue", name: "web" });
  });
  assert.equal(lines.map(({ type, object }) => `${type} ${object.metadata.name ?? ""}`),
    ["ADDED web", "BOOKMARK ", "MODIFIED web", "DELETED web"]);
});

server("a watch from a version tells what came after, and is expired when that is forgotten", async () => {
  await api.putPod({ namespace: "blue", name: "late" });
  const path = `${pods}?watch=1&resourceVersion=1001`;
  assert.equal((await watched(path, 1)).map(({ type, object }) => `${type} ${object.metadata.name}`), ["ADDED late"]);
  await api.compact();
  assert.equal((await watched(path, 1)).map(({ type, object }) => `${type} ${object.code}`), ["ERROR 410"]);
});

server("a watch that is not permitted is refused", async () => {
  await api.deny({ resource: "pods", verb: "watch" });
  assert.is((await send("GET", `${pods}?watch=1`)).status, 403);
});

server.run();
