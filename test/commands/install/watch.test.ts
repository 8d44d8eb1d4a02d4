// polynic install --watch as a DaemonSet runs it: a process of its own that follows its node and leaves it in order.
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { takeLock } from "../../../src/os/index.ts";
import { builtDist } from "../../helpers/dist.ts";
import { executable } from "../../helpers/executable.ts";
import { waitLimitMs } from "../../helpers/limits.ts";
import type { PretendNode } from "../../helpers/pretend-node.ts";
import { binDir, clusterEnv, confDir, pretendNode, runtimeProblem } from "../../helpers/pretend-node.ts";

const flannel = { cniVersion: "1.0.0", name: "cbr0", plugins: [{ type: "flannel" }] };
const primary = `${confDir}/10-flannel.conflist`, ours = `${confDir}/00-polynic.conflist`;

const [program, own] = executable("polynic");

const account = (node: PretendNode) => join(node.root, "..", "account");
const words = (node: PretendNode) => ["--root", node.root, "--service-account-dir", account(node),
  "--skip-multus-binary-copy"];

function run(node: PretendNode, command: string,
  ...more: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(program, [own, command, "--root", node.root, ...more], {
    encoding: "utf8", timeout: waitLimitMs, env: { PATH: process.env["PATH"], ...clusterEnv },
  });
  return { status, stdout, stderr };
}

interface Watching {
  readonly child: ChildProcessWithoutNullStreams;
  said(): string;
}

async function watching(node: PretendNode, more: readonly string[],
  work: (watching: Watching) => Promise<void>): Promise<number | null> {
  const child = spawn(program, [own, "install", "--watch", ...words(node), ...more],
    { env: { PATH: process.env["PATH"], ...clusterEnv } });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data",
    (chunk: string) => (text += chunk));
  const ended = once(child, "close");
  try {
    await work({ child, said: () => text });
    child.kill("SIGTERM");
    const [status] = await ended;
    return status;
  } finally {
    child.kill("SIGKILL");
    await ended;
  }
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  for (const limit = Date.now() + waitLimitMs; !isSo(); await sleep(10)) {
    if (Date.now() > limit) throw new Error(`Expected ${what} within ${waitLimitMs} ms`);
  }
}

const watch = suite("polynic install --watch");

watch("follows the primary configuration", async () => {
  using node = pretendNode({ types: ["flannel", "portmap", "polynic"] });
  node.write(primary, flannel);
  await watching(node, [], async () => {
    await until("the configuration", () => node.has(ours));
    node.write(primary, { ...flannel, plugins: [{ type: "flannel" },
      { type: "portmap", capabilities: { portMappings: true } }] });
    await until("the new capabilities", () => node.read(ours).includes('"portMappings": true'));
    assert.is(runtimeProblem(node), undefined);
  });
});

watch("keeps the token and the authority fresh", async () => {
  using node = pretendNode();
  node.write(primary, flannel);
  const token = `${confDir}/polynic.d/kubeconfig.token`, authority = `${confDir}/polynic.d/kubeconfig.crt`;
  for (const more of [[], ["--skip-config-watch"]]) {
    await watching(node, more, async () => {
      await until("the token", () => node.has(token) && node.has(ours));
      for (const value of [`token-${more.length}-a`, `token-${more.length}-b`]) {
        node.write("account/token", value);
        node.write("account/ca.crt", `authority of ${value}`);
        await until(`${value} on the node`, () => node.read(token) === value
          && node.read(authority) === `authority of ${value}`);
      }
    });
  }
});

watch("waits for the primary configuration, says so once, and installs when it comes", async () => {
  using node = pretendNode();
  await watching(node, [], async ({ said }) => {
    await until("a word", () => said().includes("Cannot find the primary configuration"));
    assert.not.ok(node.has(ours));
    await sleep(1_500);
    assert.is(said().split("Cannot find the primary configuration").length, 2);
    node.write(primary, flannel);
    await until("the configuration", () => node.has(ours));
  });
});

watch("does not make the node look ready before the default network is", async () => {
  using node = pretendNode();
  node.write(primary, flannel);
  node.write("run/flannel/other", "");
  await watching(node, ["--readiness-indicator-file=/run/flannel/subnet.env"], async ({ said }) => {
    await until("a word", () => said().includes("the readiness indicator file /run/flannel/subnet.env is not there"));
    assert.not.ok(node.has(ours));
    node.write("run/flannel/subnet.env", "");
    await until("the configuration", () => node.has(ours));
  });
});

watch("keeps the configuration when the primary one is deleted, and when it is stopped", async () => {
  using node = pretendNode();
  node.write(primary, flannel);
  let text = "";
  const status = await watching(node, ["--cleanup-config-on-exit"], async ({ said }) => {
    await until("the configuration", () => node.has(ours));
    text = node.read(ours);
    node.remove(primary);
    await until("a word", () => said().includes("Cannot find the primary configuration"));
    assert.is(node.read(ours), text);
    node.write(primary, '{"cniVersion": "1.0');
    await until("a word", () => said().includes("it is no JSON object"));
    assert.is(node.read(ours), text);
    assert.match(said(), "--cleanup-config-on-exit has no effect");
  });
  assert.is(status, 0);
  assert.is(node.read(ours), text);
});

watch("mends what is removed, and moves a Multus's new configuration away", async () => {
  using node = pretendNode();
  node.write(primary, flannel);
  await watching(node, [], async () => {
    await until("the configuration", () => node.has(ours));
    node.remove(ours);
    await until("the configuration again", () => node.has(ours));
    node.write(`${confDir}/00-multus.conf`, { cniVersion: "0.3.1", name: "multus-cni-network", type: "multus-shim",
      clusterNetwork: "/host/etc/cni/net.d/10-flannel.conflist" });
    await until("it to be moved", () => !node.has(`${confDir}/00-multus.conf`)
      && node.has(`${confDir}/00-multus.conf.before-polynic`));
  });
});

watch.run();

const command = suite("polynic install and uninstall, typed");

command("tell beforehand what they would do, and do nothing", () => {
  using node = pretendNode();
  node.write(primary, flannel);
  const before = node.snapshot(), own = words(node).slice(2);
  const dry = run(node, "install", ...own, "--dry-run");
  assert.is(dry.status, 0, dry.stderr);
  assert.match(dry.stdout, `write ${node.root}/${ours}\n    {\n      "cniVersion": "1.0.0",`);
  assert.not.match(dry.stdout, "token-1");
  assert.is(run(node, "install", ...own, "--check").status, 1);
  assert.equal(node.snapshot(), before);
  assert.is(run(node, "install", ...own).status, 0);
  const check = run(node, "install", ...own, "--check");
  assert.equal([check.status, check.stdout], [0, "nothing to do\n"]);
  assert.match(run(node, "uninstall", "--dry-run").stdout, `remove ${node.root}/${ours}\n`);
  assert.is(run(node, "uninstall", "--check").status, 1);
  assert.ok(node.has(ours));
  assert.is(run(node, "uninstall").status, 0);
  assert.is(run(node, "uninstall", "--check").status, 0);
  assert.equal(node.snapshot(), before);
  assert.equal(run(node, "uninstall"), { status: 0, stdout: "nothing to remove\n", stderr: "" });
});

const answers: readonly { readonly words: readonly string[]; readonly status: number; readonly stderr: RegExp }[] = [
  { words: ["install", "--nonsense"], status: 2,
    stderr: /^polynic install: Cannot understand --nonsense: .* those that --help lists\npolynic install --help / },
  { words: ["install", "--wait", "soon"], status: 2,
    stderr: /^polynic install: Cannot use --wait soon: expected seconds, a whole number from 0\npolynic install -/ },
  { words: ["install", "--wait=0", "--skip-multus-binary-copy"], status: 1,
    stderr: /^polynic install: Cannot find the primary configuration: .* cluster's network plugin to write one\n$/ },
  { words: ["uninstall", "--watch"], status: 2,
    stderr: /^polynic uninstall: Cannot understand --watch: there is no such option, expected / },
];

for (const { words: [name = "", ...more], status, stderr } of answers) {
  command(`answer ${[name, ...more].join(" ")} with status ${status} and what would be right`, () => {
    using node = pretendNode();
    const answer = run(node, name, ...more);
    assert.is(answer.status, status);
    assert.match(answer.stderr, stderr);
  });
}

command("wait for another run, and then go on", async () => {
  using node = pretendNode();
  node.write(primary, flannel);
  node.write(`${confDir}/polynic.d/lock`, "");
  const lock = await takeLock(join(node.root, confDir, "polynic.d", "lock"), { timeoutMs: 0 });
  const child = spawn(program, [own, "install", ...words(node)],
    { env: { PATH: process.env["PATH"], ...clusterEnv } });
  const ended = once(child, "close");
  await sleep(1_500);
  assert.not.ok(node.has(ours));
  lock.close();
  assert.equal(await ended, [0, null]);
  assert.ok(node.has(ours));
});

command("explain every flag with --help", () => {
  using node = pretendNode();
  for (const name of ["install", "uninstall"]) {
    const { status, stdout } = run(node, name, "--help");
    assert.is(status, 0);
    for (const flag of ["--root DIR", "--cni-conf-dir DIR", "--dry-run\n"]) assert.ok(stdout.includes(flag), flag);
  }
});

command.run();

const shipped = suite("the shipped tree");

shipped("installs itself, works from the node's plugin directory, and is itself enough to uninstall", () => {
  using node = pretendNode();
  node.write(primary, flannel);
  const before = node.snapshot();
  const env = { PATH: process.env["PATH"], ...clusterEnv },
    options = { encoding: "utf8", timeout: waitLimitMs, env } as const;
  const flags = ["--root", node.root, "--service-account-dir", account(node)];
  const install = spawnSync(join(builtDist(), "bin", "polynic"), ["install", ...flags], options);
  assert.is(install.status, 0, install.stderr);
  const link = join(node.root, binDir, "polynic");
  assert.match(spawnSync(link, [], { ...options, env: { CNI_COMMAND: "VERSION" },
    input: '{"cniVersion":"1.0.0"}' }).stdout, '"supportedVersions"');
  assert.is(spawnSync(link, ["install", ...flags, "--check"], options).stdout, "nothing to do\n");
  const uninstall = spawnSync(link, ["uninstall", "--root", node.root], options);
  assert.is(uninstall.status, 0, uninstall.stderr);
  assert.equal(node.snapshot(), before);
});

shipped("killed while it is copied leaves nothing that could be taken for it", async () => {
  const dist = builtDist();
  for (const afterMs of [60, 120, 180, 240, 300]) {
    using node = pretendNode();
    node.write(primary, flannel);
    const child = spawn(join(dist, "bin", "polynic"), ["install", "--root", node.root, "--service-account-dir",
      account(node)], { env: { PATH: process.env["PATH"], ...clusterEnv } });
    const ended = once(child, "close");
    await sleep(afterMs);
    child.kill("SIGKILL");
    await ended;
    assert.is(runtimeProblem(node), undefined);
    const link = join(node.root, binDir, "polynic");
    if (existsSync(link)) assert.is(spawnSync(link, ["--version"], { env: {} }).status, 0);
  }
});

shipped.run();
