import { readFileSync } from "node:fs";
import * as assert from "uvu/assert";
import { openNamespace, openOwnNamespace } from "../../src/kernel/index.ts";
import { throws } from "../helpers/errors.ts";
import { kernelSuite, makeNetns } from "../helpers/netns.ts";

const forward = "net/ipv4/ip_forward";
const own = (): string => readFileSync(`/proc/sys/${forward}`, "utf8");

const sysctl = kernelSuite("sysctl", import.meta.url);

sysctl("reads and writes the namespace it belongs to and no other", () => {
  const netns = makeNetns();
  const container = openNamespace(netns.path);
  const host = openOwnNamespace();
  host.sysctl.set(forward, "0");
  container.sysctl.set(forward, "1");
  assert.is(netns.exec("cat", `/proc/sys/${forward}`), "1\n");
  assert.is(own(), "0\n");
  assert.is(container.sysctl.get(forward), "1");
  assert.is(host.sysctl.get(forward), "0");
});

sysctl("says ENOENT for a missing one, and stays in its namespace", () => {
  const container = openNamespace(makeNetns().path);
  openOwnNamespace().sysctl.set(forward, "0");
  throws(() => container.sysctl.get("net/ipv4/conf/none/rp_filter"), "ENOENT");
  throws(() => container.sysctl.set("net/ipv4/conf/none/rp_filter", "0"), "ENOENT");
  container.sysctl.set(forward, "1");
  assert.is(own(), "0\n");
});

sysctl("swap sets one and tells what it was, and neither where it cannot", () => {
  const netns = makeNetns(), container = openNamespace(netns.path);
  openOwnNamespace().sysctl.set(forward, "0");
  container.sysctl.set(forward, "1");
  assert.is(container.sysctl.swap(forward, "0"), "1");
  assert.is(netns.exec("cat", `/proc/sys/${forward}`), "0\n");
  const ports = "net/ipv4/ip_local_reserved_ports", odd = Array.from({ length: 2000 }, (_, i) => 2 * i + 1).join(",");
  container.sysctl.set(ports, odd);
  assert.is(container.sysctl.swap(ports, "8080"), odd);
  assert.is(container.sysctl.get(ports), "8080");
  for (const [name, value, errno] of [["net/ipv4/conf/none/rp_filter", "0", "ENOENT"], [forward, "abc", "EINVAL"],
    ["net/ipv4/conf", "1", "EISDIR"]] as const)
    assert.match(throws(() => container.sysctl.swap(name, value), errno).message, `Cannot write sysctl "${name}"`);
  assert.equal([container.sysctl.get(forward), own()], ["0", "0\n"]);
});

sysctl("setPossible sets those that are there, and passes over the others", () => {
  const netns = makeNetns(), container = openNamespace(netns.path);
  openOwnNamespace().sysctl.set(forward, "0");
  container.sysctl.setPossible({ "net/ipv4/conf/none/rp_filter": "1", [forward]: "1", "net/ipv4/conf": "1" });
  assert.equal([container.sysctl.get(forward), own()], ["1", "0\n"]);
  assert.throws(() => container.sysctl.setPossible({ "../../etc/passwd": "1" }), /Cannot use sysctl/);
});

sysctl("names the sysctl that the kernel says something of", () => {
  const host = openOwnNamespace();
  for (const [work, message] of [
    [() => host.sysctl.set("net/ipv4/ip_forward", "abc"),
      'Cannot write sysctl "net/ipv4/ip_forward": kernel said EINVAL (Invalid argument)'],
    [() => host.sysctl.get("net/ipv4/conf"),
      'Cannot read sysctl "net/ipv4/conf": kernel said EISDIR (Is a directory)'],
  ] as const) {
    try {
      work();
      assert.unreachable();
    } catch (error) {
      assert.is(error instanceof Error && error.message, message);
    }
  }
});

sysctl("refuses names that lead elsewhere", () => {
  const host = openOwnNamespace();
  for (const name of ["../../etc/passwd", "net/ipv4/conf/../../x", "/net", "net/", "net//x", "net/./x", ""]) {
    assert.throws(() => host.sysctl.get(name), /Cannot use sysctl/);
  }
});
sysctl.run();
