// Where a node's runtimes look, as their own configurations say: what polynic install makes of it, and what it tells.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { nodeFiles } from "../../../src/commands/install/node/files.ts";
import type { Runtime } from "../../../src/commands/install/node/runtimes.ts";
import { runtimesOn } from "../../../src/commands/install/node/runtimes.ts";
import { parseTomlTexts } from "../../../src/commands/install/node/toml.ts";
import { UsageError } from "../../../src/commands/errors.ts";
import type { PretendNode } from "../../helpers/pretend-node.ts";
import { binDir, confDir, pretendNode } from "../../helpers/pretend-node.ts";

/** What Debian's package brings. */
const debianContainerd = `version = 2

[plugins]
  [plugins."io.containerd.grpc.v1.cri"]
    [plugins."io.containerd.grpc.v1.cri".cni]
      bin_dir = "/usr/lib/cni"
      conf_dir = "/etc/cni/net.d"
  [plugins."io.containerd.internal.v1.opt"]
    path = "/var/lib/containerd/opt"
`;
const newContainerd = `version = 3
[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = [ # searched in turn
    '/usr/libexec/cni', "/opt/cni/bin" ]
  conf_dir = "/etc/cni/other.d" # not "/etc/cni/net.d"
`;
const dockersContainerd = 'disabled_plugins = ["cri"]\n#[plugins."io.containerd.grpc.v1.cri".cni]\n# bin_dir = "/x"\n';
const containerdFile = "etc/containerd/config.toml";

const toml = suite("parseTomlTexts");

toml("finds the end of a list outside of its texts, and takes a header as it is written", () => {
  const tables = parseTomlTexts('[ a."b]".c ] # x\n[[list]] \ndirs = ["/a]", # "no"\n  "/b",\n]\n' +
    'q = "a\\"b"\n[]\n[x] y\nz = \'c\'\n');
  assert.equal([...tables], [["list", new Map([["dirs", ["/a]", "/b"]], ["q", ['a\\"b']], ["z", ["c"]]])]]);
});

toml("takes as long as a text is long, whatever it is", () => {
  const long = 2_000_000;
  for (const text of [
    `[${" ".repeat(long)}x`, `[x${" ".repeat(long)}y`, `[x]${"]".repeat(long)}y`, `a = ${" ".repeat(long)}\ry`,
    `a = ${'"\\'.repeat(long)}`, `a = [\n${'"b",\n'.repeat(long / 4)}`, `a = ${"'b' ".repeat(long / 4)}`,
  ]) assert.ok(parseTomlTexts(text).size <= 1);
});

toml("reads tables, texts and lists of texts, and no comment", () => {
  assert.equal(parseTomlTexts(newContainerd).get("plugins.'io.containerd.cri.v1.runtime'.cni"), new Map([
    ["bin_dirs", ["/usr/libexec/cni", "/opt/cni/bin"]], ["conf_dir", ["/etc/cni/other.d"]]]));
  assert.equal([...parseTomlTexts(dockersContainerd)], [["", new Map([["disabled_plugins", ["cri"]]])]]);
  assert.equal([...parseTomlTexts('a = "#"\nb = "x\\"y"\n= broken\n[t\nc = [\n')].at(0)?.[1].get("a"), ["#"]);
});

toml.run();

const finding = suite("runtimesOn");

interface Expected extends Pick<Runtime, "name" | "confDir" | "binDirs"> {
  readonly idle?: RegExp;
}

const usualPodman = ["/usr/local/libexec/cni", "/usr/libexec/cni", "/usr/local/lib/cni", "/usr/lib/cni",
  "/opt/cni/bin"];

for (const [title, files, expected] of [
  ["nothing", {}, []],
  ["Debian's containerd", { [containerdFile]: debianContainerd },
    [{ name: "containerd", confDir: "/etc/cni/net.d", binDirs: ["/usr/lib/cni"] }]],
  ["a newer containerd", { [containerdFile]: newContainerd },
    [{ name: "containerd", confDir: "/etc/cni/other.d", binDirs: ["/usr/libexec/cni", "/opt/cni/bin"] }]],
  ["a containerd without a configuration", { "usr/bin/containerd": "" },
    [{ name: "containerd", confDir: "/etc/cni/net.d", binDirs: ["/opt/cni/bin"] }]],
  ["a containerd that Docker brought", { [containerdFile]: dockersContainerd },
    [{ name: "containerd", confDir: "/etc/cni/net.d", binDirs: ["/opt/cni/bin"], idle: /CRI plugin is off/ }]],
  ["CRI-O, whose last file counts", { "etc/crio/crio.conf": '[crio.network]\nnetwork_dir = "/a/"\n',
    "etc/crio/crio.conf.d/10-x.conf": '[crio.network]\nplugin_dirs = [\n"/b",\n"/c",\n]\n' },
    [{ name: "CRI-O", confDir: "/a/", binDirs: ["/b", "/c"] }]],
  ["podman as it comes", { "usr/bin/podman": "" },
    [{ name: "podman", confDir: "/etc/cni/net.d", binDirs: usualPodman, idle: /network_backend = "cni"/ }]],
  ["podman with CNI", { "usr/bin/podman": "",
    "etc/containers/containers.conf": '[network]\nnetwork_backend = "cni"\nnetwork_config_dir = ""\n' },
    [{ name: "podman", confDir: "/etc/cni/net.d", binDirs: usualPodman }]],
] satisfies readonly (readonly [string, Readonly<Record<string, string>>, readonly Expected[]])[]) {
  finding(`finds ${title}`, () => {
    using node = pretendNode();
    for (const [name, text] of Object.entries(files)) node.write(name, text);
    const found = runtimesOn(node.root, nodeFiles);
    assert.equal(found.map(({ name, confDir, binDirs }) => ({ name, confDir, binDirs })),
      expected.map(({ name, confDir, binDirs }) => ({ name, confDir, binDirs })));
    for (const [i, one] of expected.entries()) assertIdle(found[i], one);
  });
}

function assertIdle(found: Runtime | undefined, { idle: expected }: Expected): void {
  if (expected === undefined) assert.is(found?.idle, undefined);
  else assert.match(found?.idle ?? "", expected);
}

finding.run();

const flannel = { cniVersion: "1.0.0", name: "cbr0", plugins: [{ type: "flannel" }] };

function clusterNode(): PretendNode {
  const node = pretendNode();
  node.write(`${confDir}/10-flannel.conflist`, flannel);
  return node;
}

const installing = suite("polynic install beside a runtime");

installing("puts plugins where the runtime looks, and finds them there again to take them away", () => {
  using node = clusterNode();
  node.write(containerdFile, debianContainerd);
  const before = node.snapshot();
  assert.equal(node.install().notes, []);
  assert.ok(node.has("usr/lib/cni/polynic") && !node.has(`${binDir}/polynic`));
  node.uninstall();
  node.remove("usr");
  assert.equal(node.snapshot(), before);
});

installing("stays where it is when a runtime's configuration changes", () => {
  using node = clusterNode();
  node.install();
  node.write(containerdFile, debianContainerd);
  assert.equal(node.planInstall().steps, []);
  assert.match(node.planInstall().notes.join("\n"), /containerd looks for plugins in \/usr\/lib\/cni, as .* says, /);
  node.uninstall();
  assert.not.ok(node.has(`${binDir}/polynic`));
});

for (const [title, files, words, expected] of [
  ["plugins elsewhere", { [containerdFile]: debianContainerd }, ["--cni-bin-dir=/opt/cni/bin"],
    [/^containerd looks for plugins in \/usr\/lib\/cni, as .*\.toml says, and not in \/opt\/cni\/bin: .*-dir \/usr/]],
  ["configurations elsewhere", { [containerdFile]: newContainerd }, ["--cni-conf-dir=/etc/cni/net.d"],
    [/^containerd looks for configurations in \/etc\/cni\/other\.d/]],
  ["nothing at all", { [containerdFile]: dockersContainerd }, [], [/^containerd will not use .*CRI plugin is off/]],
  ["the same, behind a slash", { [containerdFile]: 'version = 2\n[plugins."io.containerd.grpc.v1.cri".cni]\n' +
    'bin_dir = "/opt/cni/bin/"\n' }, ["--cni-bin-dir=/opt/cni/bin"], []],
  ["podman beside a kubelet's runtime", { "usr/bin/podman": "", "usr/bin/containerd": "" }, [], []],
] as const) {
  installing(`says of a runtime that looks for: ${title}`, () => {
    using node = clusterNode();
    for (const [name, text] of Object.entries(files)) node.write(name, text);
    const { notes } = node.planInstall(words);
    assert.is(notes.length, expected.length, notes.join("\n"));
    for (const [i, one] of expected.entries()) assert.match(notes[i] ?? "", one);
  });
}

installing.run();

const own = suite("polynic install --conf");

const multiplexer = { cniVersion: "1.0.0", cniVersions: ["1.0.0", "1.1.0"], name: "mine", type: "polynic",
  capabilities: { portMappings: true }, delegates: [{ name: "a", type: "bridge" }] };
const podmanWithCni = '[network]\nnetwork_backend = "cni"\n';

function ownNode(conf: object | string): PretendNode & { readonly words: readonly string[] } {
  const node = pretendNode({ account: false });
  node.write("mine.conf", conf);
  return { ...node, words: ["--conf", `${node.root}/mine.conf`] };
}

own("makes a list of a single plugin, which podman reads too, before all others", () => {
  using node = ownNode(multiplexer);
  node.write("usr/bin/podman", "");
  node.write("etc/containers/containers.conf", podmanWithCni);
  const before = node.snapshot();
  const { notes } = node.install(node.words);
  assert.equal(notes, []);
  const { type, capabilities, delegates, ...list } = multiplexer;
  assert.equal(JSON.parse(node.read(`${confDir}/00-polynic.conflist`)),
    { ...list, plugins: [{ type, capabilities, delegates }] });
  assert.equal(node.planInstall(node.words).steps, []);
  node.uninstall();
  assert.equal(node.snapshot(), before);
});

own("takes a list as it is, with the version that was asked for", () => {
  using node = ownNode({ ...flannel, cniVersion: "1.1.0" });
  node.install([...node.words, "--cni-version=0.4.0"]);
  assert.is(JSON.parse(node.read(`${confDir}/00-polynic.conflist`)).cniVersion, "0.4.0");
});

own("says that a runtime may refuse the version, and that podman has networks of its own", () => {
  using node = ownNode({ ...multiplexer, cniVersion: "1.1.0" });
  node.write("usr/bin/podman", "");
  assert.match(node.planInstall(node.words).notes.join("\n"), /^podman will not use 00-polynic.conflist: it has/);
  node.write("etc/containers/containers.conf", podmanWithCni);
  assert.match(node.planInstall(node.words).notes.join("\n"), /^podman may refuse cniVersion 1\.1\.0: expected /);
});

for (const [title, conf, says] of [
  ["that is not there", undefined, /mine\.conf: it is not there, expected a CNI configuration/],
  ["without a name", { type: "bridge" }, /it has no name, expected a CNI configuration/],
  ["without a plugin", { name: "x" }, /it has no type and no plugins/],
] as const) {
  own(`refuses a file ${title}`, () => {
    using node = ownNode(conf ?? "");
    if (conf === undefined) node.remove("mine.conf");
    assert.throws(() => node.install(node.words), says);
    assert.not.ok(node.has(`${confDir}/00-polynic.conflist`));
  });
}

own("has no part in a cluster", () => {
  using node = ownNode(multiplexer);
  for (const word of ["--reference", "--watch", "--multus-conf-file=x"])
    assert.throws(() => node.install([...node.words, word]), (error: unknown) => error instanceof UsageError);
});

own.run();
