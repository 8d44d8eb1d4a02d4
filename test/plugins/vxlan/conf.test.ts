// src/plugins/vxlan/conf.ts: what a configuration must say before the node is looked at.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { code, CniError } from "../../../src/cni/index.ts";
import { formatAddress } from "../../../src/net/index.ts";
import { vxlanSettings } from "../../../src/plugins/vxlan/conf.ts";
import type { VxlanConf } from "../../../src/plugins/vxlan/conf.ts";
import { attachmentNote, noteOf, refuseLongName } from "../../../src/plugins/vxlan/note.ts";
import { tunnelMtu } from "../../../src/plugins/vxlan/tunnel.ts";
import { parseAddress } from "../../../src/net/index.ts";

const settings = suite("vxlanSettings");
const conf = (more: object): VxlanConf => (
  { cniVersion: "1.0.0", name: "n", type: "vxlan", vni: 42, ...more } as VxlanConf);

settings("fills in what is not said", () => {
  const { peers, entries, ...rest } = vxlanSettings(conf({ peers: ["192.0.2.2"] }));
  assert.equal(rest, { vni: 42, device: "vxlan42", bridge: "vxbr42", family: 4, group: undefined, local: undefined,
    mtu: 0, master: "", port: 4789, ttl: 0, learning: true });
  assert.equal(peers.map(formatAddress), ["192.0.2.2"]);
  assert.equal(entries.map(({ mac }) => mac), ["00:00:00:00:00:00"]);
});

settings("takes every key", () => {
  const { local, group, entries, ...rest } = vxlanSettings(conf({ local: "2001:db8::1", group: "ff05::1", port: 8472,
    ttl: 3, learning: false, mtu: 1300, device: "tun", bridge: "br", master: "eth1",
    neighbours: [{ mac: "02:00:00:00:00:0A", peer: "2001:db8::2" }] }));
  assert.equal([local, group].map((one) => one && formatAddress(one)), ["2001:db8::1", "ff05::1"]);
  assert.equal(entries.map(({ mac, remote }) => [mac, remote && formatAddress(remote)]),
    [["02:00:00:00:00:0a", "2001:db8::2"]]);
  assert.equal(rest, { vni: 42, device: "tun", bridge: "br", family: 6, peers: [], mtu: 1300, master: "eth1",
    port: 8472, ttl: 3, learning: false });
});

settings("names the longest links by the largest VNI", () => (
  assert.is(vxlanSettings(conf({ vni: 16777215, peers: [] })).device, "vxlan16777215")));

for (const [what, more, message] of [
  ["neither peers nor group", {}, /"peers": .*neither/],
  ["both of them", { peers: [], group: "239.1.1.1" }, /"group": .*"peers", too/],
  ["a peer that is no address", { peers: ["192.0.2.2", "x"] }, /peers\[1\]: "x" is no address/],
  ["a peer that is many", { peers: ["239.1.1.1"] }, /peers\[0\]: .*no address of one node/],
  ["a peer that is none", { peers: ["0.0.0.0"] }, /peers\[0\]: .*no address of one node/],
  ["a peer that is everybody's", { peers: ["::1"] }, /peers\[0\]: .*no address of one node/],
  ["peers of two families", { peers: ["192.0.2.2", "2001:db8::2"] }, /peers\[1\]: 2001:db8::2 is IPv6, expected IPv4/],
  ["a local of another family", { local: "2001:db8::1", peers: ["192.0.2.2"] },
    /peers\[0\]: .*IPv4, expected IPv6 as local/],
  ["a group that is one node", { group: "192.0.2.2" }, /group: .*no multicast/],
  ["a neighbour without a MAC", { peers: [], neighbours: [{ mac: "x", peer: "192.0.2.2" }] }, /neighbours\[0\]\.mac/],
  ["a neighbour that is many", { peers: [], neighbours: [{ mac: "01:00:00:00:00:01", peer: "192.0.2.2" }] },
    /neighbours\[0\]\.mac: .*one interface/],
  ["a neighbour nowhere", { peers: [], neighbours: [{ mac: "02:00:00:00:00:01", peer: "" }] }, /neighbours\[0\]\.peer/],
  ["an MTU that IPv4 cannot use", { peers: [], mtu: 67 }, /mtu 67: expected 0, or 68/],
  ["a device that can be none", { peers: [], device: "a/b" }, /device "a\/b"/],
  ["a bridge that can be none", { peers: [], bridge: "longer-than-fits" }, /bridge "longer-than-fits"/],
  ["one name for both", { peers: [], device: "x", bridge: "x" }, /device "x": the bridge has that name/],
] as const) {
  settings(`refuses ${what}`, () => {
    try {
      vxlanSettings(conf(more));
    } catch (error) {
      assert.instance(error, CniError);
      assert.is((error as CniError).code, code.invalidConfig);
      assert.match((error as CniError).message, message);
      return;
    }
    assert.unreachable();
  });
}
settings.run();

const mtu = suite("tunnelMtu");
mtu("leaves room for what a frame is wrapped in", () => {
  const underlay = { parent: { index: 1, name: "eth0", mtu: 1500 }, local: parseAddress("192.0.2.1") };
  assert.is(tunnelMtu({ family: 4 }, underlay), 1450);
  assert.is(tunnelMtu({ family: 6 }, underlay), 1430);
});
mtu.run();

const notes = suite("notes");
notes("fit into an alias of the kernel's, which has 255 bytes", () => {
  const network = "n".repeat(100);
  refuseLongName(network);
  assert.throws(() => refuseLongName(`${network}n`), /name: it has 101 characters/);
  assert.ok(attachmentNote(network, { containerId: "c".repeat(500), ifName: "i".repeat(15) }).length <= 255);
});
notes("of two attachments differ, and so do those of two networks", () => {
  assert.is.not(attachmentNote("n", { containerId: "a", ifName: "eth0" }),
    attachmentNote("n", { containerId: "a", ifName: "eth1" }));
  assert.is.not(noteOf("a"), noteOf("b"));
});
notes.run();
