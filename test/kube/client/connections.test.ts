// src/kube/client/connections.ts: who is somebody else has another connection, and one in use is not dropped for room.
import { createServer } from "node:http";
import type { ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Access } from "../../../src/kube/client/access.ts";
import { openConnections } from "../../../src/kube/client/connections.ts";
import { waitLimitMs } from "../../helpers/limits.ts";

const trust = { authority: undefined, skipVerify: false, serverName: undefined };

function accessTo(server: string, others: Partial<Access> = {}): Access {
  return { source: "a test", server, trust, proxy: undefined, ownCredentials: () => ({}),
    credentials: async () => ({}), ...others };
}

const certificate = (chain: string) => ({ chain, key: "key" });

const connections = suite("Connections");

connections("are others for another server, trust, proxy or client certificate, and the same for the same", () => {
  const open = openConnections(), server = "http://127.0.0.1:1";
  const all = [
    open.as(accessTo(server), undefined), open.as(accessTo(`${server}/folder`), undefined),
    open.as(accessTo(server, { trust: { ...trust, skipVerify: true } }), undefined),
    open.as(accessTo(server, { trust: { ...trust, authority: "other" } }), undefined),
    open.as(accessTo(server, { proxy: "http://127.0.0.1:2" }), undefined),
    open.as(accessTo(server), certificate("a")), open.as(accessTo(server), certificate("b")),
    open.as(accessTo(server), { chain: "a", key: "other" }),
  ];
  assert.is(new Set(all).size, all.length);
  assert.is(open.as(accessTo(server), undefined), all[0]);
  open.as(accessTo(server), certificate("c"));
  assert.is(open.as(accessTo(server), undefined), all[0], "what is asked for is kept longest");
  assert.is.not(open.as(accessTo(`${server}/folder`), undefined), all[1], "what nobody asks for goes");
  open.close();
});

connections("are not dropped for others while somebody waits for an answer", async () => {
  const waiting: ServerResponse[] = [], arrived = Promise.withResolvers<void>();
  const server = createServer((_, response) => {
    waiting.push(response);
    arrived.resolve();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // A server that listens has an address.
  const { port } = server.address() as AddressInfo, access = accessTo(`http://127.0.0.1:${port}`);
  const open = openConnections();
  try {
    const answer = open.as(access, undefined)
      .send({ method: "PUT", path: "/", headers: {}, body: "{}", timeoutMs: waitLimitMs });
    await arrived.promise;
    for (let renewed = 0; renewed < 20; renewed++) open.as(access, certificate(String(renewed)));
    for (const response of waiting) response.end("{}");
    assert.is((await answer).status, 200);
    assert.is(waiting.length, 1);
  } finally {
    open.close();
    server.close();
  }
});

connections.run();
