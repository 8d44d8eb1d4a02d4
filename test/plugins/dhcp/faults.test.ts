// dhcp on a bad day: servers that are silent or refuse, leases that run out, daemons that are killed and come back.
import { readdirSync } from "node:fs";
import * as assert from "uvu/assert";
import { code } from "../../../src/cni/index.ts";
import { bridge } from "../../../src/plugins/bridge/index.ts";
import { dhcp } from "../../../src/plugins/dhcp/index.ts";
import type { DhcpNetwork, RunningDaemon } from "../../helpers/dhcp/network.ts";
import { makeDhcpNetwork, startDhcpDaemon, untilSaid } from "../../helpers/dhcp/network.ts";
import type { OwnServer } from "../../helpers/dhcp/server.ts";
import { startOwnServer } from "../../helpers/dhcp/server.ts";
import { rejects } from "../../helpers/errors.ts";
import type { Driven } from "../../helpers/handles.ts";
import { add, check, del } from "../../helpers/handles.ts";
import type { TestNetns } from "../../helpers/netns.ts";
import { ipJson, kernelSuite, makeNetns, run, until } from "../../helpers/netns.ts";

const kernel = kernelSuite("dhcp on a bad day", import.meta.url);
const patience = ["-timeout", "2s", "-resendmax", "500ms", "-resendtimeout", "3s"];

let network: DhcpNetwork, server: OwnServer, daemon: RunningDaemon, container: TestNetns;
kernel.before(async () => {
  network = makeDhcpNetwork();
  daemon = await startDhcpDaemon(network, patience);
});
kernel.after(() => network.remove());
kernel.before.each(() => {
  server = startOwnServer(network.server);
  container = makeNetns();
});
kernel.after.each(() => {
  server.close();
  container.remove();
});

function driven(more: Partial<Driven> = {}): Driven {
  return {
    plugin: bridge, netns: container.path, containerId: container.name,
    conf: { bridge: "br-dh", ipam: { type: "dhcp", daemonSocketPath: daemon.socket } }, ...more,
  };
}
const links = (): string[] => ipJson("link show", container).map(({ ifname }) => ifname);
const isUp = (): boolean => ipJson("link show eth0", container)[0].flags.includes("UP");
const files = (): string[] => readdirSync(`${daemon.socket}.leases`).filter((file) => file.endsWith(".json"));
const count = (type: string): number => server.heard.filter((one) => one === type).length;

kernel("a server that is silent is asked more than once, then ADD fails and leaves nothing", async () => {
  server.mode = "silent";
  const error = await rejects(add(driven()), code.tryAgainLater);
  assert.match(error.message, "no DHCP server answered within 3000 ms: no more tries");
  assert.match(error.message, 'interface "eth0"');
  assert.ok(count("discover") >= 3, server.heard.join(" "));
  assert.equal([links(), files()], [["lo"], []]);
});

kernel("a server that refuses is named, with its words", async () => {
  server.mode = "nak";
  const error = await rejects(add(driven()), code.tryAgainLater);
  assert.match(error.message, 'DHCP server 10.77.0.1 refused 10.77.0.50: "not yours": no more tries');
  assert.equal([links(), files()], [["lo"], []]);
});

kernel("a lease is renewed as long as its server is there", async () => {
  server.renewSeconds = 1;
  const one = driven(), result = await add(one), asked = count("discover");
  await until("three renewals", () => count("request") >= 4);
  assert.is(isUp(), true);
  assert.is(count("discover"), asked);
  await check({ ...one, prevResult: result });
  await del(one);
  await until("the release", () => count("release") === 1);
  assert.equal(files(), []);
});

kernel("one that its server does not renew is lost: told, the link down, taken up again by CHECK", async () => {
  server.leaseSeconds = 2;
  const one = driven(), result = await add(one);
  server.mode = "silent";
  await untilSaid(daemon, new RegExp(`lost 10\\.77\\.0\\.50 of ${container.name}/testnet/eth0: the lease of `
    + "10\\.77\\.0\\.50 ran out: DHCP server 10\\.77\\.0\\.1 has not renewed it"));
  await until("the link down", () => !isUp());
  assert.equal(files(), []);
  // Asked of the IPAM plugin alone: the link's routes went with it.
  server.mode = "ack";
  await check({ ...one, plugin: dhcp, prevResult: result });
  assert.is(isUp(), true);
  await del(one);
});

kernel("one that its server refuses to renew is lost; another address then is an error of CHECK", async () => {
  server.renewSeconds = 1;
  const one = driven(), result = await add(one);
  server.mode = "nak";
  await untilSaid(daemon, new RegExp(`lost 10\\.77\\.0\\.50 of ${container.name}/testnet/eth0: DHCP server 10\\.77\\.0`
    + '\\.1 refused 10\\.77\\.0\\.50: "not yours"'));
  server.mode = "ack";
  server.address = "10.77.0.60";
  const error = await rejects(check({ ...one, plugin: dhcp, prevResult: result }), code.attachmentBroken);
  assert.match(error.message, "the server gives 10.77.0.60/24 now, expected 10.77.0.50/24 as by ADD");
  await del(one);
});

for (const signal of ["SIGTERM", "SIGKILL"] as const) {
  kernel(`a lease outlives a daemon that ends by ${signal}: renewed by the next one, given back by DEL`, async () => {
    server.renewSeconds = 2;
    const one = driven(), result = await add(one), asked = count("discover"), { socket } = daemon;
    assert.is(files().length, 1);
    await daemon.stop(signal);
    const error = await rejects(check({ ...one, prevResult: result }), code.tryAgainLater);
    assert.match(error.message, signal === "SIGTERM" ? "there is no such socket"
      : "a socket is there that nobody listens at any more");
    daemon = await startDhcpDaemon(network, patience, socket);
    assert.match(daemon.said(), "1 leases are gone on with");
    const before = count("request");
    await until("a renewal by it", () => count("request") > before);
    assert.is(count("discover"), asked);
    await del(one);
    await until("the release", () => count("release") === 1);
    assert.equal(files(), []);
  });
}

kernel("a restarted daemon lets go of what has no link any more", async () => {
  await add(driven());
  await daemon.stop("SIGKILL");
  await del(driven());
  daemon = await startDhcpDaemon(network, patience, daemon.socket);
  assert.match(daemon.said(), /has left 10\.77\.0\.50, which is free when its time is over/);
  assert.match(daemon.said(), "0 leases are gone on with");
  assert.equal(files(), []);
});

kernel("a daemon that is killed while it asks: ADD ends with an error, and nothing stays", async () => {
  server.mode = "silent";
  const failing = rejects(add(driven()), code.tryAgainLater);
  await until("the first question", () => count("discover") > 0);
  await daemon.stop("SIGKILL");
  const error = await failing;
  assert.match(error.message, `Cannot use the DHCP daemon at ${daemon.socket}`);
  assert.equal(links(), ["lo"]);
  daemon = await startDhcpDaemon(network, patience, daemon.socket);
});

kernel("a second daemon is refused while the first one is there", async () => {
  let said = "";
  try {
    await startDhcpDaemon(network, [], daemon.socket);
  } catch (error) {
    said = String(error);
  }
  assert.match(said, "another daemon does");
  await add(driven());
  await del(driven());
});

kernel("a container that ends without DEL really ends, and its lease with the next renewal", async () => {
  server.renewSeconds = 2;
  await add(driven());
  const other = container;
  other.remove();
  container = makeNetns();
  await untilSaid(daemon, new RegExp(`lost 10\\.77\\.0\\.50 of ${other.name}/testnet/eth0: there is no network`));
  await until("the end of the host's link", () => !run("ip", "-o", "link", "show", "type", "veth").includes("veth"
    + "@if") && files().length === 0);
});

kernel.run();
