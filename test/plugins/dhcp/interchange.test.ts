// dhcp with the reference's executables: their plugin asks our daemon, and our plugin theirs.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { bridge } from "../../../src/plugins/bridge/index.ts";
import { dhcp } from "../../../src/plugins/dhcp/index.ts";
import type { DhcpNetwork, RunningDaemon } from "../../helpers/dhcp/network.ts";
import {
  dnsmasqLeases, isInstalled, makeDhcpNetwork, startDhcpDaemon, startDnsmasq, startProgram,
} from "../../helpers/dhcp/network.ts";
import type { Driven } from "../../helpers/handles.ts";
import { add, check, del, status } from "../../helpers/handles.ts";
import { waitLimitMs } from "../../helpers/limits.ts";
import type { TestNetns } from "../../helpers/netns.ts";
import { ipJson, kernelSuite, makeNetns, until } from "../../helpers/netns.ts";
import { referencePlugins } from "../../helpers/runtime.ts";

const kernel = kernelSuite("dhcp of the reference", import.meta.url);

let network: DhcpNetwork, ours: RunningDaemon, container: TestNetns;
kernel.before(async () => {
  network = makeDhcpNetwork();
  await startDnsmasq(network, [
    "dhcp-option=option:classless-static-route,10.9.0.0/16,10.77.0.7,0.0.0.0/0,10.77.0.1",
    "dhcp-option=option:dns-server,10.77.0.53",
  ]);
  ours = await startDhcpDaemon(network);
});
kernel.after(() => network.remove());
kernel.before.each(() => { container = makeNetns(); });
kernel.after.each(() => container.remove());

interface Answer { readonly status: number | null; readonly stdout: string; readonly json: any }

/** A reference plugin called as a runtime does it. */
function called(directory: string, type: string, verb: string, conf: object): Answer {
  const env = {
    PATH: process.env["PATH"], CNI_COMMAND: verb, CNI_CONTAINERID: container.name, CNI_NETNS: container.path,
    CNI_IFNAME: "eth0", CNI_PATH: directory, CNI_ARGS: "",
  };
  const { status, stdout, stderr } = spawnSync(join(directory, type), [],
    { env, input: JSON.stringify(conf), encoding: "utf8", timeout: waitLimitMs });
  assert.is(status, 0, `${verb}: ${stdout}${stderr}`);
  return { status, stdout, json: stdout === "" ? undefined : JSON.parse(stdout) };
}
const confOf = (type: string, socket: string, cniVersion: string, more: object = {}): object => ({
  cniVersion, name: "testnet", type, bridge: "br-dh", ipam: { type: "dhcp", daemonSocketPath: socket, ...more },
});
const addresses = (): string[] => ipJson("addr show eth0", container)[0].addr_info
  .filter(({ family }: any) => family === "inet").map(({ local, prefixlen }: any) => `${local}/${prefixlen}`);
/** Of ours: what their daemon releases does not reach the server. */
const released = (address: string): Promise<void> => until("the release at the server",
  () => !dnsmasqLeases(network).includes(address.split("/")[0] ?? ""));

for (const { release, directory } of referencePlugins()) {
  for (const cniVersion of ["0.3.1", "1.0.0"]) {
    kernel(`${release} asks our daemon, cniVersion ${cniVersion}`, async () => {
      const conf = confOf("bridge", ours.socket, cniVersion);
      const { json } = called(directory, "bridge", "ADD", conf);
      assert.equal(addresses(), [json.ips[0].address]);
      // The older bridge puts its own dns, which is none, in the place of IPAM's.
      assert.equal([json.ips[0].gateway, json.routes, json.dns], ["10.77.0.1",
        [{ dst: "10.9.0.0/16", gw: "10.77.0.7" }, { dst: "0.0.0.0/0", gw: "10.77.0.1" }],
        release === "1.1" ? {} : { nameservers: ["10.77.0.53"] }]);
      if (cniVersion !== "0.3.1") called(directory, "bridge", "CHECK", { ...conf, prevResult: json });
      // Their bridge takes the link away before it asks for the release, which then has no way out.
      called(directory, "dhcp", "DEL", { ...conf, type: "dhcp" });
      await released(json.ips[0].address);
      called(directory, "bridge", "DEL", { ...conf, prevResult: json });
      called(directory, "bridge", "DEL", { ...conf, prevResult: json });
    });
  }

  kernel(`${release}: what it cannot have, it is told why`, () => {
    const conf = confOf("dhcp", ours.socket, "1.0.0", { provide: [{ option: "nothing", value: "a" }] });
    const env = { CNI_COMMAND: "ADD", CNI_CONTAINERID: "c", CNI_NETNS: container.path, CNI_IFNAME: "eth0",
      CNI_PATH: directory };
    const { status, stdout } = spawnSync(join(directory, "dhcp"), [],
      { env, input: JSON.stringify(conf), encoding: "utf8", timeout: waitLimitMs });
    assert.is(status, 1);
    assert.match(JSON.parse(stdout).msg, /ipam\.provide\[0\]\.option: "nothing" is no DHCP option/);
  });

  kernel(`${release} has a daemon that our plugin asks`, async () => {
    const socket = join(network.directory, `reference-${release}.sock`);
    const daemon = startProgram(join(directory, "dhcp"), ["daemon", "-socketpath", socket]);
    network.started(daemon);
    const theirs: Driven = {
      plugin: bridge, netns: container.path, containerId: container.name,
      conf: { bridge: "br-dh", ipam: { type: "dhcp", daemonSocketPath: socket } },
    };
    await until("their daemon's socket", () => spawnSync("test", ["-S", socket]).status === 0);
    await status(theirs);
    const result = await add(theirs);
    assert.equal(addresses(), [result.ips[0]?.address]);
    assert.equal(result.ips[0]?.gateway, "10.77.0.1");
    await check({ ...theirs, prevResult: result });
    // While the link is there it has a way to give the address back.
    await del({ ...theirs, plugin: dhcp });
    await del({ ...theirs, prevResult: result });
    assert.equal(ipJson("link show", container).map(({ ifname }) => ifname), ["lo"]);
    await daemon.stop();
    await startDhcpDaemon(network, ["-leases", `${socket}.kept`], socket);
  });
}

if (isInstalled("dnsmasq", "dhcp of the reference")) kernel.run();
