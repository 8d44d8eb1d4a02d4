// The multiplexer as a process in a namespace of its own: executables as networks, built-in plugins, and both mixed.
import {
  chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import type { Ran, Run } from "../../helpers/executable.ts";
import { runExecutable, startExecutable } from "../../helpers/executable.ts";
import { ipJson, kernelSuite, run as shell } from "../../helpers/netns.ts";

let directory = "", bin = "";
const test = kernelSuite("multiplexer process", import.meta.url);
test.before.each(() => {
  directory = mkdtempSync(join(tmpdir(), "polynic-mux-"));
  bin = join(directory, "bin");
  mkdirSync(bin);
  shell("ip", "netns", "add", "c1");
});
test.after.each(() => {
  shell("ip", "netns", "del", "c1");
  rmSync(directory, { recursive: true });
});

/** A plugin that notes every call and makes a dummy-like interface: a veth whose ends are both in the container. */
function plugin(name: string, body = ""): void {
  const file = join(bin, name);
  writeFileSync(file, `#!/bin/sh
conf=$(cat)
printf '%s %s %s %s %s %s\\n' "$CNI_COMMAND" ${name} "$CNI_IFNAME" "$CNI_CONTAINERID" "$CNI_PATH" "$CNI_ARGS" >> ${directory}/calls
printf '%s\\n' "$conf" >> ${directory}/stdin
${body}
[ "$CNI_COMMAND" = ADD ] && printf '{"cniVersion":"1.0.0","interfaces":[{"name":"%s","sandbox":"%s"}]}' "$CNI_IFNAME" "$CNI_NETNS"
exit 0
`);
  chmodSync(file, 0o755);
}

const calls = (): readonly string[] => existsSync(join(directory, "calls"))
  ? readFileSync(join(directory, "calls"), "utf8").trimEnd().split("\n").map((line) => line.split(" ").slice(0,
    3).join(" ")) : [];
const stdins = (): readonly { readonly [key: string]: unknown }[] =>
  readFileSync(join(directory, "stdin"),
    "utf8").trimEnd().split("\n").map((line): { readonly [key: string]: unknown } => JSON.parse(line));
const left = (): readonly string[] => readdirSync(join(directory, "cni"), { recursive: true, encoding: "utf8" })
  .filter((name) => name !== "results" && !name.startsWith(".polynic")).sort();

function run(command: string, config: object, env: Readonly<Record<string, string>> = {}): Ran {
  return runExecutable(described(command, config, env));
}

function described(command: string, config: object, env: Readonly<Record<string, string>> = {}): Run {
  return {
    env: { CNI_COMMAND: command, CNI_CONTAINERID: "c1", CNI_NETNS: "/run/netns/c1", CNI_IFNAME: "eth0", CNI_PATH: bin,
      ...env },
    stdin: { cniVersion: "1.1.0", name: "pods", type: "polynic", cniDir: join(directory, "cni"), binDir: bin,
      mergeResults: false, ...config },
  };
}

function succeeds(ran: Ran): Ran {
  assert.is(ran.status, 0, `${ran.stdout}${ran.stderr}`);
  return ran;
}

const network = (type: string, more: object = {}): object => ({ cniVersion: "1.1.0", name: `net-${type}`, type,
  ...more });

test("gives an executable no CNI_NETNS at DEL where only the file is left that a namespace was mounted on", () => {
  plugin("aaa", '[ "$CNI_COMMAND" = DEL ] && echo "netns=$CNI_NETNS" >> "$0.seen"');
  const config = { delegates: [network("aaa")] }, leftover = join(directory, "netns");
  succeeds(run("ADD", config));
  writeFileSync(leftover, "");
  const { stderr } = succeeds(run("DEL", config, { CNI_NETNS: leftover }));
  assert.match(stderr, /netns" is gone: an ordinary file is there/);
  succeeds(run("ADD", config));
  succeeds(run("DEL", config));
  succeeds(run("ADD", config));
  succeeds(run("DEL", config, { CNI_NETNS: "/run/netns/nowhere" }));
  assert.is(readFileSync(join(bin, "aaa.seen"), "utf8"), "netns=\nnetns=/run/netns/c1\nnetns=/run/netns/nowhere\n");
});

test("runs executables with the whole environment, and undoes with DEL in reverse", () => {
  plugin("aaa");
  plugin("bbb");
  const config = { delegates: [network("aaa"), { cniVersion: "1.0.0", name: "chain",
    plugins: [{ type: "bbb", x: { y: 1 } }, { type: "aaa", capabilities: { mac: true } }] }],
    runtimeConfig: { mac: "02::" }, runtimeConfigToAll: true };
  const { json } = succeeds(run("ADD", config, { CNI_ARGS: "IgnoreUnknown=1;K8S_POD_NAME=p" }));
  assert.equal(json, { cniVersion: "1.1.0", interfaces: [{ name: "eth0", sandbox: "/run/netns/c1" }] });
  assert.equal(calls(), ["ADD aaa eth0", "ADD bbb net1", "ADD aaa net1"]);
  assert.match(readFileSync(join(directory, "calls"), "utf8"),
    new RegExp(`^ADD aaa eth0 c1 ${bin} IgnoreUnknown=true;K8S_POD_NAMESPACE=;K8S_POD_NAME=p;` +
      `K8S_POD_INFRA_CONTAINER_ID=;K8S_POD_UID=\n`));
  assert.equal(stdins()[1], { type: "bbb", x: { y: 1 }, name: "chain", cniVersion: "1.0.0" });
  const chained = stdins()[2];
  assert.equal(chained?.["prevResult"], { cniVersion: "1.0.0",
    interfaces: [{ name: "net1", sandbox: "/run/netns/c1" }] });
  assert.equal(chained?.["runtimeConfig"], { mac: "02::" });
  succeeds(run("CHECK", config));
  assert.equal(calls().slice(3), ["CHECK aaa eth0", "CHECK bbb net1", "CHECK aaa net1"]);
  succeeds(run("DEL", config));
  assert.equal(calls().slice(6), ["DEL aaa net1", "DEL bbb net1", "DEL aaa eth0"]);
  assert.equal(stdins()[6]?.["prevResult"], chained?.["prevResult"]);
  assert.equal(left(), []);
  succeeds(run("DEL", config, { CNI_NETNS: "" }));
});

test("calls DEL of every executable begun, the failed one included, and passes its error on", () => {
  plugin("aaa");
  plugin("bbb", '[ "$CNI_COMMAND" = ADD ] && { echo \'{"code":123,"msg":"no luck","details":"at all"}\'; exit 1; }');
  const ran = run("ADD", { delegates: [network("aaa"), network("bbb"), network("aaa", { name: "never" })] });
  assert.equal([ran.status, ran.json], [1, { cniVersion: "1.1.0", code: 123,
    msg: 'Cannot add network "net-bbb" (interface "net1") with plugin "bbb": no luck', details: "at all" }]);
  assert.equal(calls(), ["ADD aaa eth0", "ADD bbb net1", "DEL bbb net1", "DEL aaa eth0"]);
  assert.equal(left(), []);
});

for (const [cniVersion, said] of [["0.2.0", "{}"], ["1.0.0", "{}"],
  ["1.1.0", '{"cniVersion":""}']] as const) {
  test(`takes ${said} of ${cniVersion} for an empty result of a later network`, () => {
    plugin("aaa");
    plugin("bbb", `[ "$CNI_COMMAND" = ADD ] && { printf '${said}'; exit 0; }`);
    const config = { delegates: [network("aaa"), network("bbb", { cniVersion })] };
    assert.equal(succeeds(run("ADD", config)).json?.["interfaces"], [{ name: "eth0", sandbox: "/run/netns/c1" }]);
    succeeds(run("DEL", config));
    assert.equal(calls(), ["ADD aaa eth0", "ADD bbb net1", "DEL bbb net1", "DEL aaa eth0"]);
    assert.equal(left(), []);
  });
}

for (const cniVersion of ["0.2.0", "0.4.0", "1.1.0"]) {
  test(`refuses an ADD of ${cniVersion} that ends well without a word, and takes everything back`, () => {
    plugin("aaa");
    plugin("bbb", '[ "$CNI_COMMAND" = ADD ] && exit 0');
    const { status, json } = run("ADD", { delegates: [network("aaa"), network("bbb", { cniVersion })] });
    assert.equal([status, json?.["code"]], [1, 112]);
    assert.match(String(json?.["msg"]), /plugin "bbb": it ended with status 0 and printed nothing/);
    assert.equal(calls(), ["ADD aaa eth0", "ADD bbb net1", "DEL bbb net1", "DEL aaa eth0"]);
    assert.equal(left(), []);
  });
}

test("runs a plugin in shell that reads and writes its streams by their names", () => {
  const file = join(bin, "named");
  writeFileSync(file, `#!/bin/sh
config=$(cat /dev/stdin)
echo "log of $CNI_COMMAND" >/dev/stderr
echo "more of $CNI_COMMAND" >/dev/stderr
case $CNI_COMMAND in
  ADD) echo '{"cniVersion":"1.1.0",' >/dev/stdout; echo '"interfaces":[{"name":"'$CNI_IFNAME'"}]}' >/dev/stdout ;;
  CHECK) case $config in
    *'"prevResult"'*) ;;
    *) echo '{"code":100,"msg":"no prevResult"}' >/dev/stdout; exit 1 ;;
  esac ;;
esac
`);
  chmodSync(file, 0o755);
  const config = { delegates: [network("named")] };
  const added = succeeds(run("ADD", config));
  assert.equal(added.json?.["interfaces"], [{ name: "eth0" }]);
  assert.is(added.stderr, "log of ADD\nmore of ADD\n");
  assert.is(succeeds(run("CHECK", config)).stderr, "log of CHECK\nmore of CHECK\n");
  assert.is(succeeds(run("DEL", config)).stderr, "log of DEL\nmore of DEL\n");
  assert.equal(left(), []);
});

test("logs each attachment at verbose, and at error what failed, as Multus's log has them", () => {
  plugin("aaa");
  const logFile = join(directory, "log", "m.log");
  const CNI_ARGS = "IgnoreUnknown=1;K8S_POD_NAMESPACE=blue;K8S_POD_NAME=web-0";
  const lines = (): readonly string[] => readFileSync(logFile, "utf8").trimEnd().split("\n")
    .map((line) => line.replace(/^\S+ /, ""));
  const config = { logFile, logLevel: "verbose", logToStderr: false, delegates: [network("aaa")] };
  succeeds(run("ADD", config, { CNI_ARGS }));
  succeeds(run("DEL", config, { CNI_ARGS: `${CNI_ARGS};K8S_POD_UID=u1` }));
  const [added, deleted] = lines();
  assert.match(added ?? "",
    /^\[verbose\] Add: blue:web-0:unknownUID:net-aaa\(net-aaa\):eth0 \{"interfaces":\[\{"name":"eth0"/);
  assert.match(deleted ?? "", /^\[verbose\] Del: blue:web-0:u1:net-aaa:eth0 \{"cniVersion":"1\.1\.0","name":"net-aaa"/);
  plugin("aaa", 'echo \'{"code":100,"msg":"no luck","details":"at all"}\'; exit 1');
  const failing = { ...config, logLevel: "error" };
  assert.is(run("ADD", failing, { CNI_ARGS: `${CNI_ARGS};K8S_POD_UID=u1` }).status, 1);
  assert.is(run("DEL", failing).status, 1);
  const [, , first, second] = lines();
  assert.match(first ?? "",
    /^\[error\] ADD \[blue\/web-0\/u1\]: Cannot add network "net-aaa" .*: no luck \(at all; while/);
  assert.match(second ?? "", /^\[error\] DEL \[c1\]: .*no luck/);
});

test("prints no stack of ours for a plugin's own 999", () => {
  plugin("aaa", 'echo \'{"code":999,"msg":"stat /x: no such file or directory"}\'; exit 1');
  for (const command of ["ADD", "DEL"]) {
    const ran = run(command, { delegates: [network("aaa")] });
    assert.equal([ran.status, ran.json?.["code"]], [1, 999], ran.stdout);
    assert.not.match(ran.stderr, /\n *at |Error:/);
  }
});

test("takes everything back when a plugin answers in a version nobody knows", () => {
  plugin("aaa");
  plugin("bbb", `[ "$CNI_COMMAND" = ADD ] && { echo '{"cniVersion":"9.9.9"}'; exit 0; }`);
  const { status, json } = run("ADD", { delegates: [network("aaa"), network("bbb")] });
  assert.equal([status, json?.["code"]], [1, 1]);
  assert.match(String(json?.["msg"]), /"net-bbb" \(interface "net1"\).*9\.9\.9/);
  assert.equal(calls(), ["ADD aaa eth0", "ADD bbb net1", "DEL bbb net1", "DEL aaa eth0"]);
  assert.equal(left(), []);
});

test("says which network, interface and plugin a namespace is missing for, and runs none", () => {
  plugin("aaa");
  const { status, json } = run("ADD", { delegates: [network("aaa"), network("aaa", { name: "second" })] },
    { CNI_NETNS: "/run/netns/missing" });
  assert.equal([status, json?.["code"]], [1, 8]);
  assert.match(String(json?.["msg"]),
    /network "net-aaa" \(interface "eth0"\) with plugin "aaa": .*\/run\/netns\/missing/);
  assert.equal(calls(), []);
});

test("passes the code of STATUS on, and gives GC the list of each network", () => {
  plugin("aaa", '[ "$CNI_COMMAND" = STATUS ] && { echo \'{"code":50,"msg":"no daemon"}\'; exit 1; }');
  const config = { delegates: [network("aaa"), network("aaa", { name: "second" })] };
  const nothing = { CNI_CONTAINERID: "", CNI_NETNS: "", CNI_IFNAME: "" };
  assert.equal(run("STATUS", config, nothing).json, { cniVersion: "1.1.0", code: 50, msg: "no daemon" });
  succeeds(run("ADD", config));
  succeeds(run("ADD", config, { CNI_CONTAINERID: "c2" }));
  rmSync(join(directory, "stdin"));
  rmSync(join(directory, "calls"));
  succeeds(run("GC", { ...config, "cni.dev/valid-attachments": [{ containerID: "c2", ifname: "eth0" }] }, nothing));
  assert.equal(calls().map((line) => line.split(" ")[0]), ["DEL", "DEL", "GC", "GC"]);
  assert.equal(stdins().slice(2).map((json) => [json["cni.dev/valid-attachments"], json["cni.dev/attachments"]]),
    [[[{ containerID: "c2", ifname: "eth0" }], [{ containerID: "c2", ifname: "eth0" }]],
      [[{ containerID: "c2", ifname: "net1" }], [{ containerID: "c2", ifname: "net1" }]]]);
  assert.equal(left(), ["c2", "results/net-aaa-c2-eth0", "results/second-c2-net1"]);
  rmSync(join(directory, "stdin"));
  succeeds(run("GC", { ...config, "cni.dev/valid-attachments": null }, nothing));
  assert.equal(left(), []);
  assert.equal(stdins().slice(2).map((json) => json["cni.dev/valid-attachments"]), [[], []]);
});

test("mixes built-in plugins and executables, and forces execution where the configuration says so", () => {
  plugin("aaa");
  plugin("bridge");
  const bridge = network("bridge", { bridge: "br0" });
  const config = { delegates: [bridge, network("aaa")] };
  succeeds(run("ADD", config));
  assert.equal(calls(), ["ADD aaa net1"]);
  assert.is(ipJson("-n c1 link show eth0").length, 1);
  succeeds(run("DEL", config));
  assert.equal(ipJson("-n c1 link show").map((link: { ifname: string }) => link.ifname), ["lo"]);
  for (const execute of [["bridge"], true]) {
    rmSync(join(directory, "calls"));
    succeeds(run("ADD", { ...config, execute }));
    assert.equal(calls(), ["ADD bridge eth0", "ADD aaa net1"]);
    succeeds(run("DEL", { ...config, execute }));
  }
});

test("undoes built-in networks when an executable fails", () => {
  plugin("aaa", '[ "$CNI_COMMAND" = ADD ] && exit 7');
  const ran = run("ADD", { delegates: [network("bridge", { bridge: "br0" }), network("bridge", { name: "b2",
    bridge: "br1" }), network("aaa")] });
  assert.equal([ran.status, ran.json?.["code"]], [1, 112]);
  assert.match(String(ran.json?.["msg"]), /"net-aaa" \(interface "net2"\).*status 7/);
  assert.equal(ipJson("-n c1 link show").map((link: { ifname: string }) => link.ifname), ["lo"]);
  assert.equal(ipJson("link show type veth"), []);
  assert.equal(left(), []);
});

test("refuses a second ADD, and leaves the first one working", () => {
  const config = { delegates: [network("bridge", { bridge: "br0" })] };
  succeeds(run("ADD", config));
  assert.is(run("ADD", config).json?.["code"], 7);
  succeeds(run("CHECK", config));
  succeeds(run("DEL", config));
  assert.equal(left(), []);
});

test("lets one of two ADDs at once win, whole", async () => {
  const config = { delegates: [network("bridge", { bridge: "br0" }),
    network("bridge", { name: "b2", bridge: "br1" })] };
  const ran = await Promise.all([1, 2].map(() => startExecutable(described("ADD", config))));
  assert.equal(ran.map(({ status }) => status).sort(), [0, 1]);
  assert.is(ran.find(({ status }) => status === 1)?.json?.["code"], 7);
  assert.equal(left(), ["c1", "results/b2-c1-net1", "results/net-bridge-c1-eth0"]);
  succeeds(run("CHECK", config));
  succeeds(run("DEL", config));
  assert.equal(ipJson("link show type veth"), []);
});

test("attaches different containers at once", async () => {
  const config = { delegates: [network("bridge", { bridge: "br0" })] };
  const ids = ["p1", "p2", "p3", "p4"];
  for (const id of ids) shell("ip", "netns", "add", id);
  const both = (command: string) => Promise.all(ids.map((id) => startExecutable(described(command, config,
    { CNI_CONTAINERID: id, CNI_NETNS: `/run/netns/${id}` }))));
  for (const command of ["ADD", "DEL"]) assert.equal((await both(command)).map(({ status, stdout }) => status === 0 ? ""
    : stdout), ["", "", "", ""], command);
  assert.equal(ipJson("link show type veth"), []);
  assert.equal(left(), []);
  for (const id of ids) shell("ip", "netns", "del", id);
});

test("rolls a layer 2 network back when the version cannot tell it", () => {
  const ran = run("ADD", { cniVersion: "0.2.0", delegates: [network("bridge", { bridge: "br0" })] });
  assert.is(ran.json?.["code"], 1);
  assert.equal(ipJson("-n c1 link show").map((link: { ifname: string }) => link.ifname), ["lo"]);
  assert.equal(left(), []);
});

test("deletes when the namespace is gone", () => {
  const config = { delegates: [network("bridge", { bridge: "br0" }),
    network("bridge", { name: "b2", bridge: "br1" })] };
  succeeds(run("ADD", config));
  shell("ip", "netns", "del", "c1");
  succeeds(run("DEL", config));
  assert.equal(left(), []);
  shell("ip", "netns", "add", "c1");
});

test("finishes with DEL what a kill in the middle of ADD left", () => {
  plugin("aaa", '[ "$CNI_COMMAND" = ADD ] && kill -9 $PPID');
  const config = { delegates: [network("bridge", { bridge: "br0" }), network("aaa")] };
  const ran = run("ADD", config);
  assert.is(ran.status, null);
  assert.equal(left(), ["c1", "results/net-bridge-c1-eth0"]);
  succeeds(run("DEL", config));
  assert.equal(left(), []);
  assert.equal(ipJson("-n c1 link show").map((link: { ifname: string }) => link.ifname), ["lo"]);
});
test.run();
