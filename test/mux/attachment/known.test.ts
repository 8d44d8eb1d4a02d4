// src/mux/attachment/known.ts: what is read of containers out of scratch files and cached results.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { bootId } from "../../../src/os/index.ts";
import type { KnownAttachment, KnownNetwork } from "../../../src/mux/index.ts";
import { add, gc, knownAttachments } from "../../../src/mux/index.ts";
import { knownAttachment, prevResultOf } from "../../../src/mux/attachment/known.ts";
import type { Bench } from "../../helpers/multiplexer.ts";
import { openBench } from "../../helpers/multiplexer.ts";

const known = suite("known");
let bench: Bench;
known.before.each(() => { bench = openBench(); });
known.after.each(() => bench.remove());

const single = (type: string, more: object = {}): object => ({ cniVersion: "1.1.0", name: `net-${type}`, type,
  ...more });
const two = { delegates: [single("one", { capabilities: { portMappings: true } }), single("two")] };

async function attach(containerId: string, conf: object = two, ifName = "eth0"): Promise<void> {
  const args = "K8S_POD_NAME=p;IgnoreUnknown=1";
  await add(bench.command(conf, { containerId, ifName, netns: `/run/netns/${containerId}`, args }));
  bench.interfaces.clear();
}

const conf = (more: object = two) => bench.command(more).conf;
const all = (): readonly KnownAttachment[] => knownAttachments(conf());
const one = (more: object = {}): KnownAttachment | undefined =>
  knownAttachment(bench.command({ ...two, ...more }).attachment, conf({ ...two, ...more }));
const shown = ({ attachment, source, result, isCached, damage }: KnownNetwork): unknown => [
  attachment.delegate.displayName, attachment.ifName, source, result?.ips[0]?.address ?? null, isCached,
  damage?.code ?? null,
];
const file = (name: string): string => join(bench.cniDir, name);
const change = (name: string, edit: (json: any) => unknown): void =>
  writeFileSync(file(name), JSON.stringify(edit(JSON.parse(readFileSync(file(name), "utf8")))));
/** As another program writes them. */
const unmark = (...names: readonly string[]): void => {
  const unmarked = (key: string, value: unknown): unknown => key === "polynic" ? undefined : value;
  for (const name of names) change(name, (json) => JSON.parse(JSON.stringify(json, unmarked)));
};

const complete = [
  ["net-one", "eth0", "scratch", "10.0.0.100/24", true, null],
  ["net-two", "net1", "scratch", "10.0.0.1/24", true, null],
];

known("tells of every container its networks in order, their interfaces and addresses, and who made them", async () => {
  for (const id of ["a", "b"]) await attach(id);
  assert.equal(all().map(({ containerId, ifName, source }) => [containerId, ifName, source]),
    [["a", "eth0", "scratch"], ["b", "eth0", "scratch"]]);
  assert.equal(all().map(({ networks }) => networks.map(shown)), [complete, complete]);
  const [first] = all();
  assert.equal(first?.multiplexer, { network: "pods", ifName: "eth0", netns: "/run/netns/a",
    args: "K8S_POD_NAME=p;IgnoreUnknown=1", bootId: bootId(), runtimeConfig: {} });
  assert.equal(first?.networks.map(({ attachment }) => attachment.netns), ["/run/netns/a", "/run/netns/a"]);
  assert.equal(all()[0]?.unreadable, []);
});

known("tells the same of one container as of all", async () => {
  await attach("c1");
  const [listed] = all();
  assert.equal(one()?.networks.map(shown), listed?.networks.map(shown));
  assert.is(one()?.source, "scratch");
});

known("has nothing to tell where nothing is written down", () => {
  assert.equal([all(), one()], [[], undefined]);
});

known("falls back on the cache where the scratch file is gone or cut off, the default network first", async () => {
  await attach("c1");
  const cached = [
    ["net-one", "eth0", "cache", "10.0.0.100/24", true, null],
    ["net-two", "net1", "cache", "10.0.0.1/24", true, null],
  ];
  writeFileSync(file("c1"), "[{");
  for (const read of [one(), all()[0]])
    assert.equal([read?.source, read?.damage?.code, read?.networks.map(shown)], ["cache", 6, cached]);
  assert.is(all().length, 1);
  rmSync(file("c1"));
  for (const read of [one(), all()[0]])
    assert.equal([read?.source, read?.damage, read?.networks.map(shown)], ["cache", undefined, cached]);
});

known("tells of a damaged scratch file of which the cache knows nothing", () => {
  mkdirSync(bench.cniDir);
  writeFileSync(file("c9"), "");
  assert.equal(all().map(({ containerId, damage, networks }) => [containerId, damage?.code, networks]),
    [["c9", 6, []]]);
});

known("keeps a network whose cached result cannot be read, and says so", async () => {
  await attach("c1");
  change("results/net-two-c1-net1", (json) => ({ ...json, result: { cniVersion: "1.1.0", ips: "x" } }));
  const second = ["net-two", "net1", "scratch", null, true, 6];
  for (const read of [one(), all()[0]]) assert.equal(read?.networks.map(shown), [complete[0], second]);
  rmSync(file("c1"));
  for (const read of [one(), all()[0]])
    assert.equal(read?.networks.map(shown)[1], ["net-two", "net1", "cache", null, true, 6]);
});

known("names what of an entry is nothing but a name, which GC then counts as in use", async () => {
  await attach("c1");
  change("results/net-two-c1-net1", (json) => ({ ...json, config: "" }));
  rmSync(file("c1"));
  assert.equal(all()[0]?.unreadable.map(({ networkName, ifName }) => [networkName, ifName]), [["net-two", "net1"]]);
  bench.calls.length = 0;
  await gc(bench.command(two, { netns: "", ifName: "", containerId: "", verb: "GC",
    valid: [{ containerID: "c1", ifname: "eth0" }] }));
  assert.equal(bench.calls.map(({ request }) => request.validAttachments),
    [[{ containerID: "c1", ifname: "eth0" }], [{ containerID: "c1", ifname: "net1" }]]);
});

known("keeps two attachments of one container apart, with and without their scratch files", async () => {
  await attach("c1");
  await attach("c1", { name: "more", delegates: [single("three")] }, "eth1");
  const apart = [["pods", "eth0", ["net-one", "net-two"]], ["more", "eth1", ["net-three"]]];
  const read = (): unknown => all().map(({ multiplexer, ifName, networks }) =>
    [multiplexer?.network, ifName, networks.map(({ attachment }) => attachment.delegate.displayName)]);
  assert.equal(read(), apart);
  assert.equal(one()?.networks.length, 2);
  rmSync(file("c1"));
  rmSync(file("c1@eth1"));
  assert.equal(read(), apart);
  assert.equal(one()?.networks.length, 2);
});

known("adds what the cache has beyond the scratch file when all is asked for, left by an ADD before", async () => {
  await attach("c1");
  change("c1", (json) => json.slice(0, 1));
  assert.equal(all()[0]?.networks.map(shown), [complete[0], ["net-two", "net1", "cache", "10.0.0.1/24", true, null]]);
});

known("reads what other programs wrote, whose default network tells the runtime's interface", async () => {
  await attach("c1");
  unmark("c1", "results/net-one-c1-eth0", "results/net-two-c1-net1");
  for (const read of [one(), all()[0]]) {
    assert.equal(read?.networks.map(shown), complete);
    assert.equal([read?.multiplexer, read?.ifName], [undefined, "eth0"]);
  }
  rmSync(file("c1"));
  assert.equal(all().map(({ ifName, networks }) => [ifName, networks.length]), [["eth0", 2]]);
});

known("gives the ADD's capability arguments back where none are given now", async () => {
  const ports = [{ hostPort: 80, containerPort: 80 }], given = { runtimeConfig: { portMappings: ports } };
  await attach("c1", { ...two, ...given });
  const argsOf = (read: KnownAttachment | undefined): unknown => read?.networks[0]?.attachment.capabilityArgs;
  for (const read of [one(), all()[0]]) assert.equal(argsOf(read), { portMappings: ports });
  assert.equal(argsOf(one({ runtimeConfig: { portMappings: [] } })), { portMappings: ports }, "an empty list is none");
  rmSync(file("c1"));
  for (const read of [one(), all()[0]]) assert.equal(argsOf(read), { portMappings: ports });
});

known("tells plugins the result from version 0.4.0 on", async () => {
  const address = "10.0.0.100/24";
  for (const [cniVersion, told] of [["0.3.1", undefined], ["0.4.0", address], ["1.1.0", address]] as const) {
    await attach("c1", { delegates: [single("one", { cniVersion })] });
    const [network] = one()?.networks ?? [];
    assert.is(network?.result?.ips[0]?.address, address);
    assert.is(network && prevResultOf(network)?.ips[0]?.address, told);
    bench.interfaces.clear();
  }
});
known.run();
