// src/daemon/multus.ts: requests as Multus 4.3's shim sends them, and what it takes for an answer.
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { multusServer } from "../../src/daemon/multus.ts";
import { Queue } from "../../src/daemon/queue.ts";
import type { Answer, ServedCall } from "../../src/service/index.ts";

const directory = mkdtempSync(join(tmpdir(), "polynic-multus-")), socketPath = join(directory, "multus.sock");
const calls: ServedCall[] = [];
let isReady = true;
let next: Answer | Promise<Answer> = { status: 0, stdout: "", stderr: "" };
const server = multusServer({
  queue: new Queue({ running: 4, waiting: 4 }), limits: { readMs: 5000, workMs: 50 }, log: () => undefined,
  isReady: () => isReady,
  serve: async (call) => {
    calls.push(call);
    return await next;
  },
});

/** The configuration that Multus's daemon generates for its shim. */
const config = { cniVersion: "1.0.0", name: "multus-cni-network", type: "multus-shim",
  clusterNetwork: "/host/etc/cni/net.d/10-flannel.conflist", logToStderr: true };
const podArgs = "IgnoreUnknown=true;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web;K8S_POD_INFRA_CONTAINER_ID=c1;" +
  "K8S_POD_UID=6f1e7c0a-9a0f-4c5e-8f0a-3f1c0d9a7b21";

/** What the shim posts to /cni: its whole environment, and the configuration's bytes in base64. */
function recorded(command: string, env: Readonly<Record<string, string>> = {}): string {
  return JSON.stringify({
    env: { PATH: "/usr/sbin:/usr/bin", CNI_COMMAND: command, CNI_CONTAINERID: "c1", CNI_NETNS: "/run/netns/c1",
      CNI_IFNAME: "eth0", CNI_ARGS: podArgs, CNI_PATH: "/opt/cni/bin", ...env },
    config: Buffer.from(JSON.stringify(config)).toString("base64"),
  });
}

function ask(method: string, path: string, body = ""): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, method, path, headers: { "content-type": "application/json" } }, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => { text += chunk.toString(); });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: text }));
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

const shim = suite("Multus's shim");
shim.before(() => new Promise<void>((resolve) => server.listen(socketPath, resolve)));
shim.after(() => {
  server.close();
  rmSync(directory, { recursive: true });
});
shim.before.each(() => {
  calls.length = 0;
  next = { status: 0, stdout: "", stderr: "" };
});
shim("finds the daemon healthy, by GET and by its own POST of null", async () => {
  for (const method of ["GET", "POST"])
    assert.equal(await ask(method, "/healthz", method === "POST" ? "null" : ""), { status: 200, body: "" });
});
shim("of a later Multus finds it ready while it accepts calls, and healthy all the same", async () => {
  for (isReady of [false, true]) for (const method of ["GET", "POST"]) {
    assert.is((await ask(method, "/readyz", method === "POST" ? "null" : "")).status, isReady ? 200 : 500);
    assert.is((await ask(method, "/healthz")).status, 200);
  }
});
shim("has its ADD served as multus and gets the result under the key Result, in 1.1.0", async () => {
  next = { status: 0, stderr: "", stdout: JSON.stringify({ cniVersion: "0.4.0",
    interfaces: [{ name: "eth0", sandbox: "/run/netns/c1" }],
    ips: [{ version: "4", address: "10.1.0.2/24", interface: 0 }] }) };
  const { status, body } = await ask("POST", "/cni", recorded("ADD"));
  const { Result: result, ...others } = JSON.parse(body);
  assert.equal([status, others, result.cniVersion], [200, {}, "1.1.0"]);
  assert.equal(result.ips, [{ address: "10.1.0.2/24", interface: 0 }]);
  const [call] = calls;
  assert.equal([call?.name, call?.env["CNI_ARGS"], JSON.parse(call?.stdin ?? "")], ["multus", podArgs, config]);
});
for (const command of ["DEL", "CHECK", "GC", "STATUS"])
  shim(`gets an empty answer to ${command}`, async () => {
    assert.equal(await ask("POST", "/cni", recorded(command)), { status: 200, body: "" });
  });
shim("need not name a container, a namespace or a pod for GC and STATUS", async () => {
  for (const CNI_COMMAND of ["GC", "STATUS"]) {
    const body = JSON.stringify({ env: { CNI_COMMAND, CNI_PATH: "/opt/cni/bin" }, config: "e30=" });
    assert.is((await ask("POST", "/cni", body)).status, 200);
  }
});
shim("gets eth0 where the runtime names no interface", async () => {
  const { CNI_IFNAME: _, ...env } = JSON.parse(recorded("ADD")).env;
  await ask("POST", "/cni", JSON.stringify({ env, config: "e30=" }));
  assert.is(calls[0]?.env["CNI_IFNAME"], "eth0");
});
shim("is told when an ADD has no result", async () => {
  const { status, body } = await ask("POST", "/cni", recorded("ADD"));
  assert.equal([status, typeof JSON.parse(body).msg], [400, "string"]);
});
shim("gets a CNI error as 400, whole and with its own code", async () => {
  const stdout = '{"cniVersion":"1.0.0","code":50,"msg":"not ready"}\n';
  next = { status: 1, stderr: "", stdout };
  assert.equal(await ask("POST", "/cni", recorded("STATUS")), { status: 400, body: stdout });
});
shim("is told to try again when its call takes too long, and its next one waits for the end of that", async () => {
  const { promise, resolve } = Promise.withResolvers<Answer>();
  next = promise;
  const { status, body } = await ask("POST", "/cni", recorded("DEL"));
  assert.equal([status, JSON.parse(body).code], [400, 11]);
  assert.match(body, /it has been worked on for 50 ms and is not done/);
  const second = ask("POST", "/cni", recorded("DEL"));
  await ask("GET", "/healthz");
  assert.is(calls.length, 1);
  resolve({ status: 0, stdout: "", stderr: "" });
  assert.is((await second).status, 200);
  assert.is(calls.length, 2);
});
for (const [what, body] of [
  ["no JSON", "{"], ["another document", "[]"], ["no environment", '{"config":"e30="}'],
  ["no configuration", '{"env":{}}'],
] as const) shim(`is told what is wrong with ${what}`, async () => {
  const { status, body: said } = await ask("POST", "/cni", body);
  assert.equal([status, JSON.parse(said).code], [400, 6]);
  assert.is(calls.length, 0);
});
shim("finds nothing elsewhere, and no other method", async () => {
  assert.is((await ask("GET", "/")).status, 404);
  assert.is((await ask("POST", "/delegate", recorded("ADD"))).status, 404);
  assert.is((await ask("GET", "/cni")).status, 405);
});
shim.run();
