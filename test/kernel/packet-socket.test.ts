import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openNamespace, openOwnNamespace } from "../../src/kernel/index.ts";
import type { Namespace, PacketSocket } from "../../src/kernel/index.ts";
import { udpPortFilter } from "../../src/kernel/packet-filter.ts";
import { rejects, throws } from "../helpers/errors.ts";
import { kernelSuite, makeNetns, run } from "../helpers/netns.ts";
import { hex, wire } from "../helpers/wire.ts";

const ipv4 = 0x0800, broadcast = "ff:ff:ff:ff:ff:ff";

/** An IPv4 packet: `options` bytes of header options, then for UDP its ports, then `text`. */
function packet(text: string, { protocol = 17, port = 68, options = 0, fragment = 0 } = {}): Uint8Array {
  const headerBytes = 20 + options, bytes = new Uint8Array(headerBytes + 8 + text.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 0x40 | (headerBytes / 4));
  view.setUint16(2, bytes.length);
  view.setUint16(6, fragment);
  view.setUint8(8, 64);
  view.setUint8(9, protocol);
  view.setUint16(headerBytes, 67);
  view.setUint16(headerBytes + 2, port);
  bytes.set(new TextEncoder().encode(text), headerBytes + 8);
  return bytes;
}

const textOf = (received: { readonly packet: Uint8Array } | undefined): string | undefined => {
  if (received === undefined) return undefined;
  const { packet: bytes } = received;
  return new TextDecoder().decode(bytes.subarray(((bytes[0] ?? 0) & 15) * 4 + 8));
};

const filter = suite("udpPortFilter");
filter("is a program of nine instructions", () => {
  assert.is(hex(udpPortFilter(68)), wire(`
    30 00 00 00  ldb [9]
    09 00 00 00
    15 00 00 06  jeq #17, next, drop
    11 00 00 00
    28 00 00 00  ldh [6]
    06 00 00 00
    45 00 04 00  jset #0x1fff, drop, next
    ff 1f 00 00
    b1 00 00 00  ldxb 4*([0]&0xf)
    00 00 00 00
    48 00 00 00  ldh [x + 2]
    02 00 00 00
    15 00 00 01  jeq #68, next, drop
    44 00 00 00
    06 00 00 00  ret #-1
    ff ff ff ff
    06 00 00 00  ret #0
    00 00 00 00`));
});
filter.run();

let host: Namespace;
let container: Namespace;
const options = (namespace: Namespace, name: string) => ({ index: namespace.links.get(name).index, etherType: ipv4 });

const sockets = kernelSuite("openPacketSocket", import.meta.url);
sockets.before(() => {
  const { path, name } = makeNetns();
  run("ip", "link", "add", "v0", "address", "02:00:00:00:00:01", "type", "veth", "peer", "name", "v1", "netns", name);
  run("ip", "link", "set", "v0", "up");
  run("ip", "-n", name, "link", "set", "v1", "up");
  host = openOwnNamespace();
  container = openNamespace(path);
});

const opened: PacketSocket[] = [];
const open = (namespace: Namespace, name: string, program?: Uint8Array): PacketSocket => {
  const chosen = program === undefined ? {} : { filter: program };
  const socket = namespace.openPacketSocket({ ...options(namespace, name), ...chosen });
  opened.push(socket);
  return socket;
};
sockets.after.each(() => {
  for (const socket of opened.splice(0)) socket.close();
});

sockets("carries packets between links that have no address", async () => {
  const outside = open(host, "v0"), inside = open(container, "v1");
  inside.send(packet("discover"), broadcast);
  const heard = await outside.receive(5000);
  assert.equal([textOf(heard), heard?.from], ["discover", container.links.get("v1").mac]);
  outside.send(packet("offer"), container.links.get("v1").mac ?? "");
  assert.is(textOf(await inside.receive(5000)), "offer");
});

sockets("hears what the filter lets through, in the order it came, and nothing else", async () => {
  const outside = open(host, "v0", udpPortFilter(68)), inside = open(container, "v1");
  inside.send(packet("to another port", { port: 67 }), broadcast);
  inside.send(packet("of another protocol", { protocol: 6 }), broadcast);
  inside.send(packet("a later piece", { fragment: 0x0010 }), broadcast);
  inside.send(packet("one"), broadcast);
  inside.send(packet("two, with options", { options: 8 }), broadcast);
  inside.send(packet("three, not to be cut", { fragment: 0x4000 }), broadcast);
  inside.send(packet("four, the first piece", { fragment: 0x2000 }), broadcast);
  const heard = [];
  for (let i = 0; i < 4; i++) heard.push(textOf(await outside.receive(5000)));
  assert.equal(heard, ["one", "two, with options", "three, not to be cut", "four, the first piece"]);
  assert.is(await outside.receive(0), undefined);
});

sockets("nothing of what came before it was bound is heard", async () => {
  const inside = open(container, "v1");
  inside.send(packet("too early"), broadcast);
  const outside = open(host, "v0");
  inside.send(packet("in time"), broadcast);
  assert.is(textOf(await outside.receive(5000)), "in time");
});

sockets("everything else goes on while it waits", async () => {
  const outside = open(host, "v0"), inside = open(container, "v1");
  const waiting = outside.receive(20_000);
  // Each needs the event loop, and the last makes the packet come.
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setTimeout(resolve, 1));
  inside.send(packet("at last"), broadcast);
  assert.is(textOf(await waiting), "at last");
});

sockets("close ends a wait with nothing, and is done once", async () => {
  const outside = open(host, "v0");
  const waiting = outside.receive(20_000);
  outside.close();
  assert.is(await waiting, undefined);
  assert.is(await outside.receive(20_000), undefined);
  outside.close();
});

sockets("a hundred sockets wait on one thread", async () => {
  const inside = open(container, "v1");
  const many = Array.from({ length: 100 }, () => open(host, "v0"));
  const all = many.map((socket) => socket.receive(20_000));
  // poll and ppoll, as x86-64 and arm64 number them.
  const inPoll = () => run("sh", "-c", `cat /proc/${process.pid}/task/*/syscall`).split("\n")
    .filter((line) => /^(?:7|271|73) /.test(line));
  // One, once the threads of sockets that are closed have left it.
  while (inPoll().length !== 1) await new Promise((resolve) => setTimeout(resolve, 5));
  inside.send(packet("to all"), broadcast);
  assert.equal([...new Set((await Promise.all(all)).map(textOf))], ["to all"]);
});

sockets("says so when the link is down or goes", async () => {
  run("ip", "link", "add", "w0", "type", "veth", "peer", "name", "w1");
  const socket = open(host, "w0");
  assert.match(throws(() => socket.send(packet("x"), broadcast), "ENETDOWN").message,
    /^Cannot send a packet by link .*: kernel said ENETDOWN/);
  run("ip", "link", "set", "w0", "up");
  const waiting = socket.receive(20_000);
  run("ip", "link", "del", "w0");
  await rejects(waiting, "ENETDOWN");
});

sockets("a link that is not there is refused, and no descriptor stays", () => {
  const count = () => Number(run("sh", "-c", `ls /proc/${process.pid}/fd | wc -l`));
  const before = count();
  throws(() => host.openPacketSocket({ index: 4711, etherType: ipv4 }), "ENODEV");
  throws(() => host.openPacketSocket({ ...options(host, "v0"), filter: new Uint8Array(8) }), "EINVAL");
  assert.is(count(), before);
});
sockets.run();
