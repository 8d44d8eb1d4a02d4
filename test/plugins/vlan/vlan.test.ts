// src/plugins/vlan: one VLAN of a link of the host, or of the container.
import * as assert from "uvu/assert";
import { allVersions, code, compareVersions } from "../../../src/cni/index.ts";
import { vlan } from "../../../src/plugins/vlan/index.ts";
import { rejects } from "../../helpers/errors.ts";
import { failures, kernelState } from "../../helpers/failing-handles.ts";
import type { Driven } from "../../helpers/handles.ts";
import { add, check, del, reservations, status } from "../../helpers/handles.ts";
import type { TestNetns } from "../../helpers/netns.ts";
import { attempt, ipJson, kernelSuite, makeNetns, run } from "../../helpers/netns.ts";

const kernel = kernelSuite("vlan", import.meta.url, { needs: ["vlan", "dummy"] });

let netns: TestNetns;
kernel.before.each(() => {
  netns = makeNetns();
  for (const ip of [(...words: readonly string[]) => run("ip", ...words),
    (...words: readonly string[]) => netns.exec("ip", ...words)]) {
    ip("link", "add", "up0", "type", "veth", "peer", "far0");
    ip("link", "set", "up0", "up");
    ip("link", "set", "far0", "up");
  }
});
kernel.after.each(() => {
  netns.remove();
  for (const one of ipJson("link show")) if (one.ifname !== "lo") attempt("ip", "link", "delete", one.ifname);
  reservations.clear();
});

const ipam = { type: "test", addresses: [{ address: "10.1.2.3/24", gateway: "10.1.2.1" }],
  routes: [{ dst: "0.0.0.0/0" }] };

function driven(conf: object, more: Partial<Driven> = {}): Driven {
  return { plugin: vlan, netns: netns.path, conf: { master: "up0", vlanId: 1234, ipam, ...conf }, ...more };
}

for (const linkInContainer of [false, true]) {
  kernel(`an alternative name longer than 15 bytes names the master, linkInContainer ${linkInContainer}`, async () => {
    const name = "enx00163e1234567890", words = ["link", "property", "add", "dev", "up0", "altname", name] as const;
    if (linkInContainer) netns.exec("ip", ...words);
    else run("ip", ...words);
    const one = driven({ master: name, linkInContainer }), before = names(netns);
    await status(one);
    const prevResult = await add(one);
    await check({ ...one, prevResult });
    await del({ ...one, prevResult });
    assert.equal(names(netns), before);
    await rejects(add(driven({ master: `${name}1`, linkInContainer })), code.invalidConfig);
  });
}

kernel("a VLAN that the master has already is refused, naming who has it", async () => {
  const other = makeNetns();
  await add(driven({}, { netns: other.path }));
  const message = async (): Promise<string> => (await rejects(add(driven({})), code.invalidConfig)).message;
  assert.is(await message(), 'Cannot use vlanId 1234: master "up0" has that VLAN already, as link "eth0" of network ' +
    `namespace "${other.path}", expected another VLAN or master`);
  await status(driven({}));
  await del(driven({}, { netns: other.path }));
  run("ip", "link", "add", "up0.1234", "link", "up0", "type", "vlan", "id", "1234");
  assert.match(await message(), /already, as link "up0\.1234", expected/);
  assert.match((await rejects(status(driven({})), code.invalidConfig)).message, /already, as link "up0\.1234"/);
  run("ip", "link", "delete", "up0.1234");
  netns.exec("ip", "link", "add", "eth0", "type", "dummy");
  assert.match(await message(), /^Cannot create interface "eth0" in .*: the container has one of that name already$/);
  assert.is(reservations.size, 0);
  other.remove();
});

const names = (where?: TestNetns): string[] => ipJson("link show", where).map((one) => one.ifname).sort();

for (const cniVersion of allVersions) {
  for (const linkInContainer of [false, true]) {
    kernel(`ADD, CHECK, DEL twice, cniVersion ${cniVersion}, linkInContainer ${linkInContainer}`, async () => {
      const one = driven({ linkInContainer, mtu: 1500, dns: { domain: "own" } }, { cniVersion });
      const before = names(netns);
      const result = await add(one);
      const [made] = ipJson("-d addr show eth0", netns);
      assert.equal(result.interfaces, [{ name: "eth0", mac: made.address, sandbox: netns.path }]);
      assert.equal([made.linkinfo.info_kind, made.linkinfo.info_data.id, made.linkinfo.info_data.protocol],
        ["vlan", 1234, "802.1Q"]);
      assert.equal([made.mtu, made.flags.includes("UP")], [1500, true]);
      assert.is(ipJson("-4 route show default", netns)[0].gateway, "10.1.2.1");
      assert.equal(result.dns, { domain: "own" });
      if (compareVersions(cniVersion, "0.4.0") >= 0) await check({ ...one, prevResult: result });
      await del({ ...one, prevResult: result });
      assert.equal(names(netns), before);
      assert.is(reservations.size, 0);
      await del(one);
    });
  }
}

const places = allVersions.flatMap((cniVersion) => (
  [false, true].map((linkInContainer) => ({ cniVersion, linkInContainer }))));
for (const { cniVersion, linkInContainer } of places) {
  const where = `cniVersion ${cniVersion}, linkInContainer ${linkInContainer}`;
  kernel(`the MTU is the master's where none is asked for, and no larger, ${where}`, async () => {
    const words = ["ip", "link", "set", "up0", "mtu", "1200"] as const;
    if (linkInContainer) netns.exec(...words);
    else run(...words);
    const one = driven({ mtu: 0, linkInContainer }, { cniVersion });
    await add(one);
    assert.is(ipJson("link show eth0", netns)[0].mtu, 1200);
    await del(one);
    for (const [mtu, message] of [[1300, /mtu 1300: master "up0" has 1200/], [-100, /mtu is -100/]] as const) {
      const refused = driven({ mtu, linkInContainer }, { cniVersion });
      assert.match((await rejects(add(refused), code.invalidConfig)).message, message);
    }
    assert.equal([names(netns).includes("eth0"), reservations.size], [false, 0]);
  });
}

for (const [name, conf, message] of [
  ["an MTU above the master's", { mtu: 1600 }, /mtu 1600: master "up0" has 1500/],
  ["a negative MTU", { mtu: -100 }, /mtu is -100/],
  ["a VLAN above 4094", { vlanId: 4095 }, /vlanId is 4095/],
  ["a VLAN below 0", { vlanId: -1 }, /vlanId is -1/],
  ["no master", { master: undefined }, /master is missing/],
  ["a master that is not there", { master: "none" }, /master "none"/],
  ["no IPAM", { ipam: undefined }, /no ipam.type/],
] as const) {
  kernel(`refuses ${name}, and has touched nothing`, async () => {
    const before = kernelState(netns);
    assert.match((await rejects(add(driven(conf)), code.invalidConfig)).message, message);
    assert.equal(kernelState(netns), before);
    assert.is(reservations.size, 0);
  });
}

kernel("CHECK sees another VLAN, another MTU, and a master that is gone", async () => {
  const one = driven({}), prevResult = await add(one);
  await check({ ...one, prevResult });
  for (const [conf, message] of [[{ vlanId: 5 }, /VLAN is 1234, expected 5/],
    [{ mtu: 1300 }, /MTU is 1500, expected 1300/]] as const)
    assert.match((await rejects(check({ ...driven(conf), prevResult }), code.attachmentBroken)).message, message);
  await rejects(check({ ...driven({ master: "none" }), prevResult }), code.invalidConfig);
});

kernel("DEL needs no master, no namespace, and no readable configuration", async () => {
  for (const where of [netns.path, "", "/run/netns/none"]) {
    reservations.add("test-container/eth0");
    await del(driven({ ipam: { type: "test" }, master: undefined, vlanId: "many", mtu: 9000 }, { netns: where }));
    assert.is(reservations.size, 0);
  }
});

kernel("STATUS asks IPAM", async () => {
  await status(driven({}));
  await rejects(status(driven({ ipam: { type: "nobody" } })), code.executable);
});

kernel("a failure at any step leaves links, addresses, routes and reservations as before", async () => {
  assert.ok(await failures(driven({}), () => kernelState(netns)) > 3);
});

kernel.run();
