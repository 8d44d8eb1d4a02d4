// polynic bridge-uplink: the machine's own addresses go to a bridge and back; and stay when no gateway answers.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import type { Tools } from "../../src/commands/bridge-uplink/carry-out.ts";
import { begin, finish, undo } from "../../src/commands/bridge-uplink/carry-out.ts";
import { planBack, planOver } from "../../src/commands/bridge-uplink/plan.ts";
import type { Move } from "../../src/commands/bridge-uplink/move.ts";
import type { Namespace, WholeState } from "../../src/kernel/index.ts";
import { openOwnNamespace, openWholeState } from "../../src/kernel/index.ts";
import { builtDist } from "../helpers/dist.ts";
import { attempt, ipJson, kernelSuite, makeNetns, run, until } from "../helpers/netns.ts";
import type { TestNetns } from "../helpers/netns.ts";
import { typedHere } from "../helpers/typed.ts";

const polynic = join(builtDist(), "bin", "polynic");

const uplink = kernelSuite("polynic bridge-uplink", import.meta.url, { needs: ["ipv6"] });

let gateway: TestNetns;

const setUp = [
  "addr add 10.1.0.5/24 brd + dev nic0", "addr add 10.1.0.6/24 dev nic0 label nic0:x valid_lft 9000 preferred_lft 8000",
  "addr add fd00::5/64 dev nic0 nodad metric 77", "route add default via 10.1.0.1 src 10.1.0.5 proto static metric 100",
  "route add 10.8.0.0/16 via 10.1.0.1 table 77", "-6 route add default via fd00::1 metric 512",
  "route add 10.9.0.0/16 dev other0 src 10.1.0.5",
];

uplink.before.each(() => {
  if (!existsSync("/run/polynic")) run("mkdir", "-p", "/run/polynic");
  run("mount", "-t", "tmpfs", "tmpfs", "/run/polynic");
  gateway = makeNetns();
  run("ip", "link", "add", "nic0", "type", "veth", "peer", "name", "gw0", "netns", gateway.name);
  run("ip", "link", "add", "other0", "type", "veth", "peer", "name", "other1");
  gateway.exec("sysctl", "-q", "-w", "net.ipv6.conf.gw0.accept_dad=0");
  for (const line of ["addr add 10.1.0.1/24 dev gw0", "addr add fd00::1/64 dev gw0", "link set gw0 up"])
    gateway.exec("ip", ...line.split(" "));
  for (const name of ["lo", "nic0", "other0", "other1"]) run("ip", "link", "set", name, "up");
  for (const line of setUp) run("ip", ...line.split(" "));
});

uplink.after.each(async () => {
  for (const name of ["nic0", "other0", "br0"]) attempt("ip", "link", "delete", name);
  gateway.remove();
  run("umount", "/run/polynic");
});

/** Addresses, routes and rules of the machine, as ip tells them; without what passes, and IPv6's own. */
function state(): readonly string[] {
  const script = "printf '%s\\n' 'addr show' 'link show' 'route show table all' | ip -o -b -";
  return run("sh", "-c", script).split("\n").filter((line) => line !== "" && !/fe80:|ff00::/.test(line))
    .map((line) => line.replaceAll(/\b\d+sec/g, "SECONDS").replaceAll(/^\d+: |<\S+>|state \w+|qdisc \w+/g, ""))
    .toSorted();
}

/** Whether both gateways answer over a link. */
function answers(link: string): boolean {
  return ["10.1.0.1", "fd00::1"].every((one) => attempt("ping", "-c", "1", "-W", "5", "-I", link, one).status === 0);
}

function typed(...words: readonly string[]) {
  return attempt(polynic, "bridge-uplink", ...words);
}

function addressesOf(link: string): readonly string[] {
  return ipJson(`addr show dev ${link}`)[0].addr_info.filter(({ scope }: any) => scope === "global")
    .map(({ local, prefixlen }: any) => `${local}/${prefixlen}`);
}

uplink("moves addresses and routes of both families to a new bridge, and back", () => {
  const before = state();
  const [{ address: mac }] = ipJson("link show dev nic0");
  const { status, stdout, stderr } = typed("br0", "nic0");
  assert.is(status, 0, stderr);
  const had = "10.1.0.5/24, 10.1.0.6/24, fd00::5/64";
  assert.is(stdout, `br0 has what nic0 had: ${had}; routes: 5; there is an answer from 10.1.0.1 and fd00::1\n`);
  assert.match(stderr, /10\.1\.0\.6\/24 ends with its time .* on br0\n.*next start undoes it/);
  assert.equal(addressesOf("nic0"), []);
  assert.equal(addressesOf("br0"), ["10.1.0.5/24", "10.1.0.6/24", "fd00::5/64"]);
  assert.is(ipJson("link show dev br0")[0].address, mac);
  assert.is(ipJson("link show dev nic0")[0].master, "br0");
  const moved = before.filter((line) => !/link\/ether/.test(line)).map((line) => line.replaceAll("nic0", "br0"));
  assert.equal(state().filter((line) => !/link\/ether/.test(line)), moved.toSorted());
  assert.ok(answers("br0"));
  const again = typed("br0", "nic0");
  assert.equal([again.status, again.stdout], [0, "br0 has everything of nic0 already\n"]);
  const back = typed("--undo", "br0", "nic0", "--json");
  assert.is(back.status, 0, back.stderr);
  const { direction, addresses, moved: isMoved } = JSON.parse(back.stdout);
  assert.equal([direction, isMoved, addresses], ["back", true, ["10.1.0.5/24", "10.1.0.6/24", "fd00::5/64"]]);
  assert.equal(state(), before);
  assert.ok(answers("nic0"));
  assert.match(typed("--undo", "br0", "nic0").stderr, /nothing is remembered of a move to "br0", expected a move that/);
});

uplink("keeps a bridge's own addresses, and gives it its MAC address back", () => {
  run("ip", "link", "add", "br0", "address", "02:00:00:00:00:99", "type", "bridge");
  run("ip", "link", "set", "br0", "up");
  run("ip", "addr", "add", "10.5.0.1/24", "dev", "br0");
  const before = state();
  assert.is(typed("br0", "nic0").status, 0);
  assert.equal(addressesOf("br0"), ["10.5.0.1/24", "10.1.0.5/24", "10.1.0.6/24", "fd00::5/64"]);
  assert.is(typed("--undo", "br0", "nic0").status, 0);
  assert.equal(state(), before);
});

/** A bridge with STP lets nothing through for twice its forward delay. */
function silentBridge(): void {
  run("ip", "link", "add", "br0", "type", "bridge", "stp_state", "1", "forward_delay", "3000");
}

uplink("undoes all of it when the gateway does not answer in time", () => {
  silentBridge();
  const before = state();
  const { status, stderr } = typed("br0", "nic0", "--within", "1");
  assert.is(status, 1);
  assert.is(stderr, "polynic bridge-uplink: waiting for 10.1.0.1 and fd00::1, 1 s at most\n" +
    'polynic bridge-uplink: Cannot move what "nic0" has to "br0": 10.1.0.1 and fd00::1 did not answer over br0, and ' +
    "everything is as it was, expected an answer within 1 s (--within); a bridge with STP lets nothing through for " +
    "30 s\n");
  assert.equal(state(), before);
  assert.ok(answers("nic0"));
  assert.not.ok(existsSync("/run/polynic/bridge-uplink/nic0.json"));
});

for (const [title, kill] of [
  ["killed in the middle", (id: number) => process.kill(id, "SIGKILL")],
  ["interrupted", (id: number) => process.kill(id, "SIGINT")],
] as const) {
  uplink(`undoes all of it when it is ${title}`, async () => {
    silentBridge();
    const before = state();
    const child = spawn(polynic, ["bridge-uplink", "br0", "nic0", "--within", "600"], { stdio: "ignore" });
    const ended = once(child, "exit");
    await until("the move", () => ipJson("link show dev nic0")[0].master === "br0" && addressesOf("br0").length === 3
      && ipJson("route show default").every(({ dev }) => dev === "br0"));
    process.kill(child.pid ?? 0, "SIGHUP");
    kill(child.pid ?? 0);
    await ended;
    await until("all as it was", () => !existsSync("/run/polynic/bridge-uplink/nic0.json"));
    assert.equal(state(), before);
    assert.ok(answers("nic0"));
  });
}

uplink("undoes what a move has left of which both processes are gone", async () => {
  silentBridge();
  const before = state();
  const child = spawn(polynic, ["bridge-uplink", "br0", "nic0", "--within", "600"], { stdio: "ignore" });
  const ended = once(child, "exit");
  await until("the move", () => ipJson("route show default").every(({ dev }) => dev === "br0"));
  const guard = Number(attempt("pgrep", "-P", String(child.pid), "-f", "bridge-uplink .*guard").stdout);
  assert.ok(guard > 1);
  process.kill(guard, "SIGKILL");
  process.kill(child.pid ?? 0, "SIGKILL");
  await ended;
  assert.not.equal(state(), before);
  const { status, stderr } = typed("br0", "nic0", "--within", "1");
  assert.is(status, 1);
  assert.match(stderr, /^polynic bridge-uplink: a move of nic0 that was left in the middle is undone\n/);
  assert.equal(state(), before);
});

uplink("tells what it would do, and does nothing", () => {
  const before = state();
  const { status, stdout } = typed("--dry-run", "br0", "nic0");
  assert.is(status, 0);
  assert.equal(stdout.split("\n").slice(0, 6), [
    "make bridge br0 with the MAC address of nic0", "put 10.1.0.5/24 on br0", "put 10.1.0.6/24 on br0",
    "put fd00::5/64 on br0", "make nic0 a port of br0", "move the route 10.8.0.0/16 via 10.1.0.1 of table 77 to br0",
  ]);
  assert.match(stdout, /\nwait 15 s at most for an answer from 10\.1\.0\.1 and fd00::1, else undo all of it\ntake/);
  assert.equal(state(), before);
});

uplink("moves a NIC without addresses, and asks nobody", () => {
  const { status, stdout, stderr } = typed("br0", "other0");
  assert.is(status, 0, stderr);
  assert.match(stdout, /^br0 has what other0 had: no address; routes: \d; there is no gateway to ask\n$/);
});

for (const [title, words, prepare, message] of [
  ["loopback", ["br0", "lo"], [], /it is the loopback link, expected a NIC/],
  ["a link that is not there", ["br0", "eth7"], [], /there is no such link, expected nic0/],
  ["a bridge as NIC", ["br1", "br0"], ["link add br0 type bridge"], /it is a bridge itself/],
  ["a bridge's name that is another link's", ["other0", "nic0"], [],
    /Cannot use "other0" as a bridge: it is veth, expected a bridge, or/],
  ["a bridge's name that no link can have", ["br/0", "nic0"], [], /Cannot make bridge "br\/0"/],
  ["another bridge's port", ["br1", "nic0"], ["link add br0 type bridge", "link set nic0 master br0"],
    /it is a port of "br0" already/],
  ["a link that is down", ["br0", "other0"], ["link set other0 down"], /it is down, expected it up/],
  ["a link that macvlan links share", ["br0", "nic0"], ["link add mac0 link nic0 type macvlan"],
    /"mac0" takes its frames \(macvlan\)/],
  ["a gateway that does not answer before", ["br0", "nic0"], ["route add default via 10.1.0.99 metric 1"],
    /there is no answer from 10\.1\.0\.99 over it now/],
] as const) {
  uplink(`refuses ${title}`, async () => {
    for (const line of prepare) run("ip", ...line.split(" "));
    const before = state();
    const { status, stderr } = await typedHere("bridge-uplink", ...words);
    assert.ok(status !== 0, stderr);
    assert.match(stderr, message);
    assert.equal(state(), before);
  });
}

uplink("refuses a wireless NIC", async () => {
  run("mount", "-t", "tmpfs", "tmpfs", "/sys/class/net");
  try {
    run("mkdir", "-p", "/sys/class/net/nic0/phy80211");
    assert.match((await typedHere("bridge-uplink", "br0", "nic0")).stderr, /it is a wireless one/);
  } finally {
    run("umount", "/sys/class/net");
  }
});

/** Fails at one change; those before it are made. */
function fused(tools: Tools, fuse: { left: number }): Tools {
  const blow = <A extends readonly unknown[], R>(change: (...args: A) => R) => (...args: A): R => {
    if (fuse.left-- === 0) throw new Error("made to fail");
    return change(...args);
  };
  const { links, sysctl } = tools.host;
  const host: Namespace = {
    ...tools.host,
    links: { ...links, add: blow(links.add), set: blow(links.set), delete: blow(links.delete) },
    sysctl: { ...sysctl, set: blow(sysctl.set) },
  };
  const openState = (all: Parameters<Tools["openState"]>[0]): WholeState => {
    const { addresses, routes, close } = tools.openState(all);
    return {
      close,
      addresses: { ...addresses, put: blow(addresses.put), delete: blow(addresses.delete) },
      routes: { ...routes, add: blow(routes.add), delete: blow(routes.delete) },
    };
  };
  return { host, openState };
}

for (const [title, prepare] of [["a new bridge", []], ["one that is there", ["br0"]]] as const) {
  uplink(`of which any step fails is undone, over and back: ${title}`, async () => {
    for (const name of prepare) run("ip", "link", "add", name, "type", "bridge");
    const host = openOwnNamespace(), tools: Tools = { host, openState: openWholeState };
    const names = { bridge: "br0", nic: "nic0" };
    const plan = (): Move => planOver(names, tools) ?? assert.unreachable() as never;
    const first = plan(), overSteps = await sweep(plan, tools);
    assert.ok(overSteps > 15, `${overSteps}`);
    const backSteps = await sweep(() => planBack(names, first, tools), tools);
    assert.ok(backSteps > 10, `${backSteps}`);
    host.close();
  });
}

/** The move with each of its changes made to fail, undone each time, until it comes to its end. */
async function sweep(plan: () => Move, tools: Tools): Promise<number> {
  for (let failing = 0; ; failing++) {
    const before = state(), move = plan(), fuse = { left: failing };
    try {
      begin(move, fused(tools, fuse));
      await finish(move, fused(tools, fuse));
    } catch (error) {
      assert.match(String(error), /made to fail/);
      await undo(move, tools);
      // As a guard does that comes when all is undone already.
      if (failing % 2 === 1) await undo(move, tools);
      assert.equal(state(), before, `undone after step ${failing}`);
      continue;
    }
    await finish(move, tools);
    return failing;
  }
}

uplink("finishes what has been left after the gateway has answered", async () => {
  const host = openOwnNamespace(), tools: Tools = { host, openState: openWholeState };
  const move = planOver({ bridge: "br0", nic: "nic0" }, tools);
  if (move === undefined) throw new Error("there is nothing to move");
  begin(move, tools);
  run("mkdir", "-p", "/run/polynic/bridge-uplink");
  const { saveRecord } = await import("../../src/commands/bridge-uplink/record.ts");
  saveRecord({ stage: "answered", move });
  const { status, stdout, stderr } = await typedHere("bridge-uplink", "br0", "nic0");
  assert.equal([status, stdout], [0, "br0 has everything of nic0 already\n"], stderr);
  assert.match(stderr, /left in the middle is finished/);
  assert.equal(addressesOf("nic0"), []);
  assert.is(JSON.parse(readFileSync("/run/polynic/bridge-uplink/nic0.json", "utf8")).stage, "done");
  host.close();
});

uplink.run();
