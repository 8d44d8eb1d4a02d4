import { readdirSync, readlinkSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openNamespace, openOwnNamespace } from "../../src/kernel/index.ts";
import type { Namespace } from "../../src/kernel/index.ts";
import { SlowRequestsAside } from "../../src/kernel/slow-requests.ts";
import { NetlinkSocket } from "../../src/kernel/socket.ts";
import { attrs, body, nft, struct, u32, u8 } from "../../src/netlink/index.ts";
import { rejects } from "../helpers/errors.ts";
import { ipJson, kernelSuite, makeNetns, nftJson, run } from "../helpers/netns.ts";
import { scriptedKernel } from "../helpers/scripted-kernel.ts";

const ask = {
  operation: "ask", type: 16, body: body(struct("head", 4, { family: [0, u8] }), attrs({ value: [1, u32] })),
  header: {}, attributes: {},
};

const scripted = suite("SlowRequestsAside over a scripted kernel");

/** A kernel whose work aside ends when `release` is called. */
function held(acks: readonly number[]) {
  const kernel = scriptedKernel(acks.map((ack) => () => [[{ ack }]]));
  const releases: (() => void)[] = [];
  const socket = new NetlinkSocket({
    send: (bytes, count) => kernel.send(bytes, count),
    receive: (into) => kernel.receive(into),
    close: () => kernel.close(),
    sendAside: (bytes) => new Promise((resolve) => releases.push(() => {
      kernel.send(bytes, bytes.length);
      resolve();
    })),
  });
  const settled = async (count: number): Promise<void> => {
    while (releases.length < count) await new Promise((resolve) => setImmediate(resolve));
  };
  return { kernel, socket, releases, settled };
}

scripted("works off requests in the order they were asked, whatever became of those before", async () => {
  const { socket, releases, settled } = held([19, 0, 0]);
  const slow = new SlowRequestsAside(() => socket);
  const order: string[] = [];
  const first = rejects(slow.execute(ask), "ENODEV").then(() => order.push("first"));
  const second = slow.execute(ask).then(() => order.push("second"));
  const third = slow.executeAll([{ ...ask, flags: 4 }]).then((errors) => order.push(`third ${errors[0]}`));
  for (let i = 1; i <= 3; i++) {
    await settled(i);
    assert.is(releases.length, i, "one at a time");
    releases[i - 1]?.();
  }
  await Promise.all([first, second, third]);
  assert.equal(order, ["first", "second", "third undefined"]);
});

scripted("one that takes too long is given up, and the next ones go another way", async () => {
  const stuck = held([0]), fresh = held([0]);
  const sockets = [stuck.socket, fresh.socket];
  const slow = new SlowRequestsAside(() => sockets.shift() as NetlinkSocket, 5);
  const error = await rejects(slow.execute(ask), "ETIMEDOUT");
  assert.is(error.message, "Cannot ask: kernel said ETIMEDOUT (no answer within 5 ms)");
  assert.is(stuck.kernel.closed, false, "its thread still uses it");

  const next = slow.execute(ask);
  await fresh.settled(1);
  fresh.releases[0]?.();
  await next;
  stuck.releases[0]?.();
  while (!stuck.kernel.closed) await new Promise((resolve) => setImmediate(resolve));
  assert.is(fresh.kernel.closed, false);
});

scripted("close lets what was asked for end, and takes nothing more", async () => {
  const { kernel, socket, releases, settled } = held([0]);
  const slow = new SlowRequestsAside(() => socket);
  const last = slow.execute(ask);
  slow.close();
  await settled(1);
  assert.is(kernel.closed, false);
  releases[0]?.();
  await last;
  assert.is(kernel.closed, true);
  let message = "";
  await slow.execute(ask).catch((error: Error) => (message = error.message));
  assert.is(message, "Cannot ask: the network namespace was closed");
  new SlowRequestsAside(() => { throw new Error("never opened"); }).close();
});

scripted("what shows to everybody is done, and the next request still waits for the kernel's answer", async () => {
  const { kernel, socket, releases, settled } = held([0, 0, 19]);
  const slow = new SlowRequestsAside(() => socket);
  let looks = 0;
  await slow.execute(ask, () => ++looks === 3);
  assert.is(looks, 3);
  const next = slow.execute(ask, () => false);
  slow.close();
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal([releases.length, kernel.closed], [1, false]);
  releases[0]?.();
  await settled(2);
  releases[1]?.();
  await next;
  assert.is(kernel.closed, true);
});

scripted("an answer that comes before it shows counts, a refusal as well", async () => {
  const { socket, releases, settled } = held([0, 19]);
  const slow = new SlowRequestsAside(() => socket);
  const done = slow.execute(ask, () => false);
  await settled(1);
  releases[0]?.();
  await done;
  const refused = rejects(slow.execute(ask, () => false), "ENODEV");
  await settled(2);
  releases[1]?.();
  await refused;
});
scripted.run();

let host: Namespace;
const aside = kernelSuite("a namespace whose slow requests go aside", import.meta.url);
aside.before(() => {
  host = openOwnNamespace({ aside: true });
});
aside.after(() => host.close());

function addPairs(names: readonly string[]): readonly number[] {
  return names.map((name) => {
    host.links.add({ name, info: { kind: "veth", peer: { name: `${name}p` } } });
    return host.links.get(name).index;
  });
}

aside("deletes links while this thread goes on", async () => {
  // Deleting waits for a grace period; a turn of the event loop takes microseconds. A busy machine may let this thread
  // have none of them once, or a few times.
  const turnsOf: number[] = [];
  while (!turnsOf.some((turns) => turns > 20) && turnsOf.length < 50) {
    const indexes = addPairs(["a", "b", "c"]);
    let turns = 0, done = false;
    const deletion = host.links.deleteAll(indexes).then(() => (done = true));
    while (!done) {
      await new Promise((resolve) => setImmediate(resolve));
      turns++;
    }
    await deletion;
    turnsOf.push(turns);
  }
  assert.ok(turnsOf.some((turns) => turns > 20), `turns during each: ${turnsOf}`);
  assert.equal(ipJson("link show").map((link) => link.ifname), ["lo"]);
});

aside("links are gone, and so are their other ends, once they are deleted", async () => {
  for (const names of [["a"], ["a", "b", "c"]]) {
    const indexes = addPairs(names);
    await host.links.deleteAll(indexes);
    assert.equal(ipJson("link show").map((link) => link.ifname), ["lo"]);
    addPairs(names);
    await Promise.all(names.map((name) => host.links.delete(host.links.get(name).index)));
    assert.equal(ipJson("link show").map((link) => link.ifname), ["lo"]);
  }
});

aside("other requests on this thread are answered as their own meanwhile", async () => {
  const indexes = addPairs(["a", "b", "c", "d"]);
  const deletions = indexes.map((index) => host.links.delete(index));
  const names = ["e", "f", "g"];
  for (const name of names) {
    host.links.add({ name, info: { kind: "bridge" } });
    assert.is(host.links.get(name).name, name);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(deletions);
  assert.equal(ipJson("link show").map((link) => link.ifname), ["lo", ...names]);
  await host.links.deleteAll(names.map((name) => host.links.get(name).index));
});

aside("works in another namespace than the threads'", async () => {
  const netns = makeNetns();
  const container = openNamespace(netns.path, { aside: true });
  container.links.add({ name: "d0", info: { kind: "bridge" } });
  host.links.add({ name: "d0", info: { kind: "bridge" } });
  await container.links.delete(container.links.get("d0").index);
  assert.equal(ipJson("link show", netns).map((link) => link.ifname), ["lo"]);
  assert.is(ipJson("link show d0").length, 1);
  await rejects(container.links.delete(4711), "ENODEV");
  container.close();
  await host.links.delete(host.links.get("d0").index);
});

aside("commits transactions, and says what was refused", async () => {
  const chain = { family: "ip", table: "t", chain: "c" } as const;
  const rule = { do: "add rule", ...chain, expressions: nft.rule("ip", nft.accept()) } as const;
  await host.nftables.commit([{ do: "add table", family: "ip", table: "t" }, { do: "add chain", ...chain }]);
  // Each plan lists what is there; none may be lost although all are asked for at once.
  await Promise.all(Array.from({ length: 10 }, (_, i) => host.nftables.update(() => [
    { ...rule, comment: `${i} after ${host.nftables.rules(chain)?.length}` },
  ])));
  assert.equal(nftJson("list chain ip t c").flatMap((entry) => entry.rule?.comment ?? []),
    Array.from({ length: 10 }, (_, i) => `${i} after ${i}`));
  const error = await rejects(host.nftables.commit([{ do: "delete chain", ...chain, chain: "none" }]), "ENOENT");
  assert.match(error.message, 'Cannot delete chain "none" of table "ip t"');
  run("nft", "delete table ip t");
});

aside("leaves no descriptor open", async () => {
  const open = (): number => readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return /^(?:socket|net):/.test(readlinkSync(`/proc/self/fd/${fd}`));
    } catch {
      return false; // the directory's own, closed by now
    }
  }).length;
  const before = open();
  const namespace = openNamespace(makeNetns().path, { aside: true });
  namespace.links.add({ name: "d0", info: { kind: "bridge" } });
  const deletion = namespace.links.delete(namespace.links.get("d0").index);
  namespace.close();
  await deletion;
  assert.is(open(), before);
});
aside.run();
