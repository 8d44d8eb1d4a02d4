// src/http/connection.ts against a server that says what HTTP does not foresee: every request comes to an end.
import { createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Connection, ConnectionError } from "../../src/http/index.ts";
import type { HttpAnswer } from "../../src/http/index.ts";
import { waitLimitMs } from "../helpers/limits.ts";

const test = suite("Connection");

/** One request to a server that does this when it has heard it. */
async function ask(answer: (socket: Socket) => void): Promise<HttpAnswer> {
  const server: Server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => answer(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // A server that listens has an address.
  const { port } = server.address() as AddressInfo;
  const connection = new Connection({ url: `http://127.0.0.1:${port}`, sockets: 1, bodyBytesMax: 1_000 });
  try {
    return await connection.send({ method: "GET", path: "/api", headers: {}, timeoutMs: waitLimitMs });
  } finally {
    connection.close();
    server.close();
  }
}

async function failure(running: Promise<HttpAnswer>): Promise<ConnectionError> {
  try {
    await running;
  } catch (error) {
    if (error instanceof ConnectionError) return error;
    throw error;
  }
  throw new Error("there was an answer");
}

test("gives an answer with its body", async () => {
  const answer = await ask((socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"));
  assert.equal([answer.status, answer.body], [200, "{}"]);
});
test("refuses an answer that is longer than it may be", async () => {
  const error = await failure(ask((socket) =>
    socket.end(`HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n${"x".repeat(1_001)}`)));
  assert.equal([error.code, error.message], ["EMSGSIZE", "the answer is longer than 1000 bytes"]);
});
test("takes a hint that comes before the answer for what it is", async () => {
  const answer = await ask((socket) => socket.end("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"));
  assert.is(answer.status, 204);
});
for (const [title, said, code] of [
  ["goes on in another protocol", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    "EUPGRADE"],
  ["goes on in another protocol, and says what",
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x05hello", "EUPGRADE"],
  ["breaks off in the head", "HTTP/1.1 200 O", "ECONNRESET"],
  ["breaks off in the body", "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}", "ECONNRESET"],
  ["says nothing and hangs up", "", "ECONNRESET"],
  ["hints and hangs up", "HTTP/1.1 103 Early Hints\r\n\r\n", "ECONNRESET"],
] as const) {
  test(`tells at once of a server that ${title}`, async () => {
    // One that goes on in another protocol keeps the connection open.
    const error = await failure(ask((socket) => code === "EUPGRADE" ? socket.write(said) : socket.end(said)));
    assert.is(error.code, code, error.message);
  });
}
test("gives a switch to no protocol in particular as the answer that it is", async () => {
  assert.is((await ask((socket) => socket.write("HTTP/1.1 101 Switching Protocols\r\n\r\n"))).status, 101);
});
test("tells of a server that is no server of HTTP", async () => {
  assert.match((await failure(ask((socket) => socket.end("SSH-2.0-OpenSSH_9.2\r\n")))).code, /^HPE_/);
});
test("gives up what it has kept when one of it is dead", async () => {
  const sockets: Socket[] = [];
  let isGone = false;
  const server = createServer((socket) => {
    sockets.push(socket);
    // Who was there when the server went away hears nothing of it.
    const isLost = () => isGone && sockets.indexOf(socket) < 2;
    socket.on("data", () => {
      if (!isLost()) socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const connection = new Connection({ url: `http://127.0.0.1:${port}`, sockets: 3, bodyBytesMax: 1_000 });
  const get = (timeoutMs = waitLimitMs) => connection.send({ method: "GET", path: "/", headers: {}, timeoutMs });
  try {
    await Promise.all([get(), get()]);
    assert.is(sockets.length, 2);
    isGone = true;
    assert.is((await failure(get(50))).code, "ETIMEDOUT");
    assert.is((await get()).status, 200);
  } finally {
    connection.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});
test.run();
