// dhcp as an executable for links that are there already, where addresses are few: who gets one, and when it is free.
import * as assert from "uvu/assert";
import { allVersions, code, compareVersions } from "../../../src/cni/index.ts";
import type { DhcpNetwork, Program, RunningDaemon } from "../../helpers/dhcp/network.ts";
import {
  dnsmasqLeases, isInstalled, makeDhcpNetwork, startDhcpDaemon, startDnsmasq,
} from "../../helpers/dhcp/network.ts";
import type { Ran } from "../../helpers/executable.ts";
import { startExecutable } from "../../helpers/executable.ts";
import type { TestNetns } from "../../helpers/netns.ts";
import { ipJson, kernelSuite, makeNetns, run, until } from "../../helpers/netns.ts";

const kernel = kernelSuite("dhcp of few addresses", import.meta.url);

let network: DhcpNetwork, server: Program, daemon: RunningDaemon, impatient: RunningDaemon, container: TestNetns;
kernel.before(async () => {
  network = makeDhcpNetwork();
  daemon = await startDhcpDaemon(network);
  impatient = await startDhcpDaemon(network, ["-timeout", "2s", "-resendmax", "500ms", "-resendtimeout", "3s"]);
});
kernel.after(() => network.remove());
kernel.before.each(() => {
  container = makeNetns();
  for (const name of ["eth0", "eth1"]) {
    const port = `${container.name}-${name}`;
    run("ip", "link", "add", port, "type", "veth", "peer", "name", name, "netns", container.name);
    run("ip", "link", "set", port, "master", "br-dh", "up");
  }
});
kernel.after.each(async () => {
  await server.stop("SIGKILL");
  container.remove();
});

/** From 10.77.0.5 to this one. */
async function serveUpTo(last: number): Promise<void> {
  server = await startDnsmasq(network, [`dhcp-range=10.77.0.5,10.77.0.${last},255.255.255.0,2m`]);
}

interface Asked {
  readonly ifName?: string;
  readonly cniVersion?: string;
  readonly of?: RunningDaemon;
  readonly prevResult?: unknown;
}

async function call(verb: string, asked: Asked = {}): Promise<Ran> {
  const { ifName = "eth0", cniVersion = "1.1.0", of = daemon, prevResult } = asked;
  return await startExecutable({
    name: "dhcp",
    env: { CNI_COMMAND: verb, CNI_CONTAINERID: container.name, CNI_NETNS: container.path, CNI_IFNAME: ifName,
      CNI_PATH: "/none", CNI_ARGS: "no pair;K=V=W" },
    stdin: { cniVersion, name: "few", type: "dhcp", ipam: { type: "dhcp", daemonSocketPath: of.socket }, prevResult },
  });
}
async function fine(verb: string, asked?: Asked): Promise<any> {
  const { status, stdout, stderr, json } = await call(verb, asked);
  assert.is(status, 0, `${verb}: ${stdout}${stderr}`);
  return json;
}
const leased = (): string[] => dnsmasqLeases(network).toSorted();
const untilLeased = (count: number): Promise<void> => (
  until("the release at the server", () => leased().length === count));

for (const cniVersion of allVersions) {
  kernel(`the only address is given, told in cniVersion ${cniVersion}, and free after DEL`, async () => {
    await serveUpTo(5);
    assert.is(ipJson("link show eth0", container)[0].flags.includes("UP"), false);
    const result = await fine("ADD", { cniVersion });
    const isOld = compareVersions(cniVersion, "0.3.0") < 0;
    assert.is(isOld ? result.ip4.ip : result.ips[0].address, "10.77.0.5/24");
    assert.is(isOld ? result.ip4.gateway : result.ips[0].gateway, "10.77.0.1");
    assert.equal([result.cniVersion, leased()], [cniVersion, ["10.77.0.5"]]);
    assert.is(ipJson("link show eth0", container)[0].flags.includes("UP"), true);
    if (compareVersions(cniVersion, "0.4.0") >= 0) await fine("CHECK", { cniVersion, prevResult: result });
    else assert.equal((await call("CHECK", { cniVersion })).json?.["code"], code.incompatibleVersion);
    await fine("DEL", { cniVersion });
    await untilLeased(0);
  });
}

kernel("three DELs at once, and one more, all succeed", async () => {
  await serveUpTo(5);
  await fine("ADD");
  await Promise.all([1, 2, 3].map(() => fine("DEL")));
  await untilLeased(0);
  await fine("DEL");
});

kernel("two interfaces of one container have an address each, given back in reverse order", async () => {
  await serveUpTo(6);
  const [first] = (await fine("ADD")).ips, [second] = (await fine("ADD", { ifName: "eth1" })).ips;
  assert.equal([first.address, second.address].sort(), ["10.77.0.5/24", "10.77.0.6/24"]);
  await fine("DEL", { ifName: "eth1" });
  await untilLeased(1);
  assert.equal(leased().map((address) => `${address}/24`), [first.address]);
  await fine("DEL");
  await untilLeased(0);
});

kernel("where one address is free the second interface gets none, and both DELs succeed", async () => {
  await serveUpTo(5);
  await fine("ADD");
  const second = { ifName: "eth1", of: impatient }, { status, json } = await call("ADD", second);
  assert.equal([status, json?.["code"]], [1, code.tryAgainLater]);
  assert.match(String(json?.["msg"]), "no more tries");
  await fine("DEL", second);
  assert.equal(leased(), ["10.77.0.5"]);
  await fine("DEL");
  await untilLeased(0);
});

if (isInstalled("dnsmasq", "dhcp of few addresses")) kernel.run();
