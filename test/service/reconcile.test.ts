// src/service/reconcile.ts: the evidence, and addresses that nobody accounts for. test/daemon/reconcile.test.ts has the
// rest of it, in namespaces.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseAddress, parsePrefix } from "../../src/net/index.ts";
import { bootId } from "../../src/os/index.ts";
import { releaseEarlierBoots, remainsIn, whyGone } from "../../src/service/index.ts";
import { openFileLeases } from "../../src/store/index.ts";

const evidence = suite("what shows that a container is gone");
evidence("is another start of the machine, or a path without a namespace; neither a path nobody wrote down", () => {
  const directory = mkdtempSync(join(tmpdir(), "polynic-remains-"));
  try {
    const file = join(directory, "a-file");
    writeFileSync(file, "");
    const gone = (netns: string, boot?: string): boolean => {
      const multiplexer = { network: "pods", ifName: "eth0", netns, args: "",
        ...(boot === undefined ? {} : { bootId: boot }) };
      const known = { containerId: "c", ifName: "eth0", multiplexer, damage: undefined, networks: [], unreadable: [] };
      return whyGone({ ...known, source: "scratch" }) !== undefined;
    };
    assert.equal([gone("/proc/self/ns/net"), gone(join(directory, "none")), gone(file), gone("")],
      [false, true, true, false]);
    assert.equal([gone("/proc/self/ns/net", bootId()), gone("/proc/self/ns/net", "other"), gone("", "other")],
      [false, true, true]);
    assert.equal(remainsIn(join(directory, "none"), []), []);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
evidence.run();

const addresses = suite("addresses of an earlier start of the machine");
addresses("are released where nothing accounts for them; those of this one and of other programs stay", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "polynic-leases-"));
  const commit = async (boot: string, containerId: string, text: string): Promise<void> => {
    const owner = { containerId, ifName: "eth0" }, address = parseAddress(text);
    const { address: first } = parsePrefix("10.9.0.0/24");
    await openFileLeases({ dataDir, node: { name: hostname(), bootId: boot } }).exclusively("net", async (turn) => {
      await turn.view({ owner, spans: [{ first, last: parseAddress("10.9.0.255") }], reserved: [[]], sets: 1 });
      await turn.commit({ owner, leases: [{ address }], stale: [] });
    });
  };
  try {
    await commit("another", "old", "10.9.0.5");
    await commit(bootId(), "new", "10.9.0.6");
    writeFileSync(join(dataDir, "net", "10.9.0.7"), "theirs\r\neth0");
    assert.is(await releaseEarlierBoots(dataDir), 1);
    assert.equal(readdirSync(join(dataDir, "net")).filter((name) => name.startsWith("10.")).sort(),
      ["10.9.0.6", "10.9.0.7"]);
    assert.is(await releaseEarlierBoots(dataDir), 0);
    assert.is(await releaseEarlierBoots(join(dataDir, "none")), 0);
  } finally {
    rmSync(dataDir, { recursive: true });
  }
});
addresses.run();
