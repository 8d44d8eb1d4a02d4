// firewall, and what really passes: three containers on two bridges of a host that forwards nothing by itself.
import { writeFileSync } from "node:fs";
import * as assert from "uvu/assert";
import { firewall } from "../../../src/plugins/firewall/index.ts";
import type { Driven } from "../../helpers/handles.ts";
import { add, del } from "../../helpers/handles.ts";
import { hasLegacyIptables, useLegacyIptables } from "../../helpers/legacy/iptables.ts";
import type { TestNetns } from "../../helpers/netns.ts";
import { attempt, kernelSuite, makeNetns, run } from "../../helpers/netns.ts";

const traffic = kernelSuite("firewall's traffic", import.meta.url, { needs: ["nft_nat"] });

interface Container {
  readonly netns: TestNetns;
  readonly bridge: string;
  readonly address: string;
}
const containers: Container[] = [];

traffic.before(() => {
  run("ip", "link", "set", "lo", "up");
  writeFileSync("/proc/sys/net/ipv4/ip_forward", "1");
  for (const [bridge, subnet, hosts] of [["foo", "10.1.0", [2, 3]], ["bar", "10.2.0", [2]]] as const) {
    run("ip", "link", "add", bridge, "type", "bridge");
    run("ip", "addr", "add", `${subnet}.1/24`, "dev", bridge);
    run("ip", "link", "set", bridge, "up");
    for (const host of hosts) {
      const netns = makeNetns(), port = `${bridge}${host}`, address = `${subnet}.${host}`;
      run("ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", netns.name);
      run("ip", "link", "set", port, "master", bridge, "up");
      netns.exec("ip", "addr", "add", `${address}/24`, "dev", "eth0");
      netns.exec("ip", "link", "set", "eth0", "up");
      netns.exec("ip", "route", "add", "default", "via", `${subnet}.1`);
      containers.push({ netns, bridge, address });
    }
  }
});

const driven = (conf: object, { netns, bridge, address }: Container): Driven => ({
  plugin: firewall, netns: netns.path, containerId: address, conf: { ...conf },
  prevResult: { interfaces: [{ name: bridge }], ips: [{ address: `${address}/24` }], routes: [], dns: {} },
});
/** By a packet that is answered where it arrives; one that is dropped is waited for a moment. */
const reaches = ({ netns }: Container, { address }: Container, seconds = "20"): boolean =>
  attempt("ip", "netns", "exec", netns.name, "ping", "-c", "1", "-W", seconds, address).status === 0;

const tools = ["iptables", "nftables", ...(hasLegacyIptables("firewall's traffic") ? ["iptables-legacy"] : [])];
for (const tool of tools) {
  for (const ingressPolicy of ["open", "same-bridge", "isolated"]) {
    traffic(`${tool}, ${ingressPolicy}`, async () => {
      const [foo1, foo2, bar] = containers;
      assert.ok(foo1 && foo2 && bar);
      const restore = tool === "iptables-legacy" ? useLegacyIptables() : () => {};
      const backend = tool === "nftables" ? tool : "iptables";
      // Frames on one bridge pass the rules too, where the kernel has been told so.
      const bridged = attempt("sysctl", "-w", "net.bridge.bridge-nf-call-iptables=1").status === 0;
      if (backend === "iptables") run("iptables", "-P", "FORWARD", "DROP");
      if (backend === "iptables") assert.not.ok(reaches(foo1, bar, "1"), "before ADD");
      for (const one of containers) await add(driven({ backend, ingressPolicy }, one));
      assert.is(reaches(foo1, bar, ingressPolicy === "open" ? "20" : "1"), ingressPolicy === "open");
      assert.is(reaches(bar, foo1, ingressPolicy === "open" ? "20" : "1"), ingressPolicy === "open");
      const apart = ingressPolicy === "isolated" && bridged;
      assert.is(reaches(foo1, foo2, apart ? "1" : "20"), !apart);
      for (const one of containers) await del(driven({ backend, ingressPolicy }, one));
      if (backend === "iptables") assert.not.ok(reaches(foo1, bar, "1"), "after DEL");
      restore();
      run("nft", "flush", "ruleset");
    });
  }
}

traffic.run();
