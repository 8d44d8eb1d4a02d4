// What a plugin says it would do without effect: refused by polynic; under Multus's name a warning and an event.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { undoSteps } from "../../../src/call/index.ts";
import { code } from "../../../src/cni/index.ts";
import { add } from "../../../src/mux/index.ts";
import type { NetworkAttachment } from "../../../src/mux/networks/network-attachment.ts";
import { reportAttached } from "../../../src/mux/pod/report.ts";
import { rejects } from "../../helpers/errors.ts";
import type { Bench } from "../../helpers/multiplexer.ts";
import { openBench, resultOf } from "../../helpers/multiplexer.ts";

const effect = suite("without effect");

let bench: Bench;
effect.before.each(() => {
  bench = openBench();
  bench.withoutEffect.set("two", "Cannot separate VLAN 100: its bridge does not");
});
effect.after.each(() => bench.remove());

const single = (type: string): object => ({ cniVersion: "1.1.0", name: `net-${type}`, type });
const both = { delegates: [single("one"), single("two")] };

effect("is refused by polynic, and everything is taken back", async () => {
  const { message } = await rejects(add(bench.command(both)), code.invalidConfig);
  assert.match(message, /network "net-two".*plugin "two": Cannot separate VLAN 100: its bridge does not$/);
  assert.equal([bench.story().slice(-2), [...bench.interfaces]], [["undo two net1", "undo one eth0"], []]);
});

effect("is a warning under Multus's name, where pods must go on starting", async () => {
  await add(bench.command(both, { invokedAs: "multus" }));
  assert.equal([...bench.interfaces], ["eth0", "net1"]);
  const told = bench.warnings.filter((line) => line.includes("Cannot separate VLAN 100"));
  assert.is(told.length, 1);
  assert.match(told[0] ?? "", /network "net-two"/);
});

effect("is an event of the pod, beside the one that tells of the interface", async () => {
  const events: (readonly [string, string, string])[] = [];
  const cluster: Parameters<typeof reportAttached>[0] = {
    setNetworkStatus: async () => "written" as never,
    recordEvent: async (_, { type, reason, message }) => void events.push([type, reason, message]) as never,
  };
  // As much of an attachment as is told of.
  const attachment: unknown = { ifName: "net1", netns: "/n", capabilityArgs: {},
    delegate: { displayName: "blue/lan", requests: {} } };
  const result = resultOf({ ifName: "net1", netns: "/n" });
  const log = { error() {}, warn() {}, verbose() {}, debug() {} };
  await reportAttached(cluster, { namespace: "blue", name: "web" } as Parameters<typeof reportAttached>[1],
    [{ attachment: attachment as NetworkAttachment, undo: undoSteps(), result, answered: result,
      notices: ["Cannot separate VLAN 100"] }], log);
  assert.equal(events.map(([type, reason]) => [type, reason]),
    [["Normal", "AddedInterface"], ["Warning", "NetworkWithoutEffect"]]);
  assert.is(events[1]?.[2], 'Interface net1 of network "blue/lan": Cannot separate VLAN 100');
});
effect.run();
