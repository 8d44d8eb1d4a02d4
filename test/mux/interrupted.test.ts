// DEL of several networks while the kernel interrupts what is listed of its rules: NLM_F_DUMP_INTR, by a transport that
// sets it, and transactions that somebody else is always faster than.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import type { Warm } from "../../src/call/index.ts";
import { openWarm } from "../../src/call/index.ts";
import { openNftables } from "../../src/kernel/netfilter/nftables.ts";
import { slowRequestsHere } from "../../src/kernel/slow-requests.ts";
import { NetlinkSocket } from "../../src/kernel/socket.ts";
import type { Transport } from "../../src/kernel/transport.ts";
import { NETLINK_NETFILTER, openTransport } from "../../src/kernel/transport.ts";
import { NLM_F_DUMP_INTR } from "../../src/netlink/index.ts";
import { serve } from "../../src/service/index.ts";
import type { TestNetns } from "../helpers/netns.ts";
import { kernelSuite, makeNetns, run } from "../helpers/netns.ts";

const kernel = kernelSuite("interrupted lists", import.meta.url, { needs: ["nft_nat"] });

let directory: string, netns: TestNetns, warm: Warm;
/** How many messages are marked yet, and after how many tries that ends. */
let interruptions: number, pausesLeft: number;
kernel.before.each(() => {
  directory = mkdtempSync(join(tmpdir(), "polynic-interrupted-"));
  netns = makeNetns();
  const open = openWarm(), socket = new NetlinkSocket(interrupting(openTransport(NETLINK_NETFILTER)), hurriedTime());
  const nftables = openNftables(() => socket, slowRequestsHere(() => socket));
  warm = { ...open, host: { ...open.host, nftables }, close: () => { open.close(); socket.close(); } };
  interruptions = 0;
  pausesLeft = Number.POSITIVE_INFINITY;
});
kernel.after.each(() => {
  warm.close();
  netns.remove();
  run("nft", "flush", "ruleset");
  rmSync(directory, { recursive: true });
});

/** linux/netlink.h: one message of a list. */
const NLM_F_MULTI = 0x2;

/** The kernel's answers, with lists marked as interrupted as long as `interruptions` says so. */
function interrupting(transport: Transport): Transport {
  return {
    ...transport,
    receive(into) {
      const length = transport.receive(into);
      if (length === undefined || interruptions <= 0) return length;
      const view = new DataView(into.buffer, into.byteOffset, length), flags = view.getUint16(6, true);
      if ((flags & NLM_F_MULTI) === 0) return length;
      interruptions--;
      view.setUint16(6, flags | NLM_F_DUMP_INTR, true);
      return length;
    },
  };
}

/** Seconds pass between two tries, and nobody waits for them; a list is tried ten times. */
function hurriedTime() {
  let ms = 0;
  return {
    now: () => (ms += 1000),
    pause() {
      if (--pausesLeft === 0) interruptions = 0;
    },
  };
}

async function call(verb: string): Promise<{ readonly status: number; readonly code?: number; readonly msg?: string }> {
  const chained = [
    { type: "bridge", bridge: "br0", isGateway: true, ipMasq: true, ipMasqBackend: "nftables", ipam: {
      type: "host-local", dataDir: join(directory, "ipam"), subnet: "10.1.0.0/24" } },
    { type: "portmap", backend: "nftables", capabilities: { portMappings: true } },
    { type: "firewall", backend: "nftables" },
  ];
  const stdin = { cniVersion: "1.1.0", name: "pods", type: "polynic", cniDir: join(directory, "cni"),
    delegates: [{ cniVersion: "1.0.0", name: "blue", plugins: chained }],
    runtimeConfig: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }] } };
  const env = { CNI_COMMAND: verb, CNI_CONTAINERID: "c1", CNI_IFNAME: "eth0", CNI_NETNS: netns.path, CNI_PATH: "/none",
    PATH: process.env["PATH"] };
  const { status, stdout } = await serve({ name: "polynic", env, stdin: JSON.stringify(stdin) }, { warm });
  return stdout === "" ? { status } : { status, ...JSON.parse(stdout) };
}

/** Rules that tell of the container, by its id or its address. */
function rulesLeft(): number {
  return run("nft", "list", "ruleset").split("\n").filter((line) => /\bc1\b|10\.1\.0\.2\b/.test(line)).length;
}

kernel("DEL fails at every try as long as rules are left, and says what it could not list", async () => {
  assert.is((await call("ADD")).status, 0);
  const made = rulesLeft();
  assert.ok(made >= 5, run("nft", "list", "ruleset"));
  interruptions = Number.POSITIVE_INFINITY;
  for (const time of [1, 2, 3]) {
    const { status, code, msg = "" } = await call("DEL");
    assert.equal([status, code], [1, 110], `DEL ${time}: ${msg}`);
    assert.match(msg, /Cannot list the rules of chain .*: kernel said EINTR \(the list changed while it was read/);
    assert.is(rulesLeft(), made);
  }
  interruptions = 0;
  assert.equal(await call("DEL"), { status: 0 });
  assert.is(rulesLeft(), 0);
  assert.equal(await call("DEL"), { status: 0 });
});

kernel("DEL reads a list again that was interrupted, until it is whole", async () => {
  assert.is((await call("ADD")).status, 0);
  interruptions = 5;
  assert.equal(await call("DEL"), { status: 0 });
  assert.is(rulesLeft(), 0);
});

kernel("DEL of some rules only fails, and the next one takes the rest", async () => {
  assert.is((await call("ADD")).status, 0);
  const made = rulesLeft();
  // As often as one list is tried, and some times the next one.
  interruptions = Number.POSITIVE_INFINITY;
  pausesLeft = 12;
  const first = await call("DEL");
  assert.is(first.status, 1);
  const left = rulesLeft();
  assert.ok(left > 0 && left < made, `${left} of ${made} are left`);
  assert.equal(await call("DEL"), { status: 0 });
  assert.is(rulesLeft(), 0);
});
kernel.run();
