// src/service: many calls under way in one process, and the locks they share with each other and with other processes.
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import {
  chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import type { Answer } from "../../src/service/index.ts";
import { serve } from "../../src/service/index.ts";
import { openWarm } from "../../src/call/index.ts";
import { ipJson, kernelSuite, run, until } from "../helpers/netns.ts";

let directory = "";
const test = kernelSuite("calls at once", import.meta.url);
test.before.each(() => { directory = mkdtempSync(join(tmpdir(), "polynic-at-once-")); });
test.after.each(() => {
  for (const { name } of ipJson("netns list")) run("ip", "netns", "del", name);
  rmSync(directory, { recursive: true });
});

const warm = openWarm();

/** A call of the multiplexer with these networks for a container, whose namespace is named like it. */
async function call(verb: string, containerId: string, delegates: readonly object[]): Promise<Answer> {
  const env = { CNI_COMMAND: verb, CNI_CONTAINERID: containerId, CNI_NETNS: `/run/netns/${containerId}`,
    CNI_IFNAME: "eth0", CNI_PATH: directory, PATH: process.env["PATH"] };
  const cniVersion = "1.1.0";
  const conf = { cniVersion, name: "pods", type: "polynic", cniDir: join(directory, "cni"),
    delegates: delegates.map((one) => ({ cniVersion, ...one })) };
  return await serve({ name: "polynic", env, stdin: JSON.stringify(conf) }, { warm });
}

const bridge = (more: object = {}) => ({ name: "one", type: "bridge", bridge: "br0", ...more,
  ipam: { type: "host-local", dataDir: directory, ranges: [[{ subnet: "10.9.0.0/16" }]] } });
const reserved = (): number => readdirSync(join(directory, "one")).filter((name) => /^[\d.]+$/.test(name)).length;

/** An executable plugin whose ADD says that it has begun, and then waits for a file. */
function gatedPlugin(): { begun: string; gate: string } {
  const begun = join(directory, "begun"), gate = join(directory, "gate");
  writeFileSync(join(directory, "gated"), `#!/bin/sh
cat >/dev/null
[ "$CNI_COMMAND" = ADD ] || exit 0
touch ${begun}
while ! [ -e ${gate} ]; do sleep 0.02; done
echo '{"cniVersion":"1.1.0","interfaces":[],"ips":[]}'
`);
  chmodSync(join(directory, "gated"), 0o755);
  return { begun, gate };
}

test("ADD and DEL of one container take turns, and a third container is served meanwhile", async () => {
  for (const name of ["c1", "c2"]) run("ip", "netns", "add", name);
  const { begun, gate } = gatedPlugin(), gated = { name: "slow", type: "gated" };
  const done: string[] = [];
  const add = call("ADD", "c1", [bridge(), gated]).then((answer) => (done.push("ADD"), answer));
  await until("the ADD is under way", () => existsSync(begun));
  const del = call("DEL", "c1", [bridge(), gated]).then((answer) => (done.push("DEL"), answer));
  assert.is((await call("ADD", "c2", [bridge()])).status, 0);
  assert.equal([done, reserved()], [[], 2]);
  writeFileSync(gate, "");
  assert.equal([(await add).status, (await del).status, done], [0, 0, ["ADD", "DEL"]]);
  assert.is(reserved(), 1);
  assert.equal(ipJson("-n c1 link show").map(({ ifname }: { ifname: string }) => ifname), ["lo"]);
  assert.is((await call("DEL", "c2", [bridge()])).status, 0);
});

test("a hundred containers come and go together, with masquerading by nftables", async () => {
  const names = Array.from({ length: 100 }, (_, index) => `n${index}`);
  for (const name of names) run("ip", "netns", "add", name);
  const network = bridge({ ipMasq: true, ipMasqBackend: "nftables" });
  const added = await Promise.all(names.map((name) => call("ADD", name, [network])));
  assert.equal(added.filter(({ status }) => status !== 0).map(({ stdout }) => stdout), []);
  assert.is(new Set(added.map(({ stdout }) => JSON.parse(stdout).ips[0].address)).size, names.length);
  const deleted = await Promise.all(names.map((name) => call("DEL", name, [network])));
  assert.equal(deleted.filter(({ status }) => status !== 0).map(({ stdout }) => stdout), []);
  assert.equal([reserved(), run("nft", "list", "ruleset").includes("10.9.")], [0, false]);
});

/** Another process that has a file locked. */
async function holding(path: string): Promise<ChildProcess> {
  const ready = join(directory, "ready");
  const other = spawn("flock", ["-x", path, "sh", "-c", `touch ${ready}; read end`],
    { stdio: ["pipe", "ignore", "ignore"] });
  await until("the other process has the lock", () => existsSync(ready));
  return other;
}

test("an ADD and a DEL wait for an address store that another process has locked for longer than five seconds",
  async () => {
  for (const name of ["c1", "c2"]) run("ip", "netns", "add", name);
  assert.is((await call("ADD", "c1", [bridge()])).status, 0);
  const other = await holding(join(directory, "one", "lock"));
  const waiting = [call("DEL", "c1", [bridge()]), call("DEL", "c1", [bridge()]), call("ADD", "c2", [bridge()])];
  await new Promise((resolve) => setTimeout(resolve, 5_500));
  assert.is(reserved(), 1);
  other.stdin?.end();
  assert.equal((await Promise.all(waiting)).map(({ status }) => status), [0, 0, 0]);
  assert.is(reserved(), 1);
});

interface Backend {
  readonly ipMasqBackend: string;
  readonly lockPath: string;
  readonly list: readonly [string, ...string[]];
  /** What is said where the holder is stuck. */
  readonly told: RegExp;
}
const backends: readonly Backend[] = [
  { ipMasqBackend: "iptables", lockPath: "/run/polynic-iptables.lock", list: ["iptables-save", "-t", "nat"],
    told: /\[warning\] Cannot lock "\/run\/polynic-iptables\.lock".*without that lock\n/ },
  // The kernel refuses what was planned for rules that are no more: nobody has to be told.
  { ipMasqBackend: "nftables", lockPath: "/run/polynic-nftables.lock", list: ["nft", "list", "ruleset"], told: /^$/ },
];

for (const { ipMasqBackend, lockPath, list, told } of backends) {
  const masquerading = () => bridge({ ipMasq: true, ipMasqBackend });
  const rules = (): boolean => run(...list).includes("10.9.0.");
  const comesAndGoes = async (): Promise<string> => {
    const added = await call("ADD", "c1", [masquerading()]);
    assert.equal([added.status, rules()], [0, true], added.stdout);
    const deleted = await call("DEL", "c1", [masquerading()]);
    assert.equal([deleted.status, rules()], [0, false], deleted.stdout);
    return added.stderr + deleted.stderr;
  };

  test(`${ipMasqBackend}: a lock file in /run that leads nowhere keeps no firewall from being changed`, async () => {
    rmSync(lockPath, { force: true });
    symlinkSync("/nowhere/at/all", lockPath);
    run("ip", "netns", "add", "c1");
    assert.is(await comesAndGoes(), "");
    rmSync(lockPath);
  });
  test(`${ipMasqBackend}: a /run without room, or read-only, keeps no firewall from being changed`, async () => {
    for (const lacking of ["nr_inodes=8", "ro"]) {
      run("mount", "-t", "tmpfs", "none", "/run");
      run("mkdir", "/run/netns");
      run("ip", "netns", "add", "c1");
      try {
        if (lacking === "ro") run("mount", "-o", "remount,ro", "/run");
        else
          run("sh", "-c", "mount -o remount,nr_inodes=8 /run; i=0; while touch /run/$i; do i=$((i + 1)); done; true");
        assert.is(await comesAndGoes(), "", lacking);
        assert.not(existsSync(lockPath));
      } finally {
        run("umount", "-l", "/run");
      }
    }
  });
  test(`${ipMasqBackend}: a holder of the firewall's lock that is stuck is waited for once at most`, async () => {
    writeFileSync(lockPath, "");
    run("ip", "netns", "add", "c1");
    const other = await holding(lockPath), hourAgo = Date.now() / 1000 - 3_600;
    utimesSync(lockPath, hourAgo, hourAgo);
    try {
      assert.match(await comesAndGoes(), told);
    } finally {
      other.stdin?.end();
    }
  });
  test(`${ipMasqBackend}: the firewall is changed by one call of ours at a time`, async () => {
    writeFileSync(lockPath, "");
    run("ip", "netns", "add", "c1");
    const other = await holding(lockPath);
    // As one after the other would that each have it for a moment.
    const marking = setInterval(() => utimesSync(lockPath, new Date(), new Date()), 20);
    const added = call("ADD", "c1", [masquerading()]);
    await until("the container's address", () => existsSync(join(directory, "one")) && reserved() === 1);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    assert.not(rules());
    clearInterval(marking);
    other.stdin?.end();
    assert.equal([(await added).status, rules()], [0, true]);
    assert.is((await call("DEL", "c1", [masquerading()])).status, 0);
  });
}
test.run();
