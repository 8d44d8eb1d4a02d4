// What polynic install does to a node, and that polynic uninstall gives everything back.
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { PretendNode } from "../../helpers/pretend-node.ts";
import { binDir, confDir, pretendNode, runtimeProblem } from "../../helpers/pretend-node.ts";

const flannel = { cniVersion: "1.0.0", name: "cbr0", plugins: [{ type: "flannel" },
  { type: "portmap", capabilities: { portMappings: true } }] };
const primary = `${confDir}/10-flannel.conflist`;

function flannelNode(options: { readonly account?: boolean } = {}): PretendNode {
  const node = pretendNode(options);
  node.write(primary, flannel);
  return node;
}

const installing = suite("polynic install");

installing("brings the tree, a link to it, a kubeconfig with its files and the configuration", () => {
  using node = flannelNode();
  const before = node.snapshot();
  node.install();
  const after = node.snapshot();
  const added = Object.keys(after).filter((name) => before[name] === undefined)
    .map((name) => name.replace(/0\.1\.0-[0-9a-f]{12}/, "ID"));
  assert.equal(added, [
    "etc/cni/net.d/00-polynic.conflist", "etc/cni/net.d/polynic.d", "etc/cni/net.d/polynic.d/install.json",
      "etc/cni/net.d/polynic.d/kubeconfig",
    "etc/cni/net.d/polynic.d/kubeconfig.crt", "etc/cni/net.d/polynic.d/kubeconfig.token",
    "opt/cni/bin/polynic", "opt/cni/bin/polynic.d", "opt/cni/bin/polynic.d/ID", "opt/cni/bin/polynic.d/ID/bin",
      "opt/cni/bin/polynic.d/ID/bin/bridge",
    "opt/cni/bin/polynic.d/ID/bin/loopback", "opt/cni/bin/polynic.d/ID/bin/multus",
      "opt/cni/bin/polynic.d/ID/bin/polynic", "opt/cni/bin/polynic.d/ID/lib",
      "opt/cni/bin/polynic.d/ID/lib/polynic", "opt/cni/bin/polynic.d/ID/lib/polynic/node",
  ]);
  for (const [name, content] of Object.entries(before)) assert.is(after[name], content, name);
  assert.match(after[`${binDir}/polynic`] ?? "", /^-> polynic\.d\/0\.1\.0-[0-9a-f]{12}\/bin\/polynic$/);
  assert.is(node.read(`${binDir}/polynic`), "bin/polynic 1\n");
});

installing("writes a kubeconfig that names the token's file and never holds the token", () => {
  using node = flannelNode();
  node.install();
  const text = node.read(`${confDir}/polynic.d/kubeconfig`);
  assert.not.match(text, "token-1");
  for (const line of ['server: "https://10.96.0.1:443"', 'certificate-authority: "kubeconfig.crt"',
    'tokenFile: "kubeconfig.token"']) assert.ok(text.includes(line), line);
  assert.is(node.snapshot()[`${confDir}/polynic.d/kubeconfig.token`], "600 token-1");
  assert.is(node.snapshot()[`${confDir}/polynic.d/kubeconfig.crt`], "600 authority-1");
});

installing("brings loopback, without which containerd starts no pod, where it is missing", () => {
  using node = pretendNode({ types: ["flannel"] });
  node.write(primary, flannel);
  node.install();
  assert.match(node.snapshot()[`${binDir}/loopback`] ?? "", /^-> polynic\.d\//);
});

installing("has nothing to do the second time", () => {
  using node = flannelNode();
  node.install();
  const after = node.snapshot();
  assert.equal(node.planInstall().steps, []);
  node.install();
  assert.equal(node.snapshot(), after);
});

installing("writes what has changed and nothing else: a new token", () => {
  using node = flannelNode();
  node.install();
  node.write("account/token", "token-2\n");
  // A plan with changes says first what it is about to do, which here is what it has done before.
  assert.equal(node.install().steps.map(({ what }) => what),
    [`write ${node.root}/${confDir}/polynic.d/kubeconfig.token`]);
  assert.is(node.read(`${confDir}/polynic.d/kubeconfig.token`), "token-2");
});

installing("follows the primary configuration into another version, and leaves no file of the other extension", () => {
  using node = flannelNode();
  node.install();
  node.write(primary, { ...flannel, cniVersion: "0.3.1" });
  node.install();
  assert.equal([node.has(`${confDir}/00-polynic.conf`), node.has(`${confDir}/00-polynic.conflist`)], [true, false]);
  node.write(primary, flannel);
  node.install();
  assert.equal([node.has(`${confDir}/00-polynic.conf`), node.has(`${confDir}/00-polynic.conflist`)], [false, true]);
});

installing("keeps what is installed when the primary configuration is gone or half written", () => {
  using node = flannelNode();
  node.install();
  const before = node.snapshot(/10-flannel/);
  node.write(primary, '{"cniVersion"');
  assert.throws(() => node.install(), /it is no JSON object/);
  node.remove(primary);
  assert.throws(() => node.install(), /Cannot find the primary configuration/);
  assert.equal(node.snapshot(/10-flannel/), before);
});

installing("replaces a tree by a newer one, and keeps the one before for commands that are running", () => {
  using node = flannelNode();
  const isTree = /polynic\.d\/0\.1\.0-[0-9a-f]{12}$/;
  const trees = () => Object.keys(node.snapshot()).filter((name) => isTree.test(name)).length;
  node.install();
  node.ship("2");
  node.install();
  assert.equal([node.read(`${binDir}/polynic`), trees()], ["bin/polynic 2\n", 2]);
  node.ship("3");
  node.install();
  assert.equal([node.read(`${binDir}/polynic`), trees()], ["bin/polynic 3\n", 2]);
  assert.equal(node.planInstall().steps, []);
});

installing("mends what somebody has removed", () => {
  using node = flannelNode();
  node.install();
  const right = node.snapshot();
  for (const name of [`${binDir}/polynic`, `${confDir}/00-polynic.conflist`,
    `${confDir}/polynic.d/kubeconfig`]) node.remove(name);
  node.install();
  assert.equal(node.snapshot(), right);
});

installing("makes names of built-in plugins that are missing and are asked for, never those that are there", () => {
  using node = flannelNode();
  node.install(["--link", "loopback, bridge"]);
  assert.is(node.read(`${binDir}/loopback`), "#!/bin/sh\n# loopback\n");
  assert.is(node.read(`${binDir}/bridge`), "bin/bridge 1\n");
  assert.equal(node.planInstall(["--link", "loopback,bridge"]).steps, []);
});

installing("leaves the plugin directory alone with --skip-multus-binary-copy", () => {
  using node = flannelNode();
  const before = node.snapshot(/etc/);
  node.install(["--skip-multus-binary-copy"]);
  assert.equal(node.snapshot(/etc/), before);
});

installing("leaves with --skip-multus-binary-copy what an earlier run has brought", () => {
  using node = flannelNode();
  const before = node.snapshot();
  node.install(["--link=bridge"]);
  const after = node.snapshot();
  node.install(["--skip-multus-binary-copy"]);
  assert.equal(node.snapshot(), after);
  node.uninstall();
  assert.equal(node.snapshot(), before);
});

installing("installs a configuration as it is with --multus-conf-file", () => {
  using node = pretendNode();
  const own = JSON.stringify({ cniVersion: "0.3.1", name: "own", type: "bridge" });
  node.write("somewhere/70-own.conf", own);
  node.install([`--multus-conf-file=${node.root}/somewhere/70-own.conf`]);
  assert.is(node.read(`${confDir}/70-own.conf`), own);
  assert.is(node.read(`${binDir}/bridge`), "bin/bridge 1\n");
  assert.not.ok(node.has(`${confDir}/00-polynic.conf`));
});

installing("renames the primary configuration when asked to, follows a new one, and stays with it", () => {
  using node = flannelNode();
  const words = ["--rename-conf-file"];
  node.install(words);
  assert.equal([node.has(primary), node.has(`${primary}.old`)], [false, true]);
  assert.equal(node.planInstall(words).steps, []);
  node.write(primary, { ...flannel, name: "newer" });
  node.install(words);
  assert.match(node.read(`${confDir}/00-polynic.conflist`), '"newer"');
  assert.equal([node.has(primary), JSON.parse(node.read(`${primary}.old`)).name], [false, "newer"]);
  node.install();
  assert.equal([node.has(primary), node.has(`${primary}.old`)], [true, false]);
});

installing("does not rename over a file somebody else has kept", () => {
  using node = flannelNode();
  node.write(`${primary}.old`, "kept");
  const before = node.snapshot();
  assert.throws(() => node.install(["--rename-conf-file"]), /10-flannel\.conflist\.old is there already/);
  assert.equal(node.snapshot(), before);
});

installing("refuses another plugin directory than the one it is in", () => {
  using node = flannelNode();
  node.install();
  assert.throws(() => node.install(["--cni-bin-dir=/usr/libexec/cni"]),
    /this node's polynic is in \/opt\/cni\/bin, expected the same directory/);
});

installing("says what is missing for a kubeconfig", () => {
  using node = flannelNode({ account: false });
  node.write("account/token", "token-1");
  assert.throws(() => node.install(), /ca\.crt is missing, expected it beside the token/);
  node.install(["--skip-tls-verify"]);
  assert.match(node.read(`${confDir}/polynic.d/kubeconfig`), "insecure-skip-tls-verify: true");
});

installing("uses a kubeconfig that is there already, when told to", () => {
  using node = flannelNode();
  node.install(["--kubeconfig=/etc/kubernetes/cni.conf"]);
  assert.match(node.read(`${confDir}/00-polynic.conflist`), '"kubeconfig": "/etc/kubernetes/cni.conf"');
  assert.not.ok(node.has(`${confDir}/polynic.d/kubeconfig`));
});

installing.run();

/** What Multus's entry point, its daemon and an operator write. */
const thin = {
  cniVersion: "0.3.1", name: "multus-cni-network", type: "multus", capabilities: { portMappings: true },
    namespaceIsolation: true, LogLevel: "debug",
  logFile: "/var/log/multus.log", logOptions: { maxSize: 10 }, kubeconfig: "/etc/cni/net.d/multus.d/multus.kubeconfig",
    delegates: [{ ...flannel, cniVersion: "0.3.1", name: "inline" }],
};
const thick = { capabilities: { portMappings: true }, cniVersion: "0.3.1", logLevel: "verbose",
  name: "multus-cni-network", clusterNetwork: "/host/etc/cni/net.d/10-flannel.conflist", type: "multus-shim" };

function overMultus(config: object, { name = "00-multus.conf", withPrimary = true,
  account = true } = {}): { readonly plugin: Record<string, unknown>; readonly node: PretendNode } & Disposable {
  const node = pretendNode({ types: ["flannel", "portmap", "multus", "multus-shim"], account });
  if (withPrimary) node.write(primary, flannel);
  node.write(`${confDir}/${name}`, config, 0o600);
  node.install();
  const json = JSON.parse(node.read(node.has(`${confDir}/00-polynic.conf`) ? `${confDir}/00-polynic.conf`
    : `${confDir}/00-polynic.conflist`));
  assert.equal([node.has(`${confDir}/${name}`), node.has(`${confDir}/${name}.before-polynic`)], [false, true]);
  assert.equal(node.planInstall().steps, []);
  return { node, plugin: json.plugins?.[0] ?? json, [Symbol.dispose]: () => node[Symbol.dispose]() };
}

const takeover = suite("polynic install over a Multus");

takeover("takes over how its entry point was told to work, and the primary configuration as it is now", () => {
  using over = overMultus(thin);
  assert.equal(over.plugin, {
    type: "polynic", capabilities: { portMappings: true }, namespaceIsolation: true, logFile: "/var/log/multus.log",
      logLevel: "debug", logOptions: { maxSize: 10 },
    strictSelections: false, mergeResults: false, kubeconfig: "/etc/cni/net.d/polynic.d/kubeconfig",
      delegates: [flannel],
  });
});

takeover("takes over a daemon's, and finds the primary configuration behind the daemon's path", () => {
  using over = overMultus(thick);
  assert.equal(over.plugin, { type: "polynic", capabilities: { portMappings: true }, strictSelections: false,
    logLevel: "verbose", mergeResults: false, kubeconfig: "/etc/cni/net.d/polynic.d/kubeconfig",
    delegates: [flannel] });
});

takeover("takes over a list", () => {
  const { cniVersion: _, name, ...plugin } = thin;
  using over = overMultus({ cniVersion: "1.0.0", name, plugins: [plugin] }, { name: "00-multus.conflist" });
  assert.equal([over.plugin["namespaceIsolation"], over.plugin["delegates"]], [true, [flannel]]);
});

takeover("uses the network it holds when the primary configuration has gone", () => {
  using over = overMultus(thin, { withPrimary: false });
  assert.equal(over.plugin["delegates"], thin.delegates);
});

takeover("uses its kubeconfig where there is no service account", () => {
  using over = overMultus(thin, { account: false });
  assert.is(over.plugin["kubeconfig"], "/etc/cni/net.d/multus.d/multus.kubeconfig");
});

takeover("keeps networks an operator has chosen: several, or one by its name in the cluster", () => {
  const delegates = [{ ...flannel, name: "a" }, { ...flannel, name: "b" }];
  using several = overMultus({ ...thin, delegates });
  assert.equal(several.plugin["delegates"], delegates);
  using named = overMultus({ ...thin, delegates: undefined, clusterNetwork: "default-net", defaultNetworks: ["more"],
    multusNamespace: "net" });
  const { clusterNetwork, defaultNetworks, multusNamespace } = named.plugin;
  assert.equal({ clusterNetwork, defaultNetworks, multusNamespace },
    { clusterNetwork: "default-net", defaultNetworks: ["more"], multusNamespace: "net" });
});

takeover("lets a flag win", () => {
  using over = overMultus(thin);
  over.node.install(["--namespace-isolation=false", "--multus-log-level=error", "--strict-selections"]);
  const { namespaceIsolation, logLevel,
    strictSelections } = JSON.parse(over.node.read(`${confDir}/00-polynic.conflist`)).plugins[0];
  assert.equal({ namespaceIsolation, logLevel, strictSelections },
    { namespaceIsolation: false, logLevel: "error", strictSelections: true });
});

takeover("never makes itself the default network, whatever a Multus has made of us", () => {
  using node = pretendNode();
  node.write(primary, flannel);
  node.install();
  // A Multus that is started now takes our configuration for the primary one.
  node.write(`${confDir}/00-multus.conf`, { ...thin,
    delegates: [JSON.parse(node.read(`${confDir}/00-polynic.conflist`))] });
  node.install();
  assert.equal(JSON.parse(node.read(`${confDir}/00-polynic.conflist`)).plugins[0].delegates, [flannel]);
  node.remove(primary);
  assert.throws(() => node.install(), /Cannot find the primary configuration/);
});

takeover("goes on without what an empty or broken file would say", () => {
  using over = overMultus({}, {});
  assert.equal(over.plugin["delegates"], [flannel]);
});

takeover("leaves no executable of it under a name that a network could call, and gives all of them back", () => {
  using node = pretendNode({ types: ["flannel", "portmap", "multus", "multus.before", "multus-shim"] });
  node.write(primary, flannel);
  node.write(`${confDir}/00-multus.conf`, thin);
  const before = node.snapshot(), names = () => Object.keys(node.snapshot(/polynic\.d\/0/))
    .filter((name) => /bin\/.*multus/.test(name)).map((name) => name.slice(binDir.length + 1));
  node.install();
  // A runtime that has kept how a pod was attached deletes it by that name.
  assert.match(node.snapshot()[`${binDir}/multus`] ?? "", /^-> polynic\.d\/0\.1\.0-[0-9a-f]+\/bin\/multus$/);
  assert.equal(names(), ["multus", "multus-shim", "polynic.d/before/multus", "polynic.d/before/multus.before"]);
  assert.is(node.read(`${binDir}/polynic.d/before/multus`), "#!/bin/sh\n# multus\n");
  assert.equal(node.planInstall().steps, []);
  node.uninstall();
  assert.equal(node.snapshot(), before);
});

takeover("gives its executables back also when the record is gone", () => {
  using node = pretendNode({ types: ["flannel", "multus", "multus.before"] });
  node.write(primary, flannel);
  const before = node.snapshot();
  node.install();
  node.remove(`${confDir}/polynic.d/install.json`);
  node.uninstall();
  assert.equal(node.snapshot(), before);
});

takeover("moves an executable that comes back away again", () => {
  using node = pretendNode({ types: ["flannel", "multus"] });
  node.write(primary, flannel);
  node.install();
  // As its DaemonSet's first container does: a new file in place of what has the name.
  node.remove(`${binDir}/multus`);
  node.write(`${binDir}/multus`, "newer", 0o755);
  node.install();
  assert.match(node.snapshot()[`${binDir}/multus`] ?? "", /^-> /);
  assert.equal(node.planInstall().steps, []);
});

takeover("moves one that comes back away again", () => {
  using over = overMultus(thin);
  over.node.write(`${confDir}/00-multus.conf`, { ...thin, namespaceIsolation: false });
  over.node.install();
  assert.not.ok(over.node.has(`${confDir}/00-multus.conf`));
  over.node.uninstall();
  assert.match(over.node.read(`${confDir}/00-multus.conf`), '"namespaceIsolation":false');
});

takeover.run();

const back = suite("polynic uninstall");

interface Story {
  readonly title: string;
  readonly words?: readonly string[];
  prepare(node: PretendNode): void;
}

const stories: readonly Story[] = [
  { title: "a plain node", prepare: () => {} },
  { title: "a renamed primary configuration", words: ["--rename-conf-file"], prepare: () => {} },
  { title: "a Multus", prepare: (node) => node.write(`${confDir}/00-multus.conf`, thin, 0o600) },
  { title: "a Multus whose kubeconfig has the name ours is to have",
    words: ["--multus-kubeconfig-file-host=/etc/cni/net.d/multus.d/multus.kubeconfig"], prepare(node) {
    node.write(`${confDir}/00-multus.conf`, thin, 0o600);
    node.write(`${confDir}/multus.d/multus.kubeconfig`, "Multus's own", 0o600);
  } },
  { title: "an executable of our name", prepare: (node) => node.write(`${binDir}/polynic`, "an older one", 0o755) },
  { title: "an absent plugin that was linked", words: ["--link=bridge"], prepare: () => {} },
  { title: "a configuration that was installed as it is, over another", words: ["--multus-conf-file=FILE"],
    prepare(node) {
    node.write("somewhere/70-own.conf", { cniVersion: "0.3.1", name: "own", type: "bridge" });
    node.write(`${confDir}/70-own.conf`, "before", 0o640);
  } },
];

for (const { title, words = [], prepare } of stories) {
  back(`leaves the node as it was before: ${title}`, () => {
    using node = flannelNode();
    prepare(node);
    const before = node.snapshot();
    const flags = words.map((word) => word.replace("FILE", `${node.root}/somewhere/70-own.conf`));
    node.install(flags);
    assert.not.equal(node.snapshot(), before);
    node.ship("2");
    node.install(flags);
    node.uninstall();
    assert.equal(node.snapshot(), before);
    assert.equal(node.planUninstall().steps, []);
    node.install(flags);
    node.uninstall();
    assert.equal(node.snapshot(), before);
  });
}

back("does without the record of what was done", () => {
  using node = flannelNode();
  node.write(`${confDir}/00-multus.conf`, thin, 0o600);
  node.write(`${binDir}/polynic`, "an older one", 0o755);
  const before = node.snapshot();
  node.install(["--link=bridge"]);
  node.remove(`${confDir}/polynic.d/install.json`);
  node.uninstall();
  assert.equal(node.snapshot(), before);
});

back("finds what a container has installed whose mounts had other names than the node's directories", () => {
  using node = pretendNode();
  const conf = "var/snap/microk8s/current/args/cni-network", bin = "var/snap/microk8s/current/opt/cni/bin";
  node.write(`${conf}/10-flannel.conflist`, flannel);
  node.write(`${conf}/00-multus.conf`, thin, 0o600);
  node.write(`${bin}/flannel`, "", 0o755);
  const before = node.snapshot();
  // As Multus's DaemonSet is told on microk8s: the node's directories are mounted at the usual places.
  const container = join(node.root, "..", "container");
  mkdirSync(join(container, "etc", "cni"), { recursive: true });
  mkdirSync(join(container, "opt", "cni"), { recursive: true });
  symlinkSync(join(node.root, conf), join(container, confDir));
  symlinkSync(join(node.root, bin), join(container, binDir));
  node.install(["--root", container, `--cni-conf-dir=${container}/${confDir}`,
    `--multus-autoconfig-dir=${container}/${confDir}`,
    `--multus-kubeconfig-file-host=/${conf}/multus.d/multus.kubeconfig`]);
  assert.match(node.read(`${conf}/00-polynic.conflist`), `"kubeconfig": "/${conf}/multus.d/multus.kubeconfig"`);
  assert.is(node.read(`${bin}/polynic`), "bin/polynic 1\n");
  node.uninstall();
  assert.equal(node.snapshot(), before);
});

back("keeps a plugin that somebody has put where our link was", () => {
  using node = flannelNode();
  node.install(["--link=bridge"]);
  node.remove(`${binDir}/bridge`);
  node.write(`${binDir}/bridge`, "the real one", 0o755);
  node.uninstall();
  assert.is(node.read(`${binDir}/bridge`), "the real one");
});

back("leaves a newer primary configuration in place, and tells of the older one", () => {
  using node = flannelNode();
  node.install(["--rename-conf-file"]);
  node.write(primary, { ...flannel, name: "newer" });
  assert.match(node.uninstall().notes.join(), "has been written again since");
  assert.match(node.read(primary), '"newer"');
  assert.is(runtimeProblem(node), undefined);
});

back("refuses a record it does not understand", () => {
  using node = flannelNode();
  node.install();
  for (const text of ["{", '{"version":2}',
    '{"version":1,"directories":{"conf":"/"},"made":[{"area":"conf","name":"../../passwd"}],"moved":[]}']) {
    node.write(`${confDir}/polynic.d/install.json`, text);
    assert.throws(() => node.uninstall(), /Cannot read .*install\.json/);
  }
});

back.run();
