// The tree in a terminal.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { modelOf } from "../../../src/commands/show/model.ts";
import { treeLines } from "../../../src/commands/show/tree.ts";
import { coloured, plain } from "../../../src/commands/style.ts";
import { container, exampleNode, network } from "./facts.ts";

const tree = suite("treeLines");

tree("says that no container is attached", () => {
  const model = { ...modelOf(exampleNode(1)), links: [], containers: [], otherRules: [] };
  assert.equal(treeLines(model, { style: plain, columns: 120 }), ["worker-1", "└─ no container is attached"]);
});

tree("has links with what hangs on them, then containers with all they have", () => {
  assert.is(treeLines(modelOf(exampleNode(1)), { style: plain, columns: 120 }).join("\n"), `worker-1
├─ eth0 physical up 192.168.1.20/24
│  └─ eth0.100 vlan id 100 up
│     └─ shop/web-0 net1
├─ cni0 bridge up 10.88.0.1/16
│  ├─ eth1 physical up
│  └─ shop/web-0 eth0 through veth2
└─ shop/web-0 /run/netns/shop/web-0
   ├─ eth0 shop veth on cni0 by veth2 up 02:00:00:00:01:01
   │  └─ 10.88.0.2/16 from host-local 10.88.0.1-10.88.255.254 of shop
   ├─ net1 lan macvlan mode bridge on eth0.100 up
   │  └─ 192.168.100.2/24 from dhcp
   ├─ port 8080/tcp to 80 shop
   └─ nftables inet cni_plugins_masquerade: ip saddr 10.88.0.2 ip daddr != 10.88.0.0/16 masquerade`);
});

tree("fits the width, with colours and without", () => {
  const model = modelOf(exampleNode(30));
  for (const columns of [20, 37, 80]) {
    for (const style of [plain, coloured]) {
      const lines = treeLines(model, { style, columns }).map((line) => line.replaceAll(/\x1b\[\d+m/g, ""));
      assert.ok(lines.every((line) => [...line].length <= columns), lines.find((line) => [...line].length > columns));
    }
  }
});

tree("lets no name move the cursor", () => {
  const evil = container("\x1b[2Jevil\u202e", { networks: [network("\x07net\nwork", "eth0")] });
  const model = modelOf({ node: "n", host: { links: [] }, containers: [evil], rules: [] });
  for (const line of treeLines(model, { style: plain, columns: 200 })) assert.not.match(line, /[\p{Cc}\p{Cf}]/u);
});

tree.run();
