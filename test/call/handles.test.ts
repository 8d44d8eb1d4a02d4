// src/call/handles.ts: what plugins are given, and to whom.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { handlesWith, openHandles } from "../../src/call/index.ts";
import { throws } from "../helpers/errors.ts";

const silent = { error() {}, warn() {}, verbose() {}, debug() {} };
const handles = (dataDirs?: readonly string[]) => openHandles({
  netns: "", path: [], execute: [], modules: "", log: silent, surroundings: { env: {}, tell() {} }, dataDirs });

const leases = suite("reservations");

leases("are kept where the node's own networks say, whatever they say", () => {
  for (const dataDir of ["/etc/cni", "relative"])
    assert.is(handles([]).leases({ type: "files", dataDir, trusted: true }).place, dataDir);
});

leases("of anybody's networks are kept in the usual places, or where dataDirs says", () => {
  const choice = (dataDir: string) => ({ type: "files", dataDir, trusted: false }) as const;
  assert.is(handles().leases(choice("/var/lib/cni/networks")).place, "/var/lib/cni/networks");
  throws(() => handles().leases(choice("/etc/cni")), 7);
  throws(() => handles(["/srv/ipam"]).leases(choice("/var/lib/cni/networks")), 7);
  assert.is(handles(["/srv/ipam"]).leases(choice("/srv/ipam/blue")).place, "/srv/ipam/blue");
});

leases("are one store for all who ask for the same", () => {
  const one = handles(), choice = { type: "files", dataDir: "/var/lib/cni/networks", trusted: true } as const;
  assert.is(one.leases(choice), one.leases({ ...choice }));
  assert.is.not(one.leases(choice), one.leases({ ...choice, dataDir: "/run/ipam" }));
});

leases.run();

const more = suite("handlesWith");

more("gives one thing more, and what others have laid over stays, as a recorder's or a plan's", () => {
  const open = handles(), laid = Object.defineProperty(handles(), "iptables", { get: () => "instead" });
  assert.equal([handlesWith(open, { extra: 1 }).extra, handlesWith(laid, { extra: 1 }).extra], [1, 1]);
  for (const isEnumerable of [false, true]) {
    const laidAgain = Object.defineProperty(handlesWith(laid, {}), "host",
      { get: () => "instead", enumerable: isEnumerable });
    const { host, iptables, extra } = handlesWith(laidAgain, { extra: 2 });
    assert.equal([host, iptables, extra], ["instead", "instead", 2]);
  }
});

more.run();
