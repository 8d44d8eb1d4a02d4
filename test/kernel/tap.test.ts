import * as assert from "uvu/assert";
import { openNamespace, openOwnNamespace } from "../../src/kernel/index.ts";
import type { Namespace } from "../../src/kernel/index.ts";
import { throws } from "../helpers/errors.ts";
import { attempt, ipJson, kernelSuite, makeNetns, run } from "../helpers/netns.ts";
import type { TestNetns } from "../helpers/netns.ts";

let host: Namespace;
let container: Namespace;
let containerNetns: TestNetns;

const taps = kernelSuite("links of kind tun", import.meta.url);
taps.before(() => {
  containerNetns = makeNetns();
  host = openOwnNamespace();
  container = openNamespace(containerNetns.path);
});

const seen = (name: string, netns?: TestNetns) => {
  const { linkinfo, mtu, address, txqlen } = ipJson(`link show ${name}`, netns)[0];
  return { kind: linkinfo.info_kind, ...linkinfo.info_data, mtu, address, txqlen };
};

taps("a tap is made in the container, with all that it can be given, and stays", () => {
  run("ip", "link", "add", "tap0", "type", "bridge");
  container.links.add({
    name: "tap0", mtu: 1400, mac: "02:00:00:00:00:01", txQueueLength: 77,
    info: { kind: "tun", type: "tap", owner: 3_000_000_000, group: 4_000_000_000, vnetHeader: true, multiQueue: true },
  });
  const made = seen("tap0", containerNetns);
  assert.equal([made.kind, made.type, made.vnet_hdr, made.multi_queue, made.persist, made.pi],
    ["tun", "tap", true, true, true, false]);
  assert.equal([made.user, made.group].map(String), ["3000000000", "4000000000"]);
  assert.equal([made.mtu, made.address, made.txqlen], [1400, "02:00:00:00:00:01", 77]);
  const info = container.links.get("tap0").info;
  assert.ok(info?.kind === "tun");
  assert.equal([info.type, info.owner, info.group, info.vnetHeader, info.multiQueue, info.packetInfo],
    ["tap", 3_000_000_000, 4_000_000_000, true, true, false]);
  assert.is(ipJson("link show tap0")[0].linkinfo.info_kind, "bridge");
});

taps("without anything else it is a plain tap of anybody's", () => {
  host.links.add({ name: "t1", info: { kind: "tun" } });
  const made = seen("t1");
  assert.equal([made.type, made.user, made.group, made.vnet_hdr, made.multi_queue, made.pi],
    ["tap", undefined, undefined, false, false, false]);
});

taps("a tun with packet information", () => {
  host.links.add({ name: "t2", info: { kind: "tun", type: "tun", packetInfo: true, owner: 0 } });
  const made = seen("t2");
  assert.equal([made.type, made.pi], ["tun", true]);
  const info = host.links.get("t2").info;
  assert.is(info?.kind === "tun" ? info.owner : undefined, 0);
});

taps("a name that is taken, by a tap or by anything, is EEXIST and nothing changes", () => {
  host.links.add({ name: "t3", info: { kind: "tun", owner: 5 } });
  const before = run("ip", "-d", "link");
  for (const name of ["t3", "tap0", "lo"]) {
    const error = throws(() => host.links.add({ name, info: { kind: "tun", owner: 6 } }), "EEXIST");
    assert.is(error.message, `Cannot add link "${name}": kernel said EEXIST (File exists)`);
  }
  assert.is(run("ip", "-d", "link"), before);
});

taps("what the link then refuses takes it away again", () => {
  const error = throws(() => host.links.add({ name: "t4", info: { kind: "tun" }, mtu: 20 }), "EINVAL");
  assert.match(error.message, /^Cannot change link "t4" \(mtu 20\): kernel said EINVAL/);
  assert.is(attempt("ip", "link", "show", "t4").status, 1);
});

taps("it becomes the port of a bridge", () => {
  host.links.add({ name: "t5", info: { kind: "tun" }, master: host.links.get("tap0").index });
  assert.is(ipJson("link show t5")[0].master, "tap0");
});

taps("leaves no descriptor open", () => {
  const open = () => run("ls", "-l", `/proc/${process.pid}/fd`).split("\n").filter((line) => line.includes("net/tun"));
  assert.equal(open(), []);
});
taps.run();
