// src/service/stand-alone.ts: the executable under a plugin's name, in a namespace of its own.
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import type { Ran } from "../helpers/executable.ts";
import { runExecutable } from "../helpers/executable.ts";
import { ipJson, kernelSuite, run as shell } from "../helpers/netns.ts";

let directory = "";
const test = kernelSuite("plugin process", import.meta.url);
test.before.each(() => {
  directory = mkdtempSync(join(tmpdir(), "polynic-alone-"));
  shell("ip", "netns", "add", "c1");
});
test.after.each(() => {
  shell("ip", "netns", "del", "c1");
  rmSync(directory, { recursive: true });
});

function run(name: string, command: string, stdin: object, env: Readonly<Record<string, string>> = {}): Ran {
  const call = { CNI_COMMAND: command, CNI_CONTAINERID: "c1", CNI_NETNS: "/run/netns/c1", CNI_IFNAME: "eth0",
    CNI_PATH: directory };
  return runExecutable({ name, env: { ...call, ...env }, stdin });
}
const interfaces = (): readonly string[] => ipJson("-n c1 link show").map(({ ifname }: { ifname: string }) => ifname);
const ranges = [[{ subnet: "10.9.0.0/24" }]];

test("bridge adds, checks and deletes, twice, with addresses of host-local", () => {
  const conf = { cniVersion: "1.0.0", name: "one", type: "bridge", bridge: "br0",
    ipam: { type: "host-local", dataDir: directory, ranges } };
  const added = run("bridge", "ADD", conf);
  assert.is(added.status, 0, added.stdout);
  assert.match(added.stdout, /^\{\n    "cniVersion": "1\.0\.0",\n[^]*\}$/);
  assert.is(ipJson("-n c1 -4 addr show eth0")[0]?.addr_info[0]?.local, "10.9.0.2");
  assert.equal(run("bridge", "CHECK", { ...conf, prevResult: added.json }),
    { status: 0, stdout: "", stderr: "", json: undefined });
  for (let i = 0; i < 2; i++) assert.equal(run("bridge", "DEL", { ...conf, prevResult: added.json }),
    { status: 0, stdout: "", stderr: "", json: undefined });
  assert.equal(interfaces(), ["lo"]);
  assert.equal(readdirSync(join(directory, "one")).filter((name) => name.startsWith("10.")), []);
});

test("host-local answers without interfaces", () => {
  const conf = { cniVersion: "1.0.0", name: "one", type: "any",
    ipam: { type: "host-local", dataDir: directory, ranges } };
  assert.equal(run("host-local", "ADD", conf).json, { cniVersion: "1.0.0",
    ips: [{ address: "10.9.0.2/24", gateway: "10.9.0.1" }] });
  assert.is(run("host-local", "DEL", conf, { CNI_NETNS: "" }).status, 0);
});

test("bridge runs an IPAM executable, and its DEL when the ADD fails later", () => {
  const file = join(directory, "my-ipam"), calls = join(directory, "calls");
  writeFileSync(file, `#!/bin/sh\ncat > /dev/null\necho "$CNI_COMMAND $CNI_IFNAME" >> ${calls}\n[ "$CNI_COMMAND" = ` +
    `ADD ] && echo '{"cniVersion":"1.0.0","ips":[{"address":"10.8.0.5/24"}],"routes":[{"dst":"10.7.0.0/16",` +
    `"gw":"192.0.2.1"}]}'\nexit 0\n`);
  chmodSync(file, 0o755);
  const conf = { cniVersion: "1.0.0", name: "one", type: "bridge", bridge: "br0", ipam: { type: "my-ipam" } };
  const ran = run("bridge", "ADD", conf);
  assert.is(ran.status, 1);
  assert.match(String(ran.json?.["msg"]), /10\.7\.0\.0\/16/);
  assert.equal(shell("cat", calls).trimEnd().split("\n"), ["ADD eth0", "DEL eth0"]);
  assert.equal(interfaces(), ["lo"]);
});

test("bridge takes everything back when the version cannot tell a network without addresses", () => {
  const ran = run("bridge", "ADD", { cniVersion: "0.2.0", name: "one", type: "bridge", bridge: "br0" });
  assert.equal([ran.status, ran.json?.["code"], ran.json?.["cniVersion"]], [1, 1, "0.2.0"]);
  assert.equal(interfaces(), ["lo"]);
});

test("DEL goes on without a prevResult it cannot read, and without a namespace", () => {
  const conf = { cniVersion: "1.0.0", name: "one", type: "bridge", bridge: "br0" };
  assert.is(run("bridge", "ADD", conf).status, 0);
  const ran = run("bridge", "DEL", { ...conf, prevResult: { cniVersion: "0.2.0" } });
  assert.equal([ran.status, ran.stdout], [0, ""]);
  assert.match(ran.stderr, /\[warning\] .*prevResult/);
  assert.equal(interfaces(), ["lo"]);
  for (const CNI_NETNS of ["", "/run/netns/gone"]) assert.is(run("bridge", "DEL", conf, { CNI_NETNS }).status, 0);
});
test.run();
