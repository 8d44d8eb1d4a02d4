import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { FirewallBackend } from "../../../src/plugins/packet-rules/backend.ts";
import { withBackend } from "../../../src/plugins/packet-rules/backend.ts";
import type { Handles } from "../../../src/plugins/index.ts";

/** What is asked of the handles; everything else would throw. */
function handles(usable: { readonly iptables: boolean; readonly nftables: boolean }, asked: string[]): Handles {
  const fake = {
    iptables: { usable: async () => (asked.push("iptables"), usable.iptables) },
    host: { nftables: { usable: () => (asked.push("nftables"), usable.nftables) } },
  };
  // Only these two are reached by withBackend.
  return fake as unknown as Handles;
}

const backend = suite("withBackend");
for (const { title, configured, iptables, nftables, tried, asked, ends } of [
  { title: "uses what is configured, whether usable or not", configured: "nftables", iptables: true, nftables: false,
    tried: ["nftables"], asked: [], ends: "nftables failed" },
  { title: "uses iptables without asking when it works", configured: undefined, iptables: true, nftables: true,
    tried: ["iptables"], asked: [], ends: "done" },
  { title: "turns to nftables when only that is usable", configured: undefined, iptables: false, nftables: true,
    tried: ["iptables", "nftables"], asked: ["iptables", "nftables"], ends: "done" },
  { title: "reports iptables' error when neither is usable", configured: undefined, iptables: false, nftables: false,
    tried: ["iptables"], asked: ["iptables", "nftables"], ends: "iptables failed" },
] satisfies {
  title: string;
  configured: FirewallBackend | undefined;
  iptables: boolean;
  nftables: boolean;
  tried: string[];
  asked: string[];
  ends: string;
}[]) {
  backend(title, async () => {
    const triedNow: string[] = [], askedNow: string[] = [];
    const works = { iptables, nftables };
    const end = await withBackend(handles(works, askedNow), configured, async (chosen) => {
      triedNow.push(chosen);
      if (!works[chosen]) throw new Error(`${chosen} failed`);
      return "done";
    }).catch((error: Error) => error.message);
    assert.equal([triedNow, askedNow, end], [tried, asked, ends]);
  });
}

backend("reports the error of usable iptables without a try of nftables", async () => {
  const tried: string[] = [];
  const end = await withBackend(handles({ iptables: true, nftables: true }, []), undefined, async (chosen) => {
    tried.push(chosen);
    throw new Error("refused");
  }).catch((error: Error) => error.message);
  assert.equal([tried, end], [["iptables"], "refused"]);
});
backend.run();
