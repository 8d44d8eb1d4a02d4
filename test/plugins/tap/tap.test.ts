// src/plugins/tap: a link for a program in the container, as iproute2 shows it.
import * as assert from "uvu/assert";
import { allVersions, code, compareVersions } from "../../../src/cni/index.ts";
import { tap } from "../../../src/plugins/tap/index.ts";
import { rejects } from "../../helpers/errors.ts";
import { failures, kernelState } from "../../helpers/failing-handles.ts";
import type { Driven } from "../../helpers/handles.ts";
import { add, check, del, reservations, status } from "../../helpers/handles.ts";
import type { TestNetns } from "../../helpers/netns.ts";
import { ipJson, kernelSuite, makeNetns } from "../../helpers/netns.ts";

const kernel = kernelSuite("tap", import.meta.url);

let netns: TestNetns;
kernel.before.each(() => { netns = makeNetns(); });
kernel.after.each(() => {
  netns.remove();
  reservations.clear();
});

const ipam = { type: "test", addresses: [{ address: "10.1.2.3/24", gateway: "10.1.2.1" }] };

function driven(conf: Readonly<Record<string, unknown>> = {}, more: Partial<Driven> = {}): Driven {
  return { plugin: tap, netns: netns.path, conf: { ipam, owner: 0, group: 0, ...conf }, ...more };
}
const link = (): any => ipJson("-d addr show eth0", netns)[0];
const settings = (): any => link().linkinfo.info_data;

for (const cniVersion of allVersions) {
  for (const bridge of [undefined, "br1"]) {
    kernel(`ADD, CHECK, DEL twice, cniVersion ${cniVersion}, ${bridge === undefined ? "alone" : "a port of br1"}`,
      async () => {
      if (bridge !== undefined) netns.exec("ip", "link", "add", bridge, "type", "bridge");
      const one = driven({ bridge, dns: { domain: "own" } }, { cniVersion }), result = await add(one), made = link();
      assert.equal(result.interfaces, [{ name: "eth0", mac: made.address, sandbox: netns.path }]);
      assert.equal([made.linkinfo.info_kind, made.master, made.flags.includes("UP")], ["tun", bridge, true]);
      assert.equal(made.addr_info.filter(({ family }: any) => family === "inet").map(({ local }: any) => local),
        ["10.1.2.3"]);
      assert.equal([result.ips.map((ip) => ip.interface), result.dns], [[0], { domain: "own" }]);
      if (compareVersions(cniVersion, "0.4.0") >= 0) await check({ ...one, prevResult: result });
      await del({ ...one, prevResult: result });
      assert.not.ok(ipJson("link show", netns).some(({ ifname }) => ifname === "eth0"));
      assert.is(reservations.size, 0);
      await del(one);
    });
  }
}

for (const [what, conf, expected] of [
  ["owner and group", { owner: 5, group: 6 }, { user: 5, group: 6, vnet_hdr: true, pi: true, multi_queue: false }],
  ["owner, group and several queues", { owner: 5, group: 6, multiQueue: true },
    { user: 5, group: 6, vnet_hdr: true, pi: false, multi_queue: true }],
  ["an owner alone", { owner: 5, group: undefined }, { user: 5, vnet_hdr: false, pi: false, multi_queue: false }],
  ["nobody", { owner: undefined, group: undefined, multiQueue: true },
    { vnet_hdr: false, pi: false, multi_queue: true }],
] as const) {
  kernel(`is made for ${what}, with MTU and MAC`, async () => {
    const mac = "02:00:00:00:00:0a";
    const result = await add(driven({ ...conf, mtu: 1400, mac }));
    assert.equal([link().mtu, link().address, result.interfaces[0]?.mac], [1400, mac, mac]);
    const present = settings();
    assert.equal([present.type, present.persist], ["tap", true]);
    // Names of users are numbers where nobody has them.
    for (const key of ["vnet_hdr", "pi", "multi_queue"] as const) assert.is(present[key], expected[key], key);
    assert.equal([present.user !== undefined, present.group !== undefined], ["user" in expected, "group" in expected]);
  });
}

kernel("the MAC of the runtime goes before that of CNI_ARGS, and that before the configuration's", async () => {
  const mac = (end: string): string => `02:00:00:00:00:${end}`;
  for (const [more, expected] of [[{}, "0b"], [{ runtimeConfig: { mac: mac("0c") } }, "0c"]] as const) {
    const one = driven({ mac: mac("0a"), ...more }, { args: `MAC=${mac("0b")}` });
    assert.is((await add(one)).interfaces[0]?.mac, mac(expected));
    await del(one);
  }
});

kernel("without IPAM it is up and has no address", async () => {
  const result = await add(driven({ ipam: undefined }));
  assert.equal([result.ips, link().flags.includes("UP")], [[], true]);
});

for (const [name, conf, message] of [
  ["a bridge that is not there", { bridge: "br7" }, /bridge "br7": the container has no link of that name/],
  ["a bridge that is none", { bridge: "lo" }, /a link of kind physical, expected a bridge/],
  ["a label", { selinuxContext: "a:b:c" }, /selinuxContext "a:b:c"/],
    ["an owner below 0", { owner: -1 }, /owner is -1/],
  ["a MAC that is none", { mac: "x" }, /"x" is no MAC/],
] as const) {
  kernel(`refuses ${name}, and has touched nothing`, async () => {
    const before = kernelState(netns);
    assert.match((await rejects(add(driven(conf)), code.invalidConfig)).message, message);
    assert.equal([kernelState(netns), reservations.size], [before, 0]);
  });
}

kernel("refuses a second interface of the name, and leaves the first", async () => {
  await add(driven());
  const { ifindex } = link();
  assert.match((await rejects(add(driven({}, { containerId: "other" })), code.invalidConfig)).message,
    /has one of that name already/);
  assert.is(link().ifindex, ifindex);
});

kernel("STATUS asks IPAM, where there is one", async () => {
  await status(driven());
  await status(driven({ ipam: undefined }));
  await rejects(status(driven({ ipam: { type: "nobody" } })), code.executable);
});

kernel("DEL needs no namespace and no readable configuration", async () => {
  for (const where of [netns.path, "", "/run/netns/none"]) {
    reservations.add("test-container/eth0");
    await del(driven({ owner: "me", bridge: "none" }, { netns: where }));
    assert.is(reservations.size, 0);
  }
});

kernel("a failure at any step leaves links, addresses and reservations as before", async () => {
  // Of its own address, so that it does not take its port's.
  netns.exec("ip", "link", "add", "br1", "address", "02:00:00:00:00:01", "type", "bridge");
  assert.ok(await failures(driven({ bridge: "br1", mtu: 1400 }), () => kernelState(netns)) > 4);
});

kernel("an alternative name longer than 15 bytes names the bridge", async () => {
  netns.exec("ip", "link", "add", "br1", "type", "bridge");
  netns.exec("ip", "link", "property", "add", "dev", "br1", "altname", "bridge-by-another-name");
  const one = driven({ bridge: "bridge-by-another-name" }), prevResult = await add(one);
  assert.is(link().master, "br1");
  await check({ ...one, prevResult });
  await del({ ...one, prevResult });
});

kernel("a MAC longer than the link's is refused by its key, not cut", async () => {
  const long = "02:00:00:00:00:00:00:01";
  for (const [conf, args, key] of [
    [{ mac: long }, "", "mac"], [{ mac: `${long}:${long}:01:02:03:04` }, "", "mac"],
    [{ runtimeConfig: { mac: long } }, "", "runtimeConfig.mac"], [{}, `MAC=${long}`, "CNI_ARGS MAC"],
  ] as const) {
    const one = driven(conf, { args });
    assert.match((await rejects(add(one), code.invalidConfig)).message, `Cannot use ${key}: 02:00`);
    assert.equal(ipJson("link show", netns).map(({ ifname }) => ifname), ["lo"]);
    await del(one);
  }
});

kernel.run();
