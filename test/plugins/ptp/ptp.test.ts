// src/plugins/ptp: a pair of links with routes at both ends.
import * as assert from "uvu/assert";
import { allVersions, code, compareVersions } from "../../../src/cni/index.ts";
import { ptp } from "../../../src/plugins/ptp/index.ts";
import { rejects } from "../../helpers/errors.ts";
import { failures, kernelState } from "../../helpers/failing-handles.ts";
import type { Driven } from "../../helpers/handles.ts";
import { add, check, del, gc, reservations, status } from "../../helpers/handles.ts";
import type { TestNetns } from "../../helpers/netns.ts";
import { attempt, ipJson, kernelSuite, makeNetns, run } from "../../helpers/netns.ts";

const kernel = kernelSuite("ptp", import.meta.url, { needs: ["ipv6", "nft_nat"] });

let netns: TestNetns;
kernel.before.each(() => {
  netns = makeNetns();
  run("ip", "link", "set", "lo", "up");
});
kernel.after.each(() => {
  netns.remove();
  for (const one of ipJson("link show")) if (one.ifname !== "lo") attempt("ip", "link", "delete", one.ifname);
  reservations.clear();
});

const dual = { type: "test", addresses: [
  { address: "10.1.2.5/24", gateway: "10.1.2.1" }, { address: "2001:db8:1:0:1::2/66", gateway: "2001:db8:1:0:1::1" },
], routes: [{ dst: "0.0.0.0/0" }, { dst: "192.168.0.0/16" }, { dst: "1.2.3.4/32" }, { dst: "::/0" }],
  dns: { domain: "leased" } };

function driven(conf: object = {}, more: Partial<Driven> = {}): Driven {
  return { plugin: ptp, netns: netns.path, conf: { ipam: dual, ...conf }, ...more };
}
const dst = (entry: any): string => `${entry.dst}${entry.gateway === undefined ? "" : ` via ${entry.gateway}`}`;
const pings = (address: string): void => void netns.exec("ping", "-c", "1", "-W", "5", address);

for (const cniVersion of allVersions) {
  kernel(`ADD, CHECK, DEL twice, cniVersion ${cniVersion}`, async () => {
    const one = driven({ mtu: 5000 }, { cniVersion });
    const result = await add(one);
    const [inside] = ipJson("-d addr show eth0", netns), name = result.interfaces[0]?.name ?? "";
    const [outside] = ipJson(`-d addr show ${name}`);
    assert.match(name, /^veth[0-9a-f]{8}$/);
    assert.equal(result.interfaces, [{ name, mac: outside.address },
      { name: "eth0", mac: inside.address, sandbox: netns.path }]);
    assert.equal(result.ips.map((ip) => ip.interface), [1, 1]);
    assert.equal([inside.mtu, outside.mtu, inside.linkinfo.info_kind], [5000, 5000, "veth"]);
    assert.equal(ipJson("-4 route show", netns).map(dst).sort(), [
      "1.2.3.4 via 10.1.2.1", "10.1.2.0/24 via 10.1.2.1", "10.1.2.1", "192.168.0.0/16 via 10.1.2.1",
        "default via 10.1.2.1"]);
    assert.ok(ipJson("-6 route show", netns).map(dst).includes("2001:db8:1:0:1::/66 via 2001:db8:1:0:1::1")
      || ipJson("-6 route show", netns).map(dst).includes("2001:db8:1::/66 via 2001:db8:1:0:1::1"));
    assert.equal(outside.addr_info.filter((info: any) => info.scope === "global")
      .map((info: any) => `${info.local}/${info.prefixlen}`), ["10.1.2.1/32", "2001:db8:1:0:1::1/128"]);
    assert.equal(ipJson("-4 route show 10.1.2.5").map((route) => [route.dev, route.scope]), [[name, "host"]]);
    pings("10.1.2.1");
    pings("2001:db8:1:0:1::1");
    if (compareVersions(cniVersion, "0.4.0") >= 0) await check({ ...one, prevResult: result });
    await del({ ...one, prevResult: result });
    assert.not.ok(ipJson("link show").some((link) => link.ifname === name));
    assert.is(reservations.size, 0);
    await del(one);
  });
}

const backends = ["iptables", "nftables", undefined] as const;
/** Each version with a backend, and the newest with all. */
const masquerading = allVersions.flatMap((cniVersion, index) => (
  (cniVersion === allVersions.at(-1) ? backends : [backends[index % backends.length]])
    .map((ipMasqBackend) => ({ cniVersion, ipMasqBackend }))));
for (const { cniVersion, ipMasqBackend } of masquerading) {
  const backend = ipMasqBackend ?? "of its choice";
  kernel(`masquerades with backend ${backend}, is checked, and stops, cniVersion ${cniVersion}`, async () => {
    const one = driven({ ipMasq: true, ipMasqBackend }, { cniVersion });
    const rules = () => run("nft", "list", "ruleset").split("\n").filter((line) => line.includes("10.1.2.5"));
    assert.equal(rules(), []);
    const prevResult = await add(one);
    assert.ok(rules().length > 0);
    if (compareVersions(cniVersion, "0.4.0") >= 0) await check({ ...one, prevResult });
    await del({ ...one, prevResult });
    assert.equal(rules(), []);
  });
}

kernel("GC deletes the masquerading of attachments that are not valid", async () => {
  const one = driven({ ipMasq: true, ipMasqBackend: "nftables" });
  await add(one);
  await gc(one, [{ containerID: "test-container", ifname: "eth0" }]);
  assert.match(run("nft", "list", "ruleset"), /10\.1\.2\.5/);
  await gc(one, []);
  assert.not.match(run("nft", "list", "ruleset"), /10\.1\.2\.5/);
});

for (const [what, dns, expected] of [
  ["kept where the configuration has none", undefined, { domain: "leased" }],
  ["replaced by name servers", { nameservers: ["1.1.1.1"] }, { nameservers: ["1.1.1.1"] }],
  ["replaced by a domain", { domain: "own" }, { domain: "own" }],
  ["replaced by a search list", { search: ["s"] }, { search: ["s"] }],
  ["replaced by options", { options: ["o"] }, { options: ["o"] }],
  ["replaced by an empty list", { nameservers: [] }, { nameservers: [] }],
  ["replaced by empty lists of all kinds", { nameservers: [], search: [], options: [] },
    { nameservers: [], search: [], options: [] }],
] as const) {
  kernel(`IPAM's dns is ${what}`, async () => assert.equal((await add(driven({ dns }))).dns, expected));
}

for (const [name, conf, number, message] of [
  ["no IPAM", { ipam: undefined }, code.invalidConfig, /no ipam.type/],
  ["an address without a gateway", { ipam: { type: "test", addresses: [{ address: "10.1.2.5/24" }] } },
    code.invalidConfig, /10\.1\.2\.5\/24: it has no gateway/],
  ["an address that the host is to hold",
    { ipam: { type: "test", addresses: [{ address: "10.1.2.5/24", gateway: "10.1.2.5" }] } }, code.invalidConfig,
    /10\.1\.2\.5\/24: it is the gateway/],
  ["an unknown backend", { ipMasq: true, ipMasqBackend: "pf" }, code.invalidConfig, /ipMasqBackend/],
] as const) {
  kernel(`refuses ${name}`, async () => {
    const before = kernelState(netns);
    assert.match((await rejects(add(driven(conf)), number)).message, message);
    assert.equal(kernelState(netns), before);
    assert.is(reservations.size, 0);
  });
}

kernel("ipMasqBackend is nobody's business without ipMasq", async () => {
  const one = driven({ ipMasqBackend: "" });
  await add(one);
  await del(one);
  await rejects(add(driven({ ipMasq: true, ipMasqBackend: "" })), code.invalidConfig);
});

kernel("CHECK sees a route that is gone", async () => {
  const one = driven(), prevResult = await add(one);
  netns.exec("ip", "route", "del", "192.168.0.0/16");
  assert.match((await rejects(check({ ...one, prevResult }), code.attachmentBroken)).message, /192\.168\.0\.0\/16/);
});

kernel("DEL needs no namespace", async () => {
  for (const where of ["", "/run/netns/none"]) {
    reservations.add("test-container/eth0");
    await del(driven({ ipMasq: true }, { netns: where }));
    assert.is(reservations.size, 0);
  }
});

kernel("STATUS asks IPAM", async () => {
  await status(driven());
  await rejects(status(driven({ ipam: { type: "nobody" } })), code.executable);
});

kernel("a failure at any step leaves links, addresses, routes, rules and reservations as before", async () => {
  run("sysctl", "-q", "-w", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1");
  assert.ok(await failures(driven({ ipMasq: true, ipMasqBackend: "nftables" }), () => kernelState(netns),
    { times: 1 }) > 12);
});

kernel.run();
