/** dhcp in the kill sweep: a bridge with a DHCP server on it, and our daemon, which outlives the killed calls. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { DhcpNetwork } from "../dhcp/network.ts";
import { dnsmasqLeases, makeDhcpNetwork, startDhcpDaemon, startDnsmasq } from "../dhcp/network.ts";
import { until } from "../netns.ts";
import type { World } from "../runtime.ts";
import type { Subject } from "./sweep.ts";

/**
 * What is compared beside the node: the leases that the daemon keeps, and after a DEL, which still has the link to ask
 * over, those that the server has given. A GC comes when the link is gone: the server's part runs out.
 */
export function dhcpSubject(title: string, below: Readonly<Record<string, unknown> & { type: string }>): Subject {
  let network: DhcpNetwork | undefined, kept = "", socket = "";
  return {
    title,
    async prepare({ host }: World) {
      const made = network = makeDhcpNetwork("killed0", (...words) => host.exec(...words));
      [kept, socket] = [join(made.directory, "kept"), join(made.directory, "run", "dhcp.sock")];
      // The shortest that it can be told: the daemon sees within seconds that a link is gone.
      await startDnsmasq(made, ["dhcp-option=option:T1,1", "dhcp-option=option:T2,100"]);
      await startDhcpDaemon(made, ["-leases", kept], socket);
    },
    plugins: () => [{ ...below, ipam: { type: "dhcp", daemonSocketPath: socket } }],
    async settle(cleaning) {
      const made = network;
      if (made === undefined) throw new Error("settled before it was prepared");
      await until("the daemon to let go of its lease", () => !readdirSync(kept).some((name) => name.endsWith(".json")));
      if (cleaning !== "DEL") return;
      await until("the server to have the address back", () => dnsmasqLeases(made).length === 0);
    },
    async end() {
      await network?.remove();
      network = undefined;
    },
  };
}
