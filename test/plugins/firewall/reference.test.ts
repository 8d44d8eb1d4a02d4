// firewall's executable beside the reference's: the same rules, and each checks and deletes what the other made.
import { join } from "node:path";
import * as assert from "uvu/assert";
import { builtDist } from "../../helpers/dist.ts";
import { kernelSuite } from "../../helpers/netns.ts";
import type { Answer, NetworkConf, World } from "../../helpers/runtime.ts";
import { changes, leftovers, makeWorld, referencePlugins, runChain, state } from "../../helpers/runtime.ts";

const rows: readonly { readonly title: string; readonly conf: object; readonly only?: string }[] = [
  { title: "iptables", conf: { backend: "iptables" } },
  { title: "a chain of the operator's", conf: { iptablesAdminChainName: "OPERATORS" } },
  // The older release has other words in the comments of a policy's rules, by which it is known.
  { title: "same-bridge", conf: { backend: "", ingressPolicy: "same-bridge" }, only: "1.9" },
  { title: "isolated", conf: { ingressPolicy: "isolated" }, only: "1.9" },
];

for (const { release, directory } of referencePlugins()) {
  const suite = kernelSuite(`firewall beside the reference's ${release}`, import.meta.url,
    { needs: ["nft_nat", "ipv6"] });
  const cniVersion = release === "1.1" ? "1.0.0" : "1.1.0";

  for (const { title, conf } of rows.filter(({ only }) => only === undefined || only === release)) {
    suite(title, () => {
      const worlds = { theirs: makeWorld(), ours: makeWorld() };
      const ours = () => [join(builtDist(), "bin")], theirs = () => [directory];
      const network = (world: World): NetworkConf => ({ cniVersion, name: "net1", plugins: [
        { type: "bridge", bridge: "br0", isGateway: true, ipam: { type: "host-local",
          dataDir: join(world.directory, "networks"),
          ranges: [[{ subnet: "10.20.0.0/24" }], [{ subnet: "fd00:20::/64" }]] } },
        { type: "firewall", ...conf },
      ] });
      try {
        const added = {
          theirs: fine(runChain(worlds.theirs, "ADD", network(worlds.theirs), theirs)),
          ours: fine(runChain(worlds.ours, "ADD", network(worlds.ours), ours)),
        };
        assert.equal(rulesApart(worlds), [], "after ADD");
        fine(runChain(worlds.theirs, "CHECK", network(worlds.theirs), ours, { prevResult: added.theirs.json }));
        fine(runChain(worlds.ours, "CHECK", network(worlds.ours), theirs, { prevResult: added.ours.json }));
        fine(runChain(worlds.theirs, "DEL", network(worlds.theirs), ours, { prevResult: added.theirs.json }));
        fine(runChain(worlds.ours, "DEL", network(worlds.ours), theirs, { prevResult: added.ours.json }));
        assert.equal(rulesApart(worlds), [], "after DEL");
        for (const world of Object.values(worlds)) {
          assert.equal(leftovers(world), []);
          assert.not.ok(rulesOf(world).some((line) => /10\.20\.0\.2|fd00:20::2/.test(line)));
        }
      } finally {
        for (const world of Object.values(worlds)) world.remove();
      }
    });
  }
  suite.run();
}

function rulesOf(world: World): readonly string[] {
  return state(world).filter((line) => line.startsWith("/host/firewall"));
}

function rulesApart({ theirs, ours }: { readonly theirs: World; readonly ours: World }): readonly string[] {
  return changes(rulesOf(theirs), rulesOf(ours));
}

function fine(answer: Answer): Answer {
  assert.is(answer.status, 0, `${answer.stdout}${answer.stderr}`);
  return answer;
}
