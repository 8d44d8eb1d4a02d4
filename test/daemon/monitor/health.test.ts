// src/daemon/monitor/health.ts: what a kubelet or a monitor asks.
import { connect } from "node:net";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { serveHealth } from "../../../src/daemon/monitor/health.ts";
import { rejects } from "../../helpers/errors.ts";

const state = { isReady: true, running: 2, waiting: 1 };

async function ask(path: string, options: RequestInit = {}): Promise<{ status: number; body: string }> {
  const { port, close } = await serveHealth("127.0.0.1:0", state);
  try {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, options);
    return { status: response.status, body: await response.text() };
  } finally {
    close();
  }
}

const health = suite("serveHealth");
health.before.each(() => { state.isReady = true; });
health("says that it lives, and what it does", async () => {
  assert.equal(await ask("/healthz"), { status: 200, body: '{"isReady":true,"running":2,"waiting":1}\n' });
});
health("is ready while calls are accepted and not otherwise; it lives all the same", async () => {
  assert.is((await ask("/readyz")).status, 200);
  state.isReady = false;
  assert.equal([(await ask("/readyz")).status, (await ask("/healthz")).status], [503, 200]);
});
health("knows nothing else, and is not written to", async () => {
  assert.is((await ask("/")).status, 404);
  assert.is((await ask("/healthz", { method: "POST", body: "null" })).status, 405);
});
health("closes connections that say nothing when it is closed", async () => {
  const { port, close } = await serveHealth("127.0.0.1:0", state);
  const silent = connect(port, "127.0.0.1");
  await new Promise((resolve) => silent.once("connect", resolve));
  const closed = new Promise((resolve) => silent.once("close", resolve));
  silent.on("error", () => undefined);
  close();
  await closed;
});
for (const address of ["9877", "localhost:9877", ":9877", "127.0.0.1", "127.0.0.1:99999"])
  health(`refuses to listen at ${address}`, async () => {
    await rejects(serveHealth(address, state), 5);
  });
health("refuses an address that is taken", async () => {
  const { port, close } = await serveHealth("127.0.0.1:0", state);
  assert.match((await rejects(serveHealth(`127.0.0.1:${port}`, state), 5)).message, /^Cannot listen at 127/);
  close();
});
health.run();
