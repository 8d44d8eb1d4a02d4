// src/plugins/dhcp with the daemon and a real server: what is leased, what the result says of it, and what is left.
import * as assert from "uvu/assert";
import { code } from "../../../src/cni/index.ts";
import { bridge } from "../../../src/plugins/bridge/index.ts";
import { dhcp } from "../../../src/plugins/dhcp/index.ts";
import type { DhcpNetwork, Program, RunningDaemon } from "../../helpers/dhcp/network.ts";
import {
  dnsmasqLeases, isInstalled, makeDhcpNetwork, startDhcpDaemon, startDnsmasq, untilSaid,
} from "../../helpers/dhcp/network.ts";
import { rejects } from "../../helpers/errors.ts";
import type { Driven } from "../../helpers/handles.ts";
import { add, check, del, status } from "../../helpers/handles.ts";
import type { TestNetns } from "../../helpers/netns.ts";
import { ipJson, kernelSuite, makeNetns, until } from "../../helpers/netns.ts";

const kernel = kernelSuite("dhcp with dnsmasq", import.meta.url);

let network: DhcpNetwork, server: Program, daemon: RunningDaemon, container: TestNetns;
kernel.before(async () => {
  network = makeDhcpNetwork();
  server = await startDnsmasq(network, [
    "dhcp-option=option:classless-static-route,10.9.0.0/16,10.77.0.7,0.0.0.0/0,10.77.0.1",
    "dhcp-option=option:dns-server,10.77.0.53,10.77.0.54", "domain=blue.example", "dhcp-option=option:mtu,1400",
    "dhcp-option=option:domain-search,a.example,b.example",
  ]);
  daemon = await startDhcpDaemon(network);
});
kernel.after(() => network.remove());
kernel.before.each(() => { container = makeNetns(); });
kernel.after.each(() => container.remove());

function driven(more: Partial<Driven> = {}, ipam: object = {}): Driven {
  return {
    plugin: bridge, netns: container.path, containerId: container.name,
    conf: { bridge: "br-dh", ipam: { type: "dhcp", daemonSocketPath: daemon.socket, ...ipam } }, ...more,
  };
}
const addresses = (): string[] => ipJson("addr show eth0", container)[0].addr_info
  .filter(({ family }: any) => family === "inet").map(({ local, prefixlen }: any) => `${local}/${prefixlen}`);

kernel("ADD leases an address with all that the server tells, CHECK accepts it, DEL gives it back", async () => {
  const one = driven(), result = await add(one);
  const address = result.ips[0]?.address ?? "";
  assert.match(address, /^10\.77\.0\.\d+\/24$/);
  assert.equal(addresses(), [address]);
  assert.equal(result.ips[0]?.gateway, "10.77.0.1");
  assert.equal(result.routes.map(({ dst, gw, mtu }) => [dst, gw, mtu]),
    [["10.9.0.0/16", "10.77.0.7", 1400], ["0.0.0.0/0", "10.77.0.1", 1400]]);
  assert.equal(result.dns, {
    nameservers: ["10.77.0.53", "10.77.0.54"], domain: "blue.example", search: ["a.example", "b.example"],
  });
  assert.ok(ipJson("route show", container).some(({ dst, gateway }) => dst === "10.9.0.0/16"
    && gateway === "10.77.0.7"));
  assert.equal(dnsmasqLeases(network).map((leased) => `${leased}/24`), [address]);
  await check({ ...one, prevResult: result });
  await del({ ...one, prevResult: result });
  await until("the release at the server", () => dnsmasqLeases(network).length === 0);
  await untilSaid(server, /DHCPRELEASE\(e0\)/);
  await del({ ...one, prevResult: result });
});

kernel("STATUS is fine while a daemon listens, and tells when none does", async () => {
  await status(driven());
  const error = await rejects(status(driven({}, { daemonSocketPath: "/run/none.sock" })), code.notReady);
  assert.match(error.message, "Cannot reach the DHCP daemon at /run/none.sock: there is no such socket");
});

kernel("without a daemon ADD is refused and leaves nothing, and DEL succeeds", async () => {
  const none = driven({}, { daemonSocketPath: "/run/none.sock" });
  const error = await rejects(add(none), code.tryAgainLater);
  assert.match(error.message, "Cannot reach the DHCP daemon at /run/none.sock: there is no such socket");
  assert.equal(ipJson("link show", container).map(({ ifname }) => ifname), ["lo"]);
  await del(none);
});

for (const [what, ipam, message] of [
  ["an option of no known name", { provide: [{ option: "hostname", value: "a" }] }, /ipam\.provide\[0\]\.option/],
  ["a value that is too long", { provide: [{ option: "12", value: "x".repeat(256) }] }, /256 bytes/],
  ["a request that is no option", { request: [{ option: "256" }] }, /ipam\.request\[0\]\.option: "256"/],
] as const) {
  kernel(`refuses ${what} before anything is touched`, async () => {
    assert.match((await rejects(add(driven({}, ipam)), code.invalidConfig)).message, message);
    assert.equal(ipJson("link show", container).map(({ ifname }) => ifname), ["lo"]);
  });
}

kernel("alone it leases for a link that is there already", async () => {
  await add(driven({ conf: { bridge: "br-dh" } }));
  const alone = driven({ plugin: dhcp }), result = await add(alone);
  assert.equal(result.interfaces, []);
  assert.is(dnsmasqLeases(network).length, 1);
  await del(alone);
  await until("the release at the server", () => dnsmasqLeases(network).length === 0);
  await del(driven({ conf: { bridge: "br-dh" } }));
});

if (isInstalled("dnsmasq", "dhcp with dnsmasq")) kernel.run();
