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
  for (const name of ["../../etc/passwd", "net/ipv4/conf/../../x", "/net", ""]) {
    assert.throws(() => host.sysctl.get(name), /Cannot use sysctl/);
  }
});
sysctl.run();
