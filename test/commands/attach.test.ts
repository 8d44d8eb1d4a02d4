// polynic attach and detach: containers by hand, on a machine of the test's own.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { takeApart } from "../../src/commands/attach/request.ts";
import { runExecutable } from "../helpers/executable.ts";
import { attempt, ipJson, kernelSuite, run } from "../helpers/netns.ts";
import { emptyMachine, restoreMachine, typedHere as typed, typedHereWithJson as typedJson,
  writeConf } from "../helpers/typed.ts";

const words = suite("networks as they are typed");

for (const [typed, expected] of [
  [["a", "b"], [{ network: "a" }, { network: "b" }]],
  [["br0", "10.0.0.5/24@10.0.0.1", "macvlan:eth1", "dhcp"],
    [{ network: "br0", address: "10.0.0.5/24@10.0.0.1" }, { network: "macvlan:eth1", address: "dhcp" }]],
  [["br0", "0/0", "02:00:00:00:00:07@100"], [{ network: "br0", address: "0/0", mac: "02:00:00:00:00:07", vlan: 100 }]],
  [["vlan:eth1", "fd00::5/64@fd00::1", "@12"], [{ network: "vlan:eth1", address: "fd00::5/64@fd00::1", vlan: 12 }]],
] as const) {
  words(`are taken apart: ${typed.join(" ")}`, () => assert.equal(takeApart(typed), expected));
}
for (const word of ["300.1.1.1/24", "10.0.0.1/33", "10.0.0.1/24@10.0.0.300", "fd00::1::2/64"])
  words(`have no address like ${word}`, () =>
    assert.throws(() => takeApart(["br0", word]), (error: unknown) => error instanceof Error &&
      error.message.startsWith(`Cannot use address "${word}": expected one such as 192.168.1.7/24`)));
for (const [word, right] of [["10.0.0.5", "10.0.0.5/24"], ["10.0.0.5@10.0.0.1", "10.0.0.5/24@10.0.0.1"],
  ["fd00::5", "fd00::5/64"]] as const)
  words(`have no address without the length of its prefix: ${word}`, () =>
    assert.throws(() => takeApart(["br0", word]), (error: unknown) => error instanceof Error && error.message ===
      `Cannot use address "${word}": the length of its prefix is missing, expected one as in ${right}`));
words("begin with a network", () => assert.throws(() => takeApart(["10.0.0.5/24"]), /it stands before any network/));
words.run();

const attaching = kernelSuite("polynic attach", import.meta.url, { needs: ["macvlan"] });
attaching.before.each(() => {
  emptyMachine();
  for (const name of ["web", "other"]) run("ip", "netns", "add", name);
  run("ip", "link", "add", "uplink", "type", "veth", "peer", "name", "far");
  run("ip", "link", "set", "uplink", "up");
});
attaching.after.each(() => {
  for (const name of ["web", "other"]) attempt("ip", "netns", "del", name);
  for (const name of ["uplink", "br0", "two0", "two1"]) attempt("ip", "link", "del", name);
  restoreMachine();
});

const inside = (name: string): readonly string[] => ipJson(`-n ${name} addr show`)
  .filter(({ ifname }: any) => ifname !== "lo")
  .map(({ ifname, addr_info }: any) => [ifname, ...addr_info.filter(({ scope }: any) => scope === "global")
    .map(({ local, prefixlen }: any) => `${local}/${prefixlen}`)].join(" "))
  .sort();

const delegates = ["two0", "two1"].map((bridge, i) => ({ cniVersion: "1.0.0", name: bridge, type: "bridge", bridge,
  ipam: { type: "host-local", ranges: [[{ subnet: `10.${i + 1}.0.0/24` }]] } }));
const two = { cniVersion: "1.0.0", name: "two", plugins: [{ type: "polynic", delegates }] };

attaching("makes a bridge as pipework does, and detach takes the container off it without another word", async () => {
  const { stdout, stderr, status } = await typed("attach", "web", "br0", "192.168.1.7/24@192.168.1.1");
  assert.is(status, 0, stderr);
  assert.is(stdout, "container  interface  addresses       networks\n" +
    "web        eth0       192.168.1.7/24  bridge-br0\n");
  assert.equal(inside("web"), ["eth0 192.168.1.7/24"]);
  assert.is(ipJson("-n web route show default")[0].gateway, "192.168.1.1");
  assert.is((await typed("detach", "web")).stdout, "detached web from bridge-br0 (eth0)\n");
  assert.equal(inside("web"), []);
  const again = await typed("detach", "web");
  assert.equal([again.status, again.stderr], [1, 'polynic detach: Cannot detach "web": nothing is attached to it by ' +
    "hand, expected a container that polynic attach has attached\n"]);
});

attaching("reaches a gateway outside of the address's prefix by a route of its own, as pipework has it", async () => {
  for (const [address, gateway] of [["10.7.0.5/32", "10.8.0.1"], ["fd07::5/128", "fd08::1"]] as const) {
    const { status, stderr } = await typed("attach", "web", "br0", `${address}@${gateway}`);
    assert.is(status, 0, stderr);
    const routes = ipJson(`-n web ${gateway.includes(":") ? "-6 " : ""}route show`);
    assert.is(routes.find(({ dst }: any) => dst === "default")?.gateway, gateway);
    assert.is(routes.find(({ dst }: any) => dst === gateway)?.dev, "eth0");
    assert.is((await typed("check", "web")).status, 0);
    assert.is((await typed("detach", "web")).status, 0);
  }
});

attaching("attaches to several networks, each under the next free name, and detaches from one", async () => {
  writeConf("10-two.conflist", two);
  const { status, json } = await typedJson("attach", "/run/netns/web", "two");
  assert.is(status, 0);
  assert.equal([json[0].container, json[0].interface, json[0].networks], ["web", "eth0", ["two"]]);
  assert.is((await typed("attach", "web", "macvlan:uplink", "10.9.0.5/24", "02:00:00:00:00:07", "-i", "lan0")).status,
    0);
  assert.equal(inside("web"), ["eth0 10.1.0.2/24", "lan0 10.9.0.5/24", "net1 10.2.0.2/24"]);
  assert.is(ipJson("-n web link show lan0")[0].address, "02:00:00:00:00:07");
  assert.is((await typed("check", "web")).status, 0);
  assert.match((await typed("detach", "web", "lna0")).stderr,
    /from "lna0": it is not attached to it, expected two0, two1 or /);
  assert.is((await typed("detach", "web", "uplink")).stdout, "detached web from macvlan-uplink (lan0)\n");
  assert.equal(inside("web"), ["eth0 10.1.0.2/24", "net1 10.2.0.2/24"]);
  assert.is((await typed("detach", "web")).status, 0);
  assert.equal(readdirSync("/var/lib/cni/networks/two0").filter((name) => /^\d/.test(name)), []);
});

attaching("takes a link by an alternative name longer than 15 bytes, alone as behind a kind", async () => {
  const name = "enx00163e1234567890";
  run("ip", "link", "property", "add", "dev", "uplink", "altname", name);
  for (const word of [name, `macvlan:${name}`]) {
    const { status, stderr } = await typed("attach", "web", word, "10.9.0.5/24");
    assert.is(status, 0, stderr);
    assert.equal(inside("web"), ["eth0 10.9.0.5/24"]);
    assert.is((await typed("detach", "web")).status, 0);
  }
  assert.is((await typed("attach", "web", `${name}1`, "10.9.0.5/24")).status, 1);
  run("ip", "link", "property", "del", "dev", "uplink", "altname", name);
});

attaching("is all or nothing", async () => {
  const { status, stderr } = await typed("attach", "web", "br0", "10.0.0.5/24", "macvlan:nothing");
  assert.is(status, 1);
  assert.match(stderr, /^polynic attach: .*"nothing"/);
  assert.equal(inside("web"), []);
  assert.match((await typed("detach", "web")).stderr, /nothing is attached to it by hand/);
});

attaching("says what would be right of names and ports", async () => {
  writeConf("10-two.conflist", two);
  for (const [more, said] of [
    [["two", "-i", "a-name-that-is-too-long"], /Cannot use --interface a-name-that-is-too-long: it is longer than 15/],
    [["two", "-p", "99999:80"], /Cannot use --publish 99999:80: .* with ports from 1 to 65535/],
    [["two", "-p", "80:0"], /Cannot use --publish 80:0/],
  ] as const) {
    const { status, stderr } = await typed("attach", "web", ...more);
    assert.equal([status, said.test(stderr)], [2, true], stderr);
  }
  assert.match((await typed("attach", "web", "tow")).stderr,
    /no configuration in \S+ has that name, and no link of this machine, expected two/);
});

attaching("attaches a container that was started anew to what it had", async () => {
  writeConf("10-two.conflist", two);
  assert.is((await typed("attach", "other", "two")).status, 0);
  assert.is((await typed("attach", "web", "two")).status, 0);
  run("ip", "netns", "del", "web");
  run("ip", "netns", "add", "web");
  const { status, stderr } = await typed("attach", "--again", "web");
  assert.is(status, 0, stderr);
  assert.equal(inside("web"), ["eth0 10.1.0.3/24", "net1 10.2.0.3/24"]);
  assert.match((await typed("attach", "--again", "far")).stderr, /Cannot find container "far"/);
});

attaching("remembers what cannot be attached again, for the next time", async () => {
  writeConf("10-two.conflist", two);
  const startAnew = (): void => {
    for (const change of ["del", "add"]) run("ip", "netns", change, "web");
  };
  const links = (): readonly string[] => inside("web").map((line) => line.replace(/ .*/, ""));
  assert.is((await typed("attach", "web", "two")).status, 0);
  startAnew();
  // What the second network needs is no bridge for a while.
  run("ip", "link", "del", "two1");
  run("ip", "link", "add", "two1", "link", "uplink", "type", "macvlan");
  for (let time = 0; time < 2; time++) {
    assert.match((await typed("attach", "--again", "web")).stderr, /two1/);
    assert.equal(links(), []);
  }
  run("ip", "link", "del", "two1");
  const { status, stderr } = await typed("attach", "--again", "web");
  assert.is(status, 0, stderr);
  assert.equal(links(), ["eth0", "net1"]);

  startAnew();
  run("ip", "link", "del", "two1");
  run("ip", "link", "add", "two1", "link", "uplink", "type", "macvlan");
  assert.is((await typed("attach", "--again", "web")).status, 1);
  assert.is((await typed("detach", "web")).status, 0, "it is taken off as if it were there");
  assert.match((await typed("attach", "--again", "web")).stderr, /nothing is remembered of it/);
  for (const network of ["two0", "two1"])
    assert.equal(readdirSync(`/var/lib/cni/networks/${network}`).filter((name) => /^\d/.test(name)), []);
});

attaching("detaches a container that is gone", async () => {
  writeConf("10-two.conflist", two);
  assert.is((await typed("attach", "web", "two")).status, 0);
  run("ip", "netns", "del", "web");
  assert.is((await typed("detach", "web")).stdout, "detached web from two0, two1 (eth0)\n");
  assert.equal(readdirSync("/var/lib/cni/networks/two0").filter((name) => /^\d/.test(name)), []);
});

attaching("finds a container of an engine, and a process", async () => {
  const id = "ab".repeat(32), directory = mkdtempSync("/run/engine-");
  const child = spawn("ip", ["netns", "exec", "web", "sleep", "60"]);
  const env = { PATH: `${directory}:${process.env["PATH"]}` };
  try {
    writeFileSync(join(directory, "docker"), `#!/bin/sh\n[ "$6" = shop ] || exit 1\necho ${id} /shop ${child.pid}\n`,
      { mode: 0o755 });
    await entered(child.pid ?? 0);
    const ran = runExecutable({ args: ["attach", "docker:shop", "br0", "10.0.0.5/24", "--json"], env });
    assert.equal([ran.status, JSON.parse(ran.stdout)[0].containerId], [0, id], ran.stderr);
    assert.equal(inside("web"), ["eth0 10.0.0.5/24"]);
    assert.is((await typed("attach", `pid:${child.pid}`, "br0", "10.0.0.6/24")).status, 0);
    assert.equal(inside("web"), ["eth0 10.0.0.5/24", "eth1 10.0.0.6/24"]);
    // The engine has forgotten it, polynic has not.
    for (const word of [`pid:${child.pid}`, "shop"]) assert.is((await typed("detach", word)).status, 0);
  } finally {
    child.kill();
    rmSync(directory, { recursive: true });
  }
});

for (const [title, args, says] of [
  ["no network", ["attach", "web"], /NETWORK is missing, expected polynic attach TARGET NETWORK/],
  ["no container", ["attach"], /TARGET is missing/],
  ["a container that is not there", ["attach", "wbe", "br0"], /Cannot find container "wbe": it is no network/],
  ["a file that is no namespace", ["attach", "/etc/hostname", "br0"], /\/etc\/hostname is no network namespace/],
  ["a network that is not there", ["attach", "web", "nowhere"], /Cannot find network "nowhere": there is no conf/],
  ["a port that no plugin takes", ["attach", "web", "br0", "-p", "80:80"], /"bridge-br0" for portMappings: no plugin/],
  ["a port that is none", ["attach", "web", "br0", "-p", "http"], /Cannot use --publish http: expected/],
  ["a VLAN where there can be none", ["attach", "web", "macvlan:uplink", "dhcp", "@5"], /expected vlan:uplink /],
] as const) {
  attaching(`says what would be right: ${title}`, async () => {
    const { status, stdout, stderr } = await typed(...args);
    assert.ok(status === 1 || status === 2);
    assert.is(stdout, "");
    assert.match(stderr, says);
    assert.equal(inside("web"), []);
  });
}

attaching.run();

/** Until the process is in the namespace, which it enters by itself. */
async function entered(pid: number): Promise<void> {
  const own = run("readlink", "/proc/self/ns/net");
  while (attempt("readlink", `/proc/${pid}/ns/net`).stdout === own)
    await new Promise((resolve) => setTimeout(resolve, 20));
}
