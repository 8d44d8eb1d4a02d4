// More port mappings than are asked for one by one: each table is read once and each tool started once, however many.
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import type { Conntrack } from "../../../src/kernel/netfilter/conntrack.ts";
import { portmap } from "../../../src/plugins/portmap/index.ts";
import { rejects } from "../../helpers/errors.ts";
import type { FirewallContext } from "../../helpers/firewall.ts";
import { call, firewallContext, natTable, requestOf } from "../../helpers/firewall.ts";
import { addWith } from "../../helpers/handles.ts";
import { kernelSuite, nftJson, run } from "../../helpers/netns.ts";

const count = 1200;
const mappings = (protocol: string) => Array.from({ length: count / 2 },
  (_, i) => ({ hostPort: 10_000 + i, containerPort: 10_000 + i, protocol }));
const conf = { backend: "iptables", runtimeConfig: { portMappings: [...mappings("udp"), ...mappings("tcp")] } };
const prevResult = { interfaces: [{ name: "eth0", sandbox: "/run/netns/c" }],
  ips: [{ interface: 0, address: "10.0.0.2/24" }], routes: [], dns: {} };
const ours = (): readonly string[] => natTable(4).filter((line) => line.includes("CNI-DN-"));
const entries = (): readonly string[] => ours().filter((line) => line.startsWith("-A CNI-HOSTPORT-DNAT"));

let tools: string;
const log = (): string => join(tools, "log");
const many = kernelSuite("many port mappings", import.meta.url, { needs: ["nft_nat"] });

many.before(() => {
  tools = mkdtempSync(join(tmpdir(), "polynic-tools-"));
  for (const tool of ["iptables", "iptables-save", "iptables-restore"]) {
    const real = run("sh", "-c", `command -v ${tool}`).trim();
    writeFileSync(join(tools, tool), `#!/bin/sh\necho ${tool} >> ${log()}\nexec ${real} "$@"\n`);
    chmodSync(join(tools, tool), 0o755);
  }
});
many.after(() => rmSync(tools, { recursive: true, force: true }));

/** The tools that one call starts, and how often it lists connections. */
async function story(verb: "add" | "check" | "del", chosen: object = conf): Promise<readonly string[]> {
  writeFileSync(log(), "");
  const context = firewallContext({ env: { ...process.env, PATH: `${tools}:${process.env["PATH"] ?? ""}` } });
  const listed: string[] = [];
  const conntrack: Conntrack = {
    deleteByOriginalPorts: ({ family, destinationPorts }) =>
      listed.push(`${destinationPorts?.size} ports, IPv${family}`),
  };
  const { sysctl: real } = context.host;
  const sysctl = { ...real, get: (key: string) => (key.endsWith("nf_conntrack_count") ? "1" : real.get(key)) };
  const host = Object.create(context.host, { conntrack: { value: conntrack }, sysctl: { value: sysctl } });
  const counting: FirewallContext = Object.create(context, { host: { value: host } });
  const request = requestOf(portmap, { conf: { ...chosen }, prevResult });
  try {
    if (verb === "add") await addWith(portmap, request, counting);
    else await portmap[verb](request, counting);
  } finally {
    context.close();
  }
  return [...readFileSync(log(), "utf8").split("\n").filter((line) => line !== ""), ...listed];
}

many("iptables: one run adds them, one that reads checks them, and none is needed to delete them", async () => {
  assert.equal(await story("add"), ["iptables-restore", `${count / 2} ports, IPv4`]);
  assert.is(entries().length, count / 15);
  assert.equal(await story("check"), ["iptables-save"]);
  const again = ["iptables-restore", "iptables-save", "iptables-restore", `${count / 2} ports, IPv4`];
  assert.equal(await story("add"), again);
  assert.is(entries().length, count / 15);
  assert.equal(await story("check"), ["iptables-save"]);
  assert.equal(await story("del"), [`${count / 2} ports, IPv4`]);
  assert.equal(ours(), []);
});

many("iptables: CHECK misses any one rule, and asks the tool only for what is printed in other words", async () => {
  const withConditions = { ...conf, conditionsV4: ["-s", "10.9.0.0/255.255.0.0"] };
  for (const [chosen, healthy] of [
    [conf, ["iptables-save"]], [withConditions, ["iptables-save", "iptables-restore"]],
  ] as const) {
    await story("add", chosen);
    assert.equal(await story("check", chosen), healthy);
    const all = ours().filter((line) => line.startsWith("-A"));
    for (const at of [0.2, 0.7, 0.99]) {
      const line = all[Math.floor(all.length * at)] ?? "";
      run("sh", "-c", `printf '*nat\\n%s\\nCOMMIT\\n' '${line.replace("-A", "-D")}' | iptables-restore --noflush`);
      assert.match((await rejects(call(portmap, "check", { conf: { ...chosen }, prevResult }), 111)).message,
        /is not in table nat$/);
      run("sh", "-c", `printf '*nat\\n%s\\nCOMMIT\\n' '${line}' | iptables-restore --noflush`);
    }
    assert.equal(await story("check", chosen), healthy);
    await story("del", chosen);
  }
});

many("iptables: entries with other conditions than those that are wanted are told", async () => {
  await story("add", { ...conf, conditionsV4: ["-s", "10.9.0.0/16"] });
  await rejects(call(portmap, "check", { conf: { ...conf, conditionsV4: ["-s", "10.8.0.0/16"] }, prevResult }), 111);
  await rejects(call(portmap, "check", { conf, prevResult }), 111);
  await story("del");
  assert.equal(ours(), []);
});

for (const backend of ["iptables", "nftables"]) {
  many(`${backend}: a DEL that is told more mappings than are taken today takes all rules away`, async () => {
    await call(portmap, "add", { conf: { ...conf, backend }, prevResult });
    const portMappings = Array.from({ length: 32_769 }, () => ({ hostPort: 1, containerPort: 1, protocol: "udp" }));
    const longer = { backend, runtimeConfig: { portMappings } };
    const { message } = await rejects(call(portmap, "add", { conf: longer, prevResult }), 7);
    assert.match(message, /runtimeConfig\.portMappings has 32769 entries, expected at most 32768$/);
    await call(portmap, "del", { conf: longer, prevResult });
    assert.equal(ours(), []);
    assert.equal(nftJson("list ruleset").filter(({ rule }) => rule?.comment === "1234"), []);
  });
}
many.run();
