// src/plugins/bandwidth: token buckets at a veth's host end and at the link its packets are led to, as tc(8) lists them.
import * as assert from "uvu/assert";
import type { Result } from "../../../src/cni/index.ts";
import { code, versionsFrom } from "../../../src/cni/index.ts";
import { bandwidth, turnName, unfinishedName } from "../../../src/plugins/bandwidth/index.ts";
import { rejects } from "../../helpers/errors.ts";
import { failures, kernelState } from "../../helpers/failing-handles.ts";
import type { Driven } from "../../helpers/handles.ts";
import { add, check, del, gc } from "../../helpers/handles.ts";
import type { TestNetns } from "../../helpers/netns.ts";
import { attempt, ipJson, kernelSuite, makeNetns, run, until } from "../../helpers/netns.ts";

const kernel = kernelSuite("bandwidth", import.meta.url, { needs: ["macvlan"] });

let netns: TestNetns;
kernel.before.each(() => {
  netns = makeNetns();
  run("ip", "link", "add", "host0", "mtu", "1024", "type", "veth", "peer", "name", "eth0", "mtu", "1024", "netns",
    netns.name);
  run("ip", "link", "set", "host0", "up");
  netns.exec("ip", "link", "set", "eth0", "up");
});
kernel.after.each(() => {
  netns.remove();
  for (const one of ipJson("link show")) if (one.ifname !== "lo") attempt("ip", "link", "delete", one.ifname);
});

const turn = turnName("testnet", "test-container");
const both = { ingressRate: 8, ingressBurst: 8, egressRate: 16, egressBurst: 8 };
const given = (...names: readonly string[]): Result => ({
  interfaces: [...names.map((name) => ({ name })), { name: "eth0", sandbox: netns.path }],
  ips: [{ interface: names.length, address: "10.1.2.3/24" }], routes: [], dns: {},
});

function driven(conf: Readonly<Record<string, unknown>> = both, more: Partial<Driven> = {}): Driven {
  return { plugin: bandwidth, netns: netns.path, conf, prevResult: given("host0"), ...more };
}
const qdiscs = (name: string): readonly any[] => JSON.parse(run("tc", "-j", "qdisc", "show", "dev", name));
const tbf = (name: string): any => qdiscs(name).find(({ kind }) => kind === "tbf")?.options;

for (const cniVersion of ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]) {
  kernel(`limits both directions, CHECK, DEL twice, cniVersion ${cniVersion}`, async () => {
    const one = driven(both, { cniVersion }), result = await add(one);
    const [link] = ipJson(`-d link show ${turn}`);
    assert.equal(result.interfaces, [...given("host0").interfaces, { name: turn, mac: link.address }]);
    assert.equal([link.linkinfo.info_kind, link.mtu, link.flags.includes("UP")], ["ifb", 1024, true]);
    assert.equal([tbf("host0")?.rate, tbf(turn)?.rate], [1, 2]);
    assert.ok(qdiscs("host0").some(({ kind }) => kind === "ingress"));
    const filters = JSON.parse(run("tc", "-j", "filter", "show", "dev", "host0", "parent", "ffff:"));
    assert.ok(JSON.stringify(filters).includes(`"to_dev":"${turn}"`), JSON.stringify(filters));
    if (!cniVersion.startsWith("0.3")) await check({ ...one, prevResult: result });
    await del({ ...one, netns: "" });
    assert.not.ok(ipJson("link show").some((each) => each.ifname === turn));
    await del(one);
  });
}

for (const cniVersion of versionsFrom("0.3.0")) {
  kernel(`limits one direction alone, cniVersion ${cniVersion}`, async () => {
    const inwards = await add(driven({ ingressRate: 8, ingressBurst: 8 }, { cniVersion }));
    assert.equal(inwards, given("host0"));
    assert.ok(tbf("host0") !== undefined && !ipJson("link show").some((each) => each.ifname === turn));
    run("tc", "qdisc", "del", "dev", "host0", "root");
    const outwards = await add(driven({ egressRate: 8, egressBurst: 8 }, { cniVersion }));
    assert.is(outwards.interfaces.at(-1)?.name, turn);
    assert.ok(tbf("host0") === undefined && tbf(turn) !== undefined);
  });

  kernel(`takes the runtime's limits, in any spelling, its own first, and none, cniVersion ${cniVersion}`, async () => {
    const runtimeConfig = { bandWidth: both };
    await rejects(add(driven({ ingressBurst: 8, runtimeConfig }, { cniVersion })), code.invalidConfig);
    assert.is(tbf("host0"), undefined);
    await add(driven({ runtimeConfig }, { cniVersion }));
    assert.is(tbf("host0")?.rate, 1);
    await del(driven({ runtimeConfig }, { cniVersion }));
    for (const place of ["root", "ingress"]) run("tc", "qdisc", "del", "dev", "host0", place);
    await add(driven({ ingressRate: 24, ingressBurst: 16, runtimeConfig }, { cniVersion }));
    assert.is(tbf("host0")?.rate, 3);
    assert.equal(await add(driven({}, { cniVersion })), given("host0"));
  });

  kernel(`finds the host's end among several, its own link is the last, cniVersion ${cniVersion}`, async () => {
    run("ip", "link", "add", "other0", "type", "veth", "peer", "other1");
    const prevResult = given("other0", "host0", "other1");
    const { interfaces } = await add(driven(both, { prevResult, cniVersion }));
    assert.equal([interfaces.length, interfaces.at(-1)?.name, tbf("other0")], [5, turn, undefined]);
  });
}

kernel("limits what really passes, of the one container alone", async () => {
  // Two containers on one bridge, as two of a network are.
  const other = makeNetns();
  run("ip", "link", "add", "br0", "type", "bridge");
  run("ip", "addr", "add", "10.1.2.1/24", "dev", "br0");
  run("ip", "link", "add", "host1", "type", "veth", "peer", "name", "eth0", "netns", other.name);
  for (const name of ["host0", "host1"]) run("ip", "link", "set", name, "master", "br0", "up");
  run("ip", "link", "set", "br0", "up");
  netns.exec("ip", "addr", "add", "10.1.2.3/24", "dev", "eth0");
  other.exec("ip", "addr", "add", "10.1.2.4/24", "dev", "eth0");
  other.exec("ip", "link", "set", "eth0", "up");
  await add(driven({ ingressRate: 8000, ingressBurst: 800, egressRate: 8000, egressBurst: 800 }));
  // Ten packets of 500 bytes in one go: the bucket holds one byte in five of the first, and drops what cannot wait.
  const answered = (address: string): number => Number(/(\d+) received/.exec(
    attempt("ping", "-c", "10", "-i", "0.01", "-s", "500", "-W", "1", address).stdout)?.[1]);
  assert.ok(answered("10.1.2.3") < 10);
  const [{ drops = 0 } = {}] = JSON.parse(run("tc", "-j", "-s", "qdisc", "show", "dev",
    "host0")).filter(({ kind }: any) => kind === "tbf");
  assert.ok(drops > 0, `${drops} packets were dropped`);
  await until("all ten by the other", () => answered("10.1.2.4") === 10);
  other.remove();
});

kernel("limits two interfaces of one container on one network, each by a link of its own", async () => {
  run("ip", "link", "add", "host1", "type", "veth", "peer", "name", "net1", "netns", netns.name);
  const interfaces = [{ name: "host1" }, { name: "net1", sandbox: netns.path }];
  const first = driven(), second = driven({ egressRate: 24, egressBurst: 16 },
    { ifName: "net1", prevResult: { ...given(), interfaces, ips: [] } });
  const [one, two] = [await add(first), await add(second)];
  const link = two.interfaces.at(-1)?.name ?? "";
  assert.equal([one.interfaces.at(-1)?.name, tbf(turn)?.rate, tbf(link)?.rate], [turn, 2, 3]);
  await check({ ...second, prevResult: two });
  // Another DEL than its own leaves a link alone, also when it comes twice.
  for (const done of [second, second]) await del(done);
  await check({ ...first, prevResult: one });
  const left = () => ipJson("link show type ifb").map(({ ifname }) => ifname);
  assert.equal(left(), [turn]);
  run("tc", "qdisc", "del", "dev", "host1", "ingress");
  await add(second);
  await del(first);
  assert.equal(left(), [link]);
  await del(second);
  assert.equal(left(), []);
});

for (const [name, conf, more, message] of [
  ["a burst without a rate", { ingressBurst: 8 }, {}, /ingressRate is 0 beside ingressBurst/],
  ["to be without prevResult", both, { prevResult: undefined }, /chained/],
  ["a prevResult without interfaces", both, "empty", /prevResult has no interfaces/],
  ["a host end that prevResult does not name", both, "other", /its other end is "host0", expected one of prevResult's/],
] as const) {
  kernel(`refuses ${name}, and has touched nothing`, async () => {
    const before = kernelState(netns), { prevResult: _, ...alone } = driven(conf);
    const prevResult = more === "empty" ? { ...given(), interfaces: [], ips: [] } : more === "other" ? given("lo")
      : undefined;
    const call = typeof more === "string" && prevResult !== undefined ? { ...alone, prevResult }
      : "prevResult" in Object(more) ? alone : driven(conf);
    assert.match((await rejects(add(call), code.invalidConfig)).message, message);
    assert.equal(kernelState(netns), before);
  });
}

for (const kind of ["bridge", "macvlan"]) {
  kernel(`refuses an interface that is no veth: ${kind}`, async () => {
    netns.exec("ip", "link", "add", "link", "eth0", "name", "own5", "type", kind);
    assert.match((await rejects(add(driven(both, { ifName: "own5" })), code.invalidConfig)).message,
      new RegExp(`its kind is ${kind}, expected a veth`));
  });
}

kernel("CHECK sees a limit that is another, gone, or led nowhere", async () => {
  const one = driven(), prevResult = await add(one);
  assert.match((await rejects(check({ ...driven({ ...both, egressRate: 32 }), prevResult }),
    code.attachmentBroken)).message, /rate of its limit is 2, expected 4/);
  run("tc", "qdisc", "del", "dev", "host0", "ingress");
  assert.match((await rejects(check({ ...one, prevResult }), code.attachmentBroken)).message, /is not led to/);
  run("ip", "link", "del", turn);
  assert.match((await rejects(check({ ...one, prevResult }), code.attachmentBroken)).message, /it is gone/);
  run("tc", "qdisc", "del", "dev", "host0", "root");
  assert.match((await rejects(check({ ...one, prevResult }), code.attachmentBroken)).message, /expected a limit/);
});

kernel("a second ADD is refused, and leaves the first one's limits", async () => {
  await add(driven());
  await rejects(add(driven()), code.kernel);
  assert.equal([tbf("host0")?.rate, tbf(turn)?.rate], [1, 2]);
});

kernel("GC deletes the links of what is not valid, of its own network, finished and unfinished ones", async () => {
  await add(driven());
  const other = { containerId: "kept", prevResult: given("host0") };
  run("tc", "qdisc", "del", "dev", "host0", "root");
  run("tc", "qdisc", "del", "dev", "host0", "ingress");
  await add(driven(both, other));
  const kept = turnName("testnet", "kept"), of = (names: readonly string[]) => ["host0", "lo", ...names].sort();
  const links = () => ipJson("link show").map(({ ifname }) => ifname).sort();
  // The reference's, one of another network, and two that were killed before they had their alias.
  const [gone, alive] = ["test-container", "kept"].map((id) => unfinishedName("testnet", id)) as [string, string];
  for (const name of ["bwp000000000000", unfinishedName("another", "gone"), gone, alive])
    run("ip", "link", "add", name, "type", "ifb");
  const left = [kept, alive, "bwp000000000000", unfinishedName("another", "gone")];
  await gc(driven(), undefined);
  assert.equal(links(), of([...left, turn, gone]));
  await gc(driven(), [{ containerID: "kept", ifname: "eth0" }]);
  assert.equal(links(), of(left));
  await del(driven(both, other));
  assert.equal(links(), of(left.slice(2)));
});

kernel("a failure at any step leaves links and qdiscs as before", async () => {
  const state = () => [kernelState(netns), qdiscs("host0").map(({ kind, options }) => [kind, options])];
  assert.ok(await failures(driven(), () => {
    attempt("tc", "qdisc", "del", "dev", "host0", "root");
    attempt("tc", "qdisc", "del", "dev", "host0", "ingress");
    return state();
  }, { times: 1 }) > 5);
});

kernel.run();
