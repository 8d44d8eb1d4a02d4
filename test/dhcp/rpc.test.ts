// src/dhcp/rpc.ts and rpc-result.ts: a plugin and a daemon that understand each other, and what they do not.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Result } from "../../src/cni/index.ts";
import type { IncomingCall } from "../../src/dhcp/index.ts";
import { DhcpError, rpcClient, rpcServer } from "../../src/dhcp/index.ts";

const request = {
  containerId: "c1", netns: "/run/netns/c1", ifName: "eth0", args: "A=b", path: "/opt/cni/bin",
  stdin: '{"name":"blue","ipam":{"type":"dhcp"}}',
};
const result: Result = {
  interfaces: [], ips: [{ address: "10.0.0.5/23", gateway: "10.0.0.1" }],
  routes: [
    { dst: "0.0.0.0/0", gw: "10.0.0.1", mtu: 1400, priority: 5 }, { dst: "10.1.0.0/16", scope: 253 },
    { dst: "2001:db8::/61", gw: "2001:db8::1" },
  ],
  dns: { nameservers: ["10.0.0.53"], domain: "a.example", search: ["b.example"] },
};
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const refusal = (error: unknown): boolean => error instanceof DhcpError;

const rpc = suite("net/rpc");

/** What a client has sent arrives, in pieces of that size. */
function arrived(client: ReturnType<typeof rpcClient>, pieceBytes: number): {
  readonly server: ReturnType<typeof rpcServer>; readonly greeting: string; readonly calls: readonly IncomingCall[];
} {
  const server = rpcServer(), sent = [...client.greeting, ...client.call], calls: IncomingCall[] = [];
  let greeting = "";
  for (let i = 0; i < sent.length; i += pieceBytes) {
    const found = server.push(new Uint8Array(sent.slice(i, i + pieceBytes)));
    greeting += Buffer.from(found.greeting ?? []).toString();
    calls.push(...found.calls);
  }
  return { server, greeting, calls };
}

for (const pieceBytes of [1, 7, 100_000]) {
  rpc(`carries a call and its result, ${pieceBytes} bytes at a time`, () => {
    const client = rpcClient("DHCP.Allocate", request);
    const { server, greeting, calls } = arrived(client, pieceBytes);
    assert.is(greeting, "HTTP/1.0 200 Connected to Go RPC\n\n");
    assert.equal(calls, [{ method: "DHCP.Allocate", seq: 1, request }]);
    const answer = [...bytes(greeting), ...(calls[0] === undefined ? [] : server.answer(calls[0], result))];
    let found: ReturnType<typeof client.push>;
    for (let i = 0; i < answer.length; i += pieceBytes) {
      assert.is(found, undefined);
      found = client.push(new Uint8Array(answer.slice(i, i + pieceBytes)));
    }
    assert.equal(found, { error: "", result });
  });
}

rpc("carries an empty answer, and an error", () => {
  for (const error of ["", "no more tries"]) {
    const client = rpcClient("DHCP.Release", { ...request, args: "" });
    const { server, greeting, calls: [call] } = arrived(client, 99);
    assert.ok(call);
    const answer = error === "" ? server.answer(call, undefined) : server.fail(call, error);
    assert.is(client.isGreeted, false);
    assert.is(client.push(bytes(greeting)), undefined);
    assert.is(client.isGreeted, true);
    assert.equal(client.push(answer), { error, result: undefined });
  }
});

rpc("has several calls on one connection", () => {
  const server = rpcServer(), { greeting, call } = rpcClient("DHCP.Release", request);
  assert.is(server.push(greeting).calls.length, 0);
  // A stream describes its types once; a second client's begins anew, which Go refuses as well.
  assert.is(server.push(call).calls.length, 1);
});

for (const [what, head] of [
  ["another path", "CONNECT /other HTTP/1.0\n\n"], ["another method", "GET /_goRPC_ HTTP/1.0\r\n\r\n"],
  ["no HTTP", "hello\n\n"], ["a head without end", "x".repeat(5000)],
] as const) {
  rpc(`a daemon refuses ${what}`, () => assert.throws(() => rpcServer().push(bytes(head)), refusal));
}

rpc("of what the other end has said instead little is shown", () => {
  assert.throws(() => rpcServer().push(bytes(`${"x".repeat(1000)}\r\n\r\n`)),
    ({ message }: Error) => message.includes("x".repeat(80)) && message.length < 200);
});

rpc("a plugin refuses what is no such daemon", () => {
  const client = rpcClient("DHCP.Release", request);
  assert.throws(() => client.push(bytes("HTTP/1.1 404 Not Found\r\n\r\n")), /Not Found/);
  const other = rpcClient("DHCP.Release", request);
  assert.throws(() => other.push(bytes("HTTP/1.0 200 Connected to Go RPC\n\n\xff\xff\xff")), refusal);
});

rpc("a result's address that is none is refused", () => {
  const client = rpcClient("DHCP.Allocate", request), { server, greeting, calls } = arrived(client, 99);
  const answer = Buffer.from(server.answer(calls[0] as IncomingCall, result));
  client.push(bytes(greeting));
  // The address's length, 4, in front of its bytes.
  answer[answer.indexOf(Buffer.from([4, 10, 0, 0, 5]))] = 3;
  assert.throws(() => client.push(answer), refusal);
});

rpc.run();
