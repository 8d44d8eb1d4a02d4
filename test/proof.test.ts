// Whoever changes a source file finds its test: by its name, by its folder, or below. And that test really runs it.
import { basename, dirname, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { filesOf, importsOf, root, shown, source, textOf } from "./helpers/sources.ts";

/** Tests that prove files of their room, or of a room below, which have another name; below src/ and without ".ts". */
const provenBy: Readonly<Record<string, readonly string[]>> = {
  "test/bin/cni.test.ts": ["program/layout", "program/names", "program/version", "os/descriptor"],
  "test/call/node-subnets.test.ts": [
    "commands/machine/node-ranges", "ipam/node-subnets", "kube/nodes/node", "kube/nodes/nodes",
    "plugins/host-local/node-ranges", "store/shared/json-file", "store/shared/known-subnets",
  ],
  "test/call/shared-leases.test.ts": ["call/late-leases", "store/shared/release-journal"],
  "test/cni/args.test.ts": ["cni/errors"],
  "test/cni/conf.test.ts": ["schema/folding", "schema/json-object", "schema/message"],
  "test/cni/json.test.ts": ["cni/repeated-keys"],
  "test/commands/attach.test.ts": ["commands/detach/attached", "commands/detach/index"],
  "test/commands/bridge-uplink.test.ts": [
    "commands/bridge-uplink/carry-out", "commands/bridge-uplink/gateways", "commands/bridge-uplink/guard",
    "commands/bridge-uplink/index", "commands/bridge-uplink/move", "commands/bridge-uplink/plan",
    "commands/bridge-uplink/record", "commands/bridge-uplink/report", "commands/bridge-uplink/routes",
  ],
  "test/commands/completion/candidates.test.ts": ["commands/completion/index", "commands/completion/names"],
  "test/commands/frame.test.ts": [
    "commands/command", "commands/errors", "commands/help", "commands/options",
    "commands/style", "commands/version/index",
  ],
  "test/commands/ipam-shared.test.ts": [
    "commands/ipam/check", "commands/ipam/gc", "commands/ipam/pools", "commands/ipam/ranges", "commands/ipam/verdicts",
  ],
  "test/commands/ipam/move.test.ts": ["kube/inventory", "kube/own-access"],
  "test/commands/page.test.ts": ["commands/all"],
  "test/commands/state.test.ts": [
    "commands/check/index", "commands/gc/index", "commands/status/index", "commands/machine/configuration",
    "commands/machine/directories", "commands/machine/known", "commands/machine/network-call",
  ],
  "test/commands/plan/pod.test.ts": ["service/foreseen"],
  "test/commands/trace.test.ts": ["commands/steps/handles", "commands/steps/namespace", "commands/steps/tools"],
  "test/bin/shim.test.ts": ["commands/daemon/index"],
  "test/daemon/collecting.test.ts": ["commands/daemon/collect"],
  "test/daemon/reach/run.test.ts": [
    "commands/daemon/reach", "commands/machine/cluster", "kube/nodes/follow", "kube/nodes/list",
  ],
  "test/daemon/hot-plug.test.ts": ["commands/daemon/watch", "mux/change/change", "service/change"],
  "test/daemon/monitor/observed.test.ts": ["daemon/monitor/journal", "daemon/monitor/metrics", "wasm/call/observer"],
  "test/daemon/daemon.test.ts": ["daemon/connection", "daemon/limits", "daemon/peer", "daemon/refusal", "daemon/run"],
  "test/commands/dhcp-daemon.test.ts": ["commands/dhcp-daemon/duration", "commands/dhcp-daemon/index"],
  "test/dhcp/rpc.test.ts": ["dhcp/rpc-result"],
  "test/dhcp/gob.test.ts": ["dhcp/gob-reader", "dhcp/gob-writer"],
  "test/dhcp/given-lease.test.ts": ["dhcp/options"],
  "test/dhcp/lease.test.ts": ["dhcp/client"],
  "test/dhcp/message.test.ts": ["dhcp/datagram"],
  "test/etcd/etcd.test.ts": [
    "etcd/blocks", "etcd/client", "etcd/keys", "etcd/steps", "etcd/transaction",
  ],
  "test/exec/executable.test.ts": ["os/child"],
  "test/exec/iptables.test.ts": ["exec/tools"],
  "test/kernel/link-kinds.test.ts": ["kernel/rtnetlink/ip", "kernel/rtnetlink/link-message"],
  "test/kernel/links.test.ts": ["kernel/namespace-handle"],
  "test/kernel/netns.test.ts": ["os/network-calls"],
  "test/kernel/socket.test.ts": ["kernel/answer", "kernel/netlink-error", "kernel/time", "kernel/transport"],
  "test/kube/cluster.test.ts": ["os/pool", "os/world"],
  "test/mux/add.test.ts": [
    "mux/check", "mux/command", "mux/del", "mux/placeholder", "mux/networks/args", "mux/networks/network-attachment",
  ],
  "test/mux/attachment/executed.test.ts": [
    "call/passthru", "service/call", "service/multiplexer",
  ],
  "test/mux/conf.test.ts": ["mux/networks/network-files", "mux/networks/resolve"],
  "test/mux/pod/pods.test.ts": ["mux/cluster"],
  "test/nad/annotation.test.ts": [
    "nad/annotation-names", "nad/comma-form", "nad/json-form", "nad/object-name", "nad/refusal", "nad/selection-values",
  ],
  "test/nad/capabilities.test.ts": ["nad/plugin-list"],
  "test/net/taken-view.test.ts": ["net/address-list"],
  "test/netlink/attrs.test.ts": ["netlink/codec/payload"],
  "test/netlink/link.test.ts": [
    "netlink/address", "netlink/bridge-vlan", "netlink/codec/ip", "netlink/ifinfomsg", "netlink/netns-id",
    "netlink/route",
  ],
  "test/netlink/nftables/transaction.test.ts": ["netlink/nfnetlink"],
  "test/netlink/scalars.test.ts": ["netlink/codec/struct"],
  "test/os/lock.test.ts": ["os/libc"],
  "test/os/whole-file.test.ts": ["os/errno"],
  "test/plugins/bridge/kernel.test.ts": [
    "kernel/packet-filter", "plugins/interface/attach", "plugins/interface/delete", "plugins/interface/forwarding",
    "plugins/interface/veth",
  ],
  "test/plugins/dhcp/dhcp.test.ts": [
    "daemon/dhcp/container-link", "daemon/dhcp/held-lease", "daemon/dhcp/lease-files", "daemon/dhcp/leases",
    "daemon/dhcp/rpc-connection", "daemon/dhcp/run", "exec/dhcp-daemon", "exec/late-dhcp-daemon",
  ],
  "test/plugins/host-local/host-local.test.ts": ["ipam/leases", "ipam/reserve", "ipam/views"],
  "test/plugins/tuning/tuning.test.ts": ["plugins/interface/chained", "store/attachment-files"],
  "test/service/at-once.test.ts": ["call/surroundings"],
  "test/store/file-leases.test.ts": [
    "os/boot-id", "store/holds", "store/lease-file", "store/lease-index", "store/network-directory",
    "store/network-leases", "store/remembered",
  ],
  "test/store/scratch.test.ts": ["store/multiplexer", "store/scratch-delegate"],
  "test/wasm/call/sandbox.test.ts": ["wasm/limits"],
  "test/wasm/hostile/schema.test.ts": ["schema/compile", "schema/compiler", "schema/cost"],
  "test/wasm/installed/installed.test.ts": ["os/own-file", "wasm/host"],
};

const sources = filesOf(["src"], [".ts"]).filter((file) => !file.endsWith(".d.ts"));
const tests = filesOf(["test"], [".test.ts"]);
const testsIn = Map.groupBy(tests, (file) => dirname(shown(file)));
const reached = new Map<string, ReadonlySet<string>>();
const startsExecutable = /"bin", "cni\.ts"|builtDist\(|"bin", "polynic"|src\/bin\/cni\.ts/;

const proof = suite("a source file");

proof("has a test of its name, in its folder, or in the list here", () => {
  const without = sources.filter((file) => hasCode(file) && testsOf(file).length === 0);
  assert.equal(without.map(shown), []);
});

proof("is run by one of those", () => {
  const unreached = sources.filter((file) => hasCode(file) && testsOf(file).length > 0)
    .filter((file) => !testsOf(file).some((test) => reachedFrom(test).has(file)));
  assert.equal(unreached.map(shown), []);
});

proof("stands in the list under the name it has, beside a test that is there", () => {
  const files = Object.values(provenBy).flat().map((name) => join(source, `${name}.ts`));
  assert.equal(files.filter((file) => !sources.includes(file)).map(shown), []);
  assert.equal(Object.keys(provenBy).filter((test) => !tests.includes(join(root, test))), []);
});

proof.run();

/** Whether anything of it is left when types are gone; a front door passes on what others hold. */
function hasCode(file: string): boolean {
  const isDoor = dirname(dirname(file)) === source && basename(file) === "index.ts";
  return !isDoor && /^(?:export )?(?:async |abstract )*(?:function|const|let|class|void|if|for)\b/m.test(textOf(file));
}

function testsOf(file: string): readonly string[] {
  const name = shown(file).replace(/^src\/|\.ts$/g, "");
  const listed = Object.keys(provenBy).filter((test) => provenBy[test]?.includes(name)).map((test) => join(root, test));
  return [...byPlace(file), ...listed];
}

/** Tests of its name in the folder that mirrors its own or above, and the tests of that folder below the room's own. */
function byPlace(file: string): readonly string[] {
  const mirrored = shown(file).replace(/^src\//, "test/").replace(/\.ts$/, "");
  const folders = ancestors(dirname(mirrored));
  const named = folders.map((folder) => join(root, folder, `${basename(mirrored)}.test.ts`));
  const whole = folders.slice(0, -1)
    .flatMap((folder) => [join(root, `${folder}.test.ts`), ...testsIn.get(folder) ?? []]);
  return [...named, ...whole].filter((test) => tests.includes(test));
}

/** test/kernel/rtnetlink, test/kernel: from a folder up to its room's. */
function ancestors(folder: string): readonly string[] {
  const parts = folder.split("/");
  return parts.slice(1).map((_, i) => parts.slice(0, parts.length - i).join("/"));
}

/** The files a file imports, and those that they import; a test of the executable runs all that this is made of. */
function reachedFrom(file: string): ReadonlySet<string> {
  const known = reached.get(file);
  if (known !== undefined) return known;
  const seen = new Set<string>(), waiting = [file];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (seen.has(next) || !/\.(?:ts|mjs)$/.test(next)) continue;
    seen.add(next);
    waiting.push(...importsOf(next).map(({ target }) => target).filter((target) => target !== ""));
    if (!next.startsWith(source) && startsExecutable.test(textOf(next))) waiting.push(join(source, "bin", "cni.ts"));
  }
  reached.set(file, seen);
  return seen;
}


