// polynic show: a node of the test's own, judged by what ip says of it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import * as assert from "uvu/assert";
import { executable, runExecutable } from "../../helpers/executable.ts";
import { attempt, ipJson, kernelSuite, run } from "../../helpers/netns.ts";
import { emptyMachine, restoreMachine, typed, typedJson } from "../../helpers/typed.ts";


const bridge = { cniVersion: "1.0.0", name: "front", plugins: [
  { type: "bridge", bridge: "front0", isGateway: true, ipMasq: true, ipMasqBackend: "nftables", macspoofchk: true,
    ipam: { type: "host-local", ranges: [[{ subnet: "10.1.0.0/24" }]] } },
  { type: "portmap", backend: "nftables", capabilities: { portMappings: true } },
] };
const conf = { cniVersion: "1.1.0", name: "pods", type: "polynic", delegates: [bridge,
  { cniVersion: "1.0.0", name: "lan", type: "macvlan", master: "uplink",
    ipam: { type: "static", addresses: [{ address: "192.168.7.5/24" }] } },
], runtimeConfig: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }] } };

function call(CNI_COMMAND: string): void {
  const env = { CNI_COMMAND, CNI_CONTAINERID: "c0ffee", CNI_NETNS: "/run/netns/web", CNI_IFNAME: "eth0",
    CNI_PATH: "/none", CNI_ARGS: "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web" };
  const { status, stdout } = runExecutable({ env, stdin: conf });
  assert.is(status, 0, stdout);
}

const show = kernelSuite("polynic show", import.meta.url, { needs: ["macvlan", "nft_nat"] });
show.before(() => {
  emptyMachine();
  for (const name of ["web", "stranger"]) run("ip", "netns", "add", name);
  run("ip", "link", "add", "uplink", "type", "veth", "peer", "name", "far");
  run("ip", "link", "set", "uplink", "up");
  call("ADD");
});
show.after(() => {
  call("DEL");
  for (const name of ["web", "stranger"]) run("ip", "netns", "del", name);
  for (const name of ["uplink", "front0"]) attempt("ip", "link", "del", name);
  restoreMachine();
});

show("tells what is there as ip tells it", () => {
  const { status, json } = typedJson("show");
  assert.is(status, 0);
  const [eth0] = ipJson("-n web addr show dev eth0");
  const port = ipJson("link show").find(({ ifindex }: any) => ifindex === eth0.link_index);
  const [web, ...others] = json.containers;
  assert.equal(others, []);
  assert.equal([web.name, web.containerId, web.state], ["shop/web", "c0ffee", "there"]);
  assert.equal(web.interfaces.map(({ name, mac, on, through, network, state }: any) =>
    [name, mac, on, through, network, state]), [
    ["eth0", eth0.address, "front0", port.ifname, "front", "up"],
    ["net1", ipJson("-n web link show dev net1")[0].address, "uplink", undefined, "lan", "up"],
  ]);
  assert.equal(web.interfaces.map(({ addresses }: any) => addresses.map((one: any) => [one.address, one.origin])), [
    [["10.1.0.2/24", "host-local 10.1.0.1-10.1.0.254 of front"]], [["192.168.7.5/24", "static"]],
  ]);
  assert.equal(json.links.map(({ name, kind, addresses }: any) => [name, kind, ...addresses]),
    [["uplink", "veth"], ["front0", "bridge", "10.1.0.1/24"]]);
});

show("has mapped ports, and the firewall rules that are the container's", () => {
  const [web] = typedJson("show", "web").json.containers;
  assert.equal(web.ports, [{ hostPort: 8080, containerPort: 80, protocol: "tcp", hostAddress: "", network: "front" }]);
  const tables = new Set(web.rules.map(({ tool, table }: any) => `${tool} ${table}`));
  assert.equal([...tables].sort(),
    ["nftables bridge nat", "nftables inet cni_plugins_masquerade", "nftables ip cni_hostport"]);
  assert.equal(typedJson("show").json.otherRules, []);
});

show("draws a tree", () => {
  const { stdout } = typed("show");
  assert.match(stdout, /├─ front0 bridge up 10\.1\.0\.1\/24\n│ {2}└─ shop\/web eth0 through veth/);
  assert.match(stdout, /└─ shop\/web \/run\/netns\/web\n {3}├─ eth0 front veth on front0 by veth/);
  assert.match(stdout, /├─ port 8080\/tcp to 80 front\n/);
  assert.not.match(stdout, /\x1b/);
});

show("knows containers that nobody has attached, by any name that attach knows", () => {
  const { json } = typedJson("show", "stranger");
  assert.equal(json.containers.map(({ name, interfaces }: any) => [name, interfaces]), [["stranger", []]]);
  const { status, stderr } = typed("show", "nobody");
  assert.is(status, 1);
  assert.match(stderr, /Cannot find container "nobody"/);
});

show("writes pictures", () => {
  const { status, stdout } = typed("show", "--svg", "/run/node.svg", "--html", "/run/node.html");
  assert.equal([status, stdout], [0, ""]);
  for (const [file, start] of [["svg", "<svg xmlns="], ["html", "<!doctype html>\n<html"]] as const) {
    const text = readFileSync(`/run/node.${file}`, "utf8");
    assert.ok(text.startsWith(start));
    for (const word of ["shop/web", "10.1.0.2/24", "front0", "8080", "host-local"]) assert.ok(text.includes(word));
  }
  assert.is(typed("show", "--svg", "-").stdout.replaceAll(/\s+/g, " ").trim(),
    readFileSync("/run/node.svg", "utf8").replaceAll(/\s+/g, " ").trim());
  assert.is(typed("show", "--svg", "-", "--json").status, 2);
  const refused = typed("show", "--svg", "/nowhere/node.svg");
  assert.is(refused.status, 1);
  assert.match(refused.stderr, /Cannot open \/nowhere\/node\.svg: no such file/);
  assert.is(typed("show", "--watch", "--json").status, 2);
});

show("watches until it is interrupted", async () => {
  const [program, name] = executable("polynic");
  const child = spawn(program, [name, "show", "--watch"], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "exit");
  try {
    let text = "";
    for await (const chunk of child.stdout.setEncoding("utf8")) {
      text += String(chunk);
      if (text.includes("+ container shop/web eth0 10.9.9.9/32")) break;
      if (text.includes("+ container shop/web\n"))
        attempt("ip", "-n", "web", "addr", "add", "10.9.9.9/32", "dev", "eth0");
    }
    child.kill("SIGINT");
    assert.equal((await ended).slice(0, 2), [0, null]);
  } finally {
    child.kill("SIGKILL");
    run("ip", "-n", "web", "addr", "del", "10.9.9.9/32", "dev", "eth0");
  }
});

show("tells what is gone", () => {
  run("ip", "-n", "web", "link", "del", "net1");
  run("ip", "-n", "web", "addr", "flush", "dev", "eth0");
  const [web] = typedJson("show").json.containers;
  assert.equal(web.interfaces.map(({ state, addresses }: any) => [state, addresses[0].isMissing]),
    [["up", true], ["missing", true]]);
});

show.run();
