// Masquerade and spoof check beside the reference's bridge: the same objects, and each deletes what the other made.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { parsePrefix } from "../../../src/net/index.ts";
import { setupSpoofCheck, teardownSpoofCheck } from "../../../src/plugins/bridge/mac-spoof-check.ts";
import type { FirewallBackend } from "../../../src/plugins/packet-rules/backend.ts";
import { setupMasquerade, teardownMasquerade } from "../../../src/plugins/packet-rules/masquerade/index.ts";
import { firewallContext, natTable } from "../../helpers/firewall.ts";
import { waitLimitMs } from "../../helpers/limits.ts";
import { kernelSuite, makeNetns, run } from "../../helpers/netns.ts";

const directory = fileURLToPath(import.meta.resolve("../../../build/reference-plugins/"));
const executable = `${directory}bridge`;
const address = "10.1.0.5/24";
const pod = { network: "test", containerId: "1234", ifName: "eth0", addresses: [parsePrefix(address)] };

const suite = kernelSuite("firewall beside the reference's bridge", import.meta.url, { needs: ["nft_nat"] });

interface Link {
  readonly name: string;
  readonly mac: string;
}

/** The interfaces of the answer, without those of DEL. */
function callBridge(command: "ADD" | "DEL", backend: FirewallBackend): readonly Link[] {
  const conf = {
    cniVersion: "1.0.0", name: "test", type: "bridge", bridge: "br0", ipMasq: true, ipMasqBackend: backend,
      macspoofchk: true,
    ipam: { type: "static", addresses: [{ address }] },
  };
  const env = { ...process.env, CNI_COMMAND: command, CNI_CONTAINERID: "1234", CNI_NETNS: "/run/netns/c",
    CNI_IFNAME: "eth0", CNI_PATH: directory };
  const { status, stdout } = spawnSync(executable, { input: JSON.stringify(conf), env, encoding: "utf8",
    timeout: waitLimitMs });
  // With iptables 1.8.9 its DEL of nftables rules ends in an error even after its own ADD: it takes iptables' missing
  // chain for one.
  if (status !== 0 && !(command === "DEL"
    && stdout.includes("does not exist"))) throw new Error(`${command}: ${stdout}`);
  return command === "ADD" ? JSON.parse(stdout).interfaces : [];
}

/**
 * Everything the two made, without handles and counters, comments of tables and chains, and the random name of the
 * port.
 */
function firewall(port = "none"): readonly string[] {
  const nftables = run("nft", "--stateless", "list",
    "ruleset").split("\n").map((line) => line.trim().replace(`"${port}"`, `"port"`));
  return [...natTable(4), ...nftables.filter((line) => !line.startsWith("comment ") && line !== "")];
}

for (const backend of ["iptables", "nftables"] as const) {
  if (!existsSync(executable)) {
    suite.skip(`${backend}: the reference's newer build is not there`, () => {});
    continue;
  }

  suite(`${backend}: the same objects, deleted by either`, async () => {
    makeNetns("c");
    const context = firewallContext();
    const { nftables } = context.host;

    const [, port, own] = callBridge("ADD", backend);
    assert.ok(port !== undefined && own !== undefined);
    const theirs = firewall(port.name);
    await teardownMasquerade(context, pod);
    await teardownSpoofCheck(nftables, pod);
    const empty = firewall();
    assert.is(empty.some((line) => /1234|10\.1\.0\.5/.test(line)), false);

    await setupMasquerade(context, pod, backend, context.undo);
    await setupSpoofCheck(nftables, { ...pod, hostLink: port.name, mac: own.mac }, context.undo);
    assert.equal(new Set(firewall(port.name)), new Set(theirs));
    callBridge("DEL", backend);
    assert.equal(firewall(), empty);

    context.close();
    run("ip", "link", "delete", "br0");
    run("ip", "netns", "delete", "c");
    run("nft", "flush", "ruleset");
  });
}

suite.run();
