// dhcp when the server that gave the lease renews it no more: any server is asked, at broadcast.
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { uptime } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { bridge } from "../../../src/plugins/bridge/index.ts";
import type { DhcpNetwork, RunningDaemon } from "../../helpers/dhcp/network.ts";
import {
  dnsmasqLeases, isInstalled, makeDhcpNetwork, startDhcpDaemon, startDnsmasq, untilSaid,
} from "../../helpers/dhcp/network.ts";
import type { OwnServer } from "../../helpers/dhcp/server.ts";
import { startOwnServer } from "../../helpers/dhcp/server.ts";
import type { Driven } from "../../helpers/handles.ts";
import { add, check, del } from "../../helpers/handles.ts";
import type { TestNetns } from "../../helpers/netns.ts";
import { ipJson, kernelSuite, makeNetns, run, until } from "../../helpers/netns.ts";

const kernel = kernelSuite("dhcp that is bound anew", import.meta.url);

let network: DhcpNetwork, other: DhcpNetwork, daemon: RunningDaemon, container: TestNetns;
kernel.before(async () => {
  network = makeDhcpNetwork();
  other = second(network);
  daemon = await startDhcpDaemon(network);
});
kernel.after(async () => {
  await network.remove();
  other.server.remove();
});
kernel.before.each(() => { container = makeNetns(); });
kernel.after.each(() => container.remove());

/** A second server's place on the same network, 10.77.0.2/24 on e0. */
function second(first: DhcpNetwork): DhcpNetwork {
  const server = makeNetns("srv2"), directory = join(first.directory, "second");
  mkdirSync(directory);
  run("ip", "link", "add", "e1-host", "master", "br-dh", "type", "veth", "peer", "name", "e0", "netns", "srv2");
  run("ip", "link", "set", "e1-host", "up");
  server.exec("ip", "addr", "add", "10.77.0.2/24", "dev", "e0");
  server.exec("ip", "link", "set", "e0", "up");
  return { ...first, server, directory };
}

function driven(): Driven {
  return {
    plugin: bridge, netns: container.path, containerId: container.name,
    conf: { bridge: "br-dh", ipam: { type: "dhcp", daemonSocketPath: daemon.socket } },
  };
}
const isUp = (): boolean => ipJson("link show eth0", container)[0].flags.includes("UP");
const kept = (): any[] => {
  const directory = `${daemon.socket}.leases`;
  return readdirSync(directory).filter((file) => file.endsWith(".json"))
    .map((file) => JSON.parse(readFileSync(join(directory, file), "utf8")));
};
/** Not before it is renewed for the first time is its server silent to it. */
function startDeaf(): OwnServer {
  const server = startOwnServer(network.server);
  return Object.assign(server, { mode: "deaf", renewSeconds: 1, rebindSeconds: 2 });
}

kernel("by the same server, which hears broadcasts alone; it is asked by itself first, each time", async () => {
  const server = startDeaf(), one = driven(), result = await add(one);
  const toAll = "request 255.255.255.255", toOne = "request 10.77.0.1";
  // The first of these is ADD's.
  const rebound = (): readonly string[] => server.addressed.slice(server.addressed.indexOf(toAll) + 1);
  await until("a renewal after it was bound anew", () => rebound().slice(rebound().indexOf(toAll)).includes(toOne));
  await until("being bound anew twice", () => rebound().filter((line) => line === toAll).length >= 2);
  assert.equal(server.heard.filter((type) => type === "discover"), ["discover"]);
  await check({ ...one, prevResult: result });
  assert.is(isUp(), true);
  assert.not.match(daemon.said(), /lost/);
  await del(one);
  await until("the release", () => server.heard.at(-1) === "release");
  assert.equal(kept(), []);
  server.close();
});

kernel("by the next daemon, whose lease is that far gone when it starts", async () => {
  const server = startDeaf(), one = driven();
  await add(one);
  await daemon.stop("SIGKILL");
  const [{ lease }] = kept();
  await until("its time", () => uptime() * 1000 > lease.rebindAtMs);
  daemon = await startDhcpDaemon(network, [], daemon.socket);
  assert.match(daemon.said(), "1 leases are gone on with");
  await until("a lease of a later time", () => kept()[0]?.lease.givenAtMs > lease.givenAtMs);
  await del(one);
  server.close();
});

kernel("not by a server that refuses: the lease is lost, and the link down", async () => {
  const server = startDeaf(), one = driven();
  await add(one);
  server.mode = "silent";
  const refusing = startOwnServer(other.server, "10.77.0.2");
  refusing.mode = "nak";
  await untilSaid(daemon, /lost 10\.77\.0\.50 of .*: DHCP server 10\.77\.0\.2 refused 10\.77\.0\.50: "not yours"/);
  await until("the link down", () => !isUp());
  assert.equal(kept(), []);
  await del(one);
  for (const each of [server, refusing]) each.close();
});

if (isInstalled("dnsmasq", "dhcp that is bound anew")) {
  kernel("by another server, which is the lease's from then on: asked for renewals, told of the release", async () => {
    const times = ["dhcp-option=option:T1,3", "dhcp-option=option:T2,6"];
    const first = await startDnsmasq(network, times), one = driven(), result = await add(one);
    const address = result.ips[0]?.address.split("/")[0] ?? "";
    await first.stop("SIGKILL");
    const next = await startDnsmasq(other, times);
    const granted = (): number => next.said().split(`DHCPACK(e0) ${address}`).length - 1;
    await until("a lease by the other, renewed by it", () => granted() >= 2);
    assert.equal(dnsmasqLeases(other), [address]);
    assert.is(kept()[0].lease.server, "10.77.0.2");
    await check({ ...one, prevResult: result });
    assert.is(isUp(), true);
    await del({ ...one, prevResult: result });
    await untilSaid(next, new RegExp(`DHCPRELEASE\\(e0\\) ${address}`));
    await until("the release at the server", () => dnsmasqLeases(other).length === 0);
    await next.stop("SIGKILL");
  });
}

kernel.run();
