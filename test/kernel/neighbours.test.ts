import * as assert from "uvu/assert";
import { openOwnNamespace } from "../../src/kernel/index.ts";
import type { Namespace } from "../../src/kernel/index.ts";
import { formatAddress, parseAddress } from "../../src/net/index.ts";
import { throws } from "../helpers/errors.ts";
import { bridgeJson, ipJson, kernelSuite, run } from "../helpers/netns.ts";

let host: Namespace;
let index = 0;
const mac = "02:00:00:00:00:01", toAll = "00:00:00:00:00:00";

const neighbours = kernelSuite("neighbours", import.meta.url, { needs: ["ipv6"] });
neighbours.before(() => {
  run("ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1");
  for (const name of ["v0", "v1"]) run("ip", "link", "set", name, "up");
  run("ip", "addr", "add", "10.1.0.1/24", "dev", "v0");
  host = openOwnNamespace();
  ({ index } = host.links.get("v0"));
});

for (const [family, text] of [[4, "10.1.0.9"], [6, "fe80::9"]] as const) {
  neighbours(`IPv${family}: replace writes a permanent entry, delete takes it away`, () => {
    const address = parseAddress(text);
    const seen = () => ipJson(`-${family} neigh show dev v0`).filter(({ dst }) => dst === text);
    assert.equal(seen(), []);
    host.neighbours.replace(index, { address, mac: "02:00:00:00:00:0f" });
    host.neighbours.replace(index, { address, mac });
    assert.equal(seen().map(({ lladdr, state }) => [lladdr, state]), [[mac, ["PERMANENT"]]]);
    assert.equal(host.neighbours.list(index, family).filter((one) => formatAddress(one.address) === text),
      [{ address, mac, state: 0x80 }]);
    assert.equal(host.neighbours.list(host.links.get("v1").index, family)
      .filter((one) => formatAddress(one.address) === text), []);
    host.neighbours.delete(index, address);
    assert.equal(host.neighbours.list(index, family).filter(({ state }) => state === 0x80), []);
    assert.match(throws(() => host.neighbours.delete(index, parseAddress("10.1.0.77")), "ENOENT").message,
      'Cannot delete neighbour 10.1.0.77 of link "v0": kernel said ENOENT');
  });
}
neighbours.run();

const bridges = kernelSuite("forwarding entries of a bridge", import.meta.url);
bridges.before(() => {
  run("ip", "link", "add", "br0", "type", "bridge");
  run("ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1");
  run("ip", "link", "set", "v0", "master", "br0");
  host = openOwnNamespace();
  ({ index } = host.links.get("v0"));
});

bridges("are put behind a port, and taken away", () => {
  const seen = () => bridgeJson("fdb show dev v0").filter((one) => one.mac === mac);
  assert.equal(seen(), []);
  host.neighbours.addForwarding(index, "master", { mac });
  assert.equal(seen().map(({ master, state }) => [master, state]), [["br0", "permanent"]]);
  assert.equal(host.neighbours.listForwarding(index, "master").filter((one) => one.mac === mac),
    [{ mac, permanent: true }]);
  assert.equal(host.neighbours.listForwarding(index, "self").filter((one) => one.mac === mac), []);
  host.neighbours.deleteForwarding(index, "master", { mac });
  assert.equal(seen(), []);
  throws(() => host.neighbours.deleteForwarding(index, "master", { mac }), "ENOENT");
});
bridges.run();

const tunnels = kernelSuite("forwarding entries of a vxlan", import.meta.url, { needs: ["vxlan"] });
tunnels.before(() => {
  run("ip", "link", "add", "x0", "type", "vxlan", "id", "42", "dstport", "4789", "local", "192.0.2.1", "nolearning");
  run("ip", "link", "add", "x6", "type", "vxlan", "id", "43", "dstport", "4789", "local", "2001:db8::1", "nolearning");
  host = openOwnNamespace();
  ({ index } = host.links.get("x0"));
});

tunnels("say at which remote end a MAC is, and where to send what is for all", () => {
  const ends = ["192.0.2.2", "192.0.2.3"];
  for (const end of ends) host.neighbours.addForwarding(index, "self", { mac: toAll, remote: parseAddress(end) });
  host.neighbours.addForwarding(index, "self", { mac, remote: parseAddress("192.0.2.2") });
  const seen = bridgeJson("fdb show dev x0").map((one) => [one.mac, one.dst, one.flags[0], one.state]);
  assert.equal(seen.toSorted(byText), [
    [toAll, "192.0.2.2", "self", "permanent"], [toAll, "192.0.2.3", "self", "permanent"],
    [mac, "192.0.2.2", "self", "permanent"],
  ]);
  assert.equal(host.neighbours.listForwarding(index, "self").map((one) => [one.mac,
    one.remote === undefined ? "" : formatAddress(one.remote), one.permanent]).toSorted(byText),
  [[toAll, "192.0.2.2", true], [toAll, "192.0.2.3", true], [mac, "192.0.2.2", true]]);
  host.neighbours.addForwarding(index, "self", { mac: toAll, remote: parseAddress("192.0.2.3") });
  assert.is(host.neighbours.listForwarding(index, "self").length, 3);

  host.neighbours.deleteForwarding(index, "self", { mac: toAll, remote: parseAddress("192.0.2.2") });
  assert.equal(bridgeJson("fdb show dev x0").filter((one) => one.mac === toAll).map((one) => one.dst), ["192.0.2.3"]);
  const last = { mac: toAll, remote: parseAddress("192.0.2.3") };
  host.neighbours.deleteForwarding(index, "self", last);
  assert.match(throws(() => host.neighbours.deleteForwarding(index, "self", last), "ENOENT").message,
    'Cannot delete forwarding entry 00:00:00:00:00:00 at 192.0.2.3 from link "x0": kernel said ENOENT');
});

tunnels("know remote ends of IPv6", () => {
  const { index: six } = host.links.get("x6");
  host.neighbours.addForwarding(six, "self", { mac: toAll, remote: parseAddress("2001:db8::2") });
  assert.equal(bridgeJson("fdb show dev x6").map((one) => [one.mac, one.dst]), [[toAll, "2001:db8::2"]]);
  assert.equal(host.neighbours.listForwarding(six, "self"),
    [{ mac: toAll, remote: parseAddress("2001:db8::2"), permanent: true }]);
});
tunnels.run();

function byText(one: unknown, other: unknown): number {
  return String(one) < String(other) ? -1 : 1;
}
