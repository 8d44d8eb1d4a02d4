import * as assert from "uvu/assert";
import { openOwnNamespace } from "../../src/kernel/index.ts";
import type { LinkAddress, Namespace } from "../../src/kernel/index.ts";
import { formatAddress, parsePrefix } from "../../src/net/index.ts";
import { throws } from "../helpers/errors.ts";
import { ipJson, kernelSuite, run, until } from "../helpers/netns.ts";

const shown = ({ address, prefixBits }: LinkAddress): string => `${formatAddress(address)}/${prefixBits}`;

/** What `ip` lists on v0, in its order. */
function listed(): any[] {
  return ipJson("addr show dev v0")[0].addr_info;
}

let host: Namespace;
let index = 0;

const addresses = kernelSuite("addresses", import.meta.url, { needs: ["ipv6"] });
addresses.before(() => {
  run("ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1");
  host = openOwnNamespace();
  ({ index } = host.links.get("v0"));
});
addresses.after.each(() => {
  run("ip", "addr", "flush", "dev", "v0");
});

addresses("add makes a point-to-point address, with a label, without the route to its network", () => {
  host.addresses.add(index, parsePrefix("10.1.2.5/32"), { peer: parsePrefix("10.9.9.9/32").address, label: "v0:p2p" });
  host.addresses.add(index, parsePrefix("10.7.0.1/16"), { noPrefixRoute: true });
  assert.equal(listed().map((one) => [one.local, one.address, one.prefixlen, one.label, one.noprefixroute ?? false]), [
    ["10.1.2.5", "10.9.9.9", 32, "v0:p2p", false], ["10.7.0.1", undefined, 16, "v0", true],
  ]);
  const [peered, plain] = host.addresses.list(index);
  assert.equal([shown(peered as LinkAddress), peered?.peer, peered?.label, peered?.permanent, peered?.noPrefixRoute],
    ["10.1.2.5/32", parsePrefix("10.9.9.9/32").address, "v0:p2p", true, false]);
  assert.equal([shown(plain as LinkAddress), plain?.peer, plain?.label, plain?.noPrefixRoute],
    ["10.7.0.1/16", undefined, "v0", true]);
});

addresses("add makes an IPv6 address that can be used at once, and one with a peer", () => {
  for (const name of ["v0", "v1"]) run("ip", "link", "set", name, "up");
  host.addresses.add(index, parsePrefix("2001:db8::1/64"), { noDad: true });
  host.addresses.add(index, parsePrefix("2001:db8::5/128"), { peer: parsePrefix("2001:db8::9/128").address });
  const [peered, plain] = listed().filter((one) => one.scope === "global");
  assert.equal([plain.local, plain.nodad, plain.tentative ?? false], ["2001:db8::1", true, false]);
  assert.equal([peered.local, peered.address], ["2001:db8::5", "2001:db8::9"]);
  const made = host.addresses.list(index).filter(({ scope }) => scope === 0);
  assert.equal(made.map((one) => [shown(one), one.noDad, one.peer === undefined ? "" : formatAddress(one.peer)]),
    [["2001:db8::5/128", false, "2001:db8::9"], ["2001:db8::1/64", true, ""]]);
  for (const name of ["v0", "v1"]) run("ip", "link", "set", name, "down");
});

addresses("add puts an IPv4 address on the link, with broadcast when given", () => {
  assert.equal(listed(), []);
  host.addresses.add(index, parsePrefix("10.1.2.5/24"), { broadcast: parsePrefix("10.1.2.255/32").address });
  host.addresses.add(index, parsePrefix("192.0.2.1/32"), { scope: 253 });
  // The kernel keeps the wider scope first.
  assert.equal(listed().map((found) => [found.local, found.prefixlen, found.broadcast, found.scope]).toSorted(), [
    ["10.1.2.5", 24, "10.1.2.255", "global"], ["192.0.2.1", 32, undefined, "link"],
  ]);
});

addresses("add puts an IPv6 address on the link", () => {
  host.addresses.add(index, parsePrefix("2001:db8::5/64"));
  const [found] = listed();
  assert.equal([found.family, found.local, found.prefixlen, found.scope], ["inet6", "2001:db8::5", 64, "global"]);
});

addresses("add says EEXIST the second time", () => {
  for (const text of ["10.1.2.5/24", "2001:db8::5/64"]) {
    host.addresses.add(index, parsePrefix(text));
    const { message } = throws(() => host.addresses.add(index, parsePrefix(text)), "EEXIST");
    assert.match(message, `Cannot add address ${text} to link "v0": kernel said EEXIST (`);
  }
});

addresses("list gives one link's addresses, the primary first", () => {
  run("ip", "addr", "add", "10.9.0.1/16", "brd", "+", "dev", "v0");
  run("ip", "addr", "add", "10.9.0.2/16", "dev", "v0");
  run("ip", "addr", "add", "2001:db8::1/64", "dev", "v0");
  run("ip", "addr", "add", "10.8.0.1/16", "dev", "v1");
  const list = host.addresses.list(index);
  assert.equal(list.map(shown), ["10.9.0.1/16", "10.9.0.2/16", "2001:db8::1/64"]);
  assert.equal(list[0]?.broadcast, parsePrefix("10.9.255.255/32").address);
  assert.equal(list.map((address) => [address.index, address.scope]), [[index, 0], [index, 0], [index, 0]]);
});

addresses("list without a link gives those of all links", () => {
  run("ip", "addr", "add", "10.9.0.1/16", "dev", "v0");
  assert.equal(host.addresses.list().map(shown).toSorted(), ["10.8.0.1/16", "10.9.0.1/16"]);
});

addresses("list gives our end of a point-to-point address", () => {
  run("ip", "addr", "add", "10.7.0.1", "peer", "10.7.0.2", "dev", "v0");
  run("ip", "addr", "add", "2001:db8:7::1", "peer", "2001:db8:7::2", "dev", "v0");
  assert.equal(host.addresses.list(index).map((found) => formatAddress(found.address)), ["10.7.0.1", "2001:db8:7::1"]);
});

addresses("list tells tentative addresses from settled ones", async () => {
  run("ip", "link", "set", "v1", "up");
  run("ip", "link", "set", "v0", "up");
  const of = (text: string): LinkAddress | undefined =>
    host.addresses.list(index).find((found) => shown(found) === text);
  host.addresses.add(index, parsePrefix("2001:db8::5/64"));
  assert.is(of("2001:db8::5/64")?.tentative, true);
  run("ip", "addr", "add", "2001:db8::6/64", "dev", "v0", "nodad");
  assert.is(of("2001:db8::6/64")?.tentative, false);
  await until("duplicate address detection ends", () => of("2001:db8::5/64")?.tentative === false);
  assert.is(of("2001:db8::5/64")?.dadFailed, false);
});

addresses("list says when detection found a duplicate", async () => {
  run("ip", "addr", "add", "2001:db8::7/64", "dev", "v1", "nodad");
  host.addresses.add(index, parsePrefix("2001:db8::7/64"));
  const found = (): LinkAddress | undefined =>
    host.addresses.list(index).find((one) => shown(one) === "2001:db8::7/64");
  await until("the duplicate is found", () => found()?.dadFailed === true);
});

addresses("delete takes the address away, and says EADDRNOTAVAIL the second time", () => {
  for (const text of ["10.1.2.5/24", "2001:db8::5/64"]) {
    run("ip", "addr", "add", text, "dev", "v0");
    host.addresses.delete(index, parsePrefix(text));
    throws(() => host.addresses.delete(index, parsePrefix(text)), "EADDRNOTAVAIL");
  }
  assert.equal(listed().filter((found) => found.scope === "global"), []);
});

addresses("says ENODEV when the link is missing", () => {
  throws(() => host.addresses.list(4711), "ENODEV");
  throws(() => host.addresses.add(4711, parsePrefix("10.1.2.5/24")), "ENODEV");
  throws(() => host.addresses.delete(4711, parsePrefix("10.1.2.5/24")), "ENODEV");
});
addresses.run();
