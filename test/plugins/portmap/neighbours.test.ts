// src/plugins/portmap with nftables: the host's ports called from beside the container, and whom it then sees.
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import * as assert from "uvu/assert";
import { portmap } from "../../../src/plugins/portmap/index.ts";
import { rejects } from "../../helpers/errors.ts";
import { call } from "../../helpers/firewall.ts";
import type { TestNetns } from "../../helpers/netns.ts";
import { attempt, kernelSuite, makeNetns, run, until } from "../../helpers/netns.ts";

const beside = kernelSuite("portmap beside the container", import.meta.url, { needs: ["nft_nat"] });

/** Each on the bridge 10.0.0.1/24, except "client", which is behind a link of its own. */
const addresses = { c: "10.0.0.2", beside: "10.0.0.3", client: "10.7.0.2" };
const inside: Record<string, TestNetns> = {};
let server: ChildProcess;

beside.before(async () => {
  run("ip", "link", "set", "lo", "up");
  run("ip", "link", "add", "br0", "up", "type", "bridge");
  run("ip", "addr", "add", "10.0.0.1/24", "dev", "br0");
  run("sysctl", "-qw", "net.ipv4.ip_forward=1");
  for (const [name, address] of Object.entries(addresses)) {
    const netns = inside[name] = makeNetns(name), isClient = name === "client";
    run("ip", "link", "add", `v${name}`, "up", "type", "veth", "peer", "name", "eth0", "netns", name);
    if (isClient) run("ip", "addr", "add", "10.7.0.1/24", "dev", `v${name}`);
    else run("ip", "link", "set", `v${name}`, "master", "br0");
    netns.exec("ip", "addr", "add", `${address}/24`, "dev", "eth0");
    netns.exec("ip", "link", "set", "eth0", "up");
    netns.exec("ip", "route", "add", "default", "via", isClient ? "10.7.0.1" : "10.0.0.1");
  }
  run("bridge", "link", "set", "dev", "vc", "hairpin", "on");
  server = spawn("ip", ["netns", "exec", "c", "socat", "TCP-LISTEN:80,fork,reuseaddr",
    "SYSTEM:read line; echo $SOCAT_PEERADDR"], { stdio: "ignore" });
  await until("the server listens", () => inside["c"]?.exec("ss", "-tln").includes(":80 ") === true);
});
beside.after(() => void server.kill("SIGKILL"));

/** Whom the container sees when this one calls; "" when it gets no answer. */
function seen(from: keyof typeof addresses, to = "10.0.0.1:8080"): string {
  return attempt("ip", "netns", "exec", from, "sh", "-c",
    `echo hello | timeout 10 socat -t5 - TCP:${to},connect-timeout=5`).stdout.trim();
}

const portMappings = [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }];
const conf = { backend: "nftables", runtimeConfig: { portMappings } };
const prevResult = { interfaces: [{ name: "eth0", sandbox: "/run/netns/c" }],
  ips: [{ interface: 0, address: "10.0.0.2/24" }], routes: [], dns: {} };

const bridged = (on: boolean): boolean =>
  attempt("sysctl", "-qw", `net.bridge.bridge-nf-call-iptables=${on ? 1 : 0}`).status === 0;

beside("a neighbour whose answers would not come by the host is masqueraded, and nobody else", async () => {
  bridged(false);
  await call(portmap, "add", { conf, prevResult });
  await call(portmap, "check", { conf, prevResult });
  assert.is(seen("beside"), "10.0.0.1", "through the host");
  assert.is(seen("c"), "10.0.0.1", "itself");
  assert.is(seen("client"), "10.7.0.2", "from elsewhere");
  assert.is(seen("beside", "10.0.0.2:80"), "10.0.0.3", "directly");
  await call(portmap, "del", { conf, prevResult });
  await rejects(call(portmap, "check", { conf, prevResult }), 111);
});

beside("a neighbour keeps its address where the host sees the answers", async () => {
  if (!bridged(true)) return; // no br_netfilter
  await call(portmap, "add", { conf, prevResult });
  assert.is(seen("beside"), "10.0.0.3");
  assert.is(seen("c"), "10.0.0.1", "itself");
  await call(portmap, "del", { conf, prevResult });
});

beside("with masqAll everybody is masqueraded who comes through a mapped port", async () => {
  const all = { ...conf, masqAll: true };
  bridged(false);
  await call(portmap, "add", { conf: all, prevResult });
  await call(portmap, "check", { conf: all, prevResult });
  for (const from of ["beside", "c", "client"] as const) assert.is(seen(from), "10.0.0.1", from);
  assert.is(seen("client", "10.0.0.2:80"), "10.7.0.2", "directly");
  await call(portmap, "del", { conf: all, prevResult });
  await rejects(call(portmap, "check", { conf: all, prevResult }), 111);
});

beside.run();
