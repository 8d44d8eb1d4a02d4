import * as assert from "uvu/assert";
import { allVersions, code, compareVersions } from "../../../src/cni/index.ts";
import { dummy } from "../../../src/plugins/dummy/index.ts";
import { rejects } from "../../helpers/errors.ts";
import { failures, kernelState } from "../../helpers/failing-handles.ts";
import type { Driven } from "../../helpers/handles.ts";
import { add, check, del, reservations, status } from "../../helpers/handles.ts";
import type { TestNetns } from "../../helpers/netns.ts";
import { attempt, ipJson, kernelSuite, makeNetns, run } from "../../helpers/netns.ts";

const kernel = kernelSuite("dummy", import.meta.url, { needs: ["dummy"] });

let netns: TestNetns;
kernel.before.each(() => { netns = makeNetns(); });
kernel.after.each(() => {
  netns.remove();
  for (const one of ipJson("link show")) if (one.ifname !== "lo") attempt("ip", "link", "delete", one.ifname);
  reservations.clear();
});

const ipam = { type: "test", addresses: [{ address: "10.1.2.3/24", gateway: "10.1.2.1" },
  { address: "2001:db8::2/64" }], routes: [{ dst: "0.0.0.0/0" }], dns: { domain: "ipam" } };

function driven(more: Partial<Driven> = {}): Driven {
  return { plugin: dummy, netns: netns.path, conf: { ipam, dns: { domain: "own" } }, ...more };
}

const names = (where?: TestNetns): string[] => ipJson("link show", where).map((one) => one.ifname).sort();

for (const cniVersion of allVersions) {
  kernel(`ADD, CHECK, DEL, DEL, cniVersion ${cniVersion}`, async () => {
    const one = driven({ cniVersion });
    assert.equal(names(netns), ["lo"]);
    const result = await add(one);
    const [made] = ipJson("addr show eth0", netns);
    assert.equal([made.linkinfo.info_kind, made.flags.includes("UP")], ["dummy", true]);
    assert.equal(made.addr_info.filter((info: any) => info.scope === "global").map((info: any) => info.local),
      ["10.1.2.3", "2001:db8::2"]);
    assert.is(ipJson("-4 route show default", netns)[0].gateway, "10.1.2.1");
    assert.equal(result, {
      interfaces: [{ name: "eth0", mac: made.address, sandbox: netns.path }],
      ips: ipam.addresses.map((ip) => ({ ...ip, interface: 0 })), routes: ipam.routes, dns: ipam.dns,
    });
    if (compareVersions(cniVersion, "0.4.0") >= 0) await check({ ...one, prevResult: result });
    for (let times = 0; times < 2; times++) {
      await del({ ...one, prevResult: result });
      assert.equal(names(netns), ["lo"]);
      assert.is(reservations.size, 0);
    }
  });
}

kernel("the host has a link of the interface's name, and keeps it", async () => {
  run("ip", "link", "add", "eth0", "type", "dummy");
  const [before] = ipJson("link show eth0");
  await add(driven());
  assert.equal(names(netns), ["eth0", "lo"]);
  await del(driven());
  assert.equal(ipJson("link show eth0")[0].ifindex, before.ifindex);
});

kernel("without IPAM it is refused, by ADD, CHECK and STATUS, before the namespace is looked at", async () => {
  const one = driven({ conf: {}, netns: "/run/netns/none" });
  for (const ask of [add, check, status]) {
    assert.is((await rejects(ask(one), code.invalidConfig)).message, 'Cannot use plugin "dummy" in network "testnet": ' +
      "it has no ipam.type, expected the type of an IPAM plugin");
  }
  for (const where of ["/run/netns/none", "", netns.path]) await del({ ...one, netns: where });
});

kernel("STATUS asks IPAM", async () => {
  await status(driven());
  await rejects(status(driven({ conf: { ipam: { type: "nobody" } } })), code.executable);
});

kernel("refuses a second interface of the name, and leaves the first", async () => {
  await add(driven());
  const [before] = ipJson("link show eth0", netns);
  assert.match((await rejects(add(driven({ containerId: "other" })), code.invalidConfig)).message,
    /interface "eth0" .*has one of that name already/);
  assert.is(ipJson("link show eth0", netns)[0].ifindex, before.ifindex);
});

kernel("CHECK sees it down, of another kind, with another MAC, and without an address", async () => {
  const one = driven();
  const checked = { ...one, prevResult: await add(one) };
  const broken = async (message: RegExp) => (
    assert.match((await rejects(check(checked), code.attachmentBroken)).message, message));
  const { address } = ipJson("link show eth0", netns)[0];
  netns.exec("ip", "link", "set", "eth0", "address", "02:00:00:00:00:77");
  await broken(/its MAC is 02:00:00:00:00:77/);
  netns.exec("ip", "link", "set", "eth0", "address", address);
  netns.exec("ip", "addr", "del", "10.1.2.3/24", "dev", "eth0");
  await broken(/address 10.1.2.3\/24/);
  netns.exec("ip", "link", "delete", "eth0");
  netns.exec("ip", "link", "add", "eth0", "type", "veth", "peer", "eth9");
  await broken(/kind is veth, expected dummy/);
  await del(one);
  const single = driven({ conf: { ipam: { type: "test", addresses: [{ address: "10.1.2.3/32" }] } } });
  const alone = { ...single, prevResult: await add(single) };
  netns.exec("ip", "link", "set", "eth0", "down");
  assert.match((await rejects(check(alone), code.attachmentBroken)).message, /it is down, expected it up/);
});

kernel("a failure at any step leaves links, addresses, routes and reservations as before", async () => {
  const count = await failures(driven(), () => kernelState(netns));
  assert.ok(count > 6, `only ${count} steps were made to fail`);
});

kernel.run();
