// firewall where the node's iptables is that of the older kernel interface: its rules are only in that one.
import { existsSync, readdirSync, rmSync } from "node:fs";
import * as assert from "uvu/assert";
import type { Result } from "../../../src/cni/index.ts";
import { code } from "../../../src/cni/index.ts";
import { firewall } from "../../../src/plugins/firewall/index.ts";
import { rejects } from "../../helpers/errors.ts";
import type { Driven } from "../../helpers/handles.ts";
import { add, check, del, gc, status } from "../../helpers/handles.ts";
import { hasLegacyIptables, useLegacyIptables } from "../../helpers/legacy/iptables.ts";
import { kernelSuite, run } from "../../helpers/netns.ts";

const title = "firewall with iptables-legacy";
const kernel = kernelSuite(title, import.meta.url, { needs: ["nft_nat", "ipv6"] });

let restore: () => void;
kernel.before.each(() => { restore = useLegacyIptables(); });
kernel.after.each(() => {
  assert.is(run("nft", "list", "ruleset"), "", "nothing of it is in nf_tables");
  restore();
  rmSync(notes, { recursive: true, force: true });
});

const prevResult: Result = {
  interfaces: [{ name: "foo" }, { name: "eth0", sandbox: "/run/netns/c" }],
  ips: [{ interface: 1, address: "10.0.0.2/24" }, { interface: 1, address: "2001:db8:1:2::1/64" }],
  routes: [], dns: {},
};
function driven(conf: Readonly<Record<string, unknown>> = {}, more: Partial<Driven> = {}): Driven {
  return { plugin: firewall, netns: "/run/netns/c", conf: { backend: "iptables", ...conf }, prevResult, ...more };
}

/** The rules of both families as the tool has them, its own chains left out. */
const rules = (): readonly string[] => ["iptables", "ip6tables"].flatMap((tool) => (
  run(`${tool}-legacy-save`, "-t", "filter").split("\n").filter((line) => line.startsWith("-A"))));
const notes = "/run/cni/firewall";
const noted = () => (existsSync(notes) ? readdirSync(notes).sort() : []);

const comment = (text: string): string => `-m comment --comment "${text}"`;
const shared = [`-A FORWARD ${comment("CNI firewall plugin rules")} -j CNI-FORWARD`,
  `-A CNI-FORWARD ${comment("CNI firewall plugin admin overrides")} -j CNI-ADMIN`];
const letsThrough = (host: string) => [`-A CNI-FORWARD -d ${host} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
  `-A CNI-FORWARD -s ${host} -j ACCEPT`];
const whole = [...shared, ...letsThrough("10.0.0.2/32"), ...shared, ...letsThrough("2001:db8:1:2::1/128")];

for (const backend of ["iptables", undefined]) {
  kernel(`ADD twice, CHECK, DEL twice, backend ${backend ?? "of its choice"}`, async () => {
    const one = driven({ backend });
    await status(one);
    await rejects(check(one), code.attachmentBroken);
    for (let i = 0; i < 2; i++) {
      assert.equal(await add(one), prevResult);
      assert.equal(rules(), whole);
    }
    await check(one);
    for (let i = 0; i < 2; i++) {
      await del(one);
      assert.equal(rules(), [...shared, ...shared]);
    }
    await rejects(check(one), code.attachmentBroken);
  });
}

for (const ingressPolicy of ["same-bridge", "isolated"]) {
  kernel(`the rules of ingressPolicy ${ingressPolicy} come before all, once, and stay`, async () => {
    const one = driven({ ingressPolicy });
    await add(driven());
    await add(one);
    const made = rules(), ofBridge = made.filter((line) => line.includes("foo"));
    assert.is(ofBridge.length, 2 * (ingressPolicy === "isolated" ? 3 : 2));
    assert.match(made[0] ?? "", /^-A FORWARD .* -j CNI-ISOLATION-STAGE-1$/);
    await add(one);
    assert.equal(rules(), made);
    await check(one);
    await del(one);
    assert.equal(rules(), made.filter((line) => !/10\.0\.0\.2|2001:db8/.test(line)));
  });
}

kernel("an operator's own chain is asked first, and kept", async () => {
  for (const tool of ["iptables", "ip6tables"]) {
    run(tool, "-N", "OPERATORS");
    run(tool, "-A", "OPERATORS", "-p", "tcp", "-j", "DROP");
  }
  const one = driven({ iptablesAdminChainName: "OPERATORS" });
  await add(one);
  await check(one);
  assert.is(rules().filter((line) => line.endsWith("-j OPERATORS")).length, 2);
  await del(one);
  assert.is(rules().filter((line) => line === "-A OPERATORS -p tcp -j DROP").length, 2);
});

kernel("DEL without prevResult, and GC, delete what was noted", async () => {
  const { prevResult: _, ...alone } = driven();
  await add(driven());
  await del(alone);
  assert.equal([rules(), noted()], [[...shared, ...shared], []]);
  await add(driven());
  await gc(driven(), [{ containerID: "other", ifname: "eth0" }]);
  assert.is(rules().length, whole.length, "no valid attachment may be without a note");
  await gc(driven(), []);
  assert.equal([rules(), noted()], [[...shared, ...shared], []]);
});

kernel("CHECK sees what another program has torn out, and ADD makes it whole", async () => {
  await add(driven());
  run("iptables", "-D", "CNI-FORWARD", "-s", "10.0.0.2/32", "-j", "ACCEPT");
  assert.match((await rejects(check(driven()), code.attachmentBroken)).message, /CNI-FORWARD -s 10\.0\.0\.2\/32/);
  await add(driven());
  assert.equal(rules(), whole);
  run("ip6tables", "-F", "FORWARD");
  await rejects(check(driven()), code.attachmentBroken);
  await add(driven());
  await check(driven());
});

kernel("when the second family fails, the first one's rules go", async () => {
  const failing = { ...driven(), through: ({ iptables }) => ({ iptables: { ...iptables,
    change: async (change) => {
      if (change.family === 6) throw new Error("made to fail");
      await iptables.change(change);
    } } }) } satisfies Driven;
  assert.match((await rejects(add(failing), code.internal)).message, /made to fail/);
  assert.equal(rules(), shared);
});

if (hasLegacyIptables(title)) kernel.run();
