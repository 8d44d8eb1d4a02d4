// firewall with the real firewalld on a bus of its own, judged by firewall-cmd.
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import type { Result } from "../../../src/cni/index.ts";
import { code } from "../../../src/cni/index.ts";
import { firewall } from "../../../src/plugins/firewall/index.ts";
import { boxSuite, enterBox } from "../../helpers/box.ts";
import { rejects } from "../../helpers/errors.ts";
import type { Driven } from "../../helpers/handles.ts";
import { add, check, del, gc, status } from "../../helpers/handles.ts";
import { attempt, run, until } from "../../helpers/netns.ts";

const suite = boxSuite("firewall with firewalld", import.meta.url, {
  programs: { "firewall-cmd": "firewalld", "dbus-daemon": "dbus-daemon" }, needs: ["nft_nat", "ipv6"],
});

const prevResult: Result = {
  interfaces: [{ name: "foo" }], ips: [{ address: "10.0.0.2/24" }, { address: "2001:db8::2/64" }], routes: [], dns: {},
};
function driven(conf: Readonly<Record<string, unknown>> = {}, more: Partial<Driven> = {}): Driven {
  return { plugin: firewall, netns: "/run/netns/c", conf, prevResult, ...more };
}
const sources = (zone = "trusted") => run("firewall-cmd", `--zone=${zone}`, "--list-sources").split(/\s+/)
  .filter((word) => word !== "");
const iptables = () => attempt("iptables-save", "-t", "filter").stdout.split("\n")
  .filter((line) => line.startsWith("-A"));
const both = ["10.0.0.2/32", "2001:db8::2/128"];
const running: ChildProcess[] = [];
const busConf = (socket: string) => `<busconfig><type>system</type><listen>unix:path=${socket}</listen>
<auth>EXTERNAL</auth><policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>
<allow own="*"/></policy></busconfig>`;

suite("without a daemon: refused where it is asked for by name, else iptables; STATUS tells", async () => {
  const box = enterBox([]), bus = join(box.directory, "bus"), conf = join(box.directory, "bus.conf");
  mkdirSync(box.directory, { recursive: true });
  writeFileSync(conf, busConf(bus));
  process.env["DBUS_SYSTEM_BUS_ADDRESS"] = `unix:path=${bus}`;
  running.push(spawn("dbus-daemon", [`--config-file=${conf}`, "--nofork", "--nopidfile"], { stdio: "ignore" }));
  await until("the bus", () => existsSync(bus));
  const error = await rejects(add(driven({ backend: "firewalld" })), code.tryAgainLater);
  assert.match(error.message, /10\.0\.0\.2\/32.*zone "trusted".*firewalld does not answer/);
  await rejects(status(driven({ backend: "firewalld" })), code.notReady);
  assert.equal(iptables(), []);
  await add(driven());
  await check(driven());
  assert.ok(iptables().some((line) => line.includes("10.0.0.2/32")));
  await del(driven());
  assert.not.ok(iptables().some((line) => line.includes("10.0.0.2/32")));
});

suite("bound to the zone, chosen by itself; ADD twice, CHECK, DEL twice", async () => {
  running.push(spawn("firewalld", ["--nofork", "--nopid"], { stdio: "ignore" }));
  await until("firewalld", () => attempt("firewall-cmd", "--state").status === 0);
  const before = iptables();
  for (const backend of [undefined, "firewalld"]) {
    const one = driven({ backend });
    await rejects(check(one), code.attachmentBroken);
    assert.equal(await add(one), prevResult);
    await add(one);
    assert.equal(sources().sort(), both);
    await check(one);
    assert.equal(iptables(), before, "no rules of our own");
    for (let i = 0; i < 2; i++) {
      await del(one);
      assert.equal(sources(), []);
    }
    await rejects(check(one), code.attachmentBroken);
  }
});

suite("DEL without prevResult, and GC, unbind what was noted", async () => {
  const one = driven({ firewalldZone: "work" }), { prevResult: _, ...alone } = driven();
  await add(one);
  await del(alone);
  assert.equal(sources("work"), []);
  await add(one);
  await gc(driven(), []);
  assert.equal(sources("work"), []);
});

suite("another zone with a policy, whose rules iptables makes; one that there is not is refused", async () => {
  const one = driven({ firewalldZone: "work", ingressPolicy: "same-bridge" });
  await add(one);
  await check(one);
  assert.equal(sources("work").sort(), both);
  assert.ok(iptables().some((line) => line.startsWith("-A CNI-ISOLATION-STAGE-1 -i foo ! -o foo")));
  await del(one);
  assert.equal(sources("work"), []);
  assert.match((await rejects(add(driven({ firewalldZone: "nowhere" })), code.kernel)).message, /INVALID_ZONE/);
});

suite("an address that another zone has: refused, and the others are taken back", async () => {
  run("firewall-cmd", "--zone=work", "--add-source=2001:db8::2/128");
  assert.match((await rejects(add(driven()), code.kernel)).message, /ZONE_CONFLICT/);
  assert.equal(sources(), []);
});

suite.after(async () => {
  for (const child of running.reverse()) child.kill();
});
suite.run();
