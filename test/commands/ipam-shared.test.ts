// polynic ipam on a store that nodes share, which it finds by this machine's configurations.
import * as assert from "uvu/assert";
import { openKubeBlocks } from "../../src/kube/index.ts";
import type { ApiServer } from "../helpers/api-server.ts";
import { startApiServer } from "../helpers/api-server.ts";
import { runExecutable } from "../helpers/executable.ts";
import { kernelSuite, run } from "../helpers/netns.ts";
import { nodeWith, rangesOf } from "../helpers/shared/nodes.ts";
import { reserve } from "../../src/ipam/index.ts";
import { lowestFree } from "../ipam/contract/lowest-free.ts";
import { emptyMachine, restoreMachine, typedHere, typedHereJson, writeConf } from "../helpers/typed.ts";

let api: ApiServer | undefined;

const confOf = (kubeconfig: string) => ({ cniVersion: "1.1.0", name: "pods", type: "polynic", nodeName: "a", kubeconfig,
  leaseStores: { whereabouts: "kubernetes" },
  delegates: [
    { cniVersion: "1.1.0", name: "front", type: "bridge", bridge: "front0",
      ipam: { type: "host-local", subnet: "10.1.0.0/29", store: { type: "kubernetes" } } },
    { cniVersion: "1.1.0", name: "back", type: "bridge", bridge: "back0",
      ipam: { type: "host-local", subnet: "10.1.0.0/28", store: { type: "kubernetes" }, scope: "lan" } },
    { cniVersion: "1.1.0", name: "wide", type: "bridge", bridge: "wide0",
      ipam: { type: "whereabouts", range: "10.2.0.0/29", exclude: ["10.2.0.1"] } },
  ] });

function call(CNI_COMMAND: string): void {
  const env = { CNI_COMMAND, CNI_CONTAINERID: "c0ffee", CNI_NETNS: "/run/netns/web", CNI_IFNAME: "eth0",
    CNI_PATH: "/none", CNI_ARGS: "IgnoreUnknown=1" };
  const { status, stdout } = runExecutable({ env, stdin: confOf(api?.kubeconfig ?? "") });
  assert.is(status, 0, stdout);
}

/** What another node has of a scope, or this one from an earlier start. */
async function takeAs(name: string, bootId: string, containerId: string): Promise<void> {
  const engine = openKubeBlocks({ kubeconfig: api?.kubeconfig ?? "", env: {} });
  if (engine === undefined) throw new Error("there is a kubeconfig");
  await reserve({ store: nodeWith(name, engine, { bootId }).store, scope: "front", network: "front", requested: [],
    owner: { containerId, ifName: "eth0" }, sets: rangesOf("10.1.0.0/29"), decide: lowestFree });
}

const ipam = kernelSuite("polynic ipam of a shared store", import.meta.url);
ipam.before(() => { emptyMachine(); });
ipam.before(async () => {
  api = await startApiServer();
  writeConf("10-pods.conf", confOf(api.kubeconfig));
  run("ip", "netns", "add", "web");
  call("ADD");
  await takeAs("b", "other", "of-b");
  await takeAs("a", "an earlier one", "lost");
});
ipam.after(async () => {
  call("DEL");
  run("ip", "netns", "del", "web");
  for (const name of ["front0", "back0", "wide0"]) run("ip", "link", "del", name);
  await api?.stop();
  restoreMachine();
});

ipam("ls tells of every node's, and whose each is", async () => {
  assert.is((await typedHere("ipam", "ls")).stdout, `network  address   container  interface  state      node
front    10.1.0.2  c0ffee     eth0       in use     a
front    10.1.0.3  of-b       eth0       elsewhere  b
front    10.1.0.4  lost       eth0       unknown    a
back     10.1.0.2  c0ffee     net1       in use     a
wide     10.2.0.2  c0ffee     net2       in use     a
`);
  assert.equal(await typedHereJson("ipam", "ls", "back"), [{ network: "back", containerId: "c0ffee",
    address: "10.1.0.2", container: "c0ffee", interface: "net1", state: "in use", node: "a" }]);
});

ipam("show counts all nodes'", async () => {
  const { stdout } = await typedHere("ipam", "show");
  const lines = stdout.trim().split("\n").map((line) => line.split(/ {2,}/).slice(-3));
  assert.equal(lines, [["size", "reserved", "free"], ["5", "3", "2"], ["13", "1", "12"], ["5", "1", "4"]]);
});

ipam("check finds ranges that overlap in two scopes, and a store that does not answer", async () => {
  const { status, stdout } = await typedHere("ipam", "check");
  assert.is(status, 1);
  assert.match(stdout, /front {2,}its ranges overlap with those of "back", which is of another scope/);
  await api?.fault({ kind: "403", times: 100 });
  assert.match((await typedHere("ipam", "check")).stdout, /expected the permission to list leaseblocks/);
  await api?.heal();
});

ipam("gc tells why each address goes or stays, and frees only what is known to be gone", async () => {
  const told = async (...words: readonly string[]) => (await typedHereJson("ipam", "gc", "front", ...words)).map(
    ({ address, state, why }: { address: string; state: string; why: string }) => `${address} ${state}: ${why}`);
  assert.equal((await told("--dry-run")), [
    "10.1.0.2 stays: its container is there",
    '10.1.0.3 stays: it is of node "b"',
    "10.1.0.4 stays: it is younger than 180 s",
  ]);
  assert.equal((await told()), []);
  assert.equal((await told("--grace", "0", "--dry-run")).slice(2),
    ["10.1.0.4 would be freed: it is of an earlier start of this machine, and no container of it is known"]);
  assert.equal((await told("--grace", "0")),
    ["10.1.0.4 freed: it is of an earlier start of this machine, and no container of it is known"]);
  assert.match((await typedHere("ipam", "gc", "--grace", "soon")).stderr, /expected a number of seconds/);
});

ipam("free leaves another node's alone unless it is meant", async () => {
  assert.match((await typedHere("ipam", "free", "10.1.0.3")).stderr, /it is of node "b", where its container may be/);
  assert.match((await typedHere("ipam", "free", "10.1.0.2", "--network", "front")).stderr, /container c0ffee has it/);
  const { stdout } = await typedHere("ipam", "free", "10.1.0.3", "--force");
  assert.is(stdout, "freed 10.1.0.3 of front, which of-b had\n");
  assert.is((await typedHere("ipam", "ls", "front")).stdout.includes("10.1.0.3"), false);
});

ipam.run();
