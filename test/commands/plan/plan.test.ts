// polynic plan: what it lists is what the ADD then does, and it does nothing of it.
import { readdirSync } from "node:fs";
import * as assert from "uvu/assert";
import { runExecutable } from "../../helpers/executable.ts";
import { attempt, kernelSuite, run } from "../../helpers/netns.ts";
import { emptyMachine, restoreMachine, typed, typedJson, writeConf } from "../../helpers/typed.ts";

const plan = kernelSuite("polynic plan", import.meta.url, { needs: ["nft_nat", "macvlan"] });
plan.before(() => {
  emptyMachine();
  for (const name of ["one", "two"]) run("ip", "netns", "add", name);
  run("ip", "link", "add", "uplink", "type", "veth", "peer", "name", "far");
  run("ip", "link", "set", "uplink", "up");
  run("ip", "addr", "add", "192.168.7.2/24", "dev", "uplink");
  // A bridge whose last port has gone has no MAC address any more.
  run("ip", "link", "add", "lone0", "type", "bridge");
  run("ip", "link", "add", "port0", "master", "lone0", "type", "veth", "peer", "name", "far0");
  run("ip", "link", "del", "port0");
  writeConf("10-shop.conflist", { cniVersion: "1.0.0", name: "shop", plugins: [
    { type: "bridge", bridge: "shop0", isGateway: true, ipMasq: true, ipMasqBackend: "nftables",
      ipam: { type: "host-local", ranges: [[{ subnet: "10.1.0.0/24" }]], routes: [{ dst: "0.0.0.0/0" }] } },
    { type: "tuning", sysctl: { "net.ipv4.conf.IFNAME.arp_filter": "1" } },
  ] });
  writeConf("20-lan.conflist", { cniVersion: "1.0.0", name: "lan", plugins: [{ type: "macvlan", master: "uplink",
    ipam: { type: "static", addresses: [{ address: "192.168.7.9/24" }] } }] });
  writeConf("30-foreign.conflist", { cniVersion: "1.0.0", name: "foreign", plugins: [
    { type: "dummy-of-others", secret: "it's" }, { type: "tuning", mtu: 1400 }] });
  writeConf("40-wrong.conflist", { cniVersion: "1.0.0", name: "wrong",
    plugins: [{ type: "bridge", bridge: "uplink" }] });
  writeConf("50-dhcp.conflist", { cniVersion: "1.0.0", name: "asked", plugins: [{ type: "macvlan", master: "uplink",
    ipam: { type: "dhcp" } }] });
});
plan.after(() => {
  for (const name of ["one", "two"]) {
    typed("detach", name);
    run("ip", "netns", "del", name);
  }
  for (const name of ["shop0", "uplink", "lone0"]) attempt("ip", "link", "del", name);
  restoreMachine();
});

/** All that a plan could have changed. */
function node(): readonly string[] {
  const files = ["/var/lib/cni", "/run"].flatMap((path) => readdirSync(path, { recursive: true }).map(String));
  return [
    // What the kernel does by itself meanwhile is no change: carriers come up, addresses are found to be unique.
    ...["link", "addr", "route", "netns"].map((what) => attempt("ip", "-o", what, "show").stdout
      .replaceAll(/ (?:tentative|linkdown)|<[^>]*>| state \S+| qdisc \S+/g, "")),
    attempt("nft", "list", "ruleset").stdout, attempt("iptables-save").stdout.replaceAll(/^#.*$/gm, ""),
    ...files.sort(),
  ];
}

/** Without what chance has made. */
function commandsOf(steps: readonly any[], id: string): readonly string[] {
  return steps.flatMap(({ commands }) => commands).map((line: string) => line
    .replaceAll(/veth[0-9a-f]{8}/g, "VETH").replaceAll(/(?:[0-9a-f]{2}:){5}[0-9a-f]{2}/g, "MAC")
    .replaceAll(id, "ID").replaceAll(/[0-9a-f]{16}-[0-9a-f]{16}/g, "HASH"));
}

for (const [title, target] of [["on an empty node", "one"], ["beside another container", "two"]] as const) {
  plan(`is what the ADD then does, ${title}`, () => {
    const before = node();
    const planned = typedJson("plan", "shop");
    assert.equal(node(), before);
    assert.is(planned.status, 0, JSON.stringify(planned.json));
    const traced = typedJson("trace", target, "shop");
    assert.is(traced.status, 0);
    assert.equal(commandsOf(planned.json.steps, "planned"), commandsOf(traced.json.steps, `netns-${target}`));
    assert.ok(planned.json.steps.length > 8);
    const address = attempt("ip", "-n", target, "-j", "addr", "show", "dev", "eth0").stdout;
    const [given] = planned.json.result.ips;
    assert.ok(address.includes(given.address.split("/")[0]));
  });
}

plan("is told in words and lines", () => {
  const { status, stdout } = typed("plan", "lan", "-i", "lan0");
  assert.is(status, 0);
  assert.match(stdout, /^ADD of plugin "macvlan" for lan0\n {2}container: add macvlan "lan0" on "uplink" of the/);
  assert.match(stdout, /\n {6}ip link add link uplink name lan0 .*netns \$NETNS type macvlan mode bridge\n/);
  assert.match(stdout, /\nwrite \/var\/lib\/cni\/multus\/results\/lan-planned-lan0\n\n/);
  assert.match(stdout, /\nlan0 would have 192\.168\.7\.9\/24\n/);
  assert.not.match(stdout, /\/tmp\/|\/media|\/mnt|\/proc\/\d/);
  assert.not.match(stdout, /lone0/);
});

plan("lists programs with their input, and runs none", () => {
  const before = node();
  const directory = "/run/plugins";
  run("mkdir", directory);
  run("sh", "-c", `printf '#!/bin/sh\\ntouch /run/has-run\\n' > ${directory}/dummy-of-others; chmod +x ${directory}/*`);
  const { stdout } = runExecutable({ env: { CNI_PATH: directory }, args: ["plan", "foreign"] });
  run("rm", "-r", directory);
  assert.equal(node(), before);
  assert.match(stdout, /run \/run\/plugins\/dummy-of-others with \{"type":"dummy-of-others","secret":"it's"/);
  assert.match(stdout, /CNI_COMMAND=ADD CNI_CONTAINERID=planned CNI_NETNS=\$NETNS CNI_IFNAME=eth0 /);
  assert.match(stdout, /note: dummy-of-others is not run/);
});

plan("says why the ADD would fail, and what cannot be planned", () => {
  const wrong = typed("plan", "wrong");
  assert.is(wrong.status, 1);
  assert.match(wrong.stderr, /Cannot use bridge "uplink": .*expected a bridge/);
  const asked = typed("plan", "asked");
  assert.is(asked.status, 1);
  assert.match(asked.stderr, /Cannot plan this network: a DHCP server gives the address, expected polynic trace/);
});

plan.run();
