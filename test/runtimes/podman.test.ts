// podman with dist/bin as its only plugins: what its own suite (plugins/firewall/podman) leaves out. Every container is
// spoken to, and nothing is left of any.
import { existsSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { makeUplinks, uplinks } from "../helpers/box-node.ts";
import { builtDist } from "../helpers/dist.ts";
import { attempt, ipJson, run, until } from "../helpers/netns.ts";
import { isLong, longSuite } from "./form.ts";
import type { Podman } from "./podman.ts";
import { answers, asks, enterPodmanBox, image, inside, leftovers, podmanPrograms, reaches } from "./podman.ts";

const node = longSuite("podman on a node", import.meta.url,
  { programs: podmanPrograms, needs: ["nft_nat", "macvlan", "ipv6"] });

let podman: Podman;
node.before(() => {
  podman = enterPodmanBox([join(builtDist(), "bin")]);
  makeUplinks();
  run("iptables", "-P", "FORWARD", "DROP");
});
node.after(() => podman.leave());
node.after.each(() => {
  attempt("podman", "pod", "rm", "-af", "-t", "0");
  attempt("podman", "rm", "-af", "-t", "0");
  const networks = run("podman", "network", "ls", "-q").trim().split("\n");
  for (const name of networks) if (name !== "podman" && name !== "") attempt("podman", "network", "rm", "-f", name);
});

const left = (): readonly string[] => leftovers().filter((line) => !uplinks.some((name) => line.includes(name)));

/** Its addresses by interface, as the container's namespace has them. */
function addressesOf(name: string): Readonly<Record<string, readonly string[]>> {
  const key = run("podman", "inspect", "-f", "{{.NetworkSettings.SandboxKey}}", name).trim();
  const links = JSON.parse(run("nsenter", `--net=${key}`, "ip", "-j", "addr", "show")) as any[];
  return Object.fromEntries(links.filter(({ ifname }) => ifname !== "lo").map(({ ifname, addr_info: all }) =>
    [ifname, all.filter(({ scope }: any) => scope === "global").map(({ local }: any) => local)]));
}

node("publishes ports by protocol, address and range, on a network of both families", async () => {
  run("podman", "network", "create", "--ipv6", "--subnet", "10.89.7.0/24", "--subnet", "fd00:89:7::/64", "dual");
  const ports = ["8080:80", "127.0.0.1:8081:80", "9000-9002:80-82"].flatMap((one) => ["-p", one]);
  const web = podman.start("web", "--network", "dual", ...ports);
  assert.equal(addressesOf("web"), { eth0: ["10.89.7.2", "fd00:89:7::2"] });
  await until("an answer", () => answers(`${web}:80`));
  for (const place of ["10.89.7.1:8080", "127.0.0.1:8081", "10.89.7.1:9000"]) assert.ok(answers(place), place);
  // For a second the kernel looks whether somebody else has the bridge's address.
  await until("an answer over IPv6", () => answers("[fd00:89:7::2]:80"));
  assert.not(answers("10.89.7.1:8081"), "published on another address only");
  run("podman", "rm", "-f", "-t", "0", "web");
  assert.equal(left(), []);
});

node("gives an address, a MAC, an interface name and an alias that are asked for", async () => {
  run("podman", "network", "create", "--subnet", "10.89.8.0/24", "fixed");
  const web = podman.start("web", "--network", "fixed:ip=10.89.8.77,mac=02:00:00:00:00:77,interface_name=lan0");
  assert.is(web, "10.89.8.77");
  assert.equal(addressesOf("web"), { lan0: ["10.89.8.77"] });
  assert.match(run("podman", "inspect", "web"), /"02:00:00:00:00:77"/);
  await until("an answer", () => answers(`${web}:80`));
  // The address is taken, which its second container is told; nothing of it is left.
  const refused = attempt("podman", "run", "-d", "--cgroup-parent", podman.box.cgroup, "--network",
    "fixed:ip=10.89.8.77", image);
  assert.is.not(refused.status, 0);
  assert.match(refused.stderr, /10\.89\.8\.77/);
  run("podman", "rm", "-af", "-t", "0");
  assert.equal(left(), []);
});

node("is connected to networks and disconnected again while it runs, and both are in force at once", async () => {
  for (const [name, subnet] of [["one", "10.89.11.0/24"], ["two", "10.89.12.0/24"]] as const)
    run("podman", "network", "create", "--subnet", subnet, name);
  podman.start("web", "--network", "one", "-p", "8080:80");
  podman.start("other", "--network", "two");
  run("podman", "network", "connect", "two", "web");
  assert.equal(addressesOf("web"), { eth0: ["10.89.11.2"], eth1: ["10.89.12.3"] });
  await until("an answer over the second network", () => inside("other", ...asks("10.89.12.3:80")));
  assert.ok(answers("10.89.11.1:8080"), "the published port");
  run("podman", "network", "disconnect", "two", "web");
  assert.equal(addressesOf("web"), { eth0: ["10.89.11.2"] });
  assert.not(inside("other", "ping", "-c", "1", "-W", "1", "10.89.12.3"));
  assert.ok(answers("10.89.11.1:8080"), "the port stays");
  run("podman", "network", "disconnect", "one", "web");
  assert.equal([addressesOf("web"), answers("10.89.11.1:8080")], [{}, false]);
  run("podman", "rm", "-af", "-t", "0");
  assert.equal(left(), []);
});

node("has its rules again by network reload, after somebody has flushed all of them", async () => {
  run("podman", "network", "create", "--subnet", "10.89.13.0/24", "front");
  const web = podman.start("web", "--network", "front", "-p", "8080:80");
  await until("an answer", () => answers("10.89.13.1:8080"));
  const before = addressesOf("web");
  run("nft", "flush", "ruleset");
  run("iptables", "-P", "FORWARD", "DROP");
  assert.not(answers("10.89.13.1:8080"), "its rules are gone");
  run("podman", "network", "reload", "web");
  assert.equal(addressesOf("web"), before, "its addresses stay");
  await until("an answer", () => answers("10.89.13.1:8080"));
  assert.ok(answers(`${web}:80`));
  run("podman", "network", "reload", "-a");
  assert.ok(answers("10.89.13.1:8080"), "a second reload");
  run("podman", "rm", "-af", "-t", "0");
  assert.equal(left(), []);
});

node("shares a pod's networks and ports among its containers, over stop and start", async () => {
  for (const [name, subnet] of [["front", "10.89.14.0/24"], ["back", "10.89.15.0/24"]] as const)
    run("podman", "network", "create", "--subnet", subnet, name);
  run("podman", "pod", "create", "--cgroup-parent", podman.box.cgroup, "--name", "shop", "--network", "front,back",
    "-p", "8080:80");
  const add = (name: string, ...command: readonly string[]): void =>
    void run("podman", "run", "-d", "--pod", "shop", "--name", name, image, ...command);
  add("web", "httpd", "-f", "-p", "80", "-h", "/bin");
  add("side", "sleep", "3600");
  const infra = run("podman", "pod", "inspect", "-f", "{{.InfraContainerID}}", "shop").trim();
  const subnetsOf = (name: string): string =>
    Object.values(addressesOf(name)).flat().map((address) => address.replace(/\d+$/, "")).sort().join(" ");
  assert.is(subnetsOf(infra), "10.89.14. 10.89.15.");
  await until("an answer", () => answers("10.89.14.1:8080"));
  const pid = run("podman", "inspect", "-f", "{{.State.Pid}}", "side").trim();
  const [program, ...words] = asks("127.0.0.1:80");
  assert.is(attempt("nsenter", `--net=/proc/${pid}/ns/net`, program, ...words).status, 0, "one namespace");
  run("podman", "pod", "stop", "-t", "0", "shop");
  assert.equal(left(), []);
  run("podman", "pod", "start", "shop");
  assert.is(subnetsOf(infra), "10.89.14. 10.89.15.");
  await until("an answer after a start", () => answers("10.89.14.1:8080"));
  run("podman", "pod", "rm", "-f", "-t", "0", "shop");
  assert.equal(left(), []);
});

node("plays a Kubernetes manifest, and takes it down", async () => {
  run("podman", "network", "create", "--subnet", "10.89.16.0/24", "front");
  const manifest = join(podman.box.directory, "pod.yaml");
  writeFileSync(manifest, JSON.stringify({
    apiVersion: "v1", kind: "Pod", metadata: { name: "shop" }, spec: { containers: [{
      name: "web", image, imagePullPolicy: "Never", command: ["httpd", "-f", "-p", "80", "-h", "/bin"],
      ports: [{ containerPort: 80, hostPort: 8080 }],
    }] },
  }));
  run("podman", "play", "kube", "--network", "front", manifest);
  await until("an answer", () => answers("10.89.16.1:8080"));
  run("podman", "play", "kube", "--down", manifest);
  assert.equal(left(), []);
});

node("is beside the node on a macvlan network, by addresses of the network's own", () => {
  const lan = ["-d", "macvlan", "-o", `parent=${uplinks[0]}`, "--subnet", "192.168.89.0/24"];
  run("podman", "network", "create", ...lan, "lan");
  const web = podman.start("web", "--network", "lan");
  podman.start("other", "--network", "lan");
  assert.ok(reaches("other", web));
  assert.ok(inside("other", ...asks(`${web}:80`)));
  run("podman", "rm", "-af", "-t", "0");
  assert.equal(left(), []);
});

const dnsname = "/usr/lib/cni/dnsname";
const names = isLong && existsSync(dnsname) ? node : node.skip;
if (isLong && !existsSync(dnsname))
  process.stderr.write("\nSKIPPED dnsname behind ours: cannot find it (package " +
    "golang-github-containernetworking-plugin-dnsname)\n");
names("has names by dnsname, which it puts behind our plugins", async () => {
  // podman looks whether it is there when it makes a network.
  symlinkSync(dnsname, join(podman.box.pluginDir, "dnsname"));
  run("podman", "network", "create", "--subnet", "10.89.17.0/24", "named");
  const conf = JSON.parse(readFileSync(join(podman.box.confDir, "named.conflist"), "utf8"));
  assert.is(conf.plugins.at(-1).type, "dnsname");
  const web = podman.start("web", "--network", "named:alias=shop");
  podman.start("other", "--network", "named");
  const asked = (name: string): string => attempt("podman", "exec", "other", "nslookup", name).stdout;
  for (const name of ["web", "shop"]) await until(`the address of ${name}`, () => asked(name).includes(web));
  run("podman", "rm", "-af", "-t", "0");
  assert.equal(left(), []);
  const servers = readdirSync("/proc").filter((pid) => /^\d+$/.test(pid) && isServer(pid));
  assert.equal(servers, [], "its server ends with the last container");
});

function isServer(pid: string): boolean {
  const path = `/proc/${pid}/cmdline`;
  return existsSync(path) && readFileSync(path, "utf8").startsWith("/usr/sbin/dnsmasq");
}

node("leaves a node without a link, a namespace or an address of anybody", () => {
  assert.equal(ipJson("link show").map(({ ifname }) => ifname)
    .filter((name) => /^(veth|cni-podman)/.test(name)).filter((name) => name.startsWith("veth")), []);
  assert.equal(readdirSync("/run/netns"), []);
});
node.run();
