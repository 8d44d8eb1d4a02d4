// src/bin: the executable as runtimes and people meet it, without a namespace: order of checks, error shape, streams.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { version } from "../../src/program/version.ts";
import { runExecutable } from "../helpers/executable.ts";

const directory = mkdtempSync(join(tmpdir(), "polynic-bin-"));
const all = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];
const add = { CNI_COMMAND: "ADD", CNI_CONTAINERID: "c1", CNI_NETNS: "/nowhere", CNI_IFNAME: "eth0",
  CNI_PATH: "/nowhere" };
const conf = { cniVersion: "1.0.0", name: "pods", type: "polynic", cniDir: directory,
  delegates: [{ cniVersion: "1.0.0", name: "one", type: "bridge" }] };

const talking = suite("polynic without a command");
for (const name of ["polynic", "multus", "bridge", "host-local"]) {
  talking(`as ${name} says what it is on stderr, and exits 0`, () => {
    const ran = runExecutable({ name });
    assert.equal([ran.status, ran.stdout], [0, ""]);
    assert.match(ran.stderr, new RegExp(`polynic ${version}`));
    assert.match(ran.stderr, /CNI protocol versions supported: 0\.1\.0, .*1\.1\.0\n$/);
  });
}
talking("answers --version and --help on stdout, and refuses other words in words, without CNI's JSON", () => {
  assert.match(runExecutable({ args: ["--version"] }).stdout, new RegExp(`^polynic ${version}`));
  assert.match(runExecutable({ args: ["--help"] }).stdout, /^polynic COMMAND: [^]*\n  lint  /);
  for (const word of ["--wrong", "isntall", ""]) {
    const ran = runExecutable({ args: [word] });
    assert.equal([ran.status, ran.stdout], [2, ""]);
    assert.match(ran.stderr, /^polynic: Cannot understand "/);
  }
});
talking("takes no words under a plugin's name, as the reference plugins do", () => {
  const ran = runExecutable({ name: "bridge", args: ["lint"] });
  assert.equal([ran.status, ran.stdout], [0, ""]);
  assert.match(ran.stderr, /^CNI bridge plugin polynic/);
});
talking("has the version of package.json", () => {
  const text = readFileSync(join(import.meta.dirname, "..", "..", "package.json"), "utf8");
  assert.is(JSON.parse(text).version, version);
});
talking.run();

const asking = suite("VERSION");
for (const name of ["polynic", "multus", "bridge"]) {
  asking(`lists versions as ${name}, whatever stdin and the other variables hold`, () => {
    const ran = runExecutable({ name, env: { CNI_COMMAND: "VERSION", CNI_IFNAME: "dummy", CNI_NETNS: "dummy",
      CNI_PATH: "dummy" }, stdin: "{" });
    assert.equal([ran.status, ran.stdout], [0, `${JSON.stringify({ cniVersion: "1.1.0", supportedVersions: all })}\n`]);
  });
}
asking.run();

const refusing = suite("refusals");
const rows: readonly { title: string; name?: string; env?: Record<string,
  string>; stdin?: string | object; code: number; says: RegExp; version?: string }[] = [
  { title: "missing variables, in order", env: { CNI_COMMAND: "ADD" }, code: 4,
    says: /CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME,CNI_PATH/ },
  { title: "a container id that is a path", env: { ...add, CNI_CONTAINERID: "../x" }, code: 4,
    says: /CNI_CONTAINERID/ },
  { title: "an interface name that is a path", env: { ...add, CNI_IFNAME: "a/b" }, code: 4, says: /CNI_IFNAME/ },
  { title: "stdin that is not JSON", env: add, stdin: "{", code: 6, says: /stdin: it is not JSON/ },
  { title: "no stdin at all", env: add, stdin: "", code: 6, says: /it is empty/ },
  { title: "a network without a name", env: add, stdin: { type: "polynic" }, code: 7, says: /name is missing/ },
  { title: "a network name that is a path", env: add, stdin: { ...conf, name: "../x" }, code: 7, says: /name/ },
  { title: "the multiplexer inside a plugin that one runs", env: { ...add, POLYNIC_INSIDE: "ptp" }, stdin: conf,
    code: 7, says: /inside plugin "ptp"/, version: "1.0.0" },
  { title: "an unknown verb, after the configuration", env: { ...add, CNI_COMMAND: "add" }, stdin: conf, code: 4,
    says: /^unknown CNI_COMMAND: add$/, version: "1.0.0" },
  { title: "an unknown version", env: add, stdin: { ...conf, cniVersion: "2.0.0" }, code: 1, says: /"2\.0\.0"/,
    version: "2.0.0" },
  { title: "CHECK before 0.4.0", env: { ...add, CNI_COMMAND: "CHECK" }, stdin: { ...conf, cniVersion: "0.3.1" },
    code: 1, says: /0\.4\.0/, version: "0.3.1" },
  { title: "GC before 1.1.0", env: { CNI_COMMAND: "GC", CNI_PATH: "/x" }, stdin: conf, code: 1, says: /1\.1\.0/,
    version: "1.0.0" },
  { title: "STATUS before 1.1.0", env: { CNI_COMMAND: "STATUS", CNI_PATH: "/x" }, stdin: conf, code: 1, says: /1\.1\.0/,
    version: "1.0.0" },
  { title: "a multiplexer without networks", env: add, stdin: { ...conf, delegates: [] }, code: 7,
    says: /neither delegates nor clusterNetwork/, version: "1.0.0" },
  { title: "a wrong type, by key", env: add, stdin: { ...conf, retryDeleteOnError: "yes" }, code: 7,
    says: /retryDeleteOnError is "yes"/, version: "1.0.0" },
  { title: "prevResult of another shape", env: add, stdin: { ...conf, prevResult: { cniVersion: "0.2.0" } }, code: 1,
    says: /prevResult/, version: "1.0.0" },
  { title: "a namespace that is not there, naming network, plugin, interface and path", env: add, stdin: conf, code: 8,
    says: /network "one" \(interface "eth0"\) with plugin "bridge".*"\/nowhere"/, version: "1.0.0" },
  { title: "a name it has never heard of", name: "frobnicate", env: add, stdin: conf, code: 4, says: /"frobnicate"/ },
];
for (const row of rows) {
  refusing(`refuse ${row.title}`, () => {
    const ran = runExecutable({ ...(row.name === undefined ? {} : { name: row.name }), env: row.env ?? {},
      stdin: row.stdin ?? "" });
    assert.is(ran.status, 1);
    assert.equal([ran.json?.["code"], ran.json?.["cniVersion"]], [row.code, row.version ?? "1.1.0"], ran.stdout);
    assert.match(String(ran.json?.["msg"]), row.says);
  });
}
refusing("refuse our own namespace before anything is done, for the multiplexer and for plugins", () => {
  for (const [name, stdin] of [["polynic", conf], ["bridge",
    { cniVersion: "1.0.0", name: "one", type: "bridge" }]] as const) {
    for (const CNI_COMMAND of ["ADD", "DEL"]) {
      const ran = runExecutable({ name, env: { ...add, CNI_COMMAND, CNI_NETNS: "/proc/self/ns/net" }, stdin });
      assert.equal([ran.status, ran.json?.["code"]], [1, 8], ran.stdout);
    }
  }
});
refusing("do not attach a pod whose cluster cannot be asked what it wants", () => {
  const CNI_ARGS = "IgnoreUnknown=1;K8S_POD_NAMESPACE=blue;K8S_POD_NAME=web";
  const ran = runExecutable({ env: { ...add, CNI_ARGS }, stdin: { ...conf, kubeconfig: "/nowhere/kubeconfig" } });
  assert.equal([ran.status, ran.json?.["code"]], [1, 7], ran.stdout);
  assert.match(String(ran.json?.["msg"]), /kubeconfig "\/nowhere\/kubeconfig": it is not there/);
});
refusing("succeed for STATUS and GC of networks that do not know them", () => {
  for (const CNI_COMMAND of ["STATUS", "GC"]) {
    const ran = runExecutable({ env: { CNI_COMMAND, CNI_PATH: "/nowhere" }, stdin: { ...conf, cniVersion: "1.1.0" } });
    assert.equal([ran.status, ran.stdout], [0, ""], ran.stdout);
  }
});
refusing.run();

const unanswered = suite("a call that comes to no end");
const waiting = { ...conf, readinessindicatorfile: join(directory, "never") };
unanswered("is an error when nothing is under way any more", () => {
  // As a promise of some library that never settles: nothing keeps the process waiting.
  for (const CNI_COMMAND of ["ADD", "GC"]) {
    const ran = runExecutable({ env: { ...add, CNI_COMMAND }, stdin: { ...waiting, cniVersion: "1.1.0" },
      before: "globalThis.setTimeout = () => undefined;" });
    assert.equal([ran.status, ran.json?.["code"], ran.json?.["cniVersion"]], [1, 999, "1.1.0"], ran.stdout);
    assert.match(String(ran.json?.["msg"]), /^Cannot answer: what was waited for did not come to an end$/);
  }
});
unanswered("is an error when something is thrown, or rejected, where nobody waits for it", () => {
  const rejected = 'Promise.reject(new Error("elsewhere"))';
  for (const thrown of ['throw new Error("elsewhere")', rejected, "Promise.reject(7)"]) {
    const ran = runExecutable({ env: add, stdin: waiting,
      before: `globalThis.setTimeout = () => queueMicrotask(() => { ${thrown} });` });
    assert.equal([ran.status, ran.json?.["code"], ran.json?.["cniVersion"]], [1, 999, "1.0.0"], ran.stdout);
    assert.match(String(ran.json?.["msg"]), /elsewhere|7/);
  }
});
unanswered.after(() => rmSync(directory, { recursive: true }));
unanswered.run();
