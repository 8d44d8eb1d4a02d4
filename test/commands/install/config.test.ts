// What polynic install writes for which primary configuration: exact text, key sets, which file is taken, what is
// refused.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CommandError, UsageError } from "../../../src/commands/errors.ts";
import { PrimaryError } from "../../../src/commands/install/configuration/primary.ts";
import type { PretendNode } from "../../helpers/pretend-node.ts";
import { confDir, pretendNode } from "../../helpers/pretend-node.ts";

const flannel = { cniVersion: "0.3.1", name: "cbr0", plugins: [{ type: "flannel" }] };
const kubeconfig = "/etc/cni/net.d/polynic.d/kubeconfig";

function installed(primary: object, words: readonly string[] = [],
  name = "10-flannel.conflist"): { readonly file: string; readonly text: string } {
  using node = pretendNode();
  node.write(`${confDir}/${name}`, primary);
  node.install(words);
  return written(node);
}

function written(node: PretendNode): { readonly file: string; readonly text: string } {
  const [file = "", ...others] = ["00-polynic.conf",
    "00-polynic.conflist"].filter((name) => node.has(`${confDir}/${name}`));
  assert.equal(others, []);
  return { file, text: node.read(`${confDir}/${file}`) };
}

function plugin(text: string): Record<string, unknown> {
  const json = JSON.parse(text);
  return json.plugins?.[0] ?? json;
}

const texts = suite("the generated configuration");

texts("is a single plugin before 1.0.0", () => {
  assert.equal(installed(flannel), {
    file: "00-polynic.conf",
    text: `{
  "cniVersion": "0.3.1",
  "name": "multus-cni-network",
  "type": "polynic",
  "mergeResults": false,
  "kubeconfig": "/etc/cni/net.d/polynic.d/kubeconfig",
  "delegates": [
    {
      "cniVersion": "0.3.1",
      "name": "cbr0",
      "plugins": [
        {
          "type": "flannel"
        }
      ]
    }
  ]
}
`,
  });
});

for (const cniVersion of ["1.0.0", "1.1.0"]) {
  texts(`is a list of one plugin from 1.0.0 on: ${cniVersion}`, () => {
    assert.equal(installed({ ...flannel, cniVersion }), {
      file: "00-polynic.conflist",
      text: `{
  "cniVersion": "${cniVersion}",
  "name": "multus-cni-network",
  "plugins": [
    {
      "type": "polynic",
      "mergeResults": false,
      "kubeconfig": "/etc/cni/net.d/polynic.d/kubeconfig",
      "delegates": [
        {
          "cniVersion": "${cniVersion}",
          "name": "cbr0",
          "plugins": [
            {
              "type": "flannel"
            }
          ]
        }
      ]
    }
  ]
}
`,
    });
  });
}

texts("has every key that flags set, as the node sees paths", () => {
  const words = ["--hot-plug", "--namespace-isolation=true", "--global-namespaces", "foo,bar",
    "--multus-log-to-stderr=false", "--multus-log-level=DEBUG", "--multus-log-file", "/var/log/polynic.log",
    "--additional-bin-dir", "/opt/more/bin", "--multus-cni-conf-dir", "/etc/cni/multus/net.d",
      "--override-network-name", "--cni-version=0.3.1", "--readiness-indicator-file", "/run/flannel/subnet.env"];
  const { text } = installed({ ...flannel, plugins: [{ type: "flannel", capabilities: { portMappings: true } }] },
    words);
  assert.equal(JSON.parse(text), {
    cniVersion: "0.3.1", name: "cbr0", type: "polynic", capabilities: { portMappings: true },
    hotPlug: true, namespaceIsolation: true, globalNamespaces: "foo,bar", logToStderr: false, logLevel: "debug",
      logFile: "/var/log/polynic.log",
    binDir: "/opt/more/bin", confDir: "/etc/cni/multus/net.d", readinessindicatorfile: "/run/flannel/subnet.env",
    mergeResults: false, kubeconfig,
    delegates: [{ ...flannel, plugins: [{ type: "flannel", capabilities: { portMappings: true } }] }],
  });
});

texts("names paths as the node knows them when they are given as the container sees them", () => {
  using node = pretendNode();
  node.write(`${confDir}/10-flannel.conf`, { cniVersion: "0.4.0", name: "cbr0", type: "flannel" });
  node.install(["--multus-cni-conf-dir", `${node.root}/etc/cni/multus/net.d`, "--cni-conf-dir",
    `${node.root}/etc/cni/net.d/`]);
  const { confDir: named, kubeconfig: found } = plugin(written(node).text);
  assert.equal({ named, found }, { named: "/etc/cni/multus/net.d", found: kubeconfig });
});

texts("names the kubeconfig where --multus-kubeconfig-file-host says, and it is written in that folder of the " +
  "configuration directory", () => {
  using node = pretendNode();
  node.write(`${confDir}/10-flannel.conflist`, flannel);
  const folder = "/var/snap/microk8s/current/args/cni-network/multus.d";
  node.install([`--multus-kubeconfig-file-host=${folder}/multus.kubeconfig`]);
  assert.is(plugin(written(node).text)["kubeconfig"],
    "/var/snap/microk8s/current/args/cni-network/multus.d/multus.kubeconfig");
  assert.match(node.read(`${confDir}/multus.d/multus.kubeconfig`), 'tokenFile: "multus.kubeconfig.token"');
  assert.is(node.read(`${confDir}/multus.d/multus.kubeconfig.token`), "token-1");
});

texts("refers to the file with --reference", () => {
  const { delegates, clusterNetwork, capabilities } = plugin(installed({ ...flannel, capabilities: { mac: true } },
    ["--reference"]).text);
  assert.equal({ delegates, clusterNetwork, capabilities },
    { delegates: undefined, clusterNetwork: "/etc/cni/net.d/10-flannel.conflist", capabilities: { mac: true } });
});

texts("names no kubeconfig where there is no service account, and says what that means", () => {
  using node = pretendNode({ account: false });
  node.write(`${confDir}/10-flannel.conflist`, flannel);
  assert.match(node.install().notes.join(), "annotations cannot be read");
  assert.is(plugin(written(node).text)["kubeconfig"], undefined);
});

const capabilities: readonly { readonly title: string; readonly primary: object; readonly expected: unknown }[] = [
  { title: "none anywhere", primary: flannel, expected: undefined },
  { title: "at the top", primary: { ...flannel, capabilities: { portMappings: true } },
    expected: { portMappings: true } },
  { title: "in one plugin", primary: { ...flannel, plugins: [{ type: "flannel" }, { type: "portmap",
    capabilities: { portMappings: true } }] }, expected: { portMappings: true } },
  {
    title: "in several plugins, and at the top", primary: { ...flannel, capabilities: { mac: true },
      plugins: [{ type: "flannel", capabilities: { bandwidth: true } },
      { type: "portmap", capabilities: { portMappings: true, bandwidth: true } }] },
    expected: { bandwidth: true, mac: true, portMappings: true },
  },
  { title: "only those that are true", primary: { ...flannel, capabilities: { mac: false, ips: true },
    plugins: [{ type: "flannel", capabilities: { bandwidth: false } }] }, expected: { ips: true } },
  { title: "of a single plugin", primary: { cniVersion: "0.3.1", name: "cbr0", type: "flannel",
    capabilities: { ips: true } }, expected: { ips: true } },
];

for (const { title, primary, expected } of capabilities) {
  texts(`has the capabilities of the primary: ${title}`,
    () => assert.equal(plugin(installed(primary).text)["capabilities"], expected));
}

texts.run();

const discovery = suite("the primary configuration");

const conf = (name: string, type = "flannel") => ({ cniVersion: "0.4.0", name, type });
const found: readonly { readonly title: string; readonly files: Readonly<Record<string,
  object | string>>; readonly words?: readonly string[]; readonly expected: string }[] = [
  { title: "is the first .conf or .conflist in byte order",
    files: { "Z.conf": conf("upper"), "a.conf": conf("lower"), "b.conflist": flannel }, expected: "upper" },
  { title: "is the one named, whatever comes before it", files: { "10-a.conf": conf("a"), "20-b.conf": conf("b") },
    words: ["--multus-master-cni-file-name=20-b.conf"], expected: "b" },
  { title: "is no .json file", files: { "10-a.json": conf("a"), "20-b.conf": conf("b") }, expected: "b" },
  { title: "is no file of another extension", files: { "10-a.conf.bak": conf("a"), "10-a": conf("a"),
    "20-b.conf": conf("b") }, expected: "b" },
  { title: "is none that leads to a multiplexer", files: { "10-a.conf": conf("a", "multus"),
    "11-a.conflist": { ...flannel, plugins: [{ type: "multus-shim" }] }, "12.conf": conf("x", "polynic"),
    "20-b.conf": conf("b") }, expected: "b" },
];

for (const { title, files, words = [], expected } of found) {
  discovery(title, () => {
    using node = pretendNode();
    for (const [name, content] of Object.entries(files)) node.write(`${confDir}/${name}`, content);
    node.install(words);
    const { delegates } = JSON.parse(written(node).text) as { delegates: { name: string }[] };
    assert.equal(delegates.map(({ name }) => name), [expected]);
  });
}

discovery("is looked for in --multus-autoconfig-dir", () => {
  using node = pretendNode();
  node.write("var/lib/primary/10-a.conf", conf("a"));
  node.write(`${confDir}/20-b.conf`, conf("b"));
  node.install(["--multus-autoconfig-dir", `${node.root}/var/lib/primary`, "--reference"]);
  assert.is(plugin(written(node).text)["clusterNetwork"], "/var/lib/primary/10-a.conf");
});

interface Refused {
  readonly title: string;
  readonly content: object | string;
  readonly words?: readonly string[];
  readonly message: RegExp;
}

const refused: readonly Refused[] = [
  { title: "is empty", content: "", message: /10-a\.conf: it is no JSON object, expected a CNI configuration/ },
  { title: "is half written", content: '{"cniVersion": "0.3.1", "na', message: /it is no JSON object/ },
  { title: "has no name", content: { cniVersion: "0.3.1", type: "x" }, message: /name is missing/ },
  { title: "has no version", content: { name: "x", type: "x" },
    message: /cniVersion is missing, expected a version as "1\.0\.0"/ },
  { title: "has something else for a version", content: { name: "x", type: "x", cniVersion: "new" },
    message: /cniVersion is "new"/ },
  { title: "has neither type nor plugins", content: { name: "x", cniVersion: "0.3.1" },
    message: /neither type nor plugins/ },
  { title: "has no plugin", content: { name: "x", cniVersion: "0.3.1", plugins: [] },
    message: /neither type nor plugins/ },
  { title: "has another version than is asked for", content: conf("a"), words: ["--cni-version=0.3.1"],
    message: /cniVersion is 0\.4\.0, expected 0\.3\.1/ },
  { title: "is not there", content: conf("a"), words: ["--multus-master-cni-file-name=x.conf"],
    message: /has no file "x\.conf"/ },
];

for (const { title, content, words = [], message } of refused) {
  discovery(`is refused, and nothing changed, when it ${title}`, () => {
    using node = pretendNode();
    node.write(`${confDir}/10-a.conf`, content);
    const before = node.snapshot();
    const error = caught(() => node.install(words));
    assert.ok(error instanceof PrimaryError);
    assert.match(error.message, message);
    assert.equal(node.snapshot(), before);
  });
}

discovery("gets the version asked for when that is forced", () => {
  const json = JSON.parse(installed(flannel, ["--cni-version=1.0.0", "--force-cni-version"]).text);
  assert.equal([json.cniVersion, json.plugins[0].delegates[0].cniVersion], ["1.0.0", "1.0.0"]);
});

discovery("cannot come before ours, or nothing of ours would be used", () => {
  using node = pretendNode();
  node.write(`${confDir}/00-aaa.conf`, conf("a"));
  const before = node.snapshot();
  const error = caught(() => node.install());
  assert.ok(error instanceof CommandError);
  assert.match(error.message, "the runtime would use 00-aaa.conf, which comes before 00-polynic");
  assert.equal(node.snapshot(), before);
  node.install(["--rename-conf-file"]);
  assert.equal([node.has(`${confDir}/00-aaa.conf`), node.has(`${confDir}/00-aaa.conf.old`)], [false, true]);
});

discovery.run();

const distributions = suite("--distribution");

interface Places {
  readonly name: string;
  readonly made: readonly string[];
  readonly conf: string;
  readonly bin: string;
}

const places: readonly Places[] = [
  { name: "kubeadm", made: [], conf: "etc/cni/net.d", bin: "opt/cni/bin" },
  { name: "rke2", made: [], conf: "etc/cni/net.d", bin: "opt/cni/bin" },
  { name: "k3s", made: ["var/lib/rancher/k3s/data/cni/x"], conf: "var/lib/rancher/k3s/agent/etc/cni/net.d",
    bin: "var/lib/rancher/k3s/data/cni" },
  { name: "k3s", made: ["var/lib/rancher/k3s/data/current/bin/x"], conf: "var/lib/rancher/k3s/agent/etc/cni/net.d",
    bin: "var/lib/rancher/k3s/data/current/bin" },
  { name: "microk8s", made: [], conf: "var/snap/microk8s/current/args/cni-network",
    bin: "var/snap/microk8s/current/opt/cni/bin" },
];

for (const { name, made, conf, bin } of places) {
  for (const asked of [[`--distribution=${name}`], []]) {
    distributions(`${asked.length === 0 ? "found by itself" : "given"}: ${name} has its directories at ${conf} and ` +
      `${bin}`, () => {
      using node = pretendNode();
      for (const path of made) node.write(path, "");
      node.write(`${conf}/10-flannel.conflist`, flannel);
      node.install(asked);
      assert.ok(node.has(`${conf}/00-polynic.conf`) && node.has(`${bin}/polynic`));
      assert.is(JSON.parse(node.read(`${conf}/00-polynic.conf`)).kubeconfig, `/${conf}/polynic.d/kubeconfig`);
    });
  }
}

distributions.run();

const usage = suite("flags");

const nonsense: readonly { readonly words: readonly string[]; readonly message: string }[] = [
  { words: ["--no-such"], message: "Cannot understand --no-such: there is no such option" },
  { words: ["word"], message: 'Cannot understand "word": it is one word too many' },
  { words: ["--watch=maybe"], message: "Cannot use --watch=maybe: expected true or false" },
  { words: ["--distribution=slackware"], message: "expected auto, k3s, microk8s, rke2, kubeadm" },
  { words: ["--distribution=talos"], message: "no shell and no glibc" },
  { words: ["--multus-log-level=loud"], message: "expected panic, error, verbose, debug" },
  { words: ["--cni-conf-dir=etc"], message: "expected an absolute path" },
  { words: ["--link=calico"], message: "Cannot use --link calico" },
  { words: ["--reference", "--rename-conf-file"], message: "expected one of them" },
];

for (const { words, message } of nonsense) {
  usage(`are refused: ${words.join(" ")}`, () => {
    using node = pretendNode();
    const error = caught(() => node.install(words));
    assert.ok(error instanceof UsageError, String(error));
    assert.match(error.message, message);
  });
}

usage("of Multus's entry point are all taken, as its DaemonSets give them", () => {
  using node = pretendNode();
  node.write(`${confDir}/10-flannel.conflist`, flannel);
  node.install(["--multus-conf-file=auto", `--multus-autoconfig-dir=${node.root}/etc/cni/net.d`,
    `--cni-conf-dir=${node.root}/etc/cni/net.d`, `--cni-bin-dir=${node.root}/opt/cni/bin`,
    "--multus-bin-file=/usr/src/multus-cni/bin/multus",
      "--multus-kubeconfig-file-host=/etc/cni/net.d/multus.d/multus.kubeconfig", "--multus-log-to-stderr=true",
      "--override-network-name=false",
    "--cleanup-config-on-exit=true", "--skip-config-watch=false", "--rename-conf-file=false",
      "--skip-multus-binary-copy=false", "--namespace-isolation=false", "--skip-tls-verify=false",
      "--global-namespaces="]);
  const { namespaceIsolation, globalNamespaces, logToStderr } = plugin(written(node).text);
  assert.equal({ namespaceIsolation, globalNamespaces, logToStderr },
    { namespaceIsolation: false, globalNamespaces: undefined, logToStderr: undefined });
});

usage.run();

function caught(work: () => unknown): Error {
  try {
    work();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error("Expected an error, but none was thrown");
}
